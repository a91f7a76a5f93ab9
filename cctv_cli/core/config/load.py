"""Read the configuration: cameras.toml, `.env`, environment and command line become one `Settings`.

Precedence: command line, environment, `.env` in the working folder, cameras.toml, default. An empty value
counts as not set, everywhere but for a password beside a user name in cameras.toml: new cameras have an empty
one. A value is checked in every layer, also where a higher one covers it.

Cameras come in this order: those of [[cameras]] and CAMERA_<n>_, then the channels of recorders.

Relative paths count from the folder of the file in cameras.toml, and from the working folder elsewhere.
The default storage "hls" counts as if it stood in cameras.toml, where there is one.

`.env` is read by python-dotenv without interpolation: a `$` is a `$`. In single quotes every character but
`'` and a backslash stands for itself; without quotes a `#` after a space begins a comment.
"""

from __future__ import annotations

import os.path
import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from io import StringIO
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import tomli
from dotenv.parser import parse_stream

from cctv_cli.core.config import values
from cctv_cli.core.config.cameras import CAMERAS, load_cameras
from cctv_cli.core.config.entries import Fields, Table, merge
from cctv_cli.core.config.nvrs import RECORDERS, load_recorders
from cctv_cli.core.config.settings import DEFAULT, Origin, Settings
from cctv_cli.core.config.values import Layer, Picked, Raw, pick
from cctv_cli.core.errors import ConfigError

CONFIG_NAME = "cameras.toml"
CONFIG_VARIABLE = "CCTV_CONFIG"
_DAY = 86_400


@dataclass(frozen=True)
class Option:
    """A general setting: its key in cameras.toml, its environment variable, its field in `Settings`."""

    key: str
    variable: str
    setting: str
    parse: Callable[[Raw], object]


OPTIONS = (
    Option("timezone", "TIMEZONE", "timezone", values.time_zone),
    Option("server.host", "SERVER_HOST", "host", values.host),
    Option("server.port", "SERVER_PORT", "port", values.whole_number(1, 65535, 8000)),
    Option("server.accel_redirect", "ACCEL_REDIRECT", "accel_redirect", values.accel_redirect),
    Option("storage.path", "HLS_BASE_PATH", "storage", values.path),
    Option("storage.live_path", "LIVE_PATH", "live_path", values.path),
    Option("retention.days", "RETENTION_DAYS", "retention_days", values.retention_days),
    Option("retention.max_size", "RETENTION_MAX_SIZE", "max_size", values.size),
    Option("retention.min_free", "RETENTION_MIN_FREE", "min_free", values.free_space),
    Option("retention.interval", "RETENTION_INTERVAL", "cleanup_interval", values.duration(60, 7 * _DAY, "1h")),
    Option("retention.most_deleted", "RETENTION_MOST_DELETED", "most_deleted", values.whole_number(1, 100, 50)),
    Option("health.cpu", "HEALTH_CPU", "health_cpu", values.whole_number(1, 100, 90)),
    Option("health.memory", "HEALTH_MEMORY", "health_memory", values.whole_number(1, 100, 90)),
    Option("health.segment_age", "HEALTH_SEGMENT_AGE", "health_segment_age", values.duration(5, _DAY, "60s")),
    Option("health.missing", "HEALTH_MISSING", "health_missing", values.duration(1, 3600, "60s")),
    Option("health.gop", "HEALTH_GOP", "health_gop", values.duration(1, 3600, "10s")),
    Option("alerts.webhooks", "ALERT_WEBHOOKS", "alert_webhooks", values.webhooks),
    Option("alerts.after", "ALERT_AFTER", "alert_after", values.duration(1, _DAY, "60s")),
    Option("alerts.reminder", "ALERT_REMINDER", "alert_reminder", values.duration(60, 30 * _DAY, "6h")),
    Option("log.format", "LOG_FORMAT", "log_format", values.choice("text", "json")),
    Option("log.file", "LOG_FILE", "log_file", values.path),
    Option("ffmpeg.path", "FFMPEG_PATH", "ffmpeg_path", values.path),
    Option("ffmpeg.threads", "FFMPEG_THREAD_COUNT", "ffmpeg_threads", values.whole_number(1, 64, 2)),
    Option(
        "stream.segment_duration",
        "HLS_SEGMENT_DURATION",
        "segment_duration",
        values.whole_number(1, 60, 10),
    ),
    Option("stream.video_bitrate", "VIDEO_BITRATE", "video_bitrate", values.bit_rate(50_000, 200_000_000)),
    Option("stream.audio_bitrate", "AUDIO_BITRATE", "audio_bitrate", values.bit_rate(8_000, 512_000)),
    Option("stream.transcode", "TRANSCODE", "transcode", values.boolean),
)

