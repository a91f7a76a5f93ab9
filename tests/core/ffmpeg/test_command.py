from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import pytest

from cctv_cli.core.config.settings import Camera, DemoSource, RtspSource, Settings
from cctv_cli.core.errors import FfmpegError
from cctv_cli.core.ffmpeg.command import (
    Command,
    Ffmpeg,
    Sound,
    can_draw_text,
    escape_tee,
    find_ffmpeg,
    fingerprint,
    inspect,
    record_command,
)
from cctv_cli.core.layout import parse_incoming, parse_live_segment
from cctv_cli.core.media.segment_file import measure
from cctv_cli.core.media.span import TICKS
from cctv_cli.core.units import Secret

posix = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins for FFmpeg are shell scripts")

PASSWORD = 'p@ss:w/ö"rd%'
ENCODED = "p%40ss%3Aw%2F%C3%B6%22rd%25"
GATE = RtspSource("192.168.1.100", 554, "/Streaming/Channels/401", "admin", Secret(PASSWORD))
URL = f"rtsp://admin:{ENCODED}@192.168.1.100:554/Streaming/Channels/401"
RUN = "0123456789abcdef"

FFMPEG = Ffmpeg("/usr/bin/ffmpeg", "5.1.9-0+deb12u1", 5, frozenset({"libx264", "aac"}))
OLDEST = replace(FFMPEG, version="5.0.3")
NEWEST = replace(FFMPEG, version="n9.0.2-17-g2a571b6068", major=9)
MAC = replace(FFMPEG, encoders=frozenset({"h264_videotoolbox", "aac"}))
WITH_FONT = replace(FFMPEG, drawtext=True)


# ---- whole commands

START = ("/usr/bin/ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+warning")
CONCAT = ("-f", "concat", "-safe", "0", "-protocol_whitelist", "pipe,tcp,rtsp,rtp,udp,tls", "-i", "pipe:0")
RTSP = ("-fpsprobesize", "0", *CONCAT, "-map", "0:v:0", "-map", "0:a:0?")
COPY = ("-c:v", "copy", "-copytb", "1")
AAC = ("-c:a", "aac", "-b:a", "128000", "-ar", "48000")
TEE = ("-max_interleave_delta", "500000", "-metadata", "cctv_run=0123456789abcdef", "-f", "tee")

SEGMENT = (
    "individual_header_trailer=0:max_interleave_delta=500000:segment_format=mpegts"
    ":segment_format_options=flush_packets=1"
)
RECORDING = (
    f"[f=segment:onfail=abort:segment_time=60:segment_atclocktime=1:{SEGMENT}].incoming/0123456789abcdef/%06d.ts"
)
LIVE = f"[f=segment:onfail=ignore:segment_time=10:{SEGMENT}:segment_start_number=7]"

DECODE = ("-threads", "2", "-thread_type", "slice")
TRANSCODE = ("-c:v", "libx264", "-b:v", "2000000", "-maxrate", "2000000", "-bufsize", "4000000")
TRANSCODE += ("-pix_fmt", "yuv420p", "-threads", "2", "-preset", "veryfast", "-tune", "zerolatency")
KEYFRAMES = ("-force_key_frames", "expr:gte(t,n_forced*2)")
DEMO = ("-c:v", "libx264", "-b:v", "2000000", "-maxrate", "2000000", "-bufsize", "4000000")
DEMO += ("-pix_fmt", "yuv420p", "-threads", "2", "-preset", "ultrafast", "-tune", "zerolatency", *KEYFRAMES)
PICTURE = "testsrc2=size=640x360:rate=25"
CLOCK = ",drawtext=text='%{localtime}':x=20:y=300:fontsize=32:fontcolor=white:box=1:boxcolor=black"
TONE = ("-re", "-f", "lavfi", "-i", "sine=frequency=440:beep_factor=2:sample_rate=48000")


def case(
    name: str,
    expected: Sequence[str],
    *,
    ffmpeg: Ffmpeg = FFMPEG,
    camera: Optional[Camera] = None,
    settings: Optional[Settings] = None,
    sound: Sound = Sound.ENCODED,
    begins: float = 0.0,
    live_folder: Optional[Path] = None,
) -> object:
    command = record_command(
        ffmpeg,
        camera or Camera("gate", "Gate", GATE),
        settings or Settings(),
        run=RUN,
        first_live=7,
        sound=sound,
        begins=begins,
        live_folder=live_folder,
    )
    return pytest.param(command, tuple(expected), id=name)


