"""Tokens and roles as values."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Optional, Set

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cctv_cli.core.access import tokens
from cctv_cli.core.access.roles import Grant, Role
from cctv_cli.core.access.tokens import Token

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.VIEWER, {Role.VIEWER}),
        (Role.OPERATOR, {Role.VIEWER, Role.OPERATOR}),
        (Role.ADMIN, {Role.VIEWER, Role.OPERATOR, Role.ADMIN}),
    ],
)
def test_a_role_may_do_what_those_before_it_may(role: Role, may: Set[Role]) -> None:
    assert {each for each in Role if role.includes(each)} == may


def test_a_grant_shows_its_cameras_or_all() -> None:
    assert Grant(Role.VIEWER).shows("any")
    assert Grant(Role.ADMIN, frozenset({"a"})).shows("a")
    assert not Grant(Role.ADMIN, frozenset({"a"})).shows("b")


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


def test_a_secret_is_not_shown() -> None:
    secret = tokens.new_secret()
    assert secret.reveal() not in f"{secret!r} {secret}"
