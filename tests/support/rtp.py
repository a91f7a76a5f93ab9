"""RTP as a camera sends it: video and sound in packets, times by the camera's clock, sender reports.

Packets are interleaved in the RTSP connection (RFC 2326 § 10.12).
"""

from __future__ import annotations

import math
import random
import struct
import time
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from tests.support.channel import Channel, Frame
from tests.support.clip import AudioTrack
from tests.support.nal import H264, Codec

VIDEO_CLOCK = 90000  # Hz (RFC 6184 § 8.1, RFC 7798 § 4.1)
VIDEO_TYPE = 96
_MTU = 1400  # bytes of RTP payload
_REPORT_INTERVAL = 5.0  # seconds between sender reports
_NTP_EPOCH = 2208988800  # seconds from 1900 to 1970 (RFC 5905 § 6)
_FIRST_SEQUENCE = 65000  # near the wrap, which every test of some seconds passes
_INTERLEAVED_HEADER, _RTP_HEADER = 4, 12  # bytes


class CameraClock:
    """The clock for media times: 0 at `start`, `speed` times as fast as true time; `step` makes it jump.

    RTP timestamps of video run `video_speed` times as fast as this clock, which the NTP times of sender reports do
    not follow. `ntp_time` is what the reports have in place of the time. The camera's age is the true time since
    `start`, in seconds.
    """

    def __init__(self, rtp_offset: int, speed: float, video_speed: float = 1.0, ntp_time: Optional[int] = None) -> None:
        self.started_at = 0.0  # wall time
        self.speed = speed
        self.video_speed = video_speed
        self._ntp_time = ntp_time
        self._rtp_offset = rtp_offset
        self._born = 0.0  # started_at by the monotonic clock
        self._steps: List[Tuple[float, float]] = []  # (age, seconds)

    def start(self) -> None:
        self.started_at, self._born = time.time(), time.monotonic()

    def age(self) -> float:
        return time.monotonic() - self._born

    def step(self, seconds: float) -> None:
        """Jump from now on."""
        self._steps.append((self.age(), seconds))

    def media_time(self, age: float) -> float:
        """The clock's time at that age, in seconds."""
        return age * self.speed + sum(seconds for since, seconds in self._steps if since < age)

    def rtp(self, media_time: float, clock_rate: int) -> int:
        """A time of this clock as an RTP timestamp."""
        return (self._rtp_offset + round(media_time * clock_rate)) % 2**32

    def ntp(self, media_time: float) -> int:
        """A time of this clock as an NTP timestamp of 64 bits, in a sender report."""
        if self._ntp_time is not None:
            return self._ntp_time
        return round((self.started_at + _NTP_EPOCH) * 2**32) + round(media_time * 2**32)


@dataclass(frozen=True)
class Piece:
    """A frame or a packet of sound: its interleaved packets, its media time, and the frame if it is one.

    The packets may include a sender report.
    """

    packets: Tuple[bytes, ...]
    media_time: float
    frame: Optional[Frame] = None


class Stream:
    """One RTP stream of a session: numbers packets and adds sender reports (RFC 3550 § 5.1, § 6.4.1)."""

    def __init__(self, clock: CameraClock, payload_type: int, clock_rate: int, interleaved: int, ssrc: int) -> None:
        self.due = 0.0  # age of the camera at which the next piece leaves
        self.speed = 1.0  # of its RTP timestamps, against the camera's clock
        self._clock = clock
        self._payload_type = payload_type
        self._clock_rate = clock_rate
        self._interleaved = interleaved
        self._ssrc = ssrc
        self._sequence = _FIRST_SEQUENCE
        self._packets = 0
        self._octets = 0
        self._next_report = 0.0

    def seek(self, frame: int) -> None:
        """Go to the video frame of this number."""
        raise NotImplementedError

    def take(self) -> Piece:
        """Return the next piece and advance."""
        raise NotImplementedError

    def skip(self) -> None:
        """Leave out the next piece, without a trace in the stream."""
        raise NotImplementedError

    def position(self, frame: int) -> str:
        """Where this stream begins with that video frame, as in RTP-Info."""
        raise NotImplementedError

    def _info(self, age: float) -> str:
        return f"seq={self._sequence};rtptime={self._timestamp(self._clock.media_time(age))}"

    def _timestamp(self, media_time: float) -> int:
        return self._clock.rtp(media_time * self.speed, self._clock_rate)

    def _piece(self, media_time: float, payloads: Sequence[bytes], frame: Optional[Frame] = None) -> Piece:
        """One access unit in packets, after a sender report if one is due."""
        packets = []
        if self.due >= self._next_report:
            self._next_report = self.due + _REPORT_INTERVAL
            packets.append(_interleave(self._interleaved + 1, self._report(media_time)))
        timestamp = self._timestamp(media_time)
        for payload in payloads:
            marker = 0x80 if payload is payloads[-1] else 0
            kind = marker | self._payload_type
            header = struct.pack(">BBHII", 0x80, kind, self._sequence, timestamp, self._ssrc)
            packets.append(_interleave(self._interleaved, header + payload))
            self._sequence = (self._sequence + 1) % 2**16
            self._packets += 1
            self._octets += len(payload)
        return Piece(tuple(packets), media_time, frame)

    def _report(self, media_time: float) -> bytes:
        return struct.pack(
            ">BBHIQIII",
            0x80,
            200,
            6,  # length in words, minus one
            self._ssrc,
            self._clock.ntp(media_time),
            self._timestamp(media_time),
            self._packets,
            self._octets % 2**32,
        )


