"""What a command answers: frozen values that `output` renders, as text for people or as JSON for scripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Optional, Tuple, Union

from cctv_cli.core.errors import CctvError


class Styled(NamedTuple):
    """A text in a color that a terminal shows."""

    text: str
    style: str


Cell = Union[str, Styled]


@dataclass(frozen=True)
class Table:
    """Rows below titles; a long cell wraps and is never cut off."""

    titles: Tuple[str, ...]
    rows: Tuple[Tuple[Cell, ...], ...]


Text = Tuple[Union[str, Table], ...]  # a string is one line


@dataclass(frozen=True)
class Result:
    """What a command found, and how it ends.

    `document` is what `--json` prints; scripts depend on its keys and types. `text` is the same for people;
    with `terminal_only` it is shown on a terminal and nowhere else. An `error` is reported after
    either of them and has its own exit code; without one the command ends with `exit_code`.
    """

    document: Any
    text: Text = ()
    terminal_only: bool = False
    error: Optional[CctvError] = None
    exit_code: int = 0
