from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Optional, Sequence, Tuple

import pytest

from cctv_cli.core.config.settings import Camera, DemoSource, RtspSource, Settings
from cctv_cli.core.errors import FfmpegError
from cctv_cli.core.ffmpeg.command import (
    AudioOutput,
    Command,
    Ffmpeg,
    fingerprint,
    record_command,
)
from cctv_cli.core.ffmpeg.diagnosis import is_chatter
from cctv_cli.core.layout import parse_incoming, parse_live_segment
from cctv_cli.core.media.segment_file import measure
from cctv_cli.core.media.span import TICKS
from cctv_cli.core.units import Secret
from tests.support.waiting import HANG

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

START = ("/usr/bin/ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info")
CONCAT = ("-f", "concat", "-safe", "0", "-protocol_whitelist", "pipe,tcp,rtsp,rtp,udp,tls", "-i", "pipe:0")
RTSP = ("-fpsprobesize", "0", *CONCAT, "-map", "0:v:0", "-map", "0:a:0?")
USUAL = r"max(1\,(PREV_OUTDTS-STARTDTS)/max(1\,N-1))"
WAITED = r"floor(100*max(ld(2)\,ld(3)))/100"
DOUBTFUL = r"if(lt((PREV_OUTDTS-STARTDTS)*TB\,30)\,30\,1)"
LEAD = r"max(ld(4)\,ld(5))"
WRONG = rf"lt(DTS\,PREV_INDTS)+gt(ld(6)\,{DOUBTFUL})"
FAR_OFF = r"lt((DTS-PREV_INDTS)*TB\,-60)+gt(ld(6)\,60)"
STEP = rf"if(if(lt(N\,16)\,{FAR_OFF}\,{WRONG})\,max({USUAL}\,if(gt({WAITED}\,1)\,{WAITED}/TB\,0))\,DTS-PREV_INDTS)"
UNKNOWN = r"eq(DTS\,NOPTS)+eq(PREV_INDTS\,NOPTS)"
SAME = r"N*eq(floor(ld(0)/300)\,floor(ld(1)/300))"
TIMES = (
    r"st(0\,if(N\,ld(8)\,time(0)));st(2\,if(N\,ld(0)-ld(1)\,0));"
    rf"st(6\,(PREV_OUTDTS+DTS-PREV_INDTS)*TB-ld(0)-{LEAD});"
    rf"st(7\,if({UNKNOWN}\,DTS\,PREV_OUTDTS+{STEP}));"
    rf"st(5\,if({SAME}\,ld(5)\,if(N\,ld(4)\,ld(7)*TB-ld(0))));"
    rf"st(4\,if({SAME}\,max(ld(4)\,ld(7)*TB-ld(0))\,ld(7)*TB-ld(0)));"
    r"st(1\,ld(0));st(3\,ld(2))"
)
NEXT = r";st(8\,time(0));"
CONTINUOUS = (
    f"setts=dts={TIMES}{NEXT}ld(7):"
    rf"pts={TIMES}{NEXT}if(eq(PTS\,NOPTS)\,PTS\,if(eq(DTS\,NOPTS)\,PTS\,PTS-DTS+ld(7)))"
)
FRAME_TIMES = TIMES.replace("\\,", ",").replace("if(N,ld(8),time(0))", "time(0)").replace("DTS", "PTS")
FRAMES = FRAME_TIMES.replace("eq(PTS,NOPTS)+eq(PREV_INPTS,NOPTS)", "isnan(PTS)+isnan(PREV_INPTS)")
CONTINUOUS_FRAMES = ("-vf", f"setpts='{FRAMES};ld(7)'")
UNTIL_NEXT = (
    r"st(0\,if(N\,ld(1)\,time(0)));st(1\,time(0));"
    r"if(between(NEXT_DTS-DTS\,0\,if(lt(N\,16)\,60\,ld(1)-ld(0)+1)/TB)\,NEXT_DTS-DTS\,DURATION)"
)
COPY = ("-c:v", "copy", "-copytb", "1", "-bsf:v", f"{CONTINUOUS}:duration={UNTIL_NEXT}")
ENCODED_TONE = ("-c:a", "aac", "-b:a", "128000", "-ar", "48000")
AAC = (*ENCODED_TONE, "-bsf:a", CONTINUOUS)
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
    audio: AudioOutput = AudioOutput.ENCODED,
    begins: float = 0.0,
    live_folder: Optional[Path] = None,
) -> object:
    command = record_command(
        ffmpeg,
        camera or Camera("gate", "Gate", GATE),
        settings or Settings(),
        run=RUN,
        first_live=7,
        audio=audio,
        begins=begins,
        live_folder=live_folder,
    )
    return pytest.param(command, tuple(expected), id=name)


