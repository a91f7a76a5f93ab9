"""Limits how many cameras of one box are handed over at the same time: an NVR allows only so many sessions."""

from __future__ import annotations

import threading
from typing import Dict, Tuple

from cctv_cli.core.config.settings import RtspSource

AT_A_TIME = 2  # second sessions of one host; the other cameras wait for their turn, and are recorded meanwhile
LASTS = 900.0  # seconds; a handover gives up before


class Turns:
    """The cameras that have a second session now. Safe for threads.

    A turn ends by itself after LASTS, because the thread that has it may hang on a disk.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: Dict[str, Tuple[Tuple[str, int], float]] = {}  # by camera: its host, and the end, monotonic

    def take(self, camera_id: str, source: RtspSource, monotonic: float) -> bool:
        """Take a turn if the camera's host has one left; returns whether the camera has one now."""
        host = (source.host, source.port)
        with self._lock:
            others = [taken for camera, taken in self._taken.items() if camera != camera_id]
            has_one_left = sum(each == host and monotonic < end for each, end in others) < AT_A_TIME
            if has_one_left:
                self._taken[camera_id] = host, monotonic + LASTS
            return has_one_left

    def give_back(self, camera_id: str) -> None:
        """End the camera's turn, if it has one."""
        with self._lock:
            self._taken.pop(camera_id, None)
