"""When frames are dated by their arrival alone, because restarts do not help."""

from __future__ import annotations

from typing import List, Tuple

import pytest

from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.recording.clock_trust import after_failure
from cctv_cli.core.recording.stall import LATE, RAN_AWAY
from cctv_cli.core.recording.trust import TRIED_AGAIN, Trust

NOW = 1_800_000_000.0
SILENT = Diagnosis("silent", "the camera stopped responding")


@pytest.mark.parametrize(
    ("failures", "is_trusted"),
    [
        pytest.param([(RAN_AWAY, 20.0)], True, id="once"),
        pytest.param([(RAN_AWAY, 20.0)] * 2, False, id="twice"),
        pytest.param([(LATE, 70.0), (RAN_AWAY, 20.0)], False, id="late, then a jump"),
        pytest.param([(RAN_AWAY, 86_400.0)] * 3, True, id="a jump a day"),
        pytest.param([(RAN_AWAY, 20.0), (SILENT, 20.0), (RAN_AWAY, 20.0)], True, id="not in a row"),
        pytest.param([(RAN_AWAY, 20.0)] * 2 + [(SILENT, 20.0)], False, id="another failure later"),
    ],
)
def test_failures(failures: List[Tuple[Diagnosis, float]], is_trusted: bool) -> None:
    trust = Trust()
    for why, healthy_for in failures:
        trust = after_failure(trust, why, healthy_for, NOW)
    assert (trust.fault == "") == is_trusted
    assert trust.at_start(NOW + TRIED_AGAIN).fault == ""
