"""Reads the text files of the configuration."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import List, Optional

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: Path, name: str, cure: str, problems: List[str]) -> Optional[str]:
    """The text of a UTF-8 file, with or without a byte order mark; None, and a problem, if it cannot be read."""
    try:
        content = path.read_bytes()
        if not content.startswith(_UTF_16) and b"\0" not in content:
            return content.decode("utf-8-sig")
        problems.append(f"{name}: the file is UTF-16 or not text (PowerShell's > writes UTF-16); save it as UTF-8.")
    except UnicodeDecodeError:
        problems.append(f"{name}: the file is not UTF-8 text; save it as UTF-8.")
    except OSError as error:
        problems.append(f"{name}: the file cannot be read ({error.strerror}); {cure}.")
    return None
