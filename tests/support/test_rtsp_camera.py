"""The test camera, held against real FFmpeg and against a client that sees every byte."""

from __future__ import annotations

import hashlib
import importlib
import shutil
import socket
import struct
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Dict, List, Optional, Tuple, Type

import pytest

from tests.support.clip import Clip, frame_mark, make_clip
from tests.support.rtsp_camera import RtspCamera
from tests.support.ts_frames import audio_pts, audio_stream_type, continuity_errors, read_frames

_FRAME = 3600  # 90 kHz ticks at 25 fps
_UDP = "RTP/AVP;unicast;client_port=5000-5001"


def _ffmpegs() -> List[str]:
    found = [shutil.which("ffmpeg")]
    try:
        found.append(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        pass
    return [path for path in found if path is not None]


@pytest.fixture(scope="module", params=_ffmpegs())
def ffmpeg(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return make_clip(_ffmpegs()[0], tmp_path_factory.mktemp("clip"), gop=10)


class Client:
    """An RTSP client that shows what the camera sends."""

    def __init__(self, camera: RtspCamera) -> None:
        self._camera = camera
        self._socket = socket.create_connection(("127.0.0.1", camera.port), timeout=5)
        self._stream = self._socket.makefile("rb")
        self._sequence = 0

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._stream.close()
        self._socket.close()

    def ask(self, method: str, control: str = "", **headers: str) -> None:
        self._sequence += 1
        lines = [f"{method} {self._camera.url}{control} RTSP/1.0", f"CSeq: {self._sequence}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def request(self, method: str, control: str = "", **headers: str) -> Tuple[int, Dict[str, str]]:
        self.ask(method, control, **headers)
        status = int(self._stream.readline().split()[1])
        answer = {}
        for line in iter(self._stream.readline, b"\r\n"):
            name, _, value = line.decode().strip().partition(": ")
            answer[name] = value
        self._stream.read(int(answer.get("Content-Length", "0")))
        return status, answer

    def set_up(self, track: int = 1) -> int:
        channels = f"{2 * track}-{2 * track + 1}"
        transport = f"RTP/AVP/TCP;unicast;interleaved={channels}"
        return self.request("SETUP", f"/trackID={track}", Transport=transport)[0]

    def play(self) -> None:
        assert self.set_up(1) == 200
        assert self.set_up(2) == 200
        assert self.request("PLAY")[0] == 200

    def packet(self) -> Tuple[int, bytes]:
        """(channel, packet) of the next interleaved packet."""
        dollar, channel, length = struct.unpack(">cBH", self._stream.read(4))
        assert dollar == b"$"
        return channel, self._stream.read(length)

    def rest(self) -> bytes:
        """Everything until the camera closes the connection."""
        return self._stream.read()

    def hears_nothing(self, seconds: float) -> bool:
        self._socket.settimeout(seconds)
        try:
            self._socket.recv(1)
        except socket.timeout:
            return True
        return False


def _record(ffmpeg: str, url: str, output: Path, audio_codec: str) -> None:
    command = [ffmpeg, "-loglevel", "error", "-nostdin", "-rtsp_transport", "tcp", "-i", url]
    command += [
        "-map",
        "0:v:0",
        "-map",
        "0:a:0?",
        "-c:v",
        "copy",
        "-c:a",
        audio_codec,
        "-copytb",
        "1",
        "-t",
        "1",
    ]
    subprocess.run([*command, str(output)], check=True, timeout=30)


def test_ffmpeg_records_every_frame_at_its_true_time(ffmpeg: str, tmp_path: Path) -> None:
    lying = make_clip(ffmpeg, tmp_path, gop=10, audio="pcma", sps_fps=12)
    output = tmp_path / "out.ts"
    wraps_soon = 2**32 - 90000
    with RtspCamera(lying, rtp_offset=wraps_soon, username="admin", password="p@:/?#% 1") as camera:
        _record(ffmpeg, camera.login_url, output, "aac")
        sent = camera.ledger[: len(read_frames(output))]
    frames = read_frames(output)
    assert len(frames) == 25
    assert [frame.number for frame in frames] == [frame.number for frame in sent]
    assert [frame.key for frame in frames] == [frame.key for frame in sent]
    assert [frame.pts - frames[0].pts for frame in frames] == [_FRAME * place for place in range(25)]
    assert [round((frame.media_time - sent[0].media_time) * 25) for frame in sent] == list(range(25))
    assert all(frame.sent_at > camera.started_at + frame.media_time - 0.005 for frame in sent)
    assert audio_stream_type(output) == 0x0F
    assert continuity_errors(output) == []
    assert camera.refused_attempts == 0


def test_ffmpeg_copies_aac(ffmpeg: str, tmp_path: Path) -> None:
    output = tmp_path / "out.ts"
    with RtspCamera(make_clip(ffmpeg, tmp_path, gop=10, audio="aac")) as camera:
        _record(ffmpeg, camera.url, output, "copy")
    starts = audio_pts(output)
    assert audio_stream_type(output) == 0x0F
    assert len(starts) > 1
    assert {(later - earlier) % (1024 * 90000 // 16000) for earlier, later in zip(starts, starts[1:])} == {0}


def test_reader_survives_a_cut_and_sees_a_lost_packet(clip: Clip, tmp_path: Path) -> None:
    whole, cut, holed = tmp_path / "whole.ts", tmp_path / "cut.ts", tmp_path / "holed.ts"
    with RtspCamera(clip) as camera:
        _record(_ffmpegs()[0], camera.url, whole, "aac")
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) // 2 // 188 * 188 + 100])
    holed.write_bytes(data[: 188 * 20] + data[188 * 21 :])
    kept = read_frames(cut)
    assert 0 < len(kept) < 25
    assert kept == read_frames(whole)[: len(kept)]
    assert len(continuity_errors(holed)) == 1


def test_b_frames_are_sent_in_decoding_order_with_times_of_presentation(tmp_path: Path) -> None:
    reordered = make_clip(_ffmpegs()[0], tmp_path, audio=None, gop=10, bframes=True)
    shown = [frame.shown for frame in reordered.frames]
    assert sorted(shown) == list(range(50))
    assert shown != sorted(shown)
    with RtspCamera(reordered) as camera, Client(camera) as client:
        assert client.set_up() == 200
        assert client.request("PLAY")[0] == 200
        assert camera.wait_for(lambda: len(camera.ledger) >= 5, 5)
        first = camera.ledger[0]
        steps = [round((frame.media_time - first.media_time) * 25) for frame in camera.ledger[:5]]
    assert steps == [place - shown[first.number % 50] for place in shown[first.number % 50 :][:5]]


@pytest.mark.parametrize("number", [0, 1, 3, 0x100, 0x10000, 0x01000000, 2**32 - 1])
def test_frame_mark_never_looks_like_a_start_code(number: int) -> None:
    mark = frame_mark(number)
    assert not any(code in mark for code in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))


def test_reports_come_first_and_agree_with_the_stream(clip: Clip) -> None:
    with RtspCamera(clip, rtp_offset=12345) as camera, Client(camera) as client:
        client.play()
        packets: Dict[int, bytes] = {}
        while len(packets) < 4:
            channel, packet = client.packet()
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


def test_a_client_starts_at_a_keyframe(clip: Clip) -> None:
    with RtspCamera(clip) as camera, Client(camera) as early, Client(camera) as late:
        early.play()
        assert camera.wait_for(lambda: bool(camera.ledger) and camera.ledger[-1].number % 10 == 2, 5)
        late.play()
        assert camera.wait_for(lambda: camera.ledger[-1].session == 2, 5)
        first = next(frame for frame in camera.ledger if frame.session == 2)
        assert camera.sessions == 2
    assert first.key and first.number % 10 == 0


def test_a_client_may_start_inside_a_gop(clip: Clip) -> None:
    with RtspCamera(clip, start_mid_gop=True) as camera, Client(camera) as early, Client(camera) as late:
        early.play()
        assert camera.wait_for(lambda: bool(camera.ledger) and camera.ledger[-1].number % 10 == 2, 5)
        late.play()
        assert camera.wait_for(lambda: camera.ledger[-1].session == 2, 5)
        first = next(frame for frame in camera.ledger if frame.session == 2)
    assert not first.key


def test_hang_stops_every_byte_and_resume_leaves_a_hole(clip: Clip) -> None:
    with RtspCamera(clip) as camera, Client(camera) as client:
        client.play()
        assert camera.wait_for(lambda: len(camera.ledger) >= 3, 5)
        camera.hang()
        sent = len(camera.ledger)
        with Client(camera) as other:
            other.ask("OPTIONS")
            assert other.hears_nothing(0.2)
        assert len(camera.ledger) == sent
        camera.resume()
        assert camera.wait_for(lambda: len(camera.ledger) > sent, 5)
        before, after = camera.ledger[sent - 1 : sent + 1]
    assert after.key
    assert after.number - before.number > 0.2 * clip.fps


def test_drop_closes_connections_and_the_camera_lives_on(clip: Clip) -> None:
    with RtspCamera(clip) as camera, Client(camera) as client:
        client.play()
        camera.drop()
        client.rest()
        assert camera.sessions == 0
        assert [record.closed_at is not None for record in camera.connections] == [True]
        with Client(camera) as again:
            assert again.request("DESCRIBE")[0] == 200


def test_refuse_is_a_refused_connection_until_it_listens_again(clip: Clip) -> None:
    with RtspCamera(clip) as camera:
        camera.refuse(True)
        with pytest.raises(ConnectionRefusedError):
            Client(camera)
        camera.refuse(False)
        with Client(camera) as client:
            assert client.request("OPTIONS")[0] == 200


def test_silence_accepts_and_never_answers(clip: Clip) -> None:
    with RtspCamera(clip) as camera, Client(camera) as client:
        camera.silence(True)
        client.ask("OPTIONS")
        assert client.hears_nothing(0.1)
        assert camera.wait_for(lambda: camera.connections[0].methods == ["OPTIONS"], 5)


def test_a_step_of_the_clock_shows_in_media_time_only(clip: Clip) -> None:
    with RtspCamera(clip) as camera, Client(camera) as client:
        client.play()
        assert camera.wait_for(lambda: len(camera.ledger) >= 2, 5)
        camera.step_clock(-100)
        assert camera.wait_for(lambda: camera.ledger[-1].media_time < 0, 5)
        assert camera.wait_for(lambda: len(camera.ledger) >= 5, 5)
        frames = list(camera.ledger)
    assert [frame.number - frames[0].number for frame in frames] == list(range(len(frames)))
    steps = {round((later.media_time - earlier.media_time) * 25) for earlier, later in zip(frames, frames[1:])}
    assert steps == {1, 1 - 100 * 25}


def test_statuses_of_a_camera_that_does_not_serve(clip: Clip) -> None:
    with RtspCamera(clip, max_sessions=1) as camera, Client(camera) as first, Client(camera) as second:
        assert first.request("DESCRIBE", "/wrong")[0] == 404
        assert first.request("PLAY")[0] == 454
        assert first.request("SETUP", "/trackID=1", Transport=_UDP)[0] == 461
        assert first.set_up() == 200
        assert second.set_up() == 453
        camera.answer(500)
        assert second.request("DESCRIBE")[0] == 500
        camera.answer(None)
        assert second.request("DESCRIBE")[0] == 200
        assert first.request("TEARDOWN")[0] == 200
        assert second.set_up() == 200


def test_digest_wants_the_password(clip: Clip) -> None:
    with RtspCamera(clip, username="admin", password="right") as camera, Client(camera) as client:
        status, headers = client.request("DESCRIBE")
        assert (status, camera.refused_attempts) == (401, 0)
        nonce = headers["WWW-Authenticate"].split('nonce="')[1].split('"')[0]
        for password, expected in (("wrong", 401), ("right", 200)):
            secret = hashlib.md5(f"admin:IP Camera:{password}".encode()).hexdigest()
            request = hashlib.md5(f"DESCRIBE:{camera.url}".encode()).hexdigest()
            response = hashlib.md5(f"{secret}:{nonce}:{request}".encode()).hexdigest()
            said = f'Digest username="admin", realm="IP Camera", nonce="{nonce}", response="{response}"'
            assert client.request("DESCRIBE", Authorization=said)[0] == expected
        assert camera.refused_attempts == 1


def test_basic_wants_the_password(clip: Clip) -> None:
    with RtspCamera(clip, username="admin", password="right", auth="basic") as camera, Client(camera) as client:
        assert client.request("DESCRIBE")[0] == 401
        assert client.request("DESCRIBE", Authorization="Basic YWRtaW46d3Jvbmc=")[0] == 401  # admin:wrong
        assert client.request("DESCRIBE", Authorization="Basic YWRtaW46cmlnaHQ=")[0] == 200  # admin:right
        assert camera.refused_attempts == 1