OUTPUT = f"{RECORDING}|{LIVE}live/segment%d.ts"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        case("video copied, sound encoded", [*START, *RTSP, *COPY, *AAC, *TEE, OUTPUT]),
        case(
            "beginning later than its main stream",
            [*START, *RTSP, *COPY, *AAC, "-output_ts_offset", "2.001"]
            + [*TEE, OUTPUT.replace(":segment_start", ":segment_atclocktime=1:segment_start")],
            begins=2.0009,
        ),
        case("AAC copied", [*START, *RTSP, *COPY, "-c:a", "copy", *TEE, OUTPUT], sound=Sound.COPIED),
        case(
            "audio bit rate",
            [*START, *RTSP, *COPY, "-c:a", "aac", "-b:a", "64000", "-ar", "48000", *TEE, OUTPUT],
            settings=Settings(audio_bitrate=64_000),
        ),
        case(
            "segment duration",
            [*START, *RTSP, *COPY, *AAC, *TEE, OUTPUT.replace("segment_time=10", "segment_time=4")],
            settings=Settings(segment_duration=4),
        ),
        case(
            "transcoded",
            [*START, *DECODE, *RTSP, *TRANSCODE, "-fps_mode", "passthrough", "-enc_time_base", "1:90000"]
            + [*KEYFRAMES, *AAC, *TEE, OUTPUT],
            camera=Camera("gate", "Gate", GATE, transcode=True),
        ),
        case(
            "transcoded by FFmpeg 5.0",
            [*START, *DECODE, *RTSP, *TRANSCODE, "-vsync", "passthrough", "-enc_time_base", "1:90000"]
            + [*KEYFRAMES, *AAC, *TEE, OUTPUT],
            ffmpeg=OLDEST,
            camera=Camera("gate", "Gate", GATE, transcode=True),
        ),
        case(
            "transcoded by FFmpeg 9",
            [*START, *DECODE, *RTSP, *TRANSCODE, "-fps_mode", "passthrough", "-enc_time_base", "1:90000"]
            + [*KEYFRAMES, *AAC, *TEE, OUTPUT],
            ffmpeg=NEWEST,
            camera=Camera("gate", "Gate", GATE, transcode=True),
        ),
        case(
            "transcoded by hardware, with bit rate and threads",
            [*START, "-threads", "1", "-thread_type", "slice", *RTSP, "-c:v", "h264_videotoolbox"]
            + ["-b:v", "500000", "-maxrate", "500000", "-bufsize", "1000000"]
            + ["-pix_fmt", "yuv420p", "-threads", "1", "-fps_mode", "passthrough", "-enc_time_base", "1:90000"]
            + [*KEYFRAMES, *AAC, *TEE, OUTPUT],
            ffmpeg=MAC,
            camera=Camera("gate", "Gate", GATE, transcode=True),
            settings=Settings(video_bitrate=500_000, ffmpeg_threads=1),
        ),
        case(
            "demo without sound",
            [*START, "-re", "-f", "lavfi", "-i", PICTURE, "-map", "0:v:0", *DEMO, *AAC, *TEE, OUTPUT],
            camera=Camera("demo", "Demo", DemoSource(tone=False)),
        ),
        case(
            "demo with a tone and a clock",
            [*START, "-re", "-f", "lavfi", "-i", PICTURE + CLOCK, *TONE, "-map", "0:v:0", "-map", "1:a:0"]
            + [*DEMO, *AAC, *TEE, OUTPUT],
            ffmpeg=WITH_FONT,
            camera=Camera("demo", "Demo", DemoSource(tone=True)),
        ),
    ],
)
def test_a_whole_command(command: Command, expected: Tuple[str, ...]) -> None:
    assert command.argv == expected


def test_the_camera_is_asked_through_standard_input() -> None:
    command = record_command(
        FFMPEG, Camera("gate", "Gate", GATE), Settings(), run=RUN, first_live=0, sound=Sound.ENCODED
    )
    assert command.stdin is not None
    assert command.stdin.reveal() == (
        "ffconcat version 1.0\n"
        f"file {URL}\n"
        "option rtsp_transport tcp\n"
        "option timeout 5000000\n"
        "option correct_ts_overflow 0\n"
        "option fpsprobesize 0\n"
        "option allowed_media_types video+audio\n"
    )


@pytest.mark.parametrize("sound", [Sound.NONE, Sound.SILENCE])
def test_sound_that_is_not_written_is_not_asked_for(sound: Sound) -> None:
    command = record_command(FFMPEG, Camera("gate", "Gate", GATE), Settings(), run=RUN, first_live=0, sound=sound)
    assert command.stdin is not None
    assert "option allowed_media_types video\n" in command.stdin.reveal()


