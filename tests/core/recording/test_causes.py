"""The README explains every cause of a gap."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Set

from cctv_cli.core.ffmpeg import diagnosis, refusals
from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.recording import closing, reasons, stall
from cctv_cli.core.rtsp.result import Outcome
from cctv_cli.core.storage.gaps import NO_FRAMES

ROOT = Path(__file__).parent.parent.parent.parent
_WRITTEN = re.compile(r"""(?:Diagnosis\(\s*|State\.BACKOFF, [^"\n]+, )"([a-z ]+)\"""")


def causes() -> Set[str]:
    """All that a journal may give as the cause of a gap."""
    found = {outcome.value.replace("_", " ") for outcome in Outcome} - {"ok"}
    found |= {
        each.cause for module in (reasons, stall) for each in vars(module).values() if isinstance(each, Diagnosis)
    }
    found |= {cause for _, cause, _ in diagnosis._SIGNS}
    found |= {refusals.refusal(status, "DESCRIBE").cause for status in range(300, 600)}
    found |= {closing._UNREADABLE[0], closing._CLOCK_SET[0], NO_FRAMES[0]}
    for path in (ROOT / "cctv_cli" / "core").rglob("*.py"):
        found |= set(_WRITTEN.findall(path.read_text(encoding="utf-8")))
    return found - {reasons.FOLLOWS_MAIN.cause}  # a sub stream has no journal


def test_the_readme_explains_exactly_the_causes_of_gaps() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    chapter = text.split("### Causes of gaps\n", 1)[1].split("\n#", 1)[0]
    rows = re.findall(r"^\| (`.+?`) \|", chapter, re.MULTILINE)
    assert set(re.findall(r"`([^`]+)`", " ".join(rows))) == causes()
