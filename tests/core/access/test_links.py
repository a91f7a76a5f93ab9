"""Links as values."""

from __future__ import annotations

import re
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctv_cli.core.access import links, tokens
from cctv_cli.core.access.links import Link
from cctv_cli.core.access.roles import Period, Role
from cctv_cli.core.units import Secret

NOW = 1_800_000_000.0
KEY, OTHER_KEY = Secret("k" * 64), Secret("o" * 64)
LINK = Link("front", NOW + 60, Period(NOW - 3600, NOW - 1800))
times = st.floats(0, 4e9)
periods = st.none() | st.builds(Period, times, times)


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True), st.floats(NOW + 1, 4e9), periods)
def test_a_link_says_what_it_was_made_for(camera: str, expires: float, period: Optional[Period]) -> None:
    link = Link(camera, expires, period)
    text = links.sign(link, KEY).reveal()
    assert links.verify(text, KEY, NOW) == link
    assert links.verify(text, KEY, expires) is None
    assert links.verify(text, OTHER_KEY, NOW) is None
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", text), "it needs no encoding in a URL"
    assert links.is_link(text)


def test_a_token_is_no_link() -> None:
    assert not any(links.is_link(tokens.new_secret().reveal()) for _ in range(1000))


def test_a_link_shows_one_camera_and_changes_nothing() -> None:
    assert LINK.grant.shows("front") and not LINK.grant.shows("back")
    assert (LINK.grant.role, LINK.grant.period) == (Role.VIEWER, LINK.period)


def test_a_changed_link_is_no_link() -> None:
    text = links.sign(LINK, KEY).reveal()
    for place, char in enumerate(text):
        for other in "A9_-.":
            changed = text[:place] + other + text[place + 1 :]
            # the last character of a base64 group has bits that mean nothing
            assert other == char or links.verify(changed, KEY, NOW) in (None, LINK)
    for cut in range(len(text)):
        assert links.verify(text[:cut], KEY, NOW) is None
        assert cut == 0 or links.verify(text + text[:cut], KEY, NOW) is None


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_else_is_a_link(presented: str) -> None:
    assert links.verify(presented, KEY, NOW) is None


@pytest.mark.parametrize(
    "fields",
    [
        None,
        {},
        [],
        ["front", NOW + 60, None],
        ["front", NOW + 60, None, None, None],
        [1, NOW + 60, None, None],
        ["front", None, None, None],
        ["front", "9999999999", None, None],
        ["front", True, None, None],
        ["front", float("inf"), None, None],
        ["front", NOW + 60, NOW, None],
        ["front", NOW + 60, None, NOW],
        ["front", NOW + 60, "1", NOW],
        ["front", NOW + 60, NOW, [1]],
        ["front", NOW + 60, -1e300, float("nan")],
    ],
)
def test_what_another_version_signed_with_the_key_is_no_link(fields: object) -> None:
    text = links._serializer(KEY).dumps(fields)
    assert links.verify(str(text), KEY, NOW) is None


def test_a_link_is_not_shown() -> None:
    made = links.sign(LINK, KEY)
    assert made.reveal() not in f"{made!r} {made}"
