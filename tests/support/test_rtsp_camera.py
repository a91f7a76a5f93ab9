"""What the test camera sends, checked with real FFmpeg and with a client that sees every byte."""

from __future__ import annotations

import base64
import re
import struct
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Dict, List

import pytest

from tests.support.clip import make_clip
from tests.support.conftest import ClipOf
from tests.support.evidence import read_frames
from tests.support.nal import split_nals
from tests.support.rtsp_camera import RtspCamera, SentFrame
from tests.support.rtsp_client import Client, Packet
from tests.support.ts_frames import audio_pts, audio_stream_type, continuity_errors
from tests.support.waiting import end_of

_FRAME = 3600  # 90 kHz ticks at 25 fps


def record(ffmpeg: str, url: str, output: Path, *options: str, seconds: float = 1) -> subprocess.Popen[bytes]:
    """Start an FFmpeg that copies the video into a file."""
    command = [ffmpeg, "-loglevel", "error", "-nostdin", "-rtsp_transport", "tcp", "-i", url, "-map", "0:v:0"]
    command += ["-map", "0:a:0?", "-c:v", "copy", "-c:a", "aac", "-copytb", "1", "-t", str(seconds)]
    return subprocess.Popen([*command, *options, str(output)])


def recorded(process: subprocess.Popen[bytes]) -> None:
    """Wait until it ends by itself, without an error."""
    assert end_of(process) == 0


def played(camera: RtspCamera, frames: int = 1) -> None:
    """Wait until the camera has sent so many more frames."""
    enough = len(camera.ledger) + frames
    camera.wait_for(lambda: len(camera.ledger) >= enough)


def steps(frames: List[SentFrame]) -> List[int]:
    """How many frames at 25 fps are between the times of successive frames."""
    return [round((after.media_time - before.media_time) * 25) for before, after in zip(frames, frames[1:])]


def without_loss(packets: List[Packet]) -> bool:
    """Whether the sequence numbers of this stream are consecutive."""
    return all((after.sequence - before.sequence) % 2**16 == 1 for before, after in zip(packets, packets[1:]))


def test_ffmpeg_records_every_frame_at_its_true_time(ffmpeg_path: str, clip_of: ClipOf, tmp_path: Path) -> None:
    wrong_fps = clip_of(audio="pcma", sps_fps=12)
    output = tmp_path / "out.ts"
    wraps_soon = 2**32 - 90000
    with RtspCamera(wrong_fps, rtp_offset=wraps_soon, username="admin", password="p@:/?#% 1") as camera:
        recorded(record(ffmpeg_path, camera.login_url, output))
        sent = camera.ledger[: len(read_frames(output))]
    frames = read_frames(output)
    assert len(frames) == 25
    assert [frame.number for frame in frames] == [frame.number for frame in sent]
    assert [frame.key for frame in frames] == [frame.key for frame in sent]
    assert [frame.pts - frames[0].pts for frame in frames] == [_FRAME * place for place in range(25)]
    assert steps(sent) == [1] * 24
    assert all(frame.sent_at > camera.started_at + frame.media_time - 0.005 for frame in sent)
    assert audio_stream_type(output) == 0x0F
    assert continuity_errors(output) == []
    assert camera.refused_attempts == 0


@pytest.mark.parametrize("parameter_sets", [True, False], ids=["sprop", "no-sprop"])
def test_ffmpeg_records_every_frame_of_h265(
    ffmpeg_path: str, clip_of: ClipOf, tmp_path: Path, parameter_sets: bool
) -> None:
    output = tmp_path / "out.ts"
    with RtspCamera(clip_of(video="hevc", audio="pcmu", sps_fps=12), rtp_offset=2**32 - 90000) as camera:
        camera.announce(parameter_sets=parameter_sets)
        recorded(record(ffmpeg_path, camera.url, output))
        sent = camera.ledger[: len(read_frames(output))]
    frames = read_frames(output)
    assert len(frames) == 25
    assert [(frame.number, frame.key) for frame in frames] == [(each.number, each.key) for each in sent]
    assert [frame.pts - frames[0].pts for frame in frames] == [_FRAME * place for place in range(25)]


