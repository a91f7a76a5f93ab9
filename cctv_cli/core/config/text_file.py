"""Reading the text files of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional


def read_text(path: Path, name: str, cure: str, problems: List[str]) -> Optional[str]:
    """The text of a UTF-8 file, with or without a byte order mark; None if it cannot be read, which is reported."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        problems.append(f"{name}: the file is not UTF-8 text; save it as UTF-8.")
    except OSError as error:
        problems.append(f"{name}: the file cannot be read ({error.strerror}); {cure}.")
    return None