_KEYS = frozenset(option.key for option in OPTIONS)
_SECTIONS = frozenset(key.partition(".")[0] for key in _KEYS if "." in key)
_VARIABLES = frozenset(option.variable for option in OPTIONS) | {CONFIG_VARIABLE}
_TABLES = {table.name: table for table in (CAMERAS, RECORDERS)}
_BY_PREFIX = {table.word.upper(): table for table in _TABLES.values()}
_OUR_PREFIXES = (
    "SERVER_",
    "HLS_",
    "CAMERA_",
    "RECORDER_",
    "FFMPEG_",
    "RETENTION_",
    "HEALTH_",
    "ALERT_",
    "VIDEO_",
    "AUDIO_",
)
_NUMBERED = re.compile(rf"({'|'.join(_BY_PREFIX)})_([0-9]{{1,9}})_(.+)", re.DOTALL)

Raws = Dict[str, Raw]


@dataclass(frozen=True)
class _File:
    """What cameras.toml holds: general settings by dotted key, and its cameras and recorders by table."""

    options: Raws
    entries: Mapping[str, List[Fields]]
    folder: Path


def load_settings(
    *,
    config: Optional[Path] = None,
    environ: Mapping[str, str],
    cwd: Path,
    flags: Mapping[str, object] = {},
) -> Settings:
    """Merge all layers into the effective settings.

    `config` is the file that the command line names; without it CCTV_CONFIG (environment, then `.env`) does,
    and else `cameras.toml` in `cwd` is read if it exists. `flags` maps dotted keys of `OPTIONS`, such as
    "server.port", to values of the command line; None is not given.

    Raises ConfigError with all problems at once, one sentence each, without any password.
    """
    problems: List[str] = []
    environment = _variables(environ, Layer.ENVIRONMENT, cwd)
    _report_unknown_variables(environ, "environment", _is_numbered, problems)
    dotenv, dotenv_complete = _read_dotenv(cwd, problems)
    if config is None:
        config = _usual_config([dotenv, environment], cwd, problems)
    read = _read_config(config, cwd, problems)
    file = read or _File({}, {}, cwd)

    general = _general([file.options, _by_key(dotenv), _by_key(environment), _flags(flags, cwd)], problems)
    complete = dotenv_complete and read is not None
    entries = {
        name: merge(table, file.entries.get(name, []), _numbered(table, dotenv, environment), complete, problems)
        for name, table in _TABLES.items()
    }
    transcode = general.get("stream.transcode", Picked(Settings.transcode, DEFAULT, Layer.DEFAULT))
    channels, channel_origins, taken = load_recorders(entries[RECORDERS.name], transcode, complete, problems)
    cameras, camera_origins = load_cameras(entries[CAMERAS.name], taken, transcode, complete, problems)
    chosen: Dict[str, Any] = {"storage": file.folder / Settings.storage}
    chosen.update((option.setting, general[option.key].value) for option in OPTIONS if option.key in general)
    origins = {option.key: DEFAULT for option in OPTIONS}
    origins.update((key, picked.origin) for key, picked in general.items())
    origins.update({**camera_origins, **channel_origins})
    settings = Settings(**chosen, cameras=(*cameras, *channels), origins=origins)
    _check_live_path(settings, problems)
    if problems:
        raise ConfigError(problems)
    return settings


def _general(layers: Sequence[Raws], problems: List[str]) -> Dict[str, Picked[Any]]:
    """What is set of `OPTIONS` in any of the layers, by dotted key; the lowest layer comes first."""
    general = {}
    for option in OPTIONS:
        raws = [layer[option.key] for layer in layers if option.key in layer]
        picked: Optional[Picked[Any]] = pick(raws, option.parse, problems)
        if picked is not None:
            general[option.key] = picked
    return general


def _read_text(path: Path, name: str, cure: str, problems: List[str]) -> Optional[str]:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        problems.append(f"{name}: the file is not UTF-8 text; save it as UTF-8.")
    except OSError as error:
        problems.append(f"{name}: the file cannot be read ({error.strerror}); {cure}.")
    return None