def test_a_demo_has_nothing_to_read() -> None:
    camera = Camera("demo", "Demo", DemoSource(tone=True))
    command = record_command(FFMPEG, camera, Settings(), run=RUN, first_live=0, sound=Sound.ENCODED)
    assert command.stdin is None


@pytest.mark.parametrize("transcode", [False, True])
def test_no_password_stands_in_a_command(transcode: bool) -> None:
    camera = Camera("gate", "Gate", GATE, transcode=transcode)
    command = record_command(FFMPEG, camera, Settings(), run=RUN, first_live=0, sound=Sound.COPIED)
    shown = " ".join(command.argv) + repr(command)
    assert PASSWORD not in shown
    assert ENCODED not in shown


@posix
@pytest.mark.parametrize(
    ("folder", "escaped"),
    [
        ("/mnt/ram/gate/live", "/mnt/ram/gate/live"),
        ("/mnt/my cameras/live", "/mnt/my\\ cameras/live"),
        ("/mnt/100%/%d", "/mnt/100%%/%%d"),
        ("/mnt/bob's", "/mnt/bob\\'s"),
        ("/mnt/a|b", "/mnt/a\\|b"),
        ("/mnt/a\\b", "/mnt/a\\\\b"),
        ("/mnt/[a:b]", "/mnt/[a:b]"),
        ("/mnt/Süd", "/mnt/Süd"),
    ],
    ids=["plain", "space", "percent", "quote", "pipe", "backslash", "brackets and colon", "umlaut"],
)
def test_a_live_path_reaches_tee_as_it_is_meant(folder: str, escaped: str) -> None:
    command = record_command(
        FFMPEG,
        Camera("gate", "Gate", GATE),
        Settings(),
        run=RUN,
        first_live=7,
        sound=Sound.ENCODED,
        live_folder=Path(folder),
    )
    assert command.argv[-1] == f"{RECORDING}|{LIVE}{escaped}/segment%d.ts"


def test_a_relative_live_path_does_not_depend_on_the_cameras_folder() -> None:
    assert escape_tee(Path("ram")) == escape_tee(Path.cwd() / "ram")


