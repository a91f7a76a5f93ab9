"""`cctv reload` makes running supervisors read their configuration again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import typer

from cctv_cli.cli import options, output
from cctv_cli.cli.audit import acted
from cctv_cli.cli.result import Result

if TYPE_CHECKING:
    from cctv_cli.core.recording.reload import Answer
    from cctv_cli.core.runtime import Runtime

_LIMIT = 40.0  # seconds; a process takes at most 30


def reload(
    context: typer.Context,
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Let cctv serve and cctv record read their configuration again.

    Every process that records into the storage reads its own configuration, as it was told where at its start, and
    says what changed. If that has an error, the process keeps the configuration that it has, and the exit code is 3.

    \b
    Example:
      cctv reload
    """
    runtime = options.runtime(context)
    output.finish(reload_configuration(runtime, _LIMIT), as_json=options.as_json(context))


def reload_configuration(runtime: Runtime, limit: float) -> Result:
    """Ask all supervisors to reload, and wait at most `limit` seconds for each. Raises OSError."""
    from cctv_cli.core.errors import CctvError, ConfigError, ReloadUnanswered
    from cctv_cli.core.recording.reload import request_reload

    answers, silent = request_reload(runtime.settings.storage, runtime.supervised, limit)
    problems = [f"Process {each.pid}: {problem}" for each in answers for problem in each.outcome.problems]
    error: Optional[CctvError] = ConfigError(problems) if problems else None
    if silent:
        names = ", ".join(str(process) for process in sorted(set(silent.values())))
        sentence = f"No answer from process {names}, which may not have reloaded; see its log, or restart it"
        error = ReloadUnanswered("\n".join((*problems, sentence)))
    idle = "Nothing to reload: neither cctv serve nor cctv record uses this storage now"
    return Result(
        document=[{"pid": each.pid, "cameras": each.cameras, **asdict(each.outcome)} for each in answers],
        text=tuple(_sentence(each) for each in answers if not each.outcome.problems) or (() if error else (idle,)),
        warnings=acted(runtime, "reload") if answers else (),
        error=error,
    )


def _sentence(answer: Answer) -> str:
    outcome = answer.outcome
    changes = "; ".join(outcome.changes) or "nothing changed"
    pending = f"; a restart is needed for {', '.join(outcome.pending)}" if outcome.pending else ""
    return f"Process {answer.pid} reloaded its configuration: {changes}{pending}"
