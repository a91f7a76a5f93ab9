"""Builds FFmpeg commands: argv and standard input as values. Pure; `find` finds the FFmpeg that runs them."""

from __future__ import annotations

import enum
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import FrozenSet, List, Optional, Tuple

from cctv_cli.core.config.settings import Camera, DemoSource, RtspSource, Settings, Source
from cctv_cli.core.errors import FfmpegError
from cctv_cli.core.layout import MP4, TS, incoming_pattern, live_pattern, media_suffix
from cctv_cli.core.units import Secret

INSTALL = (
    "install it (apt install ffmpeg, brew install ffmpeg, or pip install 'cctv-cli[ffmpeg]'), "
    "or name it with FFMPEG_PATH"
)
# software encoders first
_H264_ENCODERS = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf")
USER_AGENT = "cctv"  # of the probe too, so that a camera cannot tell them apart by it
USUAL_SILENCE = 5.0  # seconds without a frame after which FFmpeg gives up on a camera that is not known to be slow
RECORDING_SECONDS = 60
RECORDABLE = ("", "unknown", "h264", "hevc")  # a camera that does not name its codec is assumed to send H.264
UNSUPPORTED_AUDIO = "FFmpeg cannot read {} audio, so it is left out; set the camera to AAC or G.711"
UNSUPPORTED_VIDEO = "the camera sends {} video; set it to H.264 or H.265, or set transcode = true for it"
_AUDIO_RATE = "48000"  # Hz: AAC frames last 21 ms; at 8000 Hz video would wait half a second for audio
_INTERLEAVE = "500000"  # microseconds that video waits for late audio, both inside and outside tee
_MEMORY = 512 << 20  # bytes; FFmpeg allocates about 54 MB to copy streams, whatever the camera sends
_MEMORY_ENCODING = 4 << 30  # bytes; pictures of 8K take 50 MB each, and an encoder holds dozens
_GUESSED = 16  # packets at the start of a stream with B-frames whose times FFmpeg may guess
_LONGEST_GUESSED = 60  # seconds that each of them may last
_RESULT = 7  # the number of a variable (see `_stepless`)
_UNCONFIRMED = 1  # seconds by which a step of a stream's clock may differ from the time between arrivals
_SETTLES = 30  # the same at the start of a run, when a bad network may delay everything; also how long that may last
_REMEMBERS = 300  # seconds of a window; arrivals in this one and the one before confirm a time, because clocks drift
# what FFmpeg can read from RTP; if it has to encode anything else, it exits before the first frame
_READABLE_AUDIO = frozenset(
    ("aac", "ac3", "amr", "amr-wb", "g722", "g723", "g726", "gsm", "l16", "mp2", "opus", "pcma", "pcmu")
)
# continuity counters continue across files; every packet is written at once
_MPEGTS = (
    f"individual_header_trailer=0:max_interleave_delta={_INTERLEAVE}"
    ":segment_format=mpegts:segment_format_options=flush_packets=1"
)
# every file begins with the same ftyp and moov, every frame is a fragment, and times continue across files
_FRAGMENTED_MP4 = (
    f"max_interleave_delta={_INTERLEAVE}:segment_format=mp4:segment_format_options="
    "movflags=+frag_every_frame+empty_moov+default_base_moof+frag_discont+skip_trailer"
    r"\\:avoid_negative_ts=disabled\\:use_editlist=0\\:movie_timescale=1000\\:video_track_timescale=90000"
    r"\\:flush_packets=1"
)
_FORM = {TS: _MPEGTS, MP4: _FRAGMENTED_MP4}


@dataclass(frozen=True)
class Ffmpeg:
    """An FFmpeg that cctv can use. `version` is what it prints; `major` is None for a build from git."""

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
        raise FfmpegError(f"FFmpeg at {self.path} has no H.264 encoder; {INSTALL}")


class AudioOutput(enum.Enum):
    """What audio is written with the video."""

    ENCODED = "encoded"  # the camera's audio, if there is any, as AAC
    COPIED = "copied"  # the camera's audio, which is already AAC
    SILENCE = "silence"  # a silent AAC track
    NONE = "none"


@dataclass(frozen=True)
class Command:
    """One FFmpeg command: argv without secrets, its standard input, and the bytes of memory that it may allocate."""

    argv: Tuple[str, ...]
    stdin: Optional[Secret] = None
    memory: int = _MEMORY


