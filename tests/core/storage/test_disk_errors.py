"""What an operator reads when a disk or the system refuses something."""

from __future__ import annotations

import errno

from cctv_cli.core.storage.disk_errors import explained, explained_at, shortage

FULL = OSError(errno.ENOSPC, "No space left on device", "/hls/front")


def test_the_path_is_named_where_the_sentence_needs_it() -> None:
    assert explained(FULL).startswith("No space left on device; free space")
    assert explained_at(FULL).startswith("No space left on device (/hls/front); free space")


def test_a_full_disk_is_not_a_lack_of_the_process() -> None:
    assert shortage(FULL) is None