@pytest.mark.parametrize("video", ["h264", "hevc"])
def test_ffmpeg_receives_every_byte(ffmpeg_path: str, clip_of: ClipOf, tmp_path: Path, video: str) -> None:
    clip = clip_of(video=video, size="320x240", bit_rate="512k")
    output = tmp_path / "out"
    with RtspCamera(clip) as camera:
        recorded(record(ffmpeg_path, camera.url, output, "-f", video))
        sent = list(camera.ledger)
    kept = clip.codec.slices.union(clip.codec.parameter_sets)
    received = [nal for nal in split_nals(output.read_bytes()) if clip.codec.nal_type(nal) in kept]
    expected = [nal for frame in sent for nal in clip.frames[frame.number % len(clip.frames)].nals]
    assert max(map(len, received)) > 3000, "no frame was sent in more than two packets"
    assert len(received) > 25
    assert received == expected[: len(received)]


def test_ffmpeg_copies_aac(ffmpeg_path: str, clip_of: ClipOf, tmp_path: Path) -> None:
    output = tmp_path / "out.ts"
    with RtspCamera(clip_of(audio="aac")) as camera:
        recorded(record(ffmpeg_path, camera.url, output, "-c:a", "copy"))
    starts = audio_pts(output)
    assert audio_stream_type(output) == 0x0F
    assert len(starts) > 1
    assert {(later - earlier) % (1024 * 90000 // 16000) for earlier, later in zip(starts, starts[1:])} == {0}


def test_ffmpeg_continues_when_the_resolution_changes(ffmpeg_path: str, clip_of: ClipOf, tmp_path: Path) -> None:
    output = tmp_path / "out.ts"
    before, after = clip_of(), clip_of(size="128x96")
    with RtspCamera(before) as camera:
        process = record(ffmpeg_path, camera.url, output, seconds=1.5)
        camera.wait_for(lambda: len(camera.ledger) >= 13)
        first = camera.switch_clip(after)
        recorded(process)
    frames = read_frames(output)
    begun = frames[0].number or 0
    assert [frame.number for frame in frames] == list(range(begun, begun + len(frames)))
    assert first in [frame.number for frame in frames if frame.key]


def test_the_transport_stream_reader_survives_a_cut_and_sees_a_lost_packet(
    any_ffmpeg: str, clip_of: ClipOf, tmp_path: Path
) -> None:
    whole, cut, holed = tmp_path / "whole.ts", tmp_path / "cut.ts", tmp_path / "holed.ts"
    with RtspCamera(clip_of()) as camera:
        recorded(record(any_ffmpeg, camera.url, whole))
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) // 2 // 188 * 188 + 100])
    holed.write_bytes(data[: 188 * 20] + data[188 * 21 :])
    kept = read_frames(cut)
    assert 0 < len(kept) < 25
    assert kept == read_frames(whole)[: len(kept)]
    assert len(continuity_errors(holed)) == 1


@pytest.mark.parametrize("video", ["h264", "hevc"])
def test_b_frames_are_sent_in_decoding_order_with_times_of_presentation(clip_of: ClipOf, video: str) -> None:
    with RtspCamera(clip_of(video=video, bframes=True)) as camera, Client(camera) as client:
        client.play()
        played(camera, 6)
        frames = camera.ledger[:6]
        times = list(dict.fromkeys(packet.timestamp for packet in client.packets(9)))
    shown = [camera.shown(frame.number) for frame in frames]
    assert [frame.number for frame in frames] == list(range(frames[0].number, frames[0].number + 6))
    assert shown != sorted(shown)
    assert steps(frames) == [after - before for before, after in zip(shown, shown[1:])]
    assert [time - times[0] for time in times] == [(each - shown[0]) * _FRAME for each in shown[: len(times)]]


def test_sender_reports_come_first_and_match_the_stream(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of(audio="pcmu"), rtp_offset=12345) as camera, Client(camera) as client:
        client.play(1, 2)
        packets: Dict[int, bytes] = {}
        while len(packets) < 4:
            channel, packet = client.interleaved()
            assert channel % 2 == 1 or channel + 1 in packets
            packets.setdefault(channel, packet)
        first = camera.ledger[0]
    for channel in (2, 4):
        _, _, _, _, ntp, reported = struct.unpack(">BBHIQI", packets[channel + 1][:20])
        (timestamp,) = struct.unpack(">I", packets[channel][4:8])
        clock_rate = 90000 if channel == 2 else 8000
        assert timestamp == reported
        life = ntp / 2**32 - 2208988800 - camera.started_at
        assert (timestamp - 12345) / clock_rate == pytest.approx(life, abs=0.001)
        assert -0.0001 <= life - first.media_time < 0.04  # NTP fractions are rounded


def test_a_client_starts_at_a_keyframe(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of()) as camera, Client(camera) as early, Client(camera) as late:
        early.play()
        camera.wait_for(lambda: bool(camera.ledger) and camera.ledger[-1].number % 10 == 2)
        late.play()
        camera.wait_for(lambda: camera.ledger[-1].session == 2)
        first = next(frame for frame in camera.ledger if frame.session == 2)
        assert camera.sessions == 2
    assert first.key and first.number % 10 == 0


def test_a_client_may_start_inside_a_gop(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of(), start_mid_gop=True) as camera, Client(camera) as early, Client(camera) as late:
        early.play()
        camera.wait_for(lambda: bool(camera.ledger) and camera.ledger[-1].number % 10 == 2)
        late.play()
        camera.wait_for(lambda: camera.ledger[-1].session == 2)
        first = next(frame for frame in camera.ledger if frame.session == 2)
    assert not first.key


def test_a_client_may_get_a_keyframe_inside_a_gop_of_minutes(clip_of: ClipOf) -> None:
    endless = clip_of(seconds=180, gop=180 * 25)
    with RtspCamera(endless, key_on_play=True) as camera, Client(camera) as early, Client(camera) as late:
        early.play()
        played(camera, 3)
        late.play()
        camera.wait_for(lambda: sum(frame.key for frame in camera.ledger) >= 3)
        by_session = [[frame for frame in camera.ledger if frame.session == number] for number in (1, 2)]
    keys = [[frame.number for frame in frames if frame.key] for frames in by_session]
    assert keys == [[by_session[0][0].number, by_session[1][0].number], [by_session[1][0].number]]


def test_hang_stops_every_byte_and_resume_leaves_a_hole(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of(gop=5)) as camera, Client(camera) as client:
        client.play()
        played(camera, 3)
        camera.hang()
        sent = len(camera.ledger)
        with Client(camera) as other:
            other.ask("OPTIONS")
            assert other.receives_nothing(0.3)
        assert len(camera.ledger) == sent
        resumed_at = time.time()
        camera.resume()
        played(camera)
        before, after = camera.ledger[sent - 1 : sent + 1]
    assert after.key
    assert after.number - before.number > 0.3 * 25
    assert after.media_time > resumed_at - camera.started_at - 0.005, "frames that were due meanwhile were sent"


def test_a_trickle_is_one_packet_a_second_until_it_ends(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of(gop=50), key_on_play=True) as camera, Client(camera) as client:
        client.play()
        played(camera, 3)
        camera.trickle(True)
        played(camera, 2)
        slow = camera.ledger[-2:]
        ended_at = time.time()
        camera.trickle(False)
        played(camera)
        after = camera.ledger[-1]
        assert camera.sessions == 1
    assert slow[1].number - slow[0].number == 1
    assert slow[1].sent_at - slow[0].sent_at > 0.5
    assert after.media_time > ended_at - camera.started_at - 0.005, "frames that were due meanwhile were sent"
    assert next(frame for frame in camera.ledger if frame.number > slow[1].number).key


def test_a_step_of_the_clock_shows_in_media_time_only(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of()) as camera, Client(camera) as client:
        client.play()
        played(camera, 2)
        camera.step_clock(-100)
        camera.wait_for(lambda: camera.ledger[-1].media_time < 0)
        played(camera, 2)
        frames = list(camera.ledger)
    assert [frame.number - frames[0].number for frame in frames] == list(range(len(frames)))
    assert set(steps(frames)) == {1, 1 - 100 * 25}


def test_a_clock_may_run_fast(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of(), clock_speed=3.0) as camera, Client(camera) as client:
        client.play()
        played(camera, 3)
        frames = camera.ledger[:3]
        times = list(dict.fromkeys(packet.timestamp for packet in client.packets(8)))
    assert steps(frames) == [3, 3]
    assert [(time - times[0]) % 2**32 for time in times[:3]] == [0, 3 * _FRAME, 6 * _FRAME]
    assert frames[0].media_time == pytest.approx(3 * frames[0].number / 25)


def test_key_frames_can_be_withheld(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of()) as camera, Client(camera) as early, Client(camera) as late:
        early.play()
        played(camera)
        camera.withhold_keys(True)
        played(camera)  # a key frame may have been in transit
        sent = len(camera.ledger)
        late.play()
        camera.wait_for(lambda: sum(frame.session == 2 for frame in camera.ledger) >= 15)
        packets = late.packets(15)
        first, second = ([frame for frame in camera.ledger[sent:] if frame.session == number] for number in (1, 2))
        camera.withhold_keys(False)
        camera.wait_for(lambda: camera.ledger[-1].key)
    assert not any(frame.key for frame in [*first, *second])
    numbers = range(second[0].number, second[-1].number + 1)
    assert [frame.number for frame in second] == [number for number in numbers if number % 10]
    assert without_loss(packets)


def test_sound_can_pause_although_it_is_announced(clip_of: ClipOf) -> None:
    clip = clip_of(audio="pcmu")
    with RtspCamera(clip) as camera, Client(camera) as client, Client(camera) as other:
        client.play(1, 2)
        played(camera, 5)
        camera.pause_sound(True)
        played(camera, 15)
        assert "m=audio" in other.describe()
        camera.pause_sound(False)
        played(camera, 5)
        packets = client.packets_until(clip.codec.frame_mark(camera.ledger[-1].number))
    sound = [packet for packet in packets if not packet.is_video]
    gaps = [after.timestamp - before.timestamp for before, after in zip(sound, sound[1:])]
    assert max(gaps) > 10 * 320
    assert sorted(gaps)[:-1] == [320] * (len(gaps) - 1)
    assert without_loss(sound)
    assert without_loss([packet for packet in packets if packet.is_video])


@pytest.mark.parametrize("video", ["h264", "hevc"])
def test_the_session_description_can_omit_things(clip_of: ClipOf, video: str) -> None:
    with RtspCamera(clip_of(video=video, audio="pcmu")) as camera, Client(camera) as client:
        whole = client.describe()
        camera.announce(sound=False)
        mute = client.describe()
        camera.announce(video=False)
        blind = client.describe()
        camera.announce(parameter_sets=False)
        bare = client.describe()
        camera.announce()
        assert client.describe() == whole
    assert re.findall("m=(\\w+)", whole) == ["video", "audio"]
    assert re.findall("m=(\\w+)", mute) == ["video"]
    assert re.findall("m=(\\w+)", blind) == ["audio"]
    assert "sprop" in whole
    assert "sprop" not in bare


@pytest.mark.parametrize("video", ["h264", "hevc"])
def test_another_resolution_begins_with_a_key_frame_in_the_same_session(clip_of: ClipOf, video: str) -> None:
    larger = clip_of(video=video, size="128x96")
    with RtspCamera(clip_of(video=video)) as camera, Client(camera) as client, Client(camera) as later:
        client.play()
        played(camera, 3)
        first = camera.switch_clip(larger)
        camera.wait_for(lambda: camera.ledger[-1].number >= first)
        frames = [frame for frame in camera.ledger if frame.number <= first]
        packets = [*client.packets_until(larger.parameter_sets[-2]), client.packet()]
        described = later.describe()
        assert camera.sessions == 1
    assert [frame.number for frame in frames] == list(range(frames[0].number, first + 1))
    assert set(steps(frames)) == {1}
    assert frames[-1].key
    assert [packet.payload for packet in packets][-len(larger.parameter_sets) :] == list(larger.parameter_sets)
    assert all(base64.b64encode(each).decode() in described for each in larger.parameter_sets)


def test_another_clip_begins_after_all_b_frames_were_shown(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of(gop=50, bframes=True), key_on_play=True) as camera, Client(camera) as client:
        client.play()
        played(camera, 2)
        first = camera.switch_clip(clip_of(gop=50, bframes=True, size="128x96"))
        shown = [camera.shown(number) for number in range(first + 5)]
    assert max(shown[:first]) == first - 1
    assert shown[first] == first


def test_a_clip_of_another_frame_rate_is_refused(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of()) as camera, pytest.raises(ValueError, match="25 frames"):
        camera.switch_clip(clip_of(fps=10))


def test_another_codec_ends_the_sessions_of_its_channel(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of(), channels={"/other": clip_of()}) as camera, Client(camera, "/other") as other:
        other.play()
        with Client(camera) as playing, Client(camera) as described:
            playing.play()
            assert "H264/90000" in described.describe()
            played(camera, 3)
            first = camera.switch_clip(clip_of(video="hevc"))
            playing.rest()
            assert described.rest() == b""
        assert camera.sessions == 1
        with Client(camera) as again:
            assert "H265/90000" in again.describe()
            again.play()
            camera.wait_for(lambda: camera.ledger[-1].session == 3)
        sent = len(camera.frames_of("/other"))
        camera.wait_for(lambda: len(camera.frames_of("/other")) > sent)
    assert {frame.session for frame in camera.frames_of(camera.path) if frame.number >= first} == {3}


def test_garbage_as_payload_keeps_the_framing(clip_of: ClipOf) -> None:
    clip = clip_of()
    with RtspCamera(clip) as camera, Client(camera) as client:
        client.play()
        played(camera)
        camera.garble("payload")
        camera.wait_for(lambda: camera.garbled >= 5)
        camera.garble(None)
        played(camera)
        frames = list(camera.ledger)
        packets = client.packets_until(clip.codec.frame_mark(frames[-1].number))
    holes = [after.number - before.number - 1 for before, after in zip(frames, frames[1:])]
    assert sorted(holes)[:-1] == [0] * (len(holes) - 1)
    assert max(holes) >= 5
    valid = {nal for frame in clip.frames for nal in frame.nals}
    valid.update(clip.codec.frame_mark(number) for number in range(1000))
    assert sum(packet.payload not in valid for packet in packets) >= 5
    assert without_loss(packets)


def test_garbage_breaks_the_framing(clip_of: ClipOf) -> None:
    with RtspCamera(clip_of()) as camera, Client(camera) as client:
        client.play()
        client.packets(2)
        camera.garble("framing")
        with pytest.raises(ValueError, match="no interleaved packet"):
            client.packets(100)
        camera.wait_for(lambda: camera.garbled > 0)
        assert camera.sessions == 1


def test_channels_share_one_port_and_one_ledger(clip_of: ClipOf) -> None:
    paths = [f"/Streaming/Channels/{number}01" for number in range(1, 4)]
    channels = {paths[1]: clip_of(video="hevc"), paths[2]: clip_of(fps=10)}
    with RtspCamera(clip_of(), path=paths[0], channels=channels, max_sessions=3) as camera, ExitStack() as clients:
        for path in paths:
            clients.enter_context(Client(camera, path)).play()
        camera.wait_for(lambda: all(len(camera.frames_of(path)) >= 3 for path in paths))
        with Client(camera) as surplus:
            assert surplus.set_up() == 453
        by_path = [camera.frames_of(path)[:3] for path in paths]
    assert [{frame.session for frame in frames} for frames in by_path] == [{1}, {2}, {3}]
    assert [round((frames[1].media_time - frames[0].media_time) * 1000) for frames in by_path] == [40, 40, 100]


def test_ffmpeg_records_a_second_channel(ffmpeg_path: str, tmp_path: Path) -> None:
    first = make_clip(ffmpeg_path, tmp_path, gop=10, audio=None, size="64x64")
    second = make_clip(ffmpeg_path, tmp_path, gop=10, audio=None, size="64x64", video="hevc")
    output = tmp_path / "out.ts"
    path = "/Streaming/Channels/102"
    with RtspCamera(first, channels={path: second}, username="admin", password="p@ss") as camera:
        recorded(record(ffmpeg_path, camera.login_url_of(path), output))
        sent = camera.frames_of(path)
    frames = read_frames(output)
    assert len(frames) >= 25
    assert [frame.number for frame in frames] == [frame.number for frame in sent][: len(frames)]
