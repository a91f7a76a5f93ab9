"""Links, as an operator makes them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Callable, Tuple

import pytest

from cctv_cli.cli import link
from cctv_cli.core.access import links
from cctv_cli.core.access.store import AccessStore
from cctv_cli.core.clock import parse_instant
from cctv_cli.core.config.settings import Settings
from cctv_cli.core.layout import access_files
from tests.support.storage_tree import CameraTree

Cctv = Callable[..., Any]
CAMERAS = 'timezone = "Europe/Berlin"\n[[cameras]]\nid = "front"\nrtsp_url = "rtsp://192.168.1.101/front"\n'
PERIOD = ("--from", "2026-07-14 14:00", "--to", "2026-07-14 14:30")


@pytest.fixture
def storage(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (home / "cameras.toml").write_text(CAMERAS)
    monkeypatch.setattr(link, "_own_address", lambda: "192.168.1.5")
    return home / "hls"


def opened(url: str, storage: Path, now: float) -> Tuple[str, Any]:
    """The address and the link in a URL."""
    match = re.fullmatch(r"(.*)/t/([^/]+)/(stream/front/live|recordings/front/playlist)\.m3u8", url)
    key = AccessStore(storage).link_key()
    assert match is not None and key is not None
    return match.group(1), links.verify(match.group(2), key, now)


def test_a_link_shows_what_it_was_made_for(cctv: Cctv, storage: Path) -> None:
    for arguments, start, end in (((), None, None), (PERIOD, "2026-07-14T14:00+02:00", "2026-07-14T14:30+02:00")):
        made = json.loads(cctv("link", "front", *arguments, "--json").out)
        expires = parse_instant(made["expires"])
        base, found = opened(made["url"], storage, expires - 60)
        assert base == "http://192.168.1.5:8000"
        assert (found.camera, found.expires) == ("front", pytest.approx(expires, abs=0.001))
        assert (made["url"].endswith("/live.m3u8")) == (start is None)
        if start is None or end is None:
            assert (found.period, made["from"], made["to"]) == (None, None, None)
        else:
            assert found.period == (parse_instant(start), parse_instant(end))


def test_a_period_without_recordings_is_warned_about(cctv: Cctv, storage: Path) -> None:
    made = cctv("link", "front", *PERIOD)
    assert (made.code, made.err) == (
        0,
        "Warning: front has no recordings of that time yet; unless they are still to come, check the date and the "
        "times\n",
    )
    CameraTree(Settings(storage=storage, timezone="Europe/Berlin"), "front").record("2026-07-14T14:29:30+02:00", 60)
    assert cctv("link", "front", *PERIOD).err == ""


def test_all_links_can_be_revoked(cctv: Cctv, storage: Path) -> None:
    url = json.loads(cctv("link", "front", "--expires", "7d", "--json").out)["url"]
    before = opened(url, storage, 0)
    assert before[1] is not None
    assert cctv("token", "revoke-links").out == "Every link that was made so far is revoked\n"
    assert opened(url, storage, 0) == (before[0], None)


@pytest.mark.parametrize(
    ("server", "arguments", "base"),
    [
        ('server_names = ["cctv.example.org"]', (), "https://cctv.example.org"),
        ('server_names = ["a.example"]\ntls_cert = "c"\ntls_key = "k"', (), "https://a.example:8000"),
        ('server_names = ["a.example"]\ntls_cert = "c"\ntls_key = "k"\nport = 443', (), "https://a.example"),
        ('server_names = ["a.example"]\nbase_path = "/cctv/"', (), "https://a.example/cctv"),
        ('host = "fd00::5"\nport = 80', (), "http://[fd00::5]"),
        ('host = "127.0.0.1"', ("--url", "https://cctv.example.org/cameras/"), "https://cctv.example.org/cameras"),
    ],
)
def test_the_address_is_one_that_others_reach(
    cctv: Cctv, storage: Path, home: Path, server: str, arguments: Tuple[str, ...], base: str
) -> None:
    (home / "cameras.toml").write_text(f"{CAMERAS}[server]\n{server}\n")
    url = json.loads(cctv("link", "front", *arguments, "--json").out)["url"]
    assert opened(url, storage, 0)[0] == base


def test_a_qr_code_is_as_wide_as_it_is_high(cctv: Cctv, storage: Path) -> None:
    head, url, *code = cctv("link", "front", "--qr").out.splitlines()
    assert head.startswith("Link to front until ") and url.startswith("http://192.168.1.5:8000/t/")
    assert {len(line) for line in code} == {2 * len(code) - 1}
    assert set("".join(code)) == set(" ▀▄█")


def test_mistakes_are_told_in_one_sentence_and_make_no_key(cctv: Cctv, storage: Path, home: Path) -> None:
    (home / "cameras.toml").write_text(f'{CAMERAS}[server]\nhost = "127.0.0.1"\n')
    for arguments, code, words in (
        (("attic",), 7, "No camera 'attic' is configured; known: front"),
        (("front",), 8, "does not know under which address others reach it; write it with --url"),
        (("front", "--url", "cctv.example.org"), 2, "not the address of a server; write it like https://"),
        (("front", "--url", "http://user:pw@host"), 2, "not the address of a server"),
        (("front", "--expires", "31d"), 16, "A link lasts at most 30d; for longer, add a token"),
        (("front", *PERIOD[:2]), 2, "a period has a beginning and an end"),
        (("front", *PERIOD[2:]), 2, "a period has a beginning and an end"),
        (("front", *PERIOD[:3], "2026-07-14 13:00"), 2, "the period must end later than it begins"),
        (("front", *PERIOD[:3], "2026-07-15 14:01"), 2, "by at most 24 hours"),
        (("front", "--from", "noon", *PERIOD[2:]), 2, "write a time as 2026-11-03 14:00"),
    ):
        result = cctv("link", *arguments)
        assert (result.code, result.out) == (code, ""), arguments
        assert words in result.err and "user:pw" not in result.err
    assert not access_files(storage).link_key.exists()
