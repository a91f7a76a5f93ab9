"""The results of commands: frozen values that `output` renders as text for people or as JSON for scripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Optional, Tuple, Union

from cctv_cli.core.errors import CctvError


class Styled(NamedTuple):
    """A text with a color for terminals."""

    text: str
    style: str


Cell = Union[str, Styled]


@dataclass(frozen=True)
class Table:
    """Rows below titles; long cells wrap and are never truncated."""

    titles: Tuple[str, ...]
    rows: Tuple[Tuple[Cell, ...], ...]


Text = Tuple[Union[str, Table], ...]  # a string is one line


@dataclass(frozen=True)
class Result:
    """The result of a command and how it exits.

    `document` is what `--json` prints; scripts depend on its keys and types. `text` is the same for people;
    with `terminal_only` it is shown only on a terminal. `warnings` go to standard error. An `error` is reported after
    either of them and sets the exit code; without one the command exits with `exit_code`.
    """

    document: Any
    text: Text = ()
    terminal_only: bool = False
    warnings: Tuple[str, ...] = ()
    error: Optional[CctvError] = None
    exit_code: int = 0
