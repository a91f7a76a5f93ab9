"""Names of drafts: the files by way of which others are replaced, and which a killed process leaves behind.

A name says who writes: the process ids that count there, the process, and its thread.
"""

from __future__ import annotations

import os
import re
import threading
from typing import Callable

from cctv_cli.core.system import process_ids, thread_lives

LEFT_AFTER = 600.0  # seconds; no write takes so long, not even to a disk that hangs and returns
# formerly without the first part
_DRAFT = re.compile(r"(?P<of>.+?)(\.(?P<ids>[0-9a-f]{8}))?\.(?P<process>[0-9]+)\.(?P<thread>[0-9]+)\.tmp")


def draft_of(name: str) -> str:
    """The name of a draft beside the file named `name`, for this thread alone."""
    return f"{name}.{process_ids()}.{os.getpid()}.{threading.get_ident()}.tmp"


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
    if draft["ids"] == process_ids():
        return not thread_lives(int(draft["process"]), int(draft["thread"]))
    return age() > LEFT_AFTER