def record_command(
    ffmpeg: Ffmpeg,
    camera: Camera,
    settings: Settings,
    *,
    run: str,
    first_live: int,
    codec: str = "h264",
    audio: AudioOutput,
    audio_place: int = 0,
    begins: float = 0.0,
    first_time: bool = False,
    silence: float = USUAL_SILENCE,
    recording: bool = True,
    live_folder: Optional[Path] = None,
    recording_seconds: int = RECORDING_SECONDS,
) -> Command:
    """The command that records a camera and writes its live segments; without `recording` it only writes live segments.

    It runs in the camera's folder. `first_live` is the number of the first live segment, `live_folder` the absolute
    path for live segments that do not belong in `live`, `codec` the video codec that is recorded, `audio_place` the
    index of the audio among the camera's audio streams, `begins` the media time of the first frame in seconds,
    `silence` how many seconds the camera may send nothing.

    The first frame of a copied stream with B-frames has no timestamp, which muxers refuse. `first_time` fills one
    in, which delays each frame until the next arrives. H.265 always needs it: the MP4 muxer would accept the
    stream, but write wrong times.
    """
    inputs, stdin = _inputs(camera.source, ffmpeg, audio, silence)
    argv = [
        ffmpeg.path,
        "-hide_banner",
        "-nostdin",
        "-nostats",
        "-loglevel",
        "level+info",
    ]  # a redirection is no warning
    if camera.transcode and isinstance(camera.source, RtspSource):
        # frame threads would delay the output by one frame for each thread
        argv += ["-threads", str(settings.ffmpeg_threads), "-thread_type", "slice"]
    argv += inputs
    if audio is AudioOutput.SILENCE:
        argv += ["-f", "lavfi", "-i", f"anullsrc=channel_layout=mono:sample_rate={_AUDIO_RATE}"]
    argv += _maps(camera.source, audio, audio_place)
    argv += _video(ffmpeg, camera, settings, first_time or codec == "hevc")
    argv += ["-tag:v", "hev1"] if codec == "hevc" else []  # see fmp4.tag_hvc1
    # FFmpeg 9 marks no frame of AAC LATM as a key frame, and would wait for one forever
    argv += ["-c:a", "copy", "-copyinkf:a"] if audio is AudioOutput.COPIED else _encode_audio(settings)
    if isinstance(camera.source, RtspSource) and audio in (AudioOutput.ENCODED, AudioOutput.COPIED):
        argv += ["-bsf:a", _continuous()]
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
    return Command(tuple(argv), stdin, _MEMORY if is_copied(camera) else _MEMORY_ENCODING)


def _inputs(source: Source, ffmpeg: Ffmpeg, audio: AudioOutput, silence: float) -> Tuple[List[str], Optional[Secret]]:
    if isinstance(source, RtspSource):
        # the URL contains the password, so it goes through standard input: every user can read argv
        protocols = "pipe,tcp,rtsp,rtp,udp,tls"
        argv = ["-fpsprobesize", "0", "-f", "concat", "-safe", "0", "-protocol_whitelist", protocols, "-i", "pipe:0"]
        return argv, Secret(_ffconcat(source, audio, silence))
    picture = "testsrc2=size=640x360:rate=25"
    if ffmpeg.drawtext:
        picture += ",drawtext=text='%{localtime}':x=20:y=300:fontsize=32:fontcolor=white:box=1:boxcolor=black"
    argv = ["-re", "-f", "lavfi", "-i", picture]
    if source.tone:
        argv += ["-re", "-f", "lavfi", "-i", "sine=frequency=440:beep_factor=2:sample_rate=48000"]
    return argv, None


def _ffconcat(source: RtspSource, audio: AudioOutput, silence: float) -> str:
    media = "video+audio" if audio in (AudioOutput.ENCODED, AudioOutput.COPIED) else "video"
    return "\n".join(
        (
            "ffconcat version 1.0",
            f"file {source.url().reveal()}",
            "option rtsp_transport tcp",
            f"option timeout {_microseconds(silence)}",
            f"option user_agent {USER_AGENT}",
            *([] if silence <= USUAL_SILENCE else _patient_analysis(silence)),
            # otherwise a stream whose first PTS is slightly negative freezes after 13 h 14 m
            "option correct_ts_overflow 0",
            # FFmpeg does not guess the frame rate, so that frames are written after half a second, not two
            "option fpsprobesize 0",
            f"option allowed_media_types {media}",
            "",
        )
    )


