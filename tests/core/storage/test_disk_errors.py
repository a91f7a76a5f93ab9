"""What an operator reads when a disk or the system refuses something."""

from __future__ import annotations

import errno

import pytest

from cctv_cli.core.storage.disk_errors import explained, explained_at, failure, shortage

FULL = OSError(errno.ENOSPC, "No space left on device", "/hls/front")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        pytest.param(FULL, "the storage failed: No space left on device; free space", id="full disk"),
        pytest.param(OSError("it is another disk"), "the storage failed: it is another disk", id="sentence of ours"),
        pytest.param(MemoryError(), "cctv gets no more memory; raise its limit", id="memory"),
        pytest.param(
            OSError(errno.ENOMEM, "?"), "cctv gets no more memory; raise its limit", id="memory of the kernel"
        ),
        pytest.param(OSError(errno.EMFILE, "?"), "cctv may open no more files; raise its limit", id="descriptors"),
        pytest.param(BlockingIOError(errno.EAGAIN, "?"), "cctv gets no more processes, threads", id="processes"),
        pytest.param(RuntimeError("can't start new thread"), "cctv gets no more processes, threads", id="threads"),
        pytest.param(RecursionError(), "cctv has a defect (RecursionError)", id="defect"),
    ],
)
def test_a_failure_names_its_cause_and_its_cure(error: Exception, sentence: str) -> None:
    assert failure(error).startswith(sentence)


def test_the_path_is_named_where_the_sentence_needs_it() -> None:
    assert explained(FULL).startswith("No space left on device; free space")
    assert explained_at(FULL).startswith("No space left on device (/hls/front); free space")


def test_a_full_disk_is_not_a_lack_of_the_process() -> None:
    assert shortage(FULL) is None
