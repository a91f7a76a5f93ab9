from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Iterator, List, Optional

import pytest

from cctv_cli.core.config.rtsp_url import parse_rtsp_url
from cctv_cli.core.config.settings import Camera, RtspSource, Settings
from cctv_cli.core.ffmpeg.command import AudioOutput, Ffmpeg, record_command
from cctv_cli.core.ffmpeg.diagnosis import diagnose, redact
from cctv_cli.core.units import Secret
from tests.support.clip import make_clip
from tests.support.rtsp_camera import RtspCamera
from tests.support.waiting import HANG

PASSWORD = "s3cr:t/@#%"
ENCODED = "s3cr%3At%2F%40%23%25"
SOURCE = RtspSource("192.168.1.100", 554, "/Streaming/Channels/101", "admin", Secret(PASSWORD))


@pytest.fixture(scope="module")
def door(ffmpeg: Ffmpeg, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspCamera]:
    clip = make_clip(ffmpeg.path, tmp_path_factory.mktemp("clip"), seconds=1, audio=None)
    path = "/Streaming/Channels/401?user=admin&password=in-the-query"
    with RtspCamera(clip, path=path, username="admin", password=PASSWORD) as camera:
        yield camera


def output_of(ffmpeg: Ffmpeg, source: RtspSource, folder: Path) -> List[str]:
    for name in (".incoming/0123456789abcdef", "live"):
        (folder / name).mkdir(parents=True)
    camera = Camera("door", "Door", source)
    command = record_command(
        ffmpeg, camera, Settings(), run="0123456789abcdef", first_live=0, codec="h264", audio=AudioOutput.ENCODED
    )
    assert command.stdin is not None
    done = subprocess.run(
        command.argv,
        cwd=folder,
        input=command.stdin.reveal().encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=HANG,
        check=False,
    )
    assert done.returncode != 0
    return done.stderr.decode().splitlines()


