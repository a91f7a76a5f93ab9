"""Measures a stream for the multivariant playlist: its bit rates in the live window, and its codecs."""

from __future__ import annotations

from cctv_cli.core.hls.playlist import LiveWindow, Variant
from cctv_cli.core.layout import CameraLayout
from cctv_cli.core.media.picture import read_picture


def measure_variant(layout: CameraLayout, window: LiveWindow, uri: str) -> Variant:
    """Measure a live window, which must have a segment. Raises OSError.

    The peak is the largest segment bit rate, as BANDWIDTH of EXT-X-STREAM-INF requires (RFC 8216 4.3.4.2).
    """
    sizes = [layout.live_segment(s.number, s.suffix).stat().st_size * 8 for s in window.segments]
    seconds = [max(s.duration, 0.1) for s in window.segments]
    peak = max(bits / duration for bits, duration in zip(sizes, seconds))
    newest = window.segments[-1]
    part = newest.part
    head = layout.live_segment(newest.number, newest.suffix) if part is None else layout.live_init(part.init)
    picture = read_picture(head)
    average = round(sum(sizes) / sum(seconds))
    if picture is None:
        return Variant(uri, round(peak), average)
    return Variant(uri, round(peak), average, picture.codecs, picture.width, picture.height)
