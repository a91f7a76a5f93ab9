"""Names of drafts: the files by way of which others are replaced, and which a killed process leaves behind.

A name says which thread writes (see `system.this_thread`).
"""

from __future__ import annotations

import re
from typing import Callable

from cctv_cli.core.system import has_ended, this_thread

LEFT_AFTER = 600.0  # seconds; no write takes so long, not even to a disk that hangs and returns
# formerly the thread was named without the first part
_DRAFT = re.compile(r"(?P<of>.+?)\.(?P<thread>([0-9a-f]{8}\.)?[0-9]+\.[0-9]+)\.tmp")


def draft_of(name: str) -> str:
    """The name of a draft beside the file named `name`, for this thread alone."""
    return f"{name}.{this_thread()}.tmp"


def is_draft(name: str, of: str) -> bool:
    """Whether this is the name of a draft of the file named `of`."""
    draft = _DRAFT.fullmatch(name)
    return draft is not None and draft["of"] == of


def is_left(name: str, age: Callable[[], float]) -> bool:
    """Whether this is the name of a draft whose writer has ended.

    A writer on another machine or in another container cannot be seen: its draft is judged by its age, in seconds by
    the clock of its disk.
    """
    draft = _DRAFT.fullmatch(name)
    if draft is None:
        return False
    ended = has_ended(draft["thread"])
    return age() > LEFT_AFTER if ended is None else ended
