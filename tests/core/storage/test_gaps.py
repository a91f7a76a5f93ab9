"""Successive gaps; `test_commit` tests how they are cut at midnight."""

from __future__ import annotations

from typing import List, Optional, Tuple

import pytest

from cctv_cli.core.storage.gaps import Reason, gaps_after


@pytest.mark.parametrize(
    ("covered", "reasons", "expected"),
    [
        pytest.param(None, [Reason(100.0, "silent")], [], id="before the first recording"),
        pytest.param(100.0, [], [], id="nothing to explain"),
        pytest.param(100.0, [Reason(100.1, "silent")], [], id="within the tolerance of a joint"),
        pytest.param(100.0, [Reason(90.0, "silent")], [], id="in the past"),
        pytest.param(
            100.0,
            [Reason(110.0, "silent"), Reason(105.0, "refused"), Reason(120.0, "busy")],
            [(100.0, 10.0, "silent"), (110.0, 10.0, "busy")],
            id="one after the other",
        ),
    ],
)
def test_gaps_after(covered: Optional[float], reasons: List[Reason], expected: List[Tuple[float, float, str]]) -> None:
    assert [(gap.start, gap.duration, gap.cause) for gap in gaps_after(covered, reasons)] == expected
