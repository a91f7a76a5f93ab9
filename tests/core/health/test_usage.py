from __future__ import annotations

import os
import subprocess
import sys
from typing import Iterator, Optional

import pytest

from cctv_cli.core.health.usage import Meter, ProcessUse
from tests.support.waiting import wait_for

BUSY = "print('ready', flush=True)\nwhile True: pass"


@pytest.fixture
def busy() -> Iterator[subprocess.Popen[str]]:
    """A process that uses a whole core."""
    child = subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, encoding="utf-8")
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    yield child
    child.kill()
    child.communicate()


def test_the_first_measurement_has_all_values(busy: subprocess.Popen[str]) -> None:
    facts = Meter().system([os.getpid()])
    assert 1 < facts.cpu <= 100
    assert facts.cores >= 1
    assert 0 < facts.memory < 100
    assert 0 < facts.memory_available < facts.memory_total
    if sys.platform == "win32":
        assert facts.load is None
    else:
        assert facts.load is not None and len(facts.load) == 3
        assert facts.open_files is not None and facts.open_files >= 3


def test_two_measurements_at_once_have_the_same_result() -> None:
    meter = Meter()
    first = meter.system([])
    assert meter.system([]).cpu == first.cpu
    assert (first.open_files, first.open_files_limit) == (None, None)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell another process's limit")
def test_open_files_of_all_supervisors_and_their_smallest_limit() -> None:
    import resource

    meter = Meter()
    one = meter.system([os.getpid()])
    two = meter.system([os.getpid(), os.getpid(), 2**22 + 1])  # the last one is not a process
    assert one.open_files is not None
    assert two.open_files == 2 * one.open_files
    assert two.open_files_limit == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_usage_of_a_process_since_its_start_and_then_between_polls(busy: subprocess.Popen[str]) -> None:
    meter = Meter()
    first = meter.process(busy.pid)
    assert first is not None and first.memory > 1_000_000

    def later() -> Optional[ProcessUse]:
        found = meter.process(busy.pid)
        return found if found is not None and found.cpu != first.cpu else None

    second = wait_for(later, "another look")
    assert second is not None and 5 < second.cpu < 150


def test_a_process_that_has_ended_has_no_usage(busy: subprocess.Popen[str]) -> None:
    meter = Meter()
    assert meter.process(busy.pid) is not None
    busy.kill()
    busy.wait()
    assert meter.process(busy.pid) is None
    meter.forget_ended()