# --- environment and .env ---


def _read_dotenv(cwd: Path, problems: List[str]) -> Tuple[Raws, bool]:
    """The variables of `.env`, and whether all of it could be read. Without the file: none, all read."""
    path = cwd / ".env"
    if not os.path.exists(path) or os.path.isdir(path):  # a folder `.env` is some virtual environment
        return {}, True
    text = _read_text(path, ".env", "let the user that runs cctv read it", problems)
    if text is None:
        return {}, False
    bindings = list(parse_stream(StringIO(text)))
    bad = [binding.original for binding in bindings if binding.error]
    for original in bad:
        blank = original.string[: -len(original.string.lstrip())]
        line = original.line + len(re.findall(r"\r\n|\r|\n", blank))
        problems.append(f".env: line {line} is not KEY=value; correct it, closing any quote that it opens.")
    found = {binding.key: binding.value or "" for binding in bindings if binding.key is not None}
    _report_unknown_variables(found, ".env", _is_ours, problems)
    return _variables(found, Layer.DOTENV, cwd), not bad


class _Variable(NamedTuple):
    """A variable of one camera or recorder, taken apart; `field` is in capitals."""

    table: Table
    number: str
    field: str


def _numbered_variable(name: str) -> Optional[_Variable]:
    match = _NUMBERED.fullmatch(name)
    return match and _Variable(_BY_PREFIX[match.group(1)], match.group(2), match.group(3))


def _variables(found: Mapping[str, str], layer: Layer, cwd: Path) -> Raws:
    source = "environment" if layer is Layer.ENVIRONMENT else ".env"
    raws = {}
    for name, value in found.items():
        if value and _is_known(name):
            variable = _numbered_variable(name)
            secret = variable is not None and variable.field.lower() in variable.table.secrets
            raws[name] = Raw(value, Origin(source, name), layer, cwd, secret)
    return raws


def _is_known(name: str) -> bool:
    variable = _numbered_variable(name)
    return name in _VARIABLES or (variable is not None and name in variable.table.variables(variable.number))


def _is_numbered(name: str) -> bool:
    return _numbered_variable(name) is not None


def _is_ours(name: str) -> bool:
    return name.upper().startswith(_OUR_PREFIXES)


def _report_unknown_variables(
    names: Iterable[str], source: str, ours: Callable[[str], bool], problems: List[str]
) -> None:
    for name in names:
        if ours(name) and not _is_known(name):
            variable = _numbered_variable(name.upper())
            if variable is not None:
                known = variable.table.variables(variable.number)
            else:
                known = [*_VARIABLES, *CAMERAS.variables(), *RECORDERS.variables()]
            problems.append(_unknown(Origin(source, name), known, "variable"))


def _by_key(variables: Raws) -> Raws:
    return {option.key: variables[option.variable] for option in OPTIONS if option.variable in variables}


def _numbered(table: Table, dotenv: Raws, environment: Raws) -> List[Fields]:
    """The table's numbered variables as entries, by number; `.env` before the environment, which wins."""
    groups: Dict[str, Fields] = {}
    for name, raw in [*dotenv.items(), *environment.items()]:
        variable = _numbered_variable(name)
        if variable is not None and variable.table is table:
            groups.setdefault(variable.number, {}).setdefault(variable.field.lower(), []).append(raw)
    return [groups[number] for number in sorted(groups, key=lambda number: (int(number), number))]


def _flags(flags: Mapping[str, object], cwd: Path) -> Raws:
    unknown = set(flags) - _KEYS
    if unknown:
        raise KeyError(f"no option has the key {sorted(unknown)}")
    return {
        key: Raw(value, Origin("command line", key), Layer.COMMAND_LINE, cwd)
        for key, value in flags.items()
        if value is not None and value != ""
    }


# --- cameras.toml ---


def _usual_config(layers: Iterable[Raws], cwd: Path, problems: List[str]) -> Optional[Path]:
    """The file that CCTV_CONFIG names, or else `cameras.toml` if it exists."""
    named = [layer[CONFIG_VARIABLE] for layer in layers if CONFIG_VARIABLE in layer]
    picked = pick(named, values.path, problems)
    if picked is not None:
        return picked.value
    return Path(CONFIG_NAME) if os.path.lexists(cwd / CONFIG_NAME) else None


