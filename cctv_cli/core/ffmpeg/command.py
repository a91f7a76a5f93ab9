"""FFmpeg: where it is, what it can, and the whole commands that we give it.

Finding asks the system; building a command is pure and returns argv and standard input whole.
"""

from __future__ import annotations

import enum
import hashlib
import logging
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import FrozenSet, List, Optional, Tuple

from cctv_cli.core.config.settings import Camera, DemoSource, RtspSource, Settings, Source
from cctv_cli.core.errors import FfmpegError
from cctv_cli.core.layout import MP4, TS, incoming_pattern, live_pattern, media_suffix
from cctv_cli.core.units import Secret

log = logging.getLogger("cctv.ffmpeg")

OLDEST = 5
_LIBAVFORMAT_OF_OLDEST = 59  # FFmpeg 5.0; a build from git has no version number but this
_INSTALL = (
    "install it (apt install ffmpeg, brew install ffmpeg, or pip install 'cctv-cli[ffmpeg]'), "
    "or name it with FFMPEG_PATH"
)
# H.264 encoders that need no hardware come first
_H264_ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf")
_RTSP_TIMEOUT = 5  # seconds; FFmpeg gives up after about twice this
RECORDING_SECONDS = 60
RECORDABLE = ("", "unknown", "h264", "hevc")  # a camera that does not tell is taken for H.264
UNSUPPORTED_AUDIO = "its sound is not, for FFmpeg cannot read {}; set the camera to AAC or G.711"
UNSUPPORTED_VIDEO = "the camera sends {} video; set it to H.264 or H.265, or set transcode = true for it"
_AUDIO_RATE = "48000"  # Hz: AAC frames of 21 ms; at 8000 Hz video would wait half a second for sound
_INTERLEAVE = "500000"  # microseconds that video waits for sound that stays away; counts inside tee and around it
# what FFmpeg reads out of RTP; anything else makes it end before the first frame, if it is asked to encode it
_HEARD = frozenset(("aac", "ac3", "amr", "amr-wb", "g722", "g723", "g726", "gsm", "l16", "mp2", "opus", "pcma", "pcmu"))
# continuity counters run on from file to file; every packet reaches the disk at once
_MPEGTS = (
    f"individual_header_trailer=0:max_interleave_delta={_INTERLEAVE}"
    ":segment_format=mpegts:segment_format_options=flush_packets=1"
)
# every file begins with the same ftyp and moov, every frame is a fragment, and times run on from file to file
_FRAGMENTED_MP4 = (
    f"max_interleave_delta={_INTERLEAVE}:segment_format=mp4:segment_format_options="
    "movflags=+frag_every_frame+empty_moov+default_base_moof+frag_discont+skip_trailer"
    r"\\:avoid_negative_ts=disabled\\:use_editlist=0\\:movie_timescale=1000\\:video_track_timescale=90000"
    r"\\:flush_packets=1"
)


_FORM = {TS: _MPEGTS, MP4: _FRAGMENTED_MP4}


@dataclass(frozen=True)
class Ffmpeg:
    """A usable FFmpeg. `version` is what it prints; `major` is None for a build from git."""

    path: str
    version: str
    major: Optional[int]
    encoders: FrozenSet[str]
    drawtext: bool = False

    @property
    def h264_encoder(self) -> str:
        """The H.264 encoder to use. Raises FfmpegError when there is none."""
        for name in _H264_ENCODERS:
            if name in self.encoders:
                return name
        raise FfmpegError(f"FFmpeg at {self.path} has no H.264 encoder; {_INSTALL}")


class Sound(enum.Enum):
    """What is written beside the video."""

    ENCODED = "encoded"  # the camera's, if it has any, as AAC
    COPIED = "copied"  # the camera's, which is AAC
    SILENCE = "silence"  # AAC without a sound
    NONE = "none"


@dataclass(frozen=True)
class Command:
    """One FFmpeg start: argv without secrets, and what it reads from standard input."""

    argv: Tuple[str, ...]
    stdin: Optional[Secret] = None


def find_ffmpeg(configured: Optional[Path]) -> Ffmpeg:
    """The FFmpeg to use: the configured one, the one on PATH, or the `ffmpeg` extra's.

    Raises FfmpegError when there is none, it does not run, or it is older than 5.
    """
    if configured is not None:
        path = shutil.which(str(configured))
        if path is None:
            raise FfmpegError(f"FFmpeg is not at {configured}; correct FFMPEG_PATH or remove it")
        return inspect(path)
    candidates = [path for path in (shutil.which("ffmpeg"), _bundled()) if path is not None]
    if not candidates:
        raise FfmpegError(f"FFmpeg was not found; {_INSTALL}")
    *preferred, last = candidates
    for path in preferred:
        try:
            return inspect(path)
        except FfmpegError as error:
            log.warning("%s", error)
    return inspect(last)


def _bundled() -> Optional[str]:
    try:
        import imageio_ffmpeg
    except ImportError:
        return None
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return None


