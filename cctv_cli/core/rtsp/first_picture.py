"""Finds the size of a camera's first picture in the RTP packets of its video (RFC 6184, RFC 7798). Pure.

Players decode by the parameter sets before a picture; those in the session description may be of another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Container, Iterator, Optional, Tuple

from cctv_cli.core.media.parameter_sets import read_h264, read_h265

Size = Tuple[int, int]  # width and height in pixels, as displayed

_RTP_HEADER = 12  # bytes


@dataclass(frozen=True)
class _Format:
    """How a codec's NAL units are packed: bytes of their header, and values of nal_unit_type."""

    header: int
    aggregation: int
    fragment: int
    sps: int
    key: Container[int]  # pictures that can be decoded without others
    size_of: Callable[[bytes], Size]

    def kind(self, unit: bytes) -> int:
        """The nal_unit_type of a NAL unit, or of the one that a fragment is a part of."""
        kind = unit[0] & 0x1F if self.header == 1 else unit[0] >> 1 & 0x3F
        if kind != self.fragment:
            return kind
        return unit[self.header] & (0x1F if self.header == 1 else 0x3F)

    def units(self, payload: bytes) -> Iterator[bytes]:
        """The NAL units of a packet; one that is fragmented begins with the header of the fragment."""
        if self.kind(payload) != self.aggregation:
            yield payload
            return
        at = self.header
        while at + 2 < len(payload):  # each unit follows its size
            end = at + 2 + int.from_bytes(payload[at : at + 2], "big")
            yield payload[at + 2 : end]
            at = end


_FORMATS = {
    # RFC 6184 5.2 with ITU-T H.264 table 7-1; RFC 7798 4.4 with H.265 table 7-1
    "h264": _Format(1, 24, 28, 7, (5,), lambda sps: read_h264(sps)[1:]),
    "hevc": _Format(2, 48, 49, 33, range(16, 22), read_h265),
}


class FirstPicture:
    """Takes packets until `begun`: a picture that can be decoded without others begins.

    `size` is that of the parameter set before it; None if there is none, or for other codecs than H.264 and H.265.
    """

    def __init__(self, codec: str) -> None:
        self.begun = False
        self.size: Optional[Size] = None
        self._format = _FORMATS.get(codec)

    def take(self, packet: bytes) -> None:
        """Look at one RTP packet of the video; a damaged one says nothing."""
        form = self._format
        if form is None:
            self.begun = True
            return
        try:
            for unit in form.units(_payload(packet)):
                kind = form.kind(unit)
                if kind == form.sps:
                    self.size = form.size_of(unit)
                self.begun = self.begun or kind in form.key
        except (ValueError, IndexError):
            pass


def _payload(packet: bytes) -> bytes:
    """What an RTP packet carries (RFC 3550 5.1)."""
    begin = _RTP_HEADER + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:  # a header extension
        begin += 4 + 4 * int.from_bytes(packet[begin + 2 : begin + 4], "big")
    end = len(packet) - (packet[-1] if packet[0] & 0x20 else 0)
    return packet[begin:end]