@posix
def test_ffmpeg_writes_both_branches_where_they_are_expected(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    live = tmp_path / " my %d |'cameras'\\ [a:b] Süd " / "live"
    folder = tmp_path / "gate"
    for path in (live, folder / ".incoming" / RUN):
        path.mkdir(parents=True)
    command = record_command(
        ffmpeg,
        Camera("demo", "Demo", DemoSource(tone=True)),
        Settings(segment_duration=1),
        run=RUN,
        first_live=7,
        sound=Sound.ENCODED,
        live_folder=live,
    )
    argv = [part for part in command.argv if part != "-re"]
    argv[-3:-3] = ["-t", "3"]
    done = subprocess.run(argv, cwd=folder, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")
    numbers = sorted(filter(None, (parse_live_segment(path.name) for path in live.iterdir())))
    assert numbers[0] == 7
    assert len(numbers) == len(list(live.iterdir()))
    incoming = sorted((folder / ".incoming" / RUN).iterdir())
    assert [parse_incoming(path.name) for path in incoming] == list(range(len(incoming)))
    spans = [measure(path) for path in incoming]
    assert sum(span.frames for span in spans if span is not None) == 75


def test_a_stream_that_begins_late_is_not_cut_at_every_key_frame(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    command = record_command(
        ffmpeg,
        Camera("demo", "Demo", DemoSource(tone=True)),
        Settings(segment_duration=4),  # there is a key frame every two seconds
        run=RUN,
        first_live=0,
        sound=Sound.ENCODED,
        begins=1000.0,
        recording=False,
    )
    argv = list(command.argv)
    argv[-3:-3] = ["-t", "7"]
    subprocess.run(argv, cwd=tmp_path, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=True)
    spans = [span for span in map(measure, sorted((tmp_path / "live").iterdir())) if span is not None]
    assert len(spans) <= 3  # four seconds pass twice at the most
    assert 1000 <= spans[0].first / TICKS < 1002
    assert sum(span.frames for span in spans) == 7 * 25


# ---- fingerprints


def fingerprint_of(
    source: RtspSource = GATE, settings: Optional[Settings] = None, *, sound: Sound = Sound.ENCODED
) -> str:
    camera = Camera("gate", "Gate", source)
    command = record_command(FFMPEG, camera, settings or Settings(), run="", first_live=0, sound=sound)
    return fingerprint(command, source)


def test_the_same_command_has_the_same_fingerprint() -> None:
    assert fingerprint_of() == fingerprint_of()


@pytest.mark.parametrize(
    "other",
    [
        fingerprint_of(replace(GATE, host="192.168.1.101")),
        fingerprint_of(replace(GATE, target="/Streaming/Channels/402")),
        fingerprint_of(replace(GATE, username="viewer")),
        fingerprint_of(settings=Settings(segment_duration=4)),
        fingerprint_of(settings=Settings(audio_bitrate=64_000)),
        fingerprint_of(sound=Sound.COPIED),
    ],
    ids=["host", "channel", "user", "segment duration", "bit rate", "AAC"],
)
def test_another_command_has_another_fingerprint(other: str) -> None:
    assert other != fingerprint_of()


def test_a_fingerprint_tells_nothing_about_the_password() -> None:
    assert fingerprint_of(replace(GATE, password=Secret("other"))) == fingerprint_of()


# ---- finding

BANNERS: Dict[str, Tuple[str, int]] = {
    "Debian": ("5.1.9-0+deb12u1", 59),
    "oldest": ("5.0", 59),
    "release": ("7.1.1", 61),
    "bundled": ("n9.0.2-17-g2a571b6068-20260930", 63),
    "Windows": ("8.0-essentials_build-www.gyan.dev", 62),
    "git": ("N-118193-g5f38c82536-20241230", 61),
    "git of Windows": ("2025-01-02-git-a8e9d5a3e6-full_build-www.gyan.dev", 61),
    "Ubuntu 22.04": ("4.4.2-0ubuntu0.22.04.1", 58),
    "old git": ("N-98765-g0123456789", 58),
}


def stand_in(folder: Path, build: str) -> str:
    """An executable that answers as this build of FFmpeg does."""
    version, libavformat = BANNERS[build]
    return script(
        folder,
        f"""\
        case "$*" in
        *-version*)
            echo 'ffmpeg version {version} Copyright (c) 2000-2026 the FFmpeg developers'
            echo 'libavutil      57. 28.100 / 57. 28.100'
            echo 'libavformat    {libavformat}. 27.100 / {libavformat}. 27.100';;
        *-encoders*)
            echo ' V..... = Video'
            echo ' V....D libx264              libx264 H.264 / AVC / MPEG-4 AVC / MPEG-4 part 10 (codec h264)'
            echo ' A....D aac                  AAC (Advanced Audio Coding)';;
        esac
        """,
    )


def script(folder: Path, text: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return str(path)


def bundle(monkeypatch: pytest.MonkeyPatch, folder: Path, exe: Optional[str]) -> None:
    """Install a stand-in for the `ffmpeg` extra; without an executable it finds none."""
    folder.mkdir()
    answer = "raise RuntimeError('no ffmpeg exe')" if exe is None else f"return {exe!r}"
    (folder / "imageio_ffmpeg.py").write_text(f"def get_ffmpeg_exe():\n    {answer}\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "imageio_ffmpeg", raising=False)


@pytest.fixture
def empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with one folder, still empty."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@posix
@pytest.mark.parametrize(
    ("build", "major"),
    [
        ("Debian", 5),
        ("oldest", 5),
        ("release", 7),
        ("bundled", 9),
        ("Windows", 8),
        ("git", None),
        ("git of Windows", None),
    ],
)
def test_versions_are_read(tmp_path: Path, build: str, major: Optional[int]) -> None:
    found = inspect(stand_in(tmp_path, build))
    assert (found.version, found.major) == (BANNERS[build][0], major)
    assert {"libx264", "aac"} <= found.encoders
    assert found.h264_encoder == "libx264"


@posix
@pytest.mark.parametrize("build", ["Ubuntu 22.04", "old git"])
def test_an_old_ffmpeg_is_refused_with_the_cure(tmp_path: Path, build: str) -> None:
    path = stand_in(tmp_path, build)
    with pytest.raises(FfmpegError) as refused:
        inspect(path)
    for part in (path, BANNERS[build][0], "needs 5 or newer", "cctv-cli[ffmpeg]", "FFMPEG_PATH"):
        assert part in str(refused.value)
    assert "\n" not in str(refused.value)


@posix
@pytest.mark.parametrize(
    "text",
    ["echo 'Python 3.11.2'", "exit 127", "echo 'error while loading shared libraries: libx264.so.164' >&2; exit 127"],
    ids=["another program", "nothing", "broken installation"],
)
def test_what_does_not_answer_as_ffmpeg_is_refused(tmp_path: Path, text: str) -> None:
    path = script(tmp_path, text)
    with pytest.raises(FfmpegError, match="does not answer as FFmpeg does; install it") as refused:
        inspect(path)
    assert path in str(refused.value)


@posix
def test_what_cannot_be_executed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ffmpeg"
    path.write_bytes(b"\x7fELF for another machine")
    path.chmod(0o755)
    with pytest.raises(FfmpegError, match="does not start"):
        inspect(str(path))


def test_an_ffmpeg_without_h264_is_named_when_it_is_needed() -> None:
    with pytest.raises(FfmpegError, match=r"/usr/bin/ffmpeg has no H\.264 encoder"):
        _ = replace(FFMPEG, encoders=frozenset({"aac"})).h264_encoder


@posix
def test_the_configured_path_comes_first(tmp_path: Path, empty_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(empty_path, "Debian")
    bundle(monkeypatch, tmp_path / "site", stand_in(tmp_path / "bundled", "bundled"))
    configured = stand_in(tmp_path / "mine", "release")
    assert find_ffmpeg(Path(configured)).path == configured


@posix
def test_then_the_one_on_the_path(tmp_path: Path, empty_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = stand_in(empty_path, "Debian")
    bundle(monkeypatch, tmp_path / "site", stand_in(tmp_path / "bundled", "bundled"))
    assert find_ffmpeg(None).path == on_path


@posix
def test_then_the_bundled_one(tmp_path: Path, empty_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = stand_in(tmp_path / "bundled", "bundled")
    bundle(monkeypatch, tmp_path / "site", bundled)
    assert find_ffmpeg(None).path == bundled


@posix
def test_the_cure_for_an_old_ffmpeg_cures(tmp_path: Path, empty_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Ubuntu 22.04 has 4.4 on PATH; whoever installs the extra as the error says must be helped by it
    stand_in(empty_path, "Ubuntu 22.04")
    bundled = stand_in(tmp_path / "bundled", "bundled")
    bundle(monkeypatch, tmp_path / "site", bundled)
    assert find_ffmpeg(None).path == bundled


@posix
def test_no_ffmpeg_at_all_says_how_to_get_one(
    tmp_path: Path, empty_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle(monkeypatch, tmp_path / "site", None)
    with pytest.raises(FfmpegError, match=r"was not found; install it \(apt install ffmpeg"):
        find_ffmpeg(None)


def test_a_wrong_configured_path_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(FfmpegError, match="correct FFMPEG_PATH or remove it") as refused:
        find_ffmpeg(tmp_path / "none")
    assert str(tmp_path / "none") in str(refused.value)


def test_a_real_ffmpeg_is_usable(ffmpeg: Ffmpeg) -> None:
    assert find_ffmpeg(Path(ffmpeg.path)) == ffmpeg
    assert ffmpeg.major is None or ffmpeg.major >= 5
    assert "aac" in ffmpeg.encoders
    assert "=" not in ffmpeg.encoders  # a line of the legend


# ---- the clock of a demo


@posix
@pytest.mark.parametrize(("status", "drawn"), [(0, True), (1, False)], ids=["a font", "no font"])
def test_a_clock_is_drawn_where_ffmpeg_can(tmp_path: Path, status: int, drawn: bool) -> None:
    assert can_draw_text(replace(FFMPEG, path=script(tmp_path, f"exit {status}"))) is drawn


def test_without_ffmpeg_no_clock_is_drawn(tmp_path: Path) -> None:
    assert not can_draw_text(replace(FFMPEG, path=str(tmp_path / "none")))


def test_a_real_ffmpeg_draws_the_clock_that_it_says_it_can(ffmpeg: Ffmpeg) -> None:
    able = replace(ffmpeg, drawtext=can_draw_text(ffmpeg))
    camera = Camera("demo", "Demo", DemoSource(tone=False))
    command = record_command(able, camera, Settings(), run=RUN, first_live=0, sound=Sound.ENCODED)
    picture = command.argv[command.argv.index("-i") + 1]
    assert ("drawtext" in picture) is able.drawtext
    argv: List[str] = [ffmpeg.path, "-loglevel", "error", "-f", "lavfi", "-i", f"{picture}", "-t", "0.1"]
    done = subprocess.run([*argv, "-f", "null", os.devnull], stdin=subprocess.DEVNULL, timeout=60, check=False)
    assert done.returncode == 0
