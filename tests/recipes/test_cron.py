"""examples/cron/cctv, a file for /etc/cron.d."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Tuple

import pytest

from cctv_cli.core.errors import CleanupRefused, CleanupRuns
from tests.recipes.cctv_command import assert_command
from tests.support.waiting import HANG

ROOT = Path(__file__).parent.parent.parent
RECIPE = ROOT / "examples" / "cron" / "cctv"
# crontab(5): minute, hour, day of month, month, day of week
LIMITS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]


def jobs() -> List[Tuple[List[str], str, str]]:
    """The five fields, the user and the command of each line."""
    found = []
    for line in RECIPE.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#") and re.match(r"\w+=", line) is None:
            *fields, user, command = line.split(None, 6)
            found.append((fields, user, command))
    return found


def variables() -> Dict[str, str]:
    lines = RECIPE.read_text(encoding="utf-8").splitlines()
    return {match.group(1): match.group(2) for match in (re.match(r"(\w+)=(.*)", line) for line in lines) if match}


def test_lines_are_what_cron_reads() -> None:
    assert RECIPE.read_bytes().endswith(b"\n")  # cron ignores a last line without a line end
    assert "." not in RECIPE.name  # cron ignores files with a dot in their names
    assert len(jobs()) == 2
    for fields, user, command in jobs():
        assert user == "cctv"
        assert "%" not in command  # cron turns it into a line end
        for field, (least, most) in zip(fields, LIMITS):
            match = re.fullmatch(r"(\*|\d+)(?:/(\d+))?", field)
            assert match is not None, field
            assert all(least <= int(number) <= most for number in match.groups() if number and number != "*")


def test_lines_call_commands_that_exist() -> None:
    called = [re.findall(r"\bcctv ((?:cleanup|health)[\w -]*)", command) for _, _, command in jobs()]
    assert [len(found) for found in called] == [1, 1]
    for found in called:
        assert_command(found[0])
    assert variables()["PATH"].split(":")[0] == "/opt/cctv/bin"


def test_every_line_runs_in_the_working_directory_of_the_service() -> None:
    """`.env` is read only there; a cleanup without it could delete what the service keeps."""
    unit = (ROOT / "examples" / "systemd" / "cctv.service").read_text(encoding="utf-8")
    folder = re.findall(r"^WorkingDirectory=(.+)$", unit, re.MULTILINE)
    documented = re.findall(
        r"^\d[\d */]+(\S.*\bcctv cleanup.*)$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE
    )
    assert len(documented) == 1
    commands = [*documented, *(command for _, _, command in jobs())]
    assert [command for command in commands if not command.startswith(f"cd {folder[0]} && ")] == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no /bin/sh")
@pytest.mark.parametrize(
    ("name", "code", "quiet"),
    [
        ("health", 0, True),
        ("health", 1, False),
        ("health", 2, False),
        ("cleanup", 0, True),
        ("cleanup", CleanupRuns.exit_code, True),
        ("cleanup", CleanupRefused.exit_code, False),
        ("cleanup", 1, False),
    ],
)
def test_a_line_prints_only_when_something_is_wrong(tmp_path: Path, name: str, code: int, quiet: bool) -> None:
    script = tmp_path / "cctv"
    script.write_text(f"#!/bin/sh\necho 'camera front: 50%  \"late\"'\nexit {code}\n", encoding="utf-8")
    script.chmod(0o755)
    (command,) = [command for _, _, command in jobs() if f"cctv {name}" in command]
    command = command.replace("/etc/cctv", str(tmp_path))
    done = subprocess.run(
        [variables()["SHELL"], "-c", command],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("" if quiet else 'camera front: 50%  "late"\n')