def _patient_analysis(silence: float) -> List[str]:
    """Options for a camera that sends few frames.

    FFmpeg would end its analysis after 5 s of audio, before the first frame, or only after seven frames of H.264.
    """
    return [f"option analyzeduration {_microseconds(silence)}", "option max_ts_probe 1"]


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _maps(source: Source, audio: AudioOutput, audio_place: int) -> List[str]:
    if audio is AudioOutput.SILENCE:
        return ["-map", "0:v:0", "-map", "1:a:0", "-shortest"]
    if audio is AudioOutput.NONE:
        return ["-map", "0:v:0"]
    if isinstance(source, RtspSource):
        return ["-map", "0:v:0", "-map", f"0:a:{audio_place}?"]
    return ["-map", "0:v:0", *(["-map", "1:a:0"] if source.tone else [])]


def _video(ffmpeg: Ffmpeg, camera: Camera, settings: Settings, first_time: bool) -> List[str]:
    demo = isinstance(camera.source, DemoSource)
    if is_copied(camera):
        # -copytb 1 keeps the camera's times; FFmpeg 5 would round them to the frame rate in the SPS
        copy = ["-c:v", "copy", "-copytb", "1"]
        return [*copy, "-bsf:v", f"{_continuous(first_time=first_time)}:duration={_until_next()}"]
    encoder = ffmpeg.h264_encoder
    rate = settings.video_bitrate
    argv = ["-c:v", encoder, "-b:v", str(rate), "-maxrate", str(rate), "-bufsize", str(2 * rate)]
    argv += ["-pix_fmt", "yuv420p", "-threads", str(settings.ffmpeg_threads)]
    if encoder == "libx264":
        argv += ["-preset", "ultrafast" if demo else "veryfast", "-tune", "zerolatency"]
    if not demo:
        # keeps every frame, whatever the frame rate in the SPS; the option was renamed in 5.1
        old = ffmpeg.version.lstrip("n").startswith("5.0")
        argv += ["-vsync" if old else "-fps_mode", "passthrough", "-enc_time_base", "1:90000"]
        argv += ["-vf", _continuous_frames()]
    return [*argv, "-force_key_frames", "expr:gte(t,n_forced*2)"]


def _continuous(*, first_time: bool = False) -> str:
    """A filter of packets that replaces each step of a stream's clock that arrival does not confirm (see `_stepless`).

    With `first_time` it fills in missing times. The expressions for `dts` and `pts` have variables of their own. A
    packet is filtered when the next one has come.
    """
    came, following = f"ld({_RESULT + 1})", f"st({_RESULT + 1},time(0))"
    dts = _stepless("DTS", f"if(N,{came},time(0))", "eq(DTS,NOPTS)+eq(PREV_INDTS,NOPTS)") + f";{following}"
    result = f"ld({_RESULT})"
    pts = f"if(eq(PTS,NOPTS),{result if first_time else 'PTS'},if(eq(DTS,NOPTS),PTS,PTS-DTS+{result}))"
    return f"setts=dts={dts};{result}:pts={dts};{pts}".replace(",", r"\,")


def _continuous_frames() -> str:
    """The same for decoded frames."""
    return f"setpts='{_stepless('PTS', 'time(0)', 'isnan(PTS)+isnan(PREV_INPTS)')};ld({_RESULT})'"


def _stepless(time: str, arrival: str, unknown: str) -> str:
    """The steps of an expression whose variable _RESULT becomes the `time` ("PTS" or "DTS") of a packet or frame.

    If that is before the previous one's, or further ahead of its arrival than any in the last minutes, it becomes one
    usual step after the previous one, or later if there was a wait. FFmpeg would squeeze packets that step back until
    the times catch up, and steps ahead would look like missing frames. Frames that a bad network lost while it delayed
    all others look like a step ahead, too, so at the start of a run only a large one counts. `arrival` is the instant
    at which it came, by the wall clock; while a time is `unknown` it stays. FFmpeg's parser may hold a frame back until
    the next one begins, so that a wait for a packet may seem to be one for the packet before.

    Variables last from one to the next: the arrivals of this one and the previous one, the waits for both, the largest
    lead of a time over its arrival in this window and in the one before, by how much this one leads more, the result.
    """
    now, came, wait, waited, lead, earlier, ahead = range(_RESULT)
    before, after = f"PREV_IN{time}", f"PREV_OUT{time}"
    usual = f"max(1,({after}-START{time})/max(1,N-1))"
    longest = f"floor(100*max(ld({wait}),ld({waited})))/100"  # rounded, so that the expressions for both times agree
    arrived = f"max({usual},if(gt({longest},{_UNCONFIRMED}),{longest}/TB,0))"
    doubtful = f"if(lt(({after}-START{time})*TB,{_SETTLES}),{_SETTLES},{_UNCONFIRMED})"
    wrong = f"lt({time},{before})+gt(ld({ahead}),{doubtful})"
    # FFmpeg may have guessed the first times, but not by more than a minute
    far_off = f"lt(({time}-{before})*TB,-{_LONGEST_GUESSED})+gt(ld({ahead}),{_LONGEST_GUESSED})"
    step = f"if(if(lt(N,{_GUESSED}),{far_off},{wrong}),{arrived},{time}-{before})"
    led = f"ld({_RESULT})*TB-ld({now})"
    same_window = f"N*eq(floor(ld({now})/{_REMEMBERS}),floor(ld({came})/{_REMEMBERS}))"
    steps = (
        f"st({now},{arrival})",
        f"st({wait},if(N,ld({now})-ld({came}),0))",
        f"st({ahead},({after}+{time}-{before})*TB-ld({now})-max(ld({lead}),ld({earlier})))",
        f"st({_RESULT},if({unknown},{time},{after}+{step}))",
        f"st({earlier},if({same_window},ld({earlier}),if(N,ld({lead}),{led})))",
        f"st({lead},if({same_window},max(ld({lead}),{led}),{led}))",
        f"st({came},ld({now}))",
        f"st({waited},ld({wait}))",
    )
    return ";".join(steps)


