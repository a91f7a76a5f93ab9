from __future__ import annotations

import pytest

from tests.support.nal import H264, H265, Codec


@pytest.mark.parametrize("codec", [H264, H265], ids=lambda codec: codec.name)
@pytest.mark.parametrize("number", [0, 1, 3, 0x100, 0x10000, 0x01000000, 2**32 - 1])
def test_a_frame_mark_never_looks_like_a_start_code_and_reads_back(codec: Codec, number: int) -> None:
    mark = codec.frame_mark(number)
    assert not any(code in mark for code in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))
    assert codec.frame_number(mark) == number


@pytest.mark.parametrize("codec", [H264, H265], ids=lambda codec: codec.name)
def test_other_nal_units_have_no_number(codec: Codec) -> None:
    mark = codec.frame_mark(7)
    assert codec.frame_number(mark[:-2]) is None
    assert codec.frame_number(mark[:8] + b"x" + mark[9:]) is None


def test_the_mark_of_one_codec_is_no_mark_of_the_other() -> None:
    assert H264.frame_number(H265.frame_mark(7)) is None
    assert H265.frame_number(H264.frame_mark(7)) is None
