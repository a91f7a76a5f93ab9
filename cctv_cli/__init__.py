"""cctv: records cameras around the clock with FFmpeg and serves them live."""

from __future__ import annotations


def version() -> str:
    """The installed version, such as "0.1.0"."""
    from importlib.metadata import version as installed  # here, because `cctv --help` does not need it

    return installed("cctv-cli")
