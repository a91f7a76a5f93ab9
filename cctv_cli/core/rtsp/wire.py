"""RTSP messages as bytes (RFC 2326): writes requests, and reads answers of bounded size and media frames. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, List, NamedTuple, Optional, Tuple

from cctv_cli.core.ffmpeg.command import USER_AGENT
from cctv_cli.core.rtsp.result import Outcome, Problem

ANSWER_LIMIT = 64 * 1024  # bytes of one answer, including headers and blank lines before it

# a realm may be the camera's name in any encoding: its bytes are sent back unchanged, and never shown
BYTES_STAY = "surrogateescape"

_BLANK = re.compile(rb"[\r\n]*")
_END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")
_LONGEST_END = 4  # bytes
_LINE_END = re.compile(r"\r\n|\r|\n")  # a single CR or LF ends a line, too (§ 4)
_FOLD = re.compile(r"(?:\r\n|\r|\n)[ \t]+")
_STATUS_LINE = re.compile(r"RTSP/\d\.\d[ \t]+(\d{3})\b", re.ASCII | re.IGNORECASE)
_LENGTH = re.compile(r"\d{1,9}\Z", re.ASCII)
_FRAME = b"$"  # begins a media frame between answers (§ 10.12)
_FRAME_HEADER = 4  # bytes


@dataclass(frozen=True)
class Answer:
    """A camera's answer. `headers` maps lower-case names to their values in order."""

    status: int
    headers: Dict[str, List[str]]
    body: bytes

    def first(self, name: str) -> str:
        """The first value of a header, or ""."""
        return self.headers.get(name, [""])[0]


class _Head(NamedTuple):
    """Status and headers of an answer, and where its body begins and ends in the received bytes."""

    status: int
    headers: Dict[str, List[str]]
    begin: int
    end: int


def write_request(method: str, uri: str, cseq: int, *headers: str) -> bytes:
    """A request without a body."""
    lines = [f"{method} {uri} RTSP/1.0", f"CSeq: {cseq}", f"User-Agent: {USER_AGENT}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", BYTES_STAY)


class AnswerReader:
    """Reads answers from the bytes that a camera sends, in pieces of any size.

    Blank lines and media frames before an answer are skipped. Reading takes linear time.
    """

    def __init__(self) -> None:
        self._received = bytearray()
        self._skipped = 0  # bytes of blank lines before the next answer
        self._searched = 0  # bytes that do not contain the end of the headers
        self._head: Optional[_Head] = None

    def feed(self, data: bytes) -> None:
        """Add received bytes."""
        self._received += data

    def next_answer(self) -> Optional[Answer]:
        """The next answer; None until it is complete. Raises Problem if it is not RTSP or too large."""
        if self._head is None:
            if not self._skip():
                return None
            self._head = self._read_head()
        size = len(self._received) if self._head is None else self._head.end
        if self._skipped + size > ANSWER_LIMIT:
            raise _oversized()
        if self._head is None or len(self._received) < size:
            return None
        answer = Answer(self._head.status, self._head.headers, bytes(self._received[self._head.begin : size]))
        del self._received[:size]
        self._skipped, self._searched, self._head = 0, 0, None
        return answer

    def next_packet(self) -> Optional[Tuple[int, bytes]]:
        """Channel and content of the next media frame; None until it is complete. Anything before it is dropped."""
        begin = self._received.find(_FRAME)
        del self._received[: len(self._received) if begin < 0 else begin]
        size = self._frame_size()
        if size == 0 or len(self._received) < size:
            return None
        channel, packet = self._received[1], bytes(self._received[_FRAME_HEADER:size])
        del self._received[:size]
        return channel, packet

    def _frame_size(self) -> int:
        """The bytes of the media frame that the received bytes begin with; 0 if they do not."""
        if self._received[:1] != _FRAME:
            return 0
        return _FRAME_HEADER + int.from_bytes(self._received[2:_FRAME_HEADER], "big")

    def _skip(self) -> bool:
        """Skip what may precede an answer; False if that is a media frame which is incomplete."""
        while True:
            frame = self._frame_size()
            if len(self._received) < frame:
                return False
            blank = _BLANK.match(self._received)
            size = frame or (blank.end() if blank else 0)
            if size == 0:
                return True
            del self._received[:size]
            self._skipped += 0 if frame else size  # a stream that plays may send much before an answer

    def _read_head(self) -> Optional[_Head]:
        if not b"RTSP/".startswith(self._received[:5].upper()):
            raise _not_rtsp()
        end = _END_OF_HEADERS.search(self._received, max(0, self._searched - _LONGEST_END))
        if end is None:
            self._searched = len(self._received)
            return None
        status, headers = _parse_head(bytes(self._received[: end.start()]))
        return _Head(status, headers, end.end(), end.end() + _content_length(headers))


def _parse_head(head: bytes) -> Tuple[int, Dict[str, List[str]]]:
    """Status and headers; accepts any case, folded lines and any line ends."""
    status_line, *lines = _LINE_END.split(_FOLD.sub(" ", head.decode("utf-8", BYTES_STAY)))
    status = _STATUS_LINE.match(status_line)
    if status is None:
        raise _not_rtsp()
    headers: Dict[str, List[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), []).append(value.strip())
    return int(status.group(1)), headers


def _content_length(headers: Dict[str, List[str]]) -> int:
    """Bytes of the body; 0 without the header (§ 4.4)."""
    length = headers.get("content-length", ["0"])[0]
    if _LENGTH.match(length) is None:
        raise _not_rtsp()
    return int(length)


def _not_rtsp() -> Problem:
    return Problem(Outcome.NOT_RTSP, "does not speak RTSP: set the camera's RTSP port, which is 554 on most")


def _oversized() -> Problem:
    text = f"sends an answer of more than {ANSWER_LIMIT // 1024} KiB: check that this address is a camera"
    return Problem(Outcome.OVERSIZED, text)