@pytest.mark.parametrize(
    ("status", "method", "cause"),
    [
        (401, "DESCRIBE", "unauthorized"),
        (404, "DESCRIBE", "not found"),
        (453, "DESCRIBE", "busy"),
        (453, "SETUP", "busy"),
        (500, "SETUP", "busy"),
        (503, "SETUP", "busy"),
        (461, "SETUP", "refused request"),
        (454, "PLAY", "refused request"),
        (405, "OPTIONS", "refused request"),
        (551, "SETUP", "refused request"),
        (400, "DESCRIBE", "refused request"),
        (403, "DESCRIBE", "forbidden"),
        (None, "DESCRIBE", "refused"),
    ],
)
def test_output_of_a_real_ffmpeg_is_diagnosed_and_redacted(
    ffmpeg: Ffmpeg, door: RtspCamera, tmp_path: Path, status: Optional[int], method: str, cause: str
) -> None:
    source = parse_rtsp_url(door.login_url)
    door.answer(status, method)
    door.refuse(status is None)
    try:
        lines = output_of(ffmpeg, source, tmp_path)
    finally:
        door.answer(None, method)
        door.refuse(False)
    assert any(ENCODED in line for line in lines), (
        "FFmpeg prints passwords; if it no longer does, redact() can be removed"
    )
    shown = [redact(line, source) for line in lines]
    assert diagnose(shown, 1).cause == cause
    for secret in (PASSWORD, ENCODED, "in-the-query"):
        assert secret not in "\n".join(shown)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("[rtsp @ 0x5] [error] method DESCRIBE failed: 401 Unauthorized", "unauthorized"),
        ("[rtsp @ 0x5] [error] method DESCRIBE failed: 401 (Unauthorized)", "unauthorized"),
        ("[error] pipe:0: Server returned 401 Unauthorized (authorization failed)", "unauthorized"),
        ("[rtsp @ 0x5] [error] method DESCRIBE failed: 401 Nicht erlaubt", "unauthorized"),
        ("[rtsp @ 0x5] [error] method DESCRIBE failed: 404 (Not Found)", "not found"),
        ("[rtsp @ 0x5] [error] method DESCRIBE failed: 404 Unauthorized", "not found"),
        ("[rtsp @ 0x5] [error] method DESCRIBE failed: 500 Server returned 401 Unauthorized", "busy"),
        ("[rtsp @ 0x5] [error] method PLAY failed: 503 method DESCRIBE failed: 401", "busy"),
        ("[rtsp @ 0x5] [error] method DESCRIBE failed: 401 No space left on device", "unauthorized"),
        ("[sdp @ 0x5] [warning] Unauthorized", "ended"),
        ("[rtsp @ 0x5] [error] method DESCRIBE failed: 404 Stream Not Found", "not found"),
        ("[rtsp @ 0x5] [error] method SETUP failed: 453 (Not Enough Bandwidth)", "busy"),
        ("[rtsp @ 0x5] [error] method SETUP failed: 453 Too Many Sessions", "busy"),
        ("[rtsp @ 0x5] [error] method SETUP failed: 500 Internal Server Error", "busy"),
        ("[rtsp @ 0x5] [error] method DESCRIBE failed: 503 (Service Unavailable)", "busy"),
        ("[rtsp @ 0x5] [error] method DESCRIBE failed: 500 Internal Server Error", "busy"),
        ("[rtsp @ 0x5] [error] method SETUP failed: 461 Unsupported Transport", "refused request"),
        ("[rtsp @ 0x5] [error] method OPTIONS failed: 405 Method Not Allowed", "refused request"),
        ("[in#0 @ 0x5] [error] method PLAY failed: 454 (Session Not Found)", "refused request"),
        ("[rtsp @ 0x5] [error] method DESCRIBE failed: 403 (Forbidden)", "forbidden"),
        ("[adts @ 0x5] [error] MPEG-4 AOT 39 is not allowed in ADTS", "audio"),
        ("[tcp @ 0x5] [error] Connection to tcp://10.0.0.9:554?timeout=5000000 failed: Connection refused", "refused"),
        ("[tcp @ 0x5] [error] Failed to resolve hostname cam.local: Name or service not known", "unreachable"),
        ("[tcp @ 0x5] [error] Failed to resolve hostname cam: nodename nor servname provided", "unreachable"),
        ("[tcp @ 0x5] [error] Connection to tcp://10.0.0.9:554 failed: No route to host", "unreachable"),
        ("[tcp @ 0x5] [error] Connection to tcp://10.0.0.9:554 failed: Network is unreachable", "unreachable"),
        ("[tcp @ 0x5] [error] Connection to tcp://10.0.0.9:554 failed: Connection timed out", "silent"),
        ("[error] pipe:0: Invalid data found when processing input", "silent"),
        ("[error] av_interleaved_write_frame(): No space left on device", "disk full"),
        ("[segment @ 0x5] [error] Failed to open segment '.incoming/1/000001.ts': Permission denied", "storage"),
        ("[segment @ 0x5] [error] Failed to open segment 'live/segment1.ts': Read-only file system", "storage"),
        ("[error] av_interleaved_write_frame(): Input/output error", "storage or network"),
    ],
)
def test_a_line_gives_the_cause(line: str, cause: str) -> None:
    found = diagnose(["[hls @ 0x5] [warning] something earlier", line, "[fatal] Conversion failed!"], 1)
    assert found.cause == cause
    assert found.reason


@pytest.mark.parametrize(
    "line",
    [
        "[rtsp @ 0x5] [warning] RTP: missed 401 packets",
        "[rtsp @ 0x5] [warning] RTP: missed 404 packets",
        "[rtsp @ 0x5] [warning] RTP: missed 453 packets",
        "[mpegts @ 0x5] [warning] Non-monotonous DTS in output stream 0:0; previous: 401, current: 401",
        "[h264 @ 0x5] [warning] concealing 401 DC, 401 AC, 401 MV errors in P frame",
        "[error] error reading rtsp://admin:***@192.168.1.100:554/Streaming/Channels/401",
        "[error] error reading rtsp://admin:***@192.168.1.100:404/live",
        "[error] error reading rtsp://admin:***@192.168.1.100:453/live",
    ],
)
def test_other_numbers_are_not_taken_for_a_status(line: str) -> None:
    # "unauthorized" stops all tries for half an hour, and channel 4 of a Hikvision NVR is called 401
    assert diagnose([line], 0).cause == "closed"


