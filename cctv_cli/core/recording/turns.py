"""Limits how many cameras of one box are handed over at the same time: an NVR allows only so many sessions."""

from __future__ import annotations

import threading
from typing import Dict, Tuple

from cctv_cli.core.config.settings import RtspSource

AT_A_TIME = 2  # second sessions of one host; the other cameras wait for their turn, and are recorded meanwhile


class Turns:
    """The cameras that have a second session now. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: Dict[str, Tuple[str, int]] = {}  # by camera

    def take(self, camera_id: str, source: RtspSource) -> bool:
        """Take a turn if the camera's host has one left; returns whether the camera has one now."""
        host = (source.host, source.port)
        with self._lock:
            others = sum(taken == host for camera, taken in self._hosts.items() if camera != camera_id)
            if others < AT_A_TIME:
                self._hosts[camera_id] = host
            return others < AT_A_TIME

    def give_back(self, camera_id: str) -> None:
        """End the camera's turn, if it has one."""
        with self._lock:
            self._hosts.pop(camera_id, None)
