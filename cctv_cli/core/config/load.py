"""Read the configuration: cameras.toml, `.env`, environment and command line become one `Settings`.

Precedence: command line, environment, `.env` in the working folder, cameras.toml, default. An empty value
counts as not set, except a password in cameras.toml that has a user name: new cameras have an empty password.
A value is checked in every layer, even if a higher layer overrides it.

The cameras of [[cameras]] and CAMERA_<n>_ come first, then the channels of NVRs.

Relative paths in cameras.toml start from its folder, all others from the working folder. The default storage
"hls" counts as if it were written in cameras.toml, if there is one.
"""

from __future__ import annotations

import os.path
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence

from cctv_cli.core.config import names, values
from cctv_cli.core.config.cameras import CAMERAS, load_cameras
from cctv_cli.core.config.doubts import doubtful_variables, doubts
from cctv_cli.core.config.entries import Entry, merge
from cctv_cli.core.config.nvrs import NVRS, load_nvrs
from cctv_cli.core.config.rights import exposed_files, foreign_files
from cctv_cli.core.config.schema import Table
from cctv_cli.core.config.settings import SETTINGS, Settings
from cctv_cli.core.config.toml import TomlFile, read_toml
from cctv_cli.core.config.values import DEFAULT, Layer, Origin, Picked, pick
from cctv_cli.core.config.variables import DOTENV_NAME, Raws, by_key, numbered, read_dotenv, read_environment
from cctv_cli.core.errors import ConfigError

CONFIG_NAME = "cameras.toml"


def load_settings(
    *,
    config: Optional[Path] = None,
    environ: Mapping[str, str],
    cwd: Path,
    flags: Mapping[str, object] = {},
) -> Settings:
    """Merge all layers into the effective settings.

    `config` is the file that the command line names. Without it, CCTV_CONFIG (environment, then `.env`) names
    the file, or else `cameras.toml` in `cwd` is read if it exists. `flags` maps dotted keys of `SETTINGS`,
    such as "server.port", to values from the command line; None means not given.

    Probable mistakes are in `warnings` of the result. Raises ConfigError with all problems at once, one sentence
    each, without any password.
    """
    problems: List[str] = []
    environment = read_environment(environ, cwd, problems)
    dotenv, dotenv_complete = read_dotenv(cwd, problems)
    path = config or _usual_config([dotenv, environment], cwd, problems)
    read = TomlFile(cwd) if path is None else read_toml(path, cwd, problems)
    complete = dotenv_complete and read is not None
    file = read or TomlFile(cwd)

    def entries(table: Table) -> List[Entry]:
        return merge(
            table, [*file.entries.get(table.noun, ()), *numbered(table, dotenv, environment)], complete, problems
        )

    general = _general([file.general, by_key(dotenv), by_key(environment), _flags(flags, cwd)], problems)
    transcode = general.get("transcode", Picked(Settings.transcode, DEFAULT, Layer.DEFAULT))
    camera_entries, nvr_entries = entries(CAMERAS), entries(NVRS)
    channels, channel_origins, taken = load_nvrs(nvr_entries, transcode, complete, problems)
    cameras, camera_origins = load_cameras(camera_entries, taken, transcode, complete, problems)
    chosen: Dict[str, Any] = {"storage": file.folder / Settings.storage}
    chosen.update((name, picked.value) for name, picked in general.items())
    origins = {setting.key: general[name].origin if name in general else DEFAULT for name, setting in SETTINGS.items()}
    origins.update({**camera_origins, **channel_origins})
    settings = Settings(**chosen, cameras=(*cameras, *channels), origins=origins)
    _check_live_path(settings, problems)
    _check_tls(settings, problems)
    files = {str(each): cwd / each for each in (DOTENV_NAME, path) if each is not None}
    problems += foreign_files(files)
    if problems:
        raise ConfigError(problems)
    warnings = (*doubtful_variables(environ), *doubts(settings), *exposed_files(files, settings))
    return replace(settings, warnings=warnings)


def _usual_config(layers: Iterable[Raws], cwd: Path, problems: List[str]) -> Optional[Path]:
    """The file that CCTV_CONFIG names, or else `cameras.toml` if it exists."""
    named = [layer[names.CONFIG_VARIABLE] for layer in layers if names.CONFIG_VARIABLE in layer]
    picked = pick(named, values.path, problems)
    if picked is not None:
        return picked.value
    return Path(CONFIG_NAME) if os.path.lexists(cwd / CONFIG_NAME) else None


def _general(layers: Sequence[Raws], problems: List[str]) -> Dict[str, Picked[Any]]:
    """The general settings that any layer sets, by field of `Settings`; `layers` begins with the lowest."""
    general = {}
    for name, setting in SETTINGS.items():
        raws = [layer[setting.key] for layer in layers if setting.key in layer]
        picked: Optional[Picked[Any]] = pick(raws, setting.parse, problems)
        if picked is not None:
            general[name] = picked
    return general


def _flags(flags: Mapping[str, object], cwd: Path) -> Raws:
    unknown = set(flags) - names.KEYS
    if unknown:
        raise KeyError(f"no setting has the key {sorted(unknown)}")
    return {
        key: values.Raw(value, Origin("command line", key), Layer.COMMAND_LINE, cwd)
        for key, value in flags.items()
        if value is not None and not values.is_blank(value)
    }


def _check_live_path(settings: Settings, problems: List[str]) -> None:
    """The live window is pruned, so it must not be inside the storage."""
    if settings.live_path is None:
        return
    live, storage = _real(settings.live_path), _real(settings.storage)
    if live == storage or storage in live.parents:
        problems.append(
            f'{settings.origins["storage.live_path"]} = "{settings.live_path}" is inside the storage '
            f'"{settings.storage}"; choose a folder outside, or remove the key to keep them together.'
        )


def _check_tls(settings: Settings, problems: List[str]) -> None:
    if (settings.tls_cert is None) != (settings.tls_key is None):
        given, missing = ("tls_cert", "tls_key") if settings.tls_key is None else ("tls_key", "tls_cert")
        problems.append(f"{settings.origins[f'server.{given}']} needs server.{missing} too; set both, or none.")


def _real(path: Path) -> Path:
    return Path(os.path.normcase(os.path.realpath(path)))