OUTPUT = f"{RECORDING}|{LIVE}live/segment%d.ts"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        case("video copied, audio encoded", [*START, *RTSP, *COPY, *AAC, *TEE, OUTPUT]),
        case(
            "beginning later than its main stream",
            [*START, *RTSP, *COPY, *AAC, "-output_ts_offset", "2.001"]
            + [*TEE, OUTPUT.replace(":segment_start", ":segment_atclocktime=1:segment_start")],
            begins=2.0009,
        ),
        case(
            "AAC copied",
            [*START, *RTSP, *COPY, "-c:a", "copy", "-copyinkf:a", "-bsf:a", CONTINUOUS, *TEE, OUTPUT],
            audio=AudioOutput.COPIED,
        ),
        case(
            "audio bit rate",
            [*START, *RTSP, *COPY, "-c:a", "aac", "-b:a", "64000", "-ar", "48000", "-bsf:a", CONTINUOUS, *TEE, OUTPUT],
            settings=Settings(audio_bitrate=64_000),
        ),
        case(
            "segment duration",
            [*START, *RTSP, *COPY, *AAC, *TEE, OUTPUT.replace("segment_time=10", "segment_time=4")],
            settings=Settings(segment_duration=4),
        ),
        case(
            "transcoded",
            [
                *START,
                *DECODE,
                *RTSP,
                *TRANSCODE,
                "-fps_mode",
                "passthrough",
                "-enc_time_base",
                "1:90000",
                *CONTINUOUS_FRAMES,
            ]
            + [*KEYFRAMES, *AAC, *TEE, OUTPUT],
            camera=Camera("gate", "Gate", GATE, transcode=True),
        ),
        case(
            "transcoded by FFmpeg 5.0",
            [
                *START,
                *DECODE,
                *RTSP,
                *TRANSCODE,
                "-vsync",
                "passthrough",
                "-enc_time_base",
                "1:90000",
                *CONTINUOUS_FRAMES,
            ]
            + [*KEYFRAMES, *AAC, *TEE, OUTPUT],
            ffmpeg=OLDEST,
            camera=Camera("gate", "Gate", GATE, transcode=True),
        ),
        case(
            "transcoded by FFmpeg 9",
            [
                *START,
                *DECODE,
                *RTSP,
                *TRANSCODE,
                "-fps_mode",
                "passthrough",
                "-enc_time_base",
                "1:90000",
                *CONTINUOUS_FRAMES,
            ]
            + [*KEYFRAMES, *AAC, *TEE, OUTPUT],
            ffmpeg=NEWEST,
            camera=Camera("gate", "Gate", GATE, transcode=True),
        ),
        case(
            "transcoded by hardware, with bit rate and threads",
            [*START, "-threads", "1", "-thread_type", "slice", *RTSP, "-c:v", "h264_videotoolbox"]
            + ["-b:v", "500000", "-maxrate", "500000", "-bufsize", "1000000"]
            + [
                "-pix_fmt",
                "yuv420p",
                "-threads",
                "1",
                "-fps_mode",
                "passthrough",
                "-enc_time_base",
                "1:90000",
                *CONTINUOUS_FRAMES,
            ]
            + [*KEYFRAMES, *AAC, *TEE, OUTPUT],
            ffmpeg=MAC,
            camera=Camera("gate", "Gate", GATE, transcode=True),
            settings=Settings(video_bitrate=500_000, ffmpeg_threads=1),
        ),
        case(
            "demo without audio",
            [*START, "-re", "-f", "lavfi", "-i", PICTURE, "-map", "0:v:0", *DEMO, *ENCODED_TONE, *TEE, OUTPUT],
            camera=Camera("demo", "Demo", DemoSource(tone=False)),
        ),
        case(
            "demo with a tone and a clock",
            [*START, "-re", "-f", "lavfi", "-i", PICTURE + CLOCK, *TONE, "-map", "0:v:0", "-map", "1:a:0"]
            + [*DEMO, *ENCODED_TONE, *TEE, OUTPUT],
            ffmpeg=WITH_FONT,
            camera=Camera("demo", "Demo", DemoSource(tone=True)),
        ),
    ],
)
def test_a_whole_command(command: Command, expected: Tuple[str, ...]) -> None:
    assert command.argv == expected


def test_the_input_is_described_on_standard_input() -> None:
    command = record_command(
        FFMPEG, Camera("gate", "Gate", GATE), Settings(), run=RUN, first_live=0, audio=AudioOutput.ENCODED
    )
    assert command.stdin is not None
    assert command.stdin.reveal() == (
        "ffconcat version 1.0\n"
        f"file {URL}\n"
        "option rtsp_transport tcp\n"
        "option timeout 5000000\n"
        "option user_agent cctv\n"
        "option correct_ts_overflow 0\n"
        "option fpsprobesize 0\n"
        "option allowed_media_types video+audio\n"
    )


