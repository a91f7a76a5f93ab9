"""What a reload says that it changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Tuple

import pytest

from cctv_cli.core.config.changes import changed_keys, changes
from cctv_cli.core.config.settings import Camera, RtspSource, Settings
from cctv_cli.core.units import Secret

ONE = Camera("one", "One", RtspSource("192.168.1.100", 554, "/101", "admin", Secret("before")))
TWO = replace(ONE, id="two")
SETTINGS = Settings(cameras=(ONE, TWO))


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (SETTINGS, ()),
        (replace(SETTINGS, cameras=(TWO, ONE), warnings=("one",)), ()),
        (replace(SETTINGS, cameras=(ONE,)), ("removed two",)),
        (replace(SETTINGS, cameras=(ONE, TWO, replace(ONE, id="a"), replace(ONE, id="b"))), ("added a, b",)),
        (
            replace(SETTINGS, cameras=(ONE, replace(TWO, source=replace(TWO.source, password=Secret("after"))))),
            ("changed two",),
        ),
        (
            replace(SETTINGS, cameras=(replace(TWO, id="three"),), retention_days=3, host="::1"),
            ("added three", "removed one, two", "changed server.host, retention.days"),
        ),
    ],
)
def test_changes_name_what_changed_but_not_its_value(after: Settings, found: Tuple[str, ...]) -> None:
    assert changes(SETTINGS, after) == found


def test_settings_have_the_names_of_the_file() -> None:
    assert list(changed_keys(SETTINGS, replace(SETTINGS, cameras=(ONE,), port=9))) == ["server.port"]
