"""What somebody may do, and with which cameras. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import FrozenSet, Optional


class Role(enum.Enum):
    """A role may do all that the ones before it may."""

    VIEWER = "viewer"  # look at cameras and play what they recorded
    OPERATOR = "operator"  # also start, stop and restart cameras, hold recordings, export them
    ADMIN = "admin"  # also delete recordings and give out tokens

    def includes(self, other: Role) -> bool:
        """Whether this role may do what the other one may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True)
class Grant:
    """What one caller may do. `who` names the caller in the audit log.

    `cameras` are the ids of those that it may see, None for all. `start` and `end` are instants between which
    recordings may be played, None for no limit: a link may be for one hour of one camera.
    """

    who: str
    role: Role
    cameras: Optional[FrozenSet[str]] = None
    start: Optional[float] = None
    end: Optional[float] = None

    def allows(self, role: Role, camera: Optional[str] = None) -> bool:
        """Whether something may be done that needs `role`, with this camera; None for what concerns no single one."""
        return self.role.includes(role) and (camera is None or self.shows(camera))

    def shows(self, camera: str) -> bool:
        """Whether the caller may know of this camera."""
        return self.cameras is None or camera in self.cameras

    @property
    def is_limited(self) -> bool:
        """Whether the caller may see only some cameras, or only some of their time."""
        return self.cameras is not None or self.start is not None or self.end is not None