def _read_config(path: Optional[Path], cwd: Path, problems: List[str]) -> Optional[_File]:
    """What the file holds; None if it cannot be read."""
    if path is None:
        return _File({}, {}, cwd)
    name = str(path)
    text = _read_text(
        cwd / path, name, "create it, let this user read it, or correct --config or CCTV_CONFIG", problems
    )
    if text is None:
        return None
    try:
        document = tomli.loads(text)
    except ValueError as error:  # says line and column; holds names of keys, never a value
        problems.append(f"{name}: the file is not valid TOML: {error}; correct that line.")
        return None
    return _Reader(name, (cwd / path).parent, problems).read(document)


class _Reader:
    """Turns the tables of one cameras.toml into raw values, reporting keys that nobody knows."""

    def __init__(self, name: str, folder: Path, problems: List[str]) -> None:
        self._name = name
        self._folder = folder
        self._problems = problems

    def read(self, document: Mapping[str, object]) -> _File:
        options: Raws = {}
        entries: Dict[str, List[Fields]] = {}
        for key, value in document.items():
            if key in _TABLES:
                entries[key] = self._entries(_TABLES[key], value)
            elif key in _SECTIONS:
                options.update(self._section(key, value))
            else:
                self._known(options, key, value)
        return _File(options, entries, self._folder)

    def _section(self, section: str, table: object) -> Raws:
        options: Raws = {}
        if isinstance(table, dict):
            for key, value in table.items():
                self._known(options, f"{section}.{key}", value)
        else:
            self._report(f"{section} is not a table; write [{section}] on a line of its own, its keys below")
        return options

    def _known(self, options: Raws, key: str, value: object) -> None:
        if key not in _KEYS:
            self._problems.append(_unknown(self._origin(key), [*_KEYS, *_SECTIONS, *_TABLES], "key"))
        elif value != "":
            options[key] = Raw(value, self._origin(key), Layer.FILE, self._folder)

    def _entries(self, table: Table, tables: object) -> List[Fields]:
        if not isinstance(tables, list) or not all(isinstance(keys, dict) for keys in tables):
            self._report(f"{table.name} is not a list of tables; begin each {table.word} with a line [[{table.name}]]")
            return []
        entries = [self._entry(table, number, keys) for number, keys in enumerate(tables, start=1)]
        return [fields for fields in entries if fields]

    def _entry(self, table: Table, number: int, keys: Mapping[str, object]) -> Fields:
        fields: Fields = {}
        for key, value in keys.items():
            origin = self._origin(f"{table.word} {number} {key}")
            if key not in table.fields:
                self._problems.append(_unknown_field(table, origin, key))
            elif value != "" or (key == "password" and keys.get("username", "") != ""):
                fields[key] = [Raw(value, origin, Layer.FILE, self._folder, key in table.secrets)]
        if not fields:
            self._report(f"{table.word} {number} is empty; give it {table.least}, or remove its [[{table.name}]]")
        return fields

    def _origin(self, key: str) -> Origin:
        return Origin(self._name, key)

    def _report(self, sentence: str) -> None:
        self._problems.append(f"{self._name}: {sentence}.")


def _unknown_field(table: Table, origin: Origin, key: str) -> str:
    for other in _TABLES.values():
        if key in other.fields:
            return f"{origin} is a key of [[{other.name}]], not of [[{table.name}]]; write it there."
    return _unknown(origin, table.fields, "key")


def _unknown(origin: Origin, known: Iterable[str], what: str) -> str:
    written = origin.key.rpartition(" ")[2].lower()
    nearest = max(sorted(known), key=lambda name: SequenceMatcher(None, written, name.lower()).ratio())
    return f"{origin} is no known {what}; the nearest is {nearest}."


# --- contradictions between settings ---


def _check_live_path(settings: Settings, problems: List[str]) -> None:
    """The live window is pruned, so it must not lie where recordings do."""
    if settings.live_path is None:
        return
    live, storage = _real(settings.live_path), _real(settings.storage)
    if live == storage or storage in live.parents:
        problems.append(
            f'{settings.origins["storage.live_path"]} = "{settings.live_path}" lies in the storage '
            f'"{settings.storage}"; choose a folder outside, or remove the key to keep them together.'
        )


def _real(path: Path) -> Path:
    return Path(os.path.normcase(os.path.realpath(path)))
