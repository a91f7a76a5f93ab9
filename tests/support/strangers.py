"""Input from others: damage to valid data, and a measure of how long reading it takes."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any, Callable, List, Optional, Tuple

from hypothesis import strategies as st

Edit = Tuple[int, int, bytes]  # offset, how many bytes are removed, and what replaces them


def damaged(whole: bytes) -> st.SearchStrategy[bytes]:
    """`whole` with up to four places overwritten, shortened or lengthened; often unchanged."""
    edits = st.lists(st.tuples(st.integers(0, len(whole)), st.integers(0, 8), st.binary(max_size=8)), max_size=4)
    return edits.map(lambda made: _edited(whole, made))


def damaged_text(whole: str) -> st.SearchStrategy[bytes]:
    """Like `damaged`, for a text whose lines may also be repeated, dropped or reordered."""
    lines = whole.splitlines(keepends=True)
    shuffled = st.lists(st.sampled_from(lines), max_size=2 * len(lines)).map("".join)
    return st.one_of(st.just(whole), shuffled).flatmap(lambda text: damaged(text.encode()))


def _edited(data: bytes, edits: List[Edit]) -> bytes:
    for at, taken, put in edits:
        data = data[:at] + put + data[at + taken :]
    return data


def steps(call: Callable[[], object]) -> int:
    """How many lines of the package run during a call: a measure of time that does not depend on the machine's load.

    The work of a single line (a search, a copy) is not counted.
    """
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Optional[Callable[..., Any]]:
        nonlocal count
        if "cctv_cli" not in frame.f_code.co_filename:
            return None
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


def grows_in_proportion(call: Callable[[bytes], object], unit: bytes, times: int = 100) -> bool:
    """Whether `call` with four times the input takes little more than four times as long."""
    return steps(lambda: call(unit * 4 * times)) <= 5 * steps(lambda: call(unit * times))
