"""Session descriptions like those of real cameras."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Optional

import pytest

from cctv_cli.core.rtsp.sdp import AudioStream, VideoStream, audio_control, parse_sdp, video_control

SESSION = """\
v=0
o=- 1714550000000000 1714550000000000 IN IP4 192.168.1.64
s=Media Presentation
e=NONE
b=AS:5100
t=0 0
a=control:rtsp://192.168.1.64:554/Streaming/Channels/101/
"""

H264 = """\
m=video 0 RTP/AVP 96
c=IN IP4 0.0.0.0
b=AS:5000
a=recvonly
a=x-dimensions:1920,1080
a=control:rtsp://192.168.1.64:554/Streaming/Channels/101/trackID=1
a=rtpmap:96 H264/90000
a=fmtp:96 profile-level-id=420029; packetization-mode=1; sprop-parameter-sets=Z00AKpWoHgCJ+WE=,aO48gA==
"""

H265 = """\
m=video 0 RTP/AVP 96
a=recvonly
a=x-dimensions:3840,2160
a=control:trackID=1
a=rtpmap:96 H265/90000
a=fmtp:96 sprop-vps=QAEMAf//AWAAAAMA; sprop-sps=QgEBAWAAAAMA; sprop-pps=RAHA8vA8kAA=
"""

PCMU = """\
m=audio 0 RTP/AVP 0
c=IN IP4 0.0.0.0
b=AS:50
a=recvonly
a=control:rtsp://192.168.1.64:554/Streaming/Channels/101/trackID=2
a=rtpmap:0 PCMU/8000
a=Media_header:MEDIAINFO=494D4B4801020000040000011071011040;
a=appversion:1.0
"""

AAC = """\
m=audio 0 RTP/AVP 104
a=recvonly
a=rtpmap:104 mpeg4-generic/16000/1
a=fmtp:104 profile-level-id=15; streamtype=5; mode=AAC-hbr; config=1408;SizeLength=13; IndexLength=3
"""

METADATA = """\
m=application 0 RTP/AVP 107
a=control:trackID=3
a=rtpmap:107 vnd.onvif.metadata/90000
"""


def test_h264_with_g711_and_a_metadata_track() -> None:
    assert parse_sdp(SESSION + H264 + PCMU + METADATA) == (
        VideoStream("h264", 1920, 1080),
        AudioStream("pcmu", 8000),
    )


def test_h265_with_aac_and_windows_line_ends() -> None:
    text = (SESSION + H265 + AAC).replace("\n", "\r\n")
    assert parse_sdp(text) == (VideoStream("hevc", 3840, 2160), AudioStream("aac", 16000))


def test_tracks_in_any_order_and_no_final_line_end() -> None:
    text = (SESSION + METADATA + AAC + H264).rstrip()
    assert parse_sdp(text) == (VideoStream("h264", 1920, 1080), AudioStream("aac", 16000))


def test_only_the_first_video_counts() -> None:
    video, _ = parse_sdp(SESSION + H265 + H264)
    assert video == VideoStream("hevc", 3840, 2160)


def test_a_silent_camera_has_no_audio() -> None:
    assert parse_sdp(SESSION + H264 + METADATA) == (VideoStream("h264", 1920, 1080), None)


def test_a_microphone_alone_has_no_video() -> None:
    assert parse_sdp(SESSION + PCMU) == (None, AudioStream("pcmu", 8000))


@pytest.mark.parametrize("text", ["", "\r\n", "<html>m=video</html>", SESSION, "m=\nm=video\nm=video x y z\n"])
def test_text_that_describes_nothing(text: str) -> None:
    assert parse_sdp(text) == (None, None)


@pytest.mark.parametrize(
    ("media", "expected"),
    [
        ("m=video 0 RTP/AVP 26", VideoStream("mjpeg")),
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 HEVC/90000", VideoStream("hevc")),
        ("m=video 0/1 RTP/AVP 97\na=rtpmap:97 MP4V-ES/90000", VideoStream("mpeg4")),
        (
            "m=video 0 RTP/AVP 96\na=framesize:96 704-576\na=rtpmap:96 h264/90000",
            VideoStream("h264", 704, 576),
        ),
        ("m=video 0 RTP/AVP 96 97\na=rtpmap:97 JPEG/90000\na=rtpmap:96 H264/90000", VideoStream("h264")),
        ("m=video 0 RTP/AVP 9\na=rtpmap:96 H264/90000\na=rtpmap:9 H265/90000", VideoStream("hevc")),
        ("m=video 0 RTP/AVP 96", VideoStream("unknown")),
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 " + "H" * 20_000 + "/90000", VideoStream("unknown")),
        ("m=video 0 RTP/AVP 96\na=x-dimensions:0,576\na=rtpmap:96 H264/90000", VideoStream("h264")),
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 vnd.maker.svac/90000", VideoStream("vnd.maker.svac")),
    ],
)
def test_video_formats(media: str, expected: VideoStream) -> None:
    assert parse_sdp(SESSION + media) == (expected, None)


@pytest.mark.parametrize(
    ("media", "expected"),
    [
        ("m=audio 0 RTP/AVP 8", AudioStream("pcma", 8000)),
        ("m=audio 0 RTP/AVP 8\na=rtpmap:8 PCMA/16000", AudioStream("pcma", 16000)),
        ("m=audio 0 RTP/AVP 9\na=rtpmap:9 G722/8000", AudioStream("g722", 16000)),
        ("m=audio 0 RTP/AVP 14", AudioStream("mp2", None)),
        ("m=audio 0 RTP/AVP 102\na=rtpmap:102 G726-16/8000", AudioStream("g726", 8000)),
        ("m=audio 0 RTP/AVP 102\na=rtpmap:102 AAL2-G726-32/8000", AudioStream("g726", 8000)),
        ("m=audio 0 RTP/AVP 98\na=rtpmap:98 MP4A-LATM/48000/2", AudioStream("aac", 48000)),
        ("m=audio 0 RTP/AVP 98\na=rtpmap:98 opus/48000/2", AudioStream("opus", 48000)),
        ("m=audio 0 RTP/AVP 98\na=rtpmap:98 L16", AudioStream("l16", None)),
        ("m=audio 0 RTP/AVP 98", AudioStream("unknown", None)),
        ("m=audio 0 RTP/AVP 98\na=rtpmap:98 L16/0", AudioStream("l16", None)),
        ("m=audio 0 RTP/AVP 98\na=rtpmap:98 vnd.maker.voice/16000", AudioStream("vnd.maker.voice", 16000)),
    ],
)
def test_audio_formats(media: str, expected: AudioStream) -> None:
    _, audio = parse_sdp(SESSION + media)
    assert audio is not None
    assert replace(audio, fault="") == expected
    assert bool(audio.fault) == (expected.codec in ("unknown", "vnd.maker.voice") or "LATM" in media)


BACK_CHANNEL = "m=audio 0 RTP/AVP 8\na=sendonly\na=control:trackID=7\n"


@pytest.mark.parametrize(
    ("text", "place", "fault"),
    [
        (BACK_CHANNEL, 0, "a back channel"),
        (BACK_CHANNEL + PCMU, 1, ""),
        (PCMU + BACK_CHANNEL, 0, ""),
        ("m=audio 0 RTP/AVP 98\na=rtpmap:98 speex/8000\n" + AAC, 0, ""),
        (AAC.replace("fmtp:104", "fmtp:97"), 0, "lacks a valid configuration"),
        (AAC.replace("config=1408", "config=f8f02000"), 0, "object type 39"),
    ],
)
def test_the_first_audio_that_can_be_recorded_is_used(text: str, place: int, fault: str) -> None:
    _, audio = parse_sdp(SESSION + H264 + text)
    assert audio is not None
    assert audio.place == place
    assert (fault in audio.fault) if fault else (audio.fault == "")


def test_audio_is_set_up_at_its_own_url() -> None:
    for text in (BACK_CHANNEL + PCMU, PCMU + BACK_CHANNEL):
        _, audio = parse_sdp(SESSION + H264 + text)
        assert audio is not None
        assert (audio_control(SESSION + H264 + text, audio) or "").endswith("/trackID=2")


def test_a_camera_that_calls_what_it_sends_sendonly_has_no_back_channel() -> None:
    video = H264.replace("recvonly", "sendonly")
    assert parse_sdp(SESSION + video + BACK_CHANNEL)[1] == AudioStream("pcma", 8000)


def test_mp4_can_contain_aac_of_any_type() -> None:
    _, audio = parse_sdp(SESSION + H265 + AAC.replace("config=1408", "config=f8f02000"))
    assert audio == AudioStream("aac", 16000)


@pytest.mark.parametrize(
    ("text", "control"),
    [
        (SESSION + PCMU + H264, "rtsp://192.168.1.64:554/Streaming/Channels/101/trackID=1"),
        (SESSION + H265.replace("\n", "\r\n") + H264, "trackID=1"),
        (SESSION + H265.replace("a=control:trackID=1\n", "") + PCMU, None),
        (SESSION + PCMU, None),
    ],
)
def test_the_url_for_setup_of_the_first_video(text: str, control: Optional[str]) -> None:
    assert video_control(text) == control


@pytest.mark.parametrize("sets", ["", ",", "Z", "Z00A", "aO48gA==", "====", "QgEB,Z00A", "//////////8="])
def test_without_readable_parameter_sets_the_announced_size_is_used(sets: str) -> None:
    for media, name in ((H264, "sprop-parameter-sets"), (H265, "sprop-sps")):
        announced, _ = parse_sdp(SESSION + media)
        found, _ = parse_sdp(SESSION + re.sub(f"{name}=[^;\n]*", f"{name}={sets}", media))
        assert found == announced


def test_parameter_sets_of_another_payload_type_are_ignored() -> None:
    size = "Z00AKpWoHgCJ+WE="
    media = H264.replace("a=fmtp:96", "a=fmtp:97").replace("a=x-dimensions:1920,1080", "a=x-dimensions:640,480")
    assert size in media
    assert parse_sdp(SESSION + media)[0] == VideoStream("h264", 640, 480)
    assert parse_sdp(SESSION + media.replace(":97", ":96"))[0] == VideoStream("h264", 1920, 1080)


@pytest.mark.parametrize("padding", ["", "=", "=="])
def test_parameter_sets_are_read_with_and_without_padding(padding: str) -> None:
    media = H264.replace("1920,1080", "640,480").replace("Z00AKpWoHgCJ+WE=", f"Z00AKpWoHgCJ+WE{padding}")
    assert parse_sdp(SESSION + media)[0] == VideoStream("h264", 1920, 1080)


@pytest.mark.parametrize(
    "line", ["a=fmtp:", "a=fmtp:96 ", "a=rtpmap:", "a=x-dimensions:", "a=framesize:", "a=control:"]
)
@pytest.mark.parametrize("filling", ["1", " ", "1 ", "a;"])
def test_a_long_line_is_read_in_linear_time(line: str, filling: str) -> None:
    # with quadratic time this would take hours
    text = SESSION + "m=video 0 RTP/AVP 96\n" + line + filling * 1_000_000
    assert parse_sdp(text)[0] == VideoStream("unknown")
