"""The effective configuration as frozen values, and the declaration of every general setting. No I/O.

Units: durations in seconds, sizes in bytes, bit rates in bit/s.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, Mapping, Optional, Tuple, Union
from urllib.parse import quote

from cctv_cli.core.access.addresses import LAN, Network
from cctv_cli.core.access.policy import Access
from cctv_cli.core.clock import DAY
from cctv_cli.core.config import lists, values
from cctv_cli.core.config.schema import Setting, setting
from cctv_cli.core.config.values import Origin
from cctv_cli.core.units import FreeSpace, Secret, format_duration, format_size, write_bit_rate


@dataclass(frozen=True, repr=False)
class RtspSource:
    """An RTSP stream. Of its URL only scheme, host and port are shown: the rest may contain a password anywhere.

    `host` is a name or an address, IPv6 without brackets.
    `target` is the path with its query, as in the URL; it begins with "/" or is empty.
    `username` and `password` are plain text, not percent-encoded.
    """

    host: str
    port: int
    target: str
    username: Optional[str] = None
    password: Optional[Secret] = None
    tls: bool = False

    def url(self) -> Secret:
        """The URL for FFmpeg, user name and password percent-encoded (RFC 3986 § 2.1)."""
        login = "" if self.username is None else self.userinfo().reveal() + "@"
        return Secret(self._url(login, self.target))

    def userinfo(self) -> Secret:
        """`user:password`, each percent-encoded; always with a colon, because FFmpeg sends no login without one."""
        password = "" if self.password is None else self.password.reveal()
        return Secret(f"{quote(self.username or '', safe='')}:{quote(password, safe='')}")

    def address(self) -> str:
        """Scheme, host and port of the URL, to be shown."""
        return self._url("", "")

    def _url(self, login: str, target: str) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'rtsps' if self.tls else 'rtsp'}://{login}{host}:{self.port}{target}"

    def __repr__(self) -> str:
        return f"RtspSource({self.address()!r})"


@dataclass(frozen=True)
class DemoSource:
    """A synthetic camera that FFmpeg draws itself; `tone` adds audio."""

    tone: bool


Source = Union[RtspSource, DemoSource]


@dataclass(frozen=True)
class Camera:
    """One configured camera. `id` is a folder name that is legal on every system.

    `source` is recorded; `sub_source` is a smaller stream of the same picture, for live viewing only.
    Without `audio` neither has an audio track, and the camera is not asked for one.
    """

    id: str
    name: str
    source: Source
    enabled: bool = True
    audio: bool = True
    transcode: bool = False
    sub_source: Optional[RtspSource] = None
    retention_days: Optional[int] = None  # None: the general setting
    max_size: Optional[int] = None  # bytes of this camera's recordings; None is no limit


def true_false(value: bool) -> str:
    """A switch as it is written in cameras.toml."""
    return "true" if value else "false"


def _listed(values_: Iterable[object]) -> str:
    return ", ".join(map(str, values_))


@dataclass(frozen=True)
class Settings:
    """Everything that the user can set, after all layers are merged.

    `transcode` is the default for cameras that do not set it; each `Camera` has its effective value.
    `origins` maps each dotted key, such as "server.port" or "cameras.camera_01.name", to its origin.
    `warnings` are sentences about probable mistakes.
    """

    cameras: Tuple[Camera, ...] = ()
    timezone: Optional[str] = setting(
        None,
        "timezone",
        "TIMEZONE",
        values.time_zone,
        "IANA name of the time zone that names folders and files",
        unset="the system's",
    )
    host: str = setting("0.0.0.0", "server.host", "SERVER_HOST", values.host, "address to listen on")
    port: int = setting(
        8000, "server.port", "SERVER_PORT", values.whole_number(1, 65535, 8000), "port to listen on, 1 to 65535"
    )
    access: str = setting(
        Access.LAN.value,
        "server.access",
        "SERVER_ACCESS",
        values.choice(*(access.value for access in Access)),
        "who may view without a token: clients in `lan_networks` (`lan`), nobody (`token`) or everybody (`open`)",
    )
    lan_networks: Tuple[Network, ...] = setting(
        LAN,
        "server.lan_networks",
        "LAN_NETWORKS",
        lists.networks,
        "networks of clients that may view without a token; by default loopback, private and link-local ones",
        show=_listed,
    )
    trusted_proxies: Tuple[Network, ...] = setting(
        (),
        "server.trusted_proxies",
        "TRUSTED_PROXIES",
        lists.networks,
        "addresses of your proxies, whose forwarding headers name the client",
        show=_listed,
    )
    server_names: Tuple[str, ...] = setting(
        (),
        "server.server_names",
        "PUBLIC_NAMES",  # SERVER_NAME is a variable of web servers
        lists.names,
        "names in the public DNS under which this server is reached, such as `cctv.example.org`",
        show=_listed,
    )
    cors_origins: Tuple[str, ...] = setting(
        (),
        "server.cors_origins",
        "CORS_ORIGINS",
        lists.origins,
        "other web sites whose pages may play and read, such as `https://app.example.org`",
        show=_listed,
    )
    tls_cert: Optional[Path] = setting(
        None,
        "server.tls_cert",
        "TLS_CERT",
        values.path,
        "certificate chain of the server in PEM, for https; read again when renewed; also `--tls-cert` of `serve`",
    )
    tls_key: Optional[Path] = setting(
        None,
        "server.tls_key",
        "TLS_KEY",
        values.path,
        "private key of the certificate in PEM; also `--tls-key` of `serve`",
    )
    base_path: Optional[str] = setting(
        None,
        "server.base_path",
        "SERVER_BASE_PATH",
        values.base_path,
        "path under which a proxy in front shows this server, such as `/cctv`",
    )
    accel_redirect: Optional[str] = setting(
        None,
        "server.accel_redirect",
        "ACCEL_REDIRECT",
        values.accel_redirect,
        "internal location through which nginx on this machine sends media files: `/cctv-media/` in examples/nginx",
    )
    storage: Path = setting(
        Path("hls"), "storage.path", "HLS_BASE_PATH", values.path, "folder of live streams and recordings"
    )
    live_path: Optional[Path] = setting(
        None,
        "storage.live_path",
        "LIVE_PATH",
        values.path,
        "folder of live streams outside the storage, such as a RAM disk",
        unset="in storage.path",
    )
    sync_interval: float = setting(
        60.0,
        "storage.sync_interval",
        "SYNC_INTERVAL",
        values.duration(1, 60, "5s"),
        "time between syncs of the minute that is being recorded, 1 s to 1 m: about what a power cut costs",
        show=format_duration,
    )
    retention_days: int = setting(
        30, "retention.days", "RETENTION_DAYS", values.retention_days, "days to keep recordings, if the limits allow it"
    )
    max_size: Optional[int] = setting(
        None,
        "retention.max_size",
        "RETENTION_MAX_SIZE",
        values.size,
        "limit for all recordings together, such as `2TB`",
        show=format_size,
        unset="no limit",
    )
    min_free: FreeSpace = setting(
        FreeSpace(percent=5),
        "retention.min_free",
        "RETENTION_MIN_FREE",
        values.free_space,
        "space to keep free on each disk with recordings: a share of it, or a size such as `20GB`",
    )
    cleanup_interval: float = setting(
        3600.0,
        "retention.interval",
        "RETENTION_INTERVAL",
        values.duration(60, 7 * DAY, "1h"),
        "time between cleanups by `serve` and `record`",
        show=format_duration,
    )
    most_deleted: int = setting(
        50,
        "retention.most_deleted",
        "RETENTION_MOST_DELETED",
        values.whole_number(1, 100, 50),
        "percent of a camera's bytes that one cleanup may delete beyond what age explains",
    )
    health_cpu: int = setting(
        90,
        "health.cpu",
        "HEALTH_CPU",
        values.whole_number(1, 100, 90),
        "percent of all CPU cores in use above which there is a warning",
    )
    health_memory: int = setting(
        90,
        "health.memory",
        "HEALTH_MEMORY",
        values.whole_number(1, 100, 90),
        "percent of memory in use above which there is a warning",
    )
    health_segment_age: float = setting(
        60.0,
        "health.segment_age",
        "HEALTH_SEGMENT_AGE",
        values.duration(5, DAY, "60s"),
        "age of the newest live segment, or time to start, above which something is wrong",
        show=format_duration,
    )
    health_missing: float = setting(
        60.0,
        "health.missing",
        "HEALTH_MISSING",
        values.duration(1, 3600, "60s"),
        "time not recorded within the last hour above which there is a warning",
        show=format_duration,
    )
    health_gop: float = setting(
        10.0,
        "health.gop",
        "HEALTH_GOP",
        values.duration(1, 3600, "10s"),
        "time between key frames above which there is a warning",
        show=format_duration,
    )
    alert_webhooks: Tuple[Secret, ...] = setting(
        (),
        "alerts.webhooks",
        "ALERT_WEBHOOKS",
        lists.webhooks,
        "URLs that receive findings as JSON, never shown; separated by commas in the environment",
        show=lambda urls: ", ".join(map(str, urls)),
    )
    alert_after: float = setting(
        60.0,
        "alerts.after",
        "ALERT_AFTER",
        values.duration(1, DAY, "60s"),
        "how long a finding must last, or be gone, before it is reported",
        show=format_duration,
    )
    alert_reminder: float = setting(
        6 * 3600.0,
        "alerts.reminder",
        "ALERT_REMINDER",
        values.duration(60, 30 * DAY, "6h"),
        "time between reports of a finding that persists",
        show=format_duration,
    )
    log_format: str = setting(
        "text",
        "log.format",
        "LOG_FORMAT",
        values.choice("text", "json"),
        "`text` for people or `json` for machines; also `--log-format` of `serve` and `record`",
    )
    log_file: Optional[Path] = setting(
        None,
        "log.file",
        "LOG_FILE",
        values.path,
        "log file, kept below 50 MB in five files",
        unset="standard error",
    )
    ffmpeg_path: Optional[Path] = setting(
        None,
        "ffmpeg.path",
        "FFMPEG_PATH",
        values.path,
        "FFmpeg to use; by default the one on the PATH, or else that of the `ffmpeg` extra",
        unset="searched for",
    )
    ffmpeg_threads: int = setting(
        2,
        "ffmpeg.threads",
        "FFMPEG_THREAD_COUNT",
        values.whole_number(1, 64, 2),
        "encoder threads for each camera with `transcode`, 1 to 64",
    )
    segment_duration: int = setting(
        10,
        "stream.segment_duration",
        "HLS_SEGMENT_DURATION",
        values.whole_number(1, 60, 10),
        "length of a live segment in seconds, 1 to 60",
    )
    video_bitrate: int = setting(
        2_000_000,
        "stream.video_bitrate",
        "VIDEO_BITRATE",
        values.bit_rate(50_000, 200_000_000),
        "bits per second of video that is re-encoded",
        show=write_bit_rate,
    )
    audio_bitrate: int = setting(
        128_000,
        "stream.audio_bitrate",
        "AUDIO_BITRATE",
        values.bit_rate(8_000, 512_000),
        "bits per second of audio that is re-encoded, as G.711 is",
        show=write_bit_rate,
    )
    transcode: bool = setting(
        False,
        "stream.transcode",
        "TRANSCODE",
        values.boolean,
        "re-encode all video to H.264 instead of copying it",
        show=true_false,
    )
    origins: Mapping[str, Origin] = field(default_factory=dict, repr=False, compare=False)
    warnings: Tuple[str, ...] = field(default=(), repr=False, compare=False)

    def days_of(self, camera: Camera) -> int:
        """The number of days to keep a camera's recordings, if the limits allow it."""
        return self.retention_days if camera.retention_days is None else camera.retention_days


# every general setting by its field of `Settings`, in order
SETTINGS: Mapping[str, Setting] = {
    field_.name: field_.metadata["setting"] for field_ in dataclasses.fields(Settings) if "setting" in field_.metadata
}
