"""Tokens and links as values."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Optional, Set

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctv_cli.core.access import links, tokens
from cctv_cli.core.access.links import Link
from cctv_cli.core.access.roles import Grant, Role
from cctv_cli.core.access.tokens import Token
from cctv_cli.core.units import Secret

NOW = 1_800_000_000.0
KEY, OTHER_KEY = Secret("k" * 64), Secret("o" * 64)
LINK = Link("front", NOW + 60, NOW - 3600, NOW - 1800)


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.VIEWER, {Role.VIEWER}),
        (Role.OPERATOR, {Role.VIEWER, Role.OPERATOR}),
        (Role.ADMIN, {Role.VIEWER, Role.OPERATOR, Role.ADMIN}),
    ],
)
def test_a_role_may_do_what_those_before_it_may(role: Role, may: Set[Role]) -> None:
    assert {each for each in Role if Grant("x", role).allows(each)} == may
    assert {each for each in Role if Grant("x", role, frozenset({"a"})).allows(each, "a")} == may
    assert not any(Grant("x", role, frozenset({"a"})).allows(each, "b") for each in Role)


def test_only_a_grant_without_limits_is_unlimited() -> None:
    assert not Grant("x", Role.VIEWER).is_limited
    for limited in (Grant("x", Role.ADMIN, frozenset()), Grant("x", Role.VIEWER, None, 1.0), LINK.grant):
        assert limited.is_limited


def test_a_token_is_random_and_needs_no_encoding_in_a_url() -> None:
    made = {tokens.new_secret().reveal() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{32}", text) for text in made)


@pytest.mark.parametrize(
    ("expires", "now", "found"), [(None, 1e10, True), (NOW, NOW - 1, True), (NOW, NOW, False), (NOW, NOW + 1, False)]
)
def test_a_token_is_found_until_it_expires(expires: Optional[float], now: float, found: bool) -> None:
    token = Token("phone", tokens.digest_of("secret"), Role.VIEWER, NOW - 100, expires=expires)
    other = replace(token, name="other", digest=tokens.digest_of("another"), expires=None)
    assert (tokens.find([other, token], "secret", now) is token) == found
    assert (tokens.find([token, other], "secret", now) is token) == found


@given(st.text())
def test_nothing_else_is_a_token(presented: str) -> None:
    secret = tokens.new_secret().reveal()
    token = Token("phone", tokens.digest_of(secret), Role.ADMIN, NOW)
    assert tokens.find([token], presented, NOW) is None
    assert tokens.find([token], token.digest, NOW) is None, "what is kept lets nobody in"


@pytest.mark.parametrize("name", ["a", "Phone-2", "a.b_c", "0" * 64])
def test_names(name: str) -> None:
    assert tokens.is_name(name)


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "a/b", "ä", "a\n", "0" * 65, "\x1b"])
def test_other_names(name: str) -> None:
    assert not tokens.is_name(name)


times = st.one_of(st.none(), st.floats(0, 4e9))


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True), st.floats(NOW + 1, 4e9), times, times)
def test_a_link_says_what_it_was_made_for(camera: str, expires: float, start: object, end: object) -> None:
    link = Link(camera, expires, start, end)  # type: ignore[arg-type]
    text = links.sign(link, KEY).reveal()
    assert links.verify(text, KEY, NOW) == link
    assert links.verify(text, KEY, expires) is None
    assert links.verify(text, OTHER_KEY, NOW) is None
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", text), "it needs no encoding in a URL"
    assert "." in text


def test_a_link_shows_one_camera_and_changes_nothing() -> None:
    grant = LINK.grant
    assert grant.allows(Role.VIEWER, "front")
    assert not grant.allows(Role.VIEWER, "back")
    assert not grant.allows(Role.OPERATOR, "front")
    assert (grant.start, grant.end) == (LINK.start, LINK.end)


def test_a_changed_link_is_no_link() -> None:
    text = links.sign(LINK, KEY).reveal()
    for place, char in enumerate(text):
        for other in "A9_-.":
            changed = text[:place] + other + text[place + 1 :]
            # the last character of a base64 group has bits that mean nothing
            assert other == char or links.verify(changed, KEY, NOW) in (None, LINK)
    for cut in range(len(text)):
        assert links.verify(text[:cut], KEY, NOW) is None
        assert links.verify(text + text[:cut], KEY, NOW) in (None, LINK if cut == 0 else None)


@given(st.text())
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
        ["front", NOW + 60, "1", None],
        ["front", NOW + 60, None, [1]],
    ],
)
def test_what_another_version_signed_with_the_key_is_no_link(fields: object) -> None:
    text = links._serializer(KEY).dumps(fields)
    assert links.verify(str(text), KEY, NOW) is None


def test_a_secret_is_not_shown() -> None:
    secret = tokens.new_secret()
    assert secret.reveal() not in f"{secret!r} {secret} {links.sign(LINK, KEY)!r} {links.sign(LINK, KEY)}"
