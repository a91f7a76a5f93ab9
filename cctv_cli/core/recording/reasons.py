"""Reasons why nothing is recorded other than the camera and FFmpeg. Pure."""

from __future__ import annotations

from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.records import NewerFormat
from cctv_cli.core.storage.disk_errors import explained, shortage

UNSUPERVISED = Diagnosis("unsupervised", "the recorder ended while no supervisor was running")
BY_OPERATOR = Diagnosis("stopped", "an operator stopped the camera")
SHUTDOWN = Diagnosis("shut down", "cctv was stopped")
DISABLED = Diagnosis("disabled", "the camera is disabled in the configuration")
RESTARTED = Diagnosis("restarted", "an operator restarted the camera")
RECONFIGURED = Diagnosis("reconfigured", "the configuration changed")
ROTATED = Diagnosis("rotated", "FFmpeg was replaced after a day, because times in MPEG-TS wrap after 26.5 hours")
FOLLOWS_MAIN = Diagnosis("follows main", "the main stream was restarted, and with it the sub stream")


def of_error(error: Exception) -> Diagnosis:
    """Why a camera's recorder cannot do its work."""
    lack = shortage(error)
    if lack is not None:
        return Diagnosis("shortage", lack)
    if isinstance(error, NewerFormat):
        return Diagnosis("newer cctv", str(error))
    if isinstance(error, OSError):
        return Diagnosis("storage", f"the storage failed: {explained(error)}")
    defect = type(error).__name__
    sentence = f"cctv has a defect ({defect}) and starts over with this camera; report it with the log"
    return Diagnosis("unexpected error", sentence)
