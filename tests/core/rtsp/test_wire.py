from __future__ import annotations

import pytest

from cctv_cli.core.rtsp.result import Outcome, Problem
from cctv_cli.core.rtsp.wire import ANSWER_LIMIT, Answer, AnswerReader, write_request

OK = b"RTSP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody"
EXPECTED = Answer(200, {"content-length": ["4"]}, b"body")


def read(data: bytes) -> Answer:
    reader = AnswerReader()
    reader.feed(data)
    answer = reader.next_answer()
    assert answer is not None
    return answer


def test_a_request() -> None:
    assert write_request("DESCRIBE", "rtsp://h/", 7, "Accept: application/sdp") == (
        b"DESCRIBE rtsp://h/ RTSP/1.0\r\nCSeq: 7\r\nUser-Agent: cctv\r\nAccept: application/sdp\r\n\r\n"
    )


def test_answers_that_arrive_together_are_read_one_by_one() -> None:
    reader = AnswerReader()
    reader.feed(OK + OK.replace(b"200", b"404") + OK[:-1])
    assert reader.next_answer() == EXPECTED
    assert reader.next_answer() == Answer(404, EXPECTED.headers, b"body")
    assert reader.next_answer() is None
    reader.feed(b"y")
    assert reader.next_answer() == EXPECTED


@pytest.mark.parametrize("frame", [b"$\0\0\0", b"$\0\0\4abcd", b"$\1\0\x04RTSP\r\n$\0\0\1$"])
def test_frames_of_media_before_an_answer_are_skipped(frame: bytes) -> None:
    assert read(frame + OK) == EXPECTED
    reader = AnswerReader()
    for place, byte in enumerate(frame + OK):
        assert reader.next_answer() is None, place
        reader.feed(bytes([byte]))
    assert reader.next_answer() == EXPECTED


def test_a_carriage_return_alone_ends_a_header() -> None:
    # kept inside a value, it would end a header of a later request
    answer = read(b"RTSP/1.0 200 OK\rSession: 1\r X\rAuthorization: mine\r\n\r\n")
    assert answer.headers == {"session": ["1 X"], "authorization": ["mine"]}


def test_blank_lines_count_towards_the_limit() -> None:
    for filling in (b"\r\n" * ANSWER_LIMIT, b"RTSP/1.0 200 " + bytes(ANSWER_LIMIT)):
        reader = AnswerReader()
        reader.feed(filling)
        with pytest.raises(Problem) as caught:
            reader.next_answer()
        assert caught.value.outcome is Outcome.OVERSIZED


def test_an_answer_after_much_media_is_read() -> None:
    reader = AnswerReader()
    for _ in range(3):
        reader.feed(b"$\0\xff\xff" + bytes(0xFFFE))
        assert reader.next_answer() is None
        reader.feed(b"\0")
    reader.feed(OK)
    assert reader.next_answer() == EXPECTED


@pytest.mark.parametrize("length", ["٣", "1_0", "+4", "4,4", "9" * 5000])
def test_a_length_that_is_not_a_plain_number_is_refused(length: str) -> None:
    with pytest.raises(Problem) as caught:
        read(f"RTSP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n".encode())
    assert caught.value.outcome is Outcome.NOT_RTSP
