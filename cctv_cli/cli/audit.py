"""`cctv audit`: who did what, looked at what, and was refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Iterator, Optional, Tuple

import typer

from cctv_cli.cli import options, output
from cctv_cli.cli.result import Result, Table
from cctv_cli.core.units import counted, format_size

if TYPE_CHECKING:
    from datetime import tzinfo

    from cctv_cli.core.audit.entries import Entry, View, Who
    from cctv_cli.core.runtime import Runtime


def audit(
    context: typer.Context,
    since: str = typer.Option(
        "24h", "--since", metavar="TIME", help="How far back, such as 90m or 30d. [default: 24h]", show_default=False
    ),
    camera: Optional[str] = typer.Option(
        None, "--camera", metavar="CAMERA", help="Only what concerns this camera. [default: everything]"
    ),
    name: Optional[str] = typer.Option(
        None, "--name", metavar="NAME", help="Only what the holder of this token did. [default: everybody]"
    ),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Show who did what, looked at what, and was refused.

    People are named by their tokens, users of this machine by their own name. Watching is one line until it pauses
    for a minute, and one for each quarter of an hour; the line appears when that is over.

    \b
    Example:
      cctv audit --since 7d --camera front
    """
    runtime = options.runtime(context)
    found = read_audit(runtime, options.seconds(since, "--since"), camera, name)
    output.finish(found, as_json=options.as_json(context))


def read_audit(runtime: Runtime, lasts: float, camera: Optional[str], name: Optional[str]) -> Result:
    """The entries of so many seconds, the latest last. Raises OSError."""
    from cctv_cli.core.audit.entries import values_of
    from cctv_cli.core.audit.log import AuditLog

    entries = [
        entry
        for entry in AuditLog(runtime.settings.storage).since(runtime.clock.now() - lasts)
        if camera in (None, entry.camera) and name in (None, entry.who.name)
    ]
    table = Table(("When", "Who", "What", "Camera", "Details"), tuple(_row(entry, runtime.tz) for entry in entries))
    return Result(
        document=[values_of(entry, runtime.tz) for entry in entries],
        text=(table if entries else "There is nothing to show; look further back with --since",),
    )


def acted(runtime: Runtime, what: str, *, camera: str = "", detail: str = "") -> Tuple[str, ...]:
    """Write down what a command did; the result are warnings, because the command has done it all the same."""
    from cctv_cli.core.audit.entries import Entry, Who
    from cctv_cli.core.audit.log import AuditLog
    from cctv_cli.core.system import user_name

    entry = Entry(runtime.clock.now(), what, Who(user=user_name()), camera, detail=detail)
    try:
        AuditLog(runtime.settings.storage).append(entry)
    except OSError as error:
        return (f"The audit log lacks this, because it cannot be written ({error.strerror or error})",)
    return ()


def _row(entry: Entry, tz: Optional[tzinfo]) -> Tuple[str, ...]:
    from cctv_cli.core.clock import local_time

    when = f"{local_time(entry.at, tz):%Y-%m-%d %H:%M:%S}"
    return when, _who(entry.who), entry.what, entry.camera, ", ".join(_details(entry, tz))


def _who(who: Who) -> str:
    parts = (
        who.name,
        who.user and f"user {who.user}",
        f"at {who.address}" if who.address and who.name else who.address,
        who.chain and f"via {' '.join(who.chain)}",
    )
    return " ".join(part for part in parts if part)


def _details(entry: Entry, tz: Optional[tzinfo]) -> Iterator[str]:
    from cctv_cli.core.audit.entries import DONE

    if entry.outcome != DONE:
        yield entry.outcome
    if entry.count > 1:
        yield f"{entry.count:,} times"
    if entry.detail:
        yield entry.detail
    if entry.view is not None:
        yield from _viewed(entry.view, tz)


def _viewed(view: View, tz: Optional[tzinfo]) -> Iterator[str]:
    from cctv_cli.core.clock import local_time

    yield f"from {local_time(view.began, tz):%H:%M:%S} to {local_time(view.ended, tz):%H:%M:%S}"
    yield f"{format_size(view.bytes)} in {counted(view.answers, 'answer')}"
    if view.first:
        yield f"recordings {view.first}" if view.first == view.last else f"recordings {view.first} to {view.last}"