class VideoStream(Stream):
    """The frames of a channel, each after its number."""

    def __init__(self, clock: CameraClock, channel: Channel, interleaved: int, ssrc: int) -> None:
        super().__init__(clock, VIDEO_TYPE, VIDEO_CLOCK, interleaved, ssrc)
        self.speed = clock.video_speed
        self.repeats_sps = False  # in the next key frame
        self._channel = channel
        self._number = 0

    @property
    def at_key(self) -> bool:
        """Whether the next piece is a key frame."""
        return self._channel.frame(self._number).unit.is_key

    def seek(self, frame: int) -> None:
        self._number = frame
        self.due = frame / self._channel.fps

    def position(self, frame: int) -> str:
        return self._info(frame / self._channel.fps)

    def take(self) -> Piece:
        frame = self._channel.frame(self._number)
        delay = (frame.shown - frame.number) / self._channel.fps * self._clock.speed
        nals = _marked(frame)
        if self.repeats_sps and frame.unit.is_key:
            nals = [each for nal in nals for each in ([nal, nal] if frame.codec.is_sps(nal) else [nal])]
            self.repeats_sps = False
        payloads = [payload for nal in nals for payload in _payloads(frame.codec, nal)]
        piece = self._piece(self._clock.media_time(self.due) + delay, payloads, frame)
        self.skip()
        return piece

    def skip(self) -> None:
        self.seek(self._number + 1)


class SoundStream(Stream):
    """The sound of the clip that the channel shows when the stream is set up."""

    def __init__(self, clock: CameraClock, channel: Channel, interleaved: int, ssrc: int) -> None:
        assert channel.clip.audio is not None
        self._audio: AudioTrack = channel.clip.audio
        super().__init__(clock, self._audio.payload_type, self._audio.clock_rate, interleaved, ssrc)
        self._fps = channel.fps
        self._packet = 0

    def seek(self, frame: int) -> None:
        self._go_to(self._packet_at(frame))

    def position(self, frame: int) -> str:
        return self._info(self._starts(self._packet_at(frame)))

    def take(self) -> Piece:
        payload = self._audio.payloads[self._packet % len(self._audio.payloads)]
        piece = self._piece(self._clock.media_time(self._starts(self._packet)), [payload])
        self.skip()
        return piece

    def skip(self) -> None:
        self._go_to(self._packet + 1)

    def _go_to(self, packet: int) -> None:
        self._packet = packet
        self.due = self._starts(packet + 1)  # a packet is sent after its last sample

    def _starts(self, packet: int) -> float:
        return packet * self._audio.samples / self._audio.clock_rate

    def _packet_at(self, frame: int) -> int:
        return math.ceil(frame * self._audio.clock_rate / (self._fps * self._audio.samples))


def with_random_payload(packet: bytes, source: random.Random) -> bytes:
    """The interleaved packet with its headers and a random payload."""
    kept = _INTERLEAVED_HEADER + _RTP_HEADER
    return packet[:kept] + _random_bytes(source, len(packet) - kept)


def without_framing(packet: bytes, source: random.Random) -> bytes:
    """As many random bytes as the packet has; the first one cannot begin an interleaved packet."""
    return b"\0" + _random_bytes(source, len(packet) - 1)


def _random_bytes(source: random.Random, count: int) -> bytes:
    return source.getrandbits(8 * count).to_bytes(count, "big")


def _marked(frame: Frame) -> List[bytes]:
    """The frame's NAL units with its number before the picture."""
    nals = list(frame.unit.nals)
    first_slice = next(at for at, nal in enumerate(nals) if frame.codec.is_slice(nal))
    return [*nals[:first_slice], frame.codec.frame_mark(frame.number), *nals[first_slice:]]


def _payloads(codec: Codec, nal: bytes) -> List[bytes]:
    """RTP payloads of a NAL unit: itself, or fragmentation units (RFC 6184 § 5.8, RFC 7798 § 4.4.3)."""
    if len(nal) <= _MTU:
        return [nal]
    header = bytes([nal[0] & 0xE0 | 28]) if codec is H264 else bytes([nal[0] & 0x81 | 49 << 1, nal[1]])
    room = _MTU - len(header) - 1
    chunks = [nal[at : at + room] for at in range(len(header), len(nal), room)]
    ends = [0x80] + [0] * (len(chunks) - 2) + [0x40]
    return [header + bytes([end | codec.nal_type(nal)]) + chunk for end, chunk in zip(ends, chunks)]


def _interleave(channel: int, packet: bytes) -> bytes:
    return struct.pack(">cBH", b"$", channel, len(packet)) + packet
