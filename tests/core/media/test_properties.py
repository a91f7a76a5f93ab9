"""Media files with any bytes: the checks of tests/fuzz, on files built by hand and damaged."""

from __future__ import annotations

import struct
from typing import List, Tuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cctv_cli.core.media import fmp4, mpegts
from cctv_cli.core.media.parameter_sets import Bits, read_h264
from cctv_cli.core.media.span import WRAP
from tests.core.media.test_fmp4 import MDAT, box, fragment, full, head, moof, tfdt, tfhd, trun
from tests.core.media.test_picture import sps_of, ue
from tests.fuzz.targets import check_fmp4, check_mpegts, check_parameter_sets
from tests.support.strangers import damaged, grows_in_proportion

PMT, VIDEO, AUDIO = 0x1000, 0x100, 0x101
raw_times = st.integers(0, WRAP - 1)


def packet(pid: int, payload: bytes, *, starts: bool = True, adaptation: bytes = b"") -> bytes:
    """A packet of a transport stream (ISO/IEC 13818-1 2.4.3.2)."""
    field = bytes([len(adaptation)]) + adaptation if adaptation else b""
    header = bytes([0x47, 0x40 * starts | pid >> 8, pid & 0xFF, 0x30 if adaptation else 0x10])
    return (header + field + payload)[: mpegts.PACKET].ljust(mpegts.PACKET, b"\xff")


def tables() -> bytes:
    """A PAT and a PMT of H.264 and AAC (2.4.4.3, 2.4.4.8)."""
    program = struct.pack(">HH", 1, 0xE000 | PMT)
    pat = bytes([0, 0, 0xB0, 13, 0, 1, 0xC1, 0, 0]) + program + bytes(4)
    streams = b"".join(struct.pack(">BHH", kind, 0xE000 | pid, 0xF000) for kind, pid in ((0x1B, VIDEO), (0x0F, AUDIO)))
    pmt = bytes([0, 2, 0xB0, 23, 0, 1, 0xC1, 0, 0]) + struct.pack(">HH", 0xE000 | VIDEO, 0xF000) + streams + bytes(4)
    return packet(0, pat) + packet(PMT, pmt)


def frame(pts: int, is_key: bool = False, payload: bytes = b"") -> bytes:
    """A PES packet that begins a frame (2.4.3.6)."""
    fields = [0x21 | pts >> 29 & 0x0E, pts >> 22 & 0xFF, 1 | pts >> 14 & 0xFE, pts >> 7 & 0xFF, 1 | pts << 1 & 0xFE]
    pes = b"\0\0\1\xe0\0\0\x80\x80\5" + bytes(fields) + payload
    return packet(VIDEO, pes, adaptation=b"\x40" if is_key else b"")


SPS = sps_of(ue(2), (4, 4), (0, 0))
TRANSPORT_STREAM = tables() + frame(9000, True, b"\0\0\1" + SPS + b"\0\0\1") + frame(12600) + frame(16200)


@given(st.lists(st.tuples(raw_times, st.booleans()), max_size=20))
def test_frames_of_a_transport_stream_read_back(
    tmp_path_factory: pytest.TempPathFactory, written: List[Tuple[int, bool]]
) -> None:
    path = tmp_path_factory.mktemp("ts") / "any.ts"
    path.write_bytes(tables() + b"".join(frame(pts, is_key) for pts, is_key in written))
    assert mpegts.frames(path) == written


@given(st.lists(st.one_of(st.binary(max_size=184).map(lambda data: packet(VIDEO, data)), damaged(TRANSPORT_STREAM))))
@example([TRANSPORT_STREAM])
def test_any_transport_stream_is_read(parts: List[bytes]) -> None:
    check_mpegts(b"".join(parts))


@given(st.lists(st.tuples(raw_times, st.booleans()), max_size=20))
def test_frames_of_fragmented_mp4_read_back(
    tmp_path_factory: pytest.TempPathFactory, written: List[Tuple[int, bool]]
) -> None:
    path = tmp_path_factory.mktemp("mp4") / "any.mp4"
    runs = [(time, full(b"trun", 0, 0x400, "II", 1, 0 if is_key else 0x10000)) for time, is_key in written]
    path.write_bytes(head() + b"".join(fragment(tfhd(), tfdt(time), run) for time, run in runs))
    assert fmp4.frames(path) == written


