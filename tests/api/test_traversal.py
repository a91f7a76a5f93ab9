"""Nothing that stands for a path parameter leads to a file that no request may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.traversal import MARK, Site, parameters, sample, strings

pytestmark = pytest.mark.anyio

_EACH = 150  # strings for each parameter: a second in all; the seed differs, so every parameter gets others
_PERIOD = "/recordings/{camera_id}/playlist.m3u8"  # only a link has one


async def test_no_string_in_a_path_leads_out_of_the_camera(tmp_path: Path) -> None:
    site = Site(tmp_path)
    found = parameters(site.app.openapi())
    assert len(found) >= 20
    for parameter in found:
        if parameter.method == "GET":
            status, body = await site.send("GET", parameter.valid_url)
            expected = 503 if "/sub/" in parameter.path else 404 if parameter.path == _PERIOD else 200
            assert (status, MARK in body) == (expected, False), parameter
    for parameter in found:
        await site.attack(parameter, sample(_EACH, parameter))


async def test_no_symbolic_link_is_followed(tmp_path: Path) -> None:
    site, recordings = Site(tmp_path), "/recordings/front"
    for path in ("/stream/front/segment6.ts", f"{recordings}/2026-07-14/14/42.ts", f"{recordings}/2026-07-13/14/41.ts"):
        status, body = await site.send("GET", path)
        assert (status, MARK in body) == (404, False), path


def test_there_are_enough_strings() -> None:
    assert len(set(strings())) > 20_000