def _until_next() -> str:
    """How long a frame lasts, as an expression for the filter: until the next one.

    The MP4 muxer puts a frame at the end of the one before if audio came between them, and FFmpeg would let each frame
    last as long as the SPS says. A step of the camera's clock is no duration: it is longer than the wait for a frame.
    """
    now, following = range(2)
    waited = f"st({now},if(N,ld({following}),time(0)));st({following},time(0))"
    longest = f"if(lt(N,{_GUESSED}),{_LONGEST_GUESSED},ld({following})-ld({now})+{_UNCONFIRMED})"
    expression = f"{waited};if(between(NEXT_DTS-DTS,0,{longest}/TB),NEXT_DTS-DTS,DURATION)"
    return expression.replace(",", r"\,")


def _encode_audio(settings: Settings) -> List[str]:
    return ["-c:a", "aac", "-b:a", str(settings.audio_bitrate), "-ar", _AUDIO_RATE]


def supports_audio(audio: str) -> bool:
    """Whether FFmpeg can read audio of this codec, named as `rtsp.sdp` does; an empty name is no audio."""
    return audio in _READABLE_AUDIO


def run_mark(run: str) -> str:
    """The argument that identifies a run's process."""
    return f"cctv_run={run}"


def frames_late(camera: Camera, codec: str, *, audio: bool) -> int:
    """How many frames later a complete frame of this video is written to disk, as measured.

    The filter for continuous times holds a copied frame back until the next one, as does audio that is interleaved with
    it. In H.265 it also waits until its MP4 fragment is closed.
    """
    return 2 if codec == "hevc" else is_copied(camera) + audio


def is_copied(camera: Camera) -> bool:
    """Whether the camera's video is recorded as it is sent."""
    return isinstance(camera.source, RtspSource) and not camera.transcode


def recorded_codec(camera: Camera, codec: str) -> str:
    """The video codec in the recordings of a camera that sends `codec`."""
    return codec if is_copied(camera) else "h264"


def _recording_output(run: str, suffix: str, seconds: int) -> str:
    options = f"f=segment:onfail=abort:segment_time={seconds}:segment_atclocktime=1:{_FORM[suffix]}"
    return f"[{options}].incoming/{run}/{incoming_pattern(suffix)}"


def _live_output(
    first: int, suffix: str, live_folder: Optional[Path], settings: Settings, begins: float, *, alone: bool
) -> str:
    onfail = "abort" if alone else "ignore"  # a failing live output must not end the recording
    options = f"f=segment:onfail={onfail}:segment_time={settings.segment_duration}:{_FORM[suffix]}"
    # cut by the clock: FFmpeg 5 counts segments from media time 0 and would cut at every key frame to catch up
    options += ":segment_atclocktime=1" if begins else ""
    folder = "live" if live_folder is None else escape_tee(live_folder)
    return f"[{options}:segment_start_number={first}]{folder}/{live_pattern(suffix)}"


def escape_tee(path: Path) -> str:
    """A folder's path, escaped for tee and for the segment muxer's file name pattern."""
    text = path.as_posix().replace("%", "%%")
    return re.sub(r"([\\'|\s])", r"\\\1", text)


def fingerprint(command: Command, source: Source) -> str:
    """A short digest of a command, to compare with that of a running process. A password is no part of it."""
    label = (source.address(), source.username, source.target) if isinstance(source, RtspSource) else ""
    return hashlib.sha256(repr((command.argv, label)).encode()).hexdigest()[:16]