FRAGMENTED = head() + fragment(tfhd(), tfdt(9000), trun(2)) + fragment(tfhd(), tfdt(9100), trun(1))
BOXES = b"ftyp moov trak mdia minf stbl stsd hvc1 hev1 avc1 hvcC avcC mp4a esds hdlr tkhd mdhd mvex trex".split()
BOXES += b"moof mfhd traf tfhd tfdt trun mdat free".split()
any_box = st.recursive(
    st.binary(max_size=40),
    lambda content: st.builds(box, st.sampled_from(BOXES), st.lists(content, max_size=4).map(b"".join)),
    max_leaves=12,
)


@given(st.lists(st.one_of(any_box, damaged(FRAGMENTED)), max_size=4))
@example([FRAGMENTED])
def test_any_fragmented_mp4_is_read(parts: List[bytes]) -> None:
    check_fmp4(b"".join(parts))


@given(any_box, st.integers(0, 16))
def test_any_description_of_tracks_is_read(content: bytes, cut: int) -> None:
    entries = b"".join(box(kind, bytes(78), content) for kind in (b"avc1", b"hvc1", b"mp4a"))
    described = box(b"mdia", box(b"minf", box(b"stbl", box(b"stsd", bytes(8), entries))))
    check_fmp4(box(b"ftyp", b"iso5") + box(b"moov", box(b"trak", described))[: -cut or None])


@given(st.binary(max_size=80), st.sampled_from([b"\x67\x64\0\x29", b"\x67\x42\0\x29", b"\x42\1\1", b""]))
def test_any_parameter_set_is_read_or_refused(data: bytes, begin: bytes) -> None:
    check_parameter_sets(begin + data)


@given(damaged(SPS))
def test_a_damaged_parameter_set_is_read_or_refused(sps: bytes) -> None:
    check_parameter_sets(sps)


@given(st.integers(1, 255), st.integers(1, 255), st.integers(0, 7), st.integers(0, 7))
def test_a_size_reads_back(columns: int, rows: int, right: int, below: int) -> None:
    assert read_h264(sps_of(ue(2), (columns, rows), (right, below)))[1:] == (
        16 * columns - 2 * right,
        16 * rows - 2 * below,
    )


@given(st.lists(st.integers(0, (1 << 32) - 2), min_size=1))
def test_numbers_of_any_length_read_back(numbers: List[int]) -> None:
    written = "".join(map(ue, numbers)) + "1"
    bits = Bits(int(written.ljust(-(-len(written) // 8) * 8, "0"), 2).to_bytes(-(-len(written) // 8), "big"))
    assert [bits.ue() for _ in numbers] == numbers


@given(st.binary(max_size=20))
def test_signed_numbers_are_mapped_from_unsigned_ones(data: bytes) -> None:
    unsigned, signed = Bits(data), Bits(data)
    try:
        while True:
            code, number = unsigned.ue(), signed.se()
            assert code == (2 * number - 1 if number > 0 else -2 * number)
    except ValueError:
        pass


@pytest.mark.parametrize(
    ("check", "unit"),
    [
        (check_mpegts, tables()),
        (check_mpegts, frame(0)),
        (check_mpegts, TRANSPORT_STREAM),
        (check_fmp4, box(b"free")),
        (check_fmp4, FRAGMENTED),
        (check_fmp4, fragment(tfhd(), tfdt(0), trun(4))),
        (lambda data: check_fmp4(head() + moof(data) + MDAT), box(b"traf", tfhd(), tfdt(0), trun(4))),
        (lambda data: check_fmp4(head() + moof(box(b"traf", tfhd(), tfdt(0), data)) + MDAT), trun(0)),
        (lambda data: check_fmp4(box(b"ftyp") + box(b"moov", data)), head()[12 + 8 :]),
        (check_parameter_sets, b"\0"),
        (check_parameter_sets, b"\xff"),
        (check_parameter_sets, SPS),
    ],
)
def test_time_grows_in_proportion_to_the_input(check, unit: bytes) -> None:
    assert grows_in_proportion(check, unit)
