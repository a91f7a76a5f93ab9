"""Any answer of a camera: the checks of tests/fuzz, on answers written by hand and then damaged."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.rtsp.digest import login_for
from cctv_cli.core.rtsp.result import Problem
from cctv_cli.core.rtsp.sdp import AudioStream, VideoStream, parse_sdp
from cctv_cli.core.rtsp.wire import Answer, AnswerReader
from cctv_cli.core.units import Secret
from tests.fuzz.targets import check_rtsp, check_sdp
from tests.support.strangers import damaged, damaged_text, grows_in_proportion

DESCRIPTION = """\
v=0
s=Media
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=fmtp:96 profile-level-id=420029;sprop-parameter-sets=Z00AKpWoHgCJ+WE=,aO48gA==
a=x-dimensions:2560,1440
a=framesize:96 704-576
a=control:rtsp://camera/trackID=1
m=audio 0 RTP/AVP 8
a=rtpmap:8 PCMA/8000
m=video 0 RTP/AVP 97
a=rtpmap:97 H265/90000
a=fmtp:97 sprop-sps=QgEB
"""
CHALLENGE = 'Digest realm="IP Camera", nonce="4e6f", qop="auth,auth-int", opaque="", algorithm=MD5, stale=TRUE'
CONVERSATION = (
    b"\r\n$\0\0\4abcdRTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: %s\r\n\r\n"
    b"RTSP/1.0 200 OK\r\nContent-Base: rtsp://camera/\r\nSession: 4711;timeout=60\r\nContent-Length: %d\r\n\r\n%s"
) % (CHALLENGE.encode(), len(DESCRIPTION), DESCRIPTION.encode())

tokens = st.text("ABCabc019-", min_size=1, max_size=8)
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
headers = st.dictionaries(tokens.map(str.lower), st.lists(values, min_size=1, max_size=2), max_size=3)
answers = st.builds(
    Answer, st.integers(100, 999), headers.filter(lambda fields: "content-length" not in fields), st.binary()
)
skipped = st.lists(st.one_of(st.just(b"\r\n"), st.binary(max_size=9).map(lambda data: b"$\0\0%c" % len(data) + data)))


def written(answer: Answer) -> bytes:
    lines = [f"RTSP/1.0 {answer.status} Reason"]
    lines += [f"{name}: {value}" for name, fields in answer.headers.items() for value in fields]
    lines += [f"Content-Length: {len(answer.body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + answer.body


@given(st.lists(st.tuples(skipped, answers), max_size=3), st.integers(1, 40))
def test_answers_are_read_as_they_were_written(sent: List[Tuple[List[bytes], Answer]], piece: int) -> None:
    data = b"".join(b"".join(before) + written(answer) for before, answer in sent)
    reader = AnswerReader()
    found: List[Answer] = []
    for at in range(0, len(data), piece):
        reader.feed(data[at : at + piece])
        for answer in iter(reader.next_answer, None):
            del answer.headers["content-length"]
            found.append(answer)
    assert found == [answer for _, answer in sent]


@given(st.integers(1, 255), damaged(CONVERSATION))
@example(7, CONVERSATION)
def test_any_answers_are_read_or_refused(piece: int, data: bytes) -> None:
    check_rtsp(bytes([piece]) + data)


@given(
    st.lists(st.sampled_from(["Digest ", "Basic ", 'realm="', '"', "=", ",", " ", "\r", "\t", "qop=auth", "x", "ü"]))
)
def test_any_challenge_is_answered_or_refused(parts: List[str]) -> None:
    check_rtsp(b"\x40" + CONVERSATION.replace(CHALLENGE.encode(), "".join(parts).encode()))


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters='"\r\n'), max_size=20), tokens)
def test_a_login_repeats_the_challenge(realm: str, nonce: str) -> None:
    challenge = f'Digest realm="{realm}", nonce="{nonce}"'
    answer = Answer(401, {"www-authenticate": [challenge]}, b"")
    login = login_for(answer, RtspSource("camera", 554, "/", "admin", Secret("secret")))
    assert login.header("DESCRIBE", "/").startswith(f'Digest username="admin", realm="{realm}", nonce="{nonce}", ')


@given(damaged_text(DESCRIPTION))
@example(DESCRIPTION.encode())
def test_any_description_is_read(text: bytes) -> None:
    check_sdp(text)


@given(
    st.sampled_from([("H264", "h264"), ("H265", "hevc"), ("JPEG", "mjpeg")]),
    st.integers(1, 99_999),
    st.integers(1, 99_999),
    st.integers(1, 10**9 - 1),
    st.permutations(range(3)),
)
def test_a_description_is_read_as_it_was_written(
    names: Tuple[str, str], width: int, height: int, rate: int, order: List[int]
) -> None:
    lines = [f"a=rtpmap:96 {names[0]}/90000", f"a=x-dimensions:{width},{height}", "a=recvonly"]
    video = ["m=video 0 RTP/AVP 96", *(lines[place] for place in order)]
    text = "\r\n".join([*video, "m=audio 0 RTP/AVP 98", f"a=rtpmap:98 opus/{rate}/2"])
    assert parse_sdp(text) == (VideoStream(names[1], width, height), AudioStream("opus", rate))


def read_by_bytes(data: bytes) -> Dict[str, Any]:
    """Read the answers byte by byte, as from a slow line; the number of answers."""
    reader, count = AnswerReader(), 0
    try:
        for byte in data:
            reader.feed(bytes([byte]))
            count += reader.next_answer() is not None
    except Problem as problem:
        return {"answers": count, "outcome": problem.outcome}
    return {"answers": count}


@pytest.mark.parametrize(
    ("check", "unit"),
    [
        (read_by_bytes, b"\r\n"),
        (read_by_bytes, b"$\0\0\0"),
        (read_by_bytes, written(Answer(200, {}, b"body"))),
        (lambda data: read_by_bytes(b"RTSP/1.0 200 OK\r\n" + data), b"a: b\r\n"),
        (lambda data: read_by_bytes(b"RTSP/1.0 200 OK\r\nContent-Length: 60000\r\n\r\n" + data), b"body"),
        (lambda data: check_rtsp(CONVERSATION.replace(CHALLENGE.encode(), data)), b'a="b'),
        (lambda data: check_rtsp(CONVERSATION.replace(CHALLENGE.encode(), data)), b"Digest "),
        (check_sdp, DESCRIPTION.encode()),
        (check_sdp, b"m=video 0 RTP/AVP 96\n"),
        (lambda data: check_sdp(b"m=video 0 RTP/AVP 96\n" + data), b"a=fmtp:96 sprop-sps=,,,,\n"),
    ],
)
def test_reading_takes_linear_time(check, unit: bytes) -> None:
    assert grows_in_proportion(check, unit)


@pytest.mark.parametrize("filling", ["a", " ", "a=", 'a="', '"', "a ", ", "])
def test_a_long_challenge_is_read_in_linear_time(filling: str) -> None:
    # with quadratic time this would take minutes
    answer = Answer(401, {"www-authenticate": ["Digest " + filling * 1_000_000]}, b"")
    login_for(answer, RtspSource("camera", 554, "/", "admin", Secret("secret"))).header("DESCRIBE", "/")
