"""The session description of the test camera (RFC 8866)."""

from __future__ import annotations

import base64
from typing import List

from tests.support.clip import AudioTrack, Clip
from tests.support.nal import H264
from tests.support.rtp import VIDEO_CLOCK, VIDEO_TYPE

VIDEO, SOUND = "trackID=1", "trackID=2"  # the streams' control names
MUTE = "trackID=3"  # of a track that a test describes


def sdp(clip: Clip, *, video: bool, sound: bool, parameter_sets: bool) -> str:
    """Describe the clip's streams; without `parameter_sets` a client must find them in the stream."""
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=Media Presentation", "t=0 0", "a=control:*"]
    if video:
        lines += _video(clip, parameter_sets)
    if sound and clip.audio is not None:
        lines += _sound(clip.audio)
    return "\r\n".join([*lines, ""])


def _video(clip: Clip, parameter_sets: bool) -> List[str]:
    media = [f"m=video 0 RTP/AVP {VIDEO_TYPE}", f"a=rtpmap:{VIDEO_TYPE} {clip.codec.encoding}/{VIDEO_CLOCK}"]
    sets = [base64.b64encode(each).decode() for each in clip.parameter_sets]
    formats = []
    if clip.codec is H264:  # RFC 6184 § 8.2.1
        profile = clip.parameter_sets[0][1:4].hex().upper()
        formats += [f"profile-level-id={profile}", "packetization-mode=1"]
        formats += [f"sprop-parameter-sets={','.join(sets)}"] if parameter_sets else []
    elif parameter_sets:  # RFC 7798 § 7.1
        formats += [f"sprop-{name}={each}" for name, each in zip(("vps", "sps", "pps"), sets)]
    media += [f"a=fmtp:{VIDEO_TYPE} {';'.join(formats)}"] if formats else []
    return [*media, f"a=control:{VIDEO}"]


def _sound(audio: AudioTrack) -> List[str]:
    media = [f"m=audio 0 RTP/AVP {audio.payload_type}", f"a=rtpmap:{audio.payload_type} {audio.encoding}"]
    media += [f"a=fmtp:{audio.payload_type} {audio.fmtp}"] if audio.fmtp else []
    return [*media, f"a=control:{SOUND}"]