def inspect(path: str) -> Ffmpeg:
    """Ask an FFmpeg for its version and abilities. Raises FfmpegError."""
    banner = _ask(path, "-version")
    major = re.search(r"^ffmpeg version n?(\d+)\.", banner)
    library = re.search(r"^libavformat\s+(\d+)\.", banner, re.MULTILINE)
    version = re.search(r"^ffmpeg version (\S+)", banner)
    if version is None or library is None:
        raise FfmpegError(f"{path} does not answer as FFmpeg does; {_INSTALL}")
    if int(library.group(1)) < _LIBAVFORMAT_OF_OLDEST:
        raise FfmpegError(
            f"FFmpeg at {path} is version {version.group(1)}, but cctv needs {OLDEST} or newer; {_INSTALL}"
        )
    encoders = frozenset(re.findall(r"^ [VA][A-Z.]{5} (\w+)", _ask(path, "-encoders"), re.MULTILINE))
    return Ffmpeg(path, version.group(1), int(major.group(1)) if major else None, encoders)


def _ask(path: str, question: str) -> str:
    try:
        done = subprocess.run(
            [path, "-hide_banner", question] if question != "-version" else [path, question],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise FfmpegError(f"FFmpeg at {path} does not start ({error}); {_INSTALL}") from error
    return done.stdout.decode("utf-8", "replace")


def can_draw_text(ffmpeg: Ffmpeg) -> bool:
    """Whether this FFmpeg can burn a clock into a picture: it needs a font on this machine."""
    argv = [ffmpeg.path, "-v", "quiet", "-f", "lavfi", "-i", "color=s=64x64:d=0.04,drawtext=text=1"]
    try:
        done = subprocess.run(
            [*argv, "-f", "null", "-"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def record_command(
    ffmpeg: Ffmpeg,
    camera: Camera,
    settings: Settings,
    *,
    run: str,
    first_live: int,
    codec: str = "h264",
    sound: Sound,
    begins: float = 0.0,
    first_time: bool = False,
    recording: bool = True,
    live_folder: Optional[Path] = None,
    recording_seconds: int = RECORDING_SECONDS,
) -> Command:
    """The one command that records a camera and feeds its live window, or without `recording` only feeds it.

    It runs in the camera's folder. `first_live` numbers the first live segment, `live_folder` is
    where they lie if not in `live`, `codec` is the video codec that is recorded, `begins` the media
    time of the first frame, in seconds. A copied stream
    with B-frames has no time on its first frame, and no muxer takes that: `first_time` has one
    filled in, which holds each frame back until the next. For H.265 that is always done, since MP4
    would not complain but hold wrong times.
    """
    inputs, stdin = _inputs(camera.source, ffmpeg, sound)
    argv = [ffmpeg.path, "-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+warning"]
    if camera.transcode and isinstance(camera.source, RtspSource):
        # decoders that work on several frames at once hold all of them back
        argv += ["-threads", str(settings.ffmpeg_threads), "-thread_type", "slice"]
    argv += inputs
    if sound is Sound.SILENCE:
        argv += ["-f", "lavfi", "-i", f"anullsrc=channel_layout=mono:sample_rate={_AUDIO_RATE}"]
    argv += _maps(camera.source, sound)
    argv += _video(ffmpeg, camera, settings, first_time or codec == "hevc")
    argv += ["-tag:v", "hev1"] if codec == "hevc" else []  # see fragmented_mp4.tag_hvc1
    argv += ["-c:a", "copy"] if sound is Sound.COPIED else _encode_audio(settings)
    suffix = media_suffix(codec)
    recorded = _recording_output(run, suffix, recording_seconds)
    live = _live_output(first_live, suffix, live_folder, settings, begins, alone=not recording)
    argv += ["-output_ts_offset", f"{begins:.3f}"] if begins else []
    argv += [
        "-max_interleave_delta",
        _INTERLEAVE,
        "-metadata",
        run_mark(run),
        "-f",
        "tee",
        "|".join((*([recorded] if recording else []), live)),
    ]
    return Command(tuple(argv), stdin)


def _inputs(source: Source, ffmpeg: Ffmpeg, sound: Sound) -> Tuple[List[str], Optional[Secret]]:
    if isinstance(source, RtspSource):
        # the URL with its password goes through standard input: argv is for everybody's eyes
        protocols = "pipe,tcp,rtsp,rtp,udp,tls"
        argv = ["-fpsprobesize", "0", "-f", "concat", "-safe", "0", "-protocol_whitelist", protocols, "-i", "pipe:0"]
        return argv, Secret(_ffconcat(source, sound))
    picture = "testsrc2=size=640x360:rate=25"
    if ffmpeg.drawtext:
        picture += ",drawtext=text='%{localtime}':x=20:y=300:fontsize=32:fontcolor=white:box=1:boxcolor=black"
    argv = ["-re", "-f", "lavfi", "-i", picture]
    if source.tone:
        argv += ["-re", "-f", "lavfi", "-i", "sine=frequency=440:beep_factor=2:sample_rate=48000"]
    return argv, None


def _ffconcat(source: RtspSource, sound: Sound) -> str:
    media = "video+audio" if sound in (Sound.ENCODED, Sound.COPIED) else "video"
    return "\n".join(
        (
            "ffconcat version 1.0",
            f"file {source.url().reveal()}",
            "option rtsp_transport tcp",
            f"option timeout {_RTSP_TIMEOUT * 1_000_000}",
            # without it a stream whose first PTS is slightly negative freezes after 13 h 14 m
            "option correct_ts_overflow 0",
            # frames reach the disk half a second after the camera's first, not two: nobody needs the rate guessed
            "option fpsprobesize 0",
            f"option allowed_media_types {media}",
            "",
        )
    )


def _maps(source: Source, sound: Sound) -> List[str]:
    if sound is Sound.SILENCE:
        return ["-map", "0:v:0", "-map", "1:a:0", "-shortest"]
    if sound is Sound.NONE:
        return ["-map", "0:v:0"]
    if isinstance(source, RtspSource):
        return ["-map", "0:v:0", "-map", "0:a:0?"]
    return ["-map", "0:v:0", *(["-map", "1:a:0"] if source.tone else [])]


def _video(ffmpeg: Ffmpeg, camera: Camera, settings: Settings, first_time: bool) -> List[str]:
    demo = isinstance(camera.source, DemoSource)
    if not demo and not camera.transcode:
        # -copytb 1: times stay the camera's; FFmpeg 5 else rounds them to the frame rate that the SPS claims
        copy = ["-c:v", "copy", "-copytb", "1"]
        return [*copy, "-bsf:v", r"setts=pts=if(eq(PTS\,NOPTS)\,DTS\,PTS)"] if first_time else copy
    encoder = ffmpeg.h264_encoder
    rate = settings.video_bitrate
    argv = ["-c:v", encoder, "-b:v", str(rate), "-maxrate", str(rate), "-bufsize", str(2 * rate)]
    argv += ["-pix_fmt", "yuv420p", "-threads", str(settings.ffmpeg_threads)]
    if encoder == "libx264":
        argv += ["-preset", "ultrafast" if demo else "veryfast", "-tune", "zerolatency"]
    if not demo:
        # every frame as it came, whatever frame rate the SPS claims; the option was renamed in 5.1
        old = ffmpeg.version.lstrip("n").startswith("5.0")
        argv += ["-vsync" if old else "-fps_mode", "passthrough", "-enc_time_base", "1:90000"]
    return [*argv, "-force_key_frames", "expr:gte(t,n_forced*2)"]


def _encode_audio(settings: Settings) -> List[str]:
    return ["-c:a", "aac", "-b:a", str(settings.audio_bitrate), "-ar", _AUDIO_RATE]


def supports_audio(audio: str) -> bool:
    """Whether FFmpeg can read sound of this codec, by the name that `sdp` gives it; empty is no sound."""
    return audio in _HEARD


def run_mark(run: str) -> str:
    """The argument by which a run's process is known."""
    return f"cctv_run={run}"


def frames_late(codec: str, *, sound: bool, first_time: bool) -> int:
    """How many frames later than when it was whole a frame of this video reaches the disk: as measured.

    Each waits for the next one where sound is muxed in turn with it, where `first_time` gives the first a time,
    and, of H.265, until its fragment of MP4 is closed.
    """
    if codec == "hevc":
        return 2
    return int(sound or first_time)


def recorded_codec(camera: Camera, codec: str) -> str:
    """The video codec that is recorded of a camera that sends `codec`."""
    return "h264" if camera.transcode or isinstance(camera.source, DemoSource) else codec


def _recording_output(run: str, suffix: str, seconds: int) -> str:
    options = f"f=segment:onfail=abort:segment_time={seconds}:segment_atclocktime=1:{_FORM[suffix]}"
    return f"[{options}].incoming/{run}/{incoming_pattern(suffix)}"


def _live_output(
    first: int, suffix: str, live_folder: Optional[Path], settings: Settings, begins: float, *, alone: bool
) -> str:
    onfail = "abort" if alone else "ignore"  # the live window's trouble must not end the recording
    options = f"f=segment:onfail={onfail}:segment_time={settings.segment_duration}:{_FORM[suffix]}"
    # by the clock: FFmpeg 5 counts segments from media time 0, and would cut at every key frame to catch up
    options += ":segment_atclocktime=1" if begins else ""
    folder = "live" if live_folder is None else escape_tee(live_folder)
    return f"[{options}:segment_start_number={first}]{folder}/{live_pattern(suffix)}"


def escape_tee(path: Path) -> str:
    """A folder's absolute path as tee and the segment muxer's file name pattern read it."""
    text = path.absolute().as_posix().replace("%", "%%")
    return re.sub(r"([\\'|\s])", r"\\\1", text)


def fingerprint(command: Command, source: Source) -> str:
    """A short name of what a command does, to compare with a running one. Holds no secret."""
    label = source.redacted_url() if isinstance(source, RtspSource) else ""
    return hashlib.sha256(repr((command.argv, label)).encode()).hexdigest()[:16]