def test_a_refused_connection_to_channel_401_is_not_unauthorized() -> None:
    lines = [
        "[tcp @ 0x5] [error] Connection to tcp://192.168.1.100:554?timeout=5000000 failed: Connection refused",
        "[concat @ 0x5] [error] Impossible to open 'rtsp://admin:***@192.168.1.100:554/Streaming/Channels/401'",
        "[error] pipe:0: Connection refused",
    ]
    assert diagnose(lines, 1).cause == "refused"


@pytest.mark.parametrize(
    ("exit_code", "cause", "reason"),
    [
        (0, "closed", "the camera closed the connection"),
        (-9, "killed", "FFmpeg was killed by signal 9"),
        (1, "ended", "FFmpeg exited with code 1; see ffmpeg.log"),
        (None, "ended", "FFmpeg exited; see ffmpeg.log"),
    ],
)
def test_without_output_the_exit_code_gives_the_cause(exit_code: int, cause: str, reason: str) -> None:
    found = diagnose([], exit_code)
    assert (found.cause, found.reason) == (cause, reason)


@pytest.mark.parametrize(
    "line",
    [
        f"Impossible to open 'rtsp://admin:{ENCODED}@192.168.1.100:554/Streaming/Channels/101'",
        f"rtsp://admin:{ENCODED}@192.168.1.100:554/Streaming/Channels/101: Invalid data found",
        f"trying rtsp://admin:{ENCODED}@192.168.1.100:554/Streaming/Channels/101/trackID=1",
        f"trying rtsp://admin:{ENCODED}@192.168.1.100/",
        f"login admin:{ENCODED} failed",
        f"rtsp://admin:{ENCODED}@192.168.1.100:554/a and rtsp://admin:{ENCODED}@192.168.1.100:554/b",
        "redirected to RTSP://other:else@10.0.0.1/",
    ],
)
def test_passwords_are_removed(line: str) -> None:
    shown = redact(line, SOURCE)
    for secret in (PASSWORD, ENCODED, "s3cr", "else"):
        assert secret not in shown


@pytest.mark.parametrize("host", ["192.168.1.100", "camera", "[2001:db8::1]", "192.168.1.100:8554", "[::1]:554"])
@pytest.mark.parametrize(
    "target", ["/live?password=geheim", "/?authbasic=geheim", "/0/user:geheim/main", "?geheim", "#geheim", "/a:geheim"]
)
@pytest.mark.parametrize(
    "line", ["Impossible to open '{}'", 'Opening "{}" for reading', "{}: Invalid data", "in {}", "{} and {}"]
)
def test_of_a_url_only_scheme_host_and_port_are_shown(line: str, host: str, target: str) -> None:
    shown = redact(line.replace("{}", f"rtsp://{host}{target}"), None)
    assert shown == line.replace("{}", f"rtsp://{host}")


@pytest.mark.parametrize(
    "line",
    [
        "[hls @ 0x5] [warning] Non-monotonous DTS in output stream 0:0",
        "mail the admin@example.com",
        "rtsp://192.168.1.100:554: Invalid data found when processing input",
        "trying rtsps://[2001:db8::1]:322 again",
        "(see RTSP://camera)",
    ],
)
def test_other_lines_are_not_changed(line: str) -> None:
    assert redact(line, SOURCE) == line


def test_a_redacted_url_is_still_one_url() -> None:
    line = f"trying rtsp://admin:{ENCODED}@192.168.1.100/other"
    assert redact(line, SOURCE).count("rtsp://") == 1


@pytest.mark.parametrize("password", [None, Secret("")], ids=["none", "empty"])
def test_a_user_without_password_hides_nothing_else(password: Optional[Secret]) -> None:
    source = replace(SOURCE, username="rtsp", password=password)
    assert redact("opening rtsp://10.0.0.1", source) == "opening rtsp://10.0.0.1"
