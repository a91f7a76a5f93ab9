from __future__ import annotations

from typing import List

import pytest

from tests.support.conftest import ClipOf


@pytest.mark.parametrize(("video", "kinds"), [("h264", [7, 8]), ("hevc", [32, 33, 34])])
def test_a_clip_has_key_frames_after_their_parameter_sets_and_frames_between(
    clip_of: ClipOf, video: str, kinds: List[int]
) -> None:
    clip = clip_of(video=video)
    assert [clip.codec.nal_type(nal) for nal in clip.parameter_sets] == kinds
    for place, frame in enumerate(clip.frames):
        assert frame.is_key == (place % 10 == 0)
        assert frame.nals[: len(kinds)] == clip.parameter_sets if frame.is_key else len(frame.nals) == 1


@pytest.mark.parametrize("video", ["h264", "hevc"])
def test_b_frames_are_shown_before_a_frame_that_was_sent_earlier(clip_of: ClipOf, video: str) -> None:
    shown = [frame.shown for frame in clip_of(video=video, bframes=True).frames]
    assert sorted(shown) == list(range(50))
    assert shown != sorted(shown)


@pytest.mark.parametrize("video", ["h264", "hevc"])
def test_three_minutes_may_be_one_gop(clip_of: ClipOf, video: str) -> None:
    clip = clip_of(video=video, seconds=180, gop=180 * 25)
    assert [place for place, frame in enumerate(clip.frames) if frame.is_key] == [0]
    assert len(clip.frames) == 180 * 25
