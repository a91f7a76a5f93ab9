"""What each exit code means; the classes in `core/errors.py` define them."""

from __future__ import annotations

EXIT_CODES = {
    0: "success",
    1: "unexpected error",
    2: "wrong command line",
    3: "the configuration cannot be used",
    4: "FFmpeg is missing or too old",
    5: "another process already records this camera",
    6: "the storage cannot be read or written",
    7: "no camera of that name is configured",
    8: "the address or port cannot be used",
    9: "a checked camera cannot be recorded as it is",
    10: "a brake held back some or all of a cleanup",
    11: "a cleanup could not delete everything it should",
    12: "another cleanup is running",
    13: "the hold cannot be added or found",
    14: "the camera is disabled in the configuration",
    15: "cctv ended while some threads still hung on a disk",
    16: "a token or link cannot be made, read or found",
    17: "a process did not answer the request to reload its configuration",
    20: "the health cannot be determined",
    21: "a webhook did not accept the test message",
}
