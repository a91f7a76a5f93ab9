"""Why nothing is recorded: errors as reasons, and the README's list of all causes of gaps."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Set

import pytest

from cctv_cli.core.ffmpeg import diagnosis, refusals
from cctv_cli.core.ffmpeg.diagnosis import Diagnosis
from cctv_cli.core.recording import closing, reasons, stall
from cctv_cli.core.records import NewerFormat
from cctv_cli.core.rtsp.result import Outcome
from cctv_cli.core.storage.gaps import NO_FRAMES

ROOT = Path(__file__).parent.parent.parent.parent
_WRITTEN = re.compile(r"""Diagnosis\(\s*"([a-z ]+)\"""")


@pytest.mark.parametrize(
    ("error", "cause", "sentence"),
    [
        pytest.param(
            OSError(errno.ENOSPC, "No space left on device", "/hls/front"),
            "storage",
            "the storage failed: No space left on device; free space",
            id="full disk",
        ),
        pytest.param(OSError("it is another disk"), "storage", "the storage failed: it is another disk", id="ours"),
        pytest.param(MemoryError(), "shortage", "cctv gets no more memory; raise its limit", id="memory"),
        pytest.param(OSError(errno.ENOMEM, "?"), "shortage", "cctv gets no more memory; raise", id="kernel's memory"),
        pytest.param(OSError(errno.EMFILE, "?"), "shortage", "cctv may open no more files; raise", id="descriptors"),
        pytest.param(BlockingIOError(errno.EAGAIN, "?"), "shortage", "cctv gets no more processes, ", id="processes"),
        pytest.param(
            RuntimeError("can't start new thread"), "shortage", "cctv gets no more processes, threads", id="threads"
        ),
        pytest.param(NewerFormat("run.json", 2), "newer cctv", "run.json was written by a newer cctv", id="newer"),
        pytest.param(RecursionError(), "unexpected error", "cctv has a defect (RecursionError)", id="defect"),
    ],
)
def test_an_error_as_a_reason_names_its_cause_and_its_cure(error: Exception, cause: str, sentence: str) -> None:
    why = reasons.of_error(error)
    assert (why.cause, why.reason[: len(sentence)]) == (cause, sentence)


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