def test_a_slow_camera_is_waited_for_and_analysed_by_its_first_frames() -> None:
    command, usual = (
        record_command(
            FFMPEG,
            Camera("gate", "Gate", GATE),
            Settings(),
            run=RUN,
            first_live=0,
            audio=AudioOutput.ENCODED,
            silence=silence,
        )
        for silence in (20.0, 5.0)
    )
    assert command.stdin is not None and usual.stdin is not None
    options = (
        "option timeout 20000000\noption user_agent cctv\noption analyzeduration 20000000\noption max_ts_probe 1\n"
    )
    assert command.stdin.reveal() == usual.stdin.reveal().replace(
        "option timeout 5000000\noption user_agent cctv\n", options
    )
    assert command.argv == usual.argv  # a change of patience is no reason to start another FFmpeg


@pytest.mark.parametrize("audio", [AudioOutput.NONE, AudioOutput.SILENCE])
def test_audio_that_is_not_written_is_not_requested(audio: AudioOutput) -> None:
    command = record_command(FFMPEG, Camera("gate", "Gate", GATE), Settings(), run=RUN, first_live=0, audio=audio)
    assert command.stdin is not None
    assert "option allowed_media_types video\n" in command.stdin.reveal()


def test_a_demo_has_no_standard_input() -> None:
    camera = Camera("demo", "Demo", DemoSource(tone=True))
    command = record_command(FFMPEG, camera, Settings(), run=RUN, first_live=0, audio=AudioOutput.ENCODED)
    assert command.stdin is None


@pytest.mark.parametrize("transcode", [False, True])
def test_a_command_contains_no_password(transcode: bool) -> None:
    camera = Camera("gate", "Gate", GATE, transcode=transcode)
    command = record_command(FFMPEG, camera, Settings(), run=RUN, first_live=0, audio=AudioOutput.COPIED)
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
def test_a_live_path_is_escaped_for_tee(folder: str, escaped: str) -> None:
    command = record_command(
        FFMPEG,
        Camera("gate", "Gate", GATE),
        Settings(),
        run=RUN,
        first_live=7,
        audio=AudioOutput.ENCODED,
        live_folder=Path(folder),
    )
    assert command.argv[-1] == f"{RECORDING}|{LIVE}{escaped}/segment%d.ts"


@posix
def test_ffmpeg_writes_both_outputs_where_they_are_expected(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
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
        audio=AudioOutput.ENCODED,
        live_folder=live,
    )
    argv = [part for part in command.argv if part != "-re"]
    argv[-3:-3] = ["-t", "3"]
    done = subprocess.run(argv, cwd=folder, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=HANG, check=False)
    lines = [line for line in done.stderr.decode().splitlines() if not is_chatter(line)]
    assert (done.returncode, lines) == (0, [])
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
        audio=AudioOutput.ENCODED,
        begins=1000.0,
        recording=False,
    )
    argv = list(command.argv)
    argv[-3:-3] = ["-t", "7"]
    subprocess.run(argv, cwd=tmp_path, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=HANG, check=True)
    spans = [span for span in map(measure, sorted((tmp_path / "live").iterdir())) if span is not None]
    assert len(spans) <= 3  # 7 seconds in segments of 4
    assert 1000 <= spans[0].first / TICKS < 1002
    assert sum(span.frames for span in spans) == 7 * 25


# ---- fingerprints


def fingerprint_of(
    source: RtspSource = GATE, settings: Optional[Settings] = None, *, audio: AudioOutput = AudioOutput.ENCODED
) -> str:
    camera = Camera("gate", "Gate", source)
    command = record_command(FFMPEG, camera, settings or Settings(), run="", first_live=0, audio=audio)
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
        fingerprint_of(audio=AudioOutput.COPIED),
    ],
    ids=["host", "channel", "user", "segment duration", "bit rate", "AAC"],
)
def test_another_command_has_another_fingerprint(other: str) -> None:
    assert other != fingerprint_of()


def test_a_fingerprint_does_not_depend_on_the_password() -> None:
    assert fingerprint_of(replace(GATE, password=Secret("other"))) == fingerprint_of()


def test_an_ffmpeg_without_an_h264_encoder_is_an_error() -> None:
    with pytest.raises(FfmpegError, match=r"/usr/bin/ffmpeg has no H\.264 encoder"):
        _ = replace(FFMPEG, encoders=frozenset({"aac"})).h264_encoder
