"""When audio is left out so that it costs no video, as a table."""

from __future__ import annotations

from typing import List, Tuple

import pytest

from cctv_cli.core.ffmpeg.diagnosis import AUDIO, Diagnosis
from cctv_cli.core.recording.audio_trust import after_failure
from cctv_cli.core.recording.stall import LATE, NO_AUDIO, RAN_AWAY
from cctv_cli.core.recording.trust import TRIED_AGAIN, Trust

NOW = 1_800_000_000.0
ENDED, SILENT = Diagnosis("ended", "FFmpeg exited with code 1"), Diagnosis("silent", "the camera stopped responding")
KILLED, BROKEN = Diagnosis("killed", "FFmpeg was killed"), Diagnosis(AUDIO, "FFmpeg cannot record it")

Failure = Tuple[Diagnosis, str, float]  # why, the audio that was recorded, for how many seconds


@pytest.mark.parametrize(
    ("failures", "words"),
    [
        pytest.param([], "", id="nothing failed"),
        pytest.param([(ENDED, "aac", 0.0)], "", id="once"),
        pytest.param([(ENDED, "aac", 0.0)] * 2, "failed twice with the camera's aac audio", id="twice"),
        pytest.param([(RAN_AWAY, "pcmu", 20.0)] * 2, "failed twice", id="times that do not fit, twice"),
        pytest.param([(ENDED, "aac", 0.0), (ENDED, "aac", 61.0)], "", id="a minute of recording between"),
        pytest.param([(SILENT, "aac", 20.0)] * 3, "", id="a network that breaks is not the audio's fault"),
        pytest.param([(SILENT, "aac", 0.0)] * 2, "failed twice", id="nothing ever comes with audio"),
        pytest.param([(KILLED, "aac", 0.0), (LATE, "aac", 59.0)] * 2, "", id="causes that audio cannot have"),
        pytest.param([(ENDED, "aac", 0.0), (KILLED, "aac", 0.0), (ENDED, "aac", 0.0)], "", id="not in a row"),
        pytest.param([(BROKEN, "aac", 0.0)], "cannot record it", id="FFmpeg names the audio"),
        pytest.param([(NO_AUDIO, "aac", 15.0)], "no usable audio arrives", id="none arrives"),
        pytest.param([(ENDED, "", 0.0)] * 3, "", id="a camera without audio"),
        pytest.param([(ENDED, "aac", 0.0)] * 2 + [(ENDED, "", 0.0)], "", id="without audio it fails, too"),
        pytest.param([(ENDED, "aac", 0.0)] * 2 + [(KILLED, "", 90.0)], "failed twice", id="without audio it works"),
        pytest.param([(BROKEN, "aac", 0.0), (ENDED, "", 0.0)], "cannot record it", id="proven, whatever fails later"),
    ],
)
def test_failures(failures: List[Failure], words: str) -> None:
    trust = Trust()
    for why, audio, healthy_for in failures:
        trust = after_failure(trust, why, audio, healthy_for, NOW)
    assert (words in trust.fault) if words else (trust.fault == "")


def test_audio_is_asked_for_again_at_the_first_start_after_an_hour() -> None:
    trust = Trust().without("it is broken", NOW)
    assert trust.at_start(NOW + TRIED_AGAIN - 1) == trust
    assert trust.at_start(NOW + TRIED_AGAIN) == Trust()
    assert trust.at_start(NOW - 1) == Trust()  # the clock was set back
