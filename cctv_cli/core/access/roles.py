"""What somebody may do, and with which cameras. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import FrozenSet, NamedTuple, Optional


class Role(enum.Enum):
    """A role may do all that the ones before it may."""

    VIEWER = "viewer"  # look at cameras and play what they recorded
    OPERATOR = "operator"  # also start, stop and restart cameras, hold recordings, export them
    ADMIN = "admin"  # also delete recordings and give out tokens

    def includes(self, other: Role) -> bool:
        """Whether this role may do what the other one may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class Period(NamedTuple):
    """The time between two instants."""

    start: float
    end: float


@dataclass(frozen=True)
class Grant:
    """What one caller may do, and with which cameras: `cameras` are their ids, None for all.

    With a `period`, the caller may play what these cameras recorded in it, and nothing else. `name` says for people
    what the caller presented: a token's name, or until when a link works; empty for nothing.
    """

    role: Role
    cameras: Optional[FrozenSet[str]] = None
    period: Optional[Period] = None
    name: str = ""

    def shows(self, camera: str) -> bool:
        """Whether the caller may know of this camera."""
        return self.cameras is None or camera in self.cameras
