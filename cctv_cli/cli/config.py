"""`cctv config`: the effective settings and the origin of each."""

from __future__ import annotations

import errno
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Callable, List, Optional, Tuple

import typer

from cctv_cli.cli import options, output
from cctv_cli.cli.result import Result, Table
from cctv_cli.core.errors import AddressError, CctvError, ConfigError, StorageError

if TYPE_CHECKING:
    from cctv_cli.core.config.settings import Settings


def config(context: typer.Context, config: Optional[Path] = options.CONFIG, json: bool = options.JSON) -> None:
    """Check the configuration and show where each setting came from.

    Passwords are never shown. If the configuration has problems, all of them are printed, and the exit code is 3.
    Warnings name what is probably a mistake, and what would keep cctv serve from starting on this machine.

    \b
    Example:
      cctv config --config /etc/cctv/cameras.toml
    """
    settings = options.settings(context)
    output.finish(show_settings(settings, start_troubles(settings)), as_json=options.as_json(context))


def show_settings(settings: Settings, troubles: Tuple[str, ...] = ()) -> Result:
    """Every setting with its value and origin, and warnings."""
    from cctv_cli.core.config.shown import describe

    rows = describe(settings)
    return Result(
        document=[{"key": key, "value": value, "from": origin} for key, value, origin in rows],
        text=(Table(("Setting", "Value", "From"), tuple(rows)),),
        warnings=(*settings.warnings, *troubles),
    )


def start_troubles(settings: Settings) -> Tuple[str, ...]:
    """Why `cctv serve` would not start on this machine. A port in use is left out: a running server may use it."""
    from cctv_cli.core.ffmpeg.find import find_ffmpeg

    checks: Tuple[Callable[[], object], ...] = (
        lambda: find_ffmpeg(settings.ffmpeg_path),
        lambda: _check_storage(settings.storage),
        lambda: _check_log_file(settings.log_file),
        lambda: _check_address(settings.host, settings.port),
    )
    troubles: List[str] = []
    for check in checks:
        try:
            check()
        except (CctvError, OSError) as error:
            troubles.append(f"cctv serve will not start here: {error}.")
    return tuple(troubles)


def _check_storage(storage: Path) -> None:
    """Raise StorageError if nothing can be recorded in the storage. It is not created."""
    from cctv_cli.core.disk_threads import DiskHangs, DiskThreads

    try:
        DiskThreads().ask(storage, "check", partial(_refuse_storage, storage))
    except DiskHangs:
        pass  # `cctv serve` starts, and waits for the disk


def _refuse_storage(storage: Path) -> None:
    from cctv_cli.core.storage.marker import refuse_newer

    refuse_newer(storage)
    folder = next(path for path in (storage, *storage.parents) if path.exists())
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        raise StorageError(f"The storage {storage} cannot be written; correct HLS_BASE_PATH or its permissions")


def _check_log_file(path: Optional[Path]) -> None:
    """Raise ConfigError if the log file cannot be written. It is not created: it may belong to another user."""
    if path is not None and (path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK)):
        raise ConfigError([f"The log file {path} cannot be written; correct LOG_FILE or its folder"])


def _check_address(host: str, port: int) -> None:
    from cctv_cli.api import server

    try:
        server.listen(host, port).close()
    except AddressError as error:
        if not isinstance(error.__cause__, OSError) or error.__cause__.errno != errno.EADDRINUSE:
            raise
