"""User name and password of a camera or NVR: from their own keys, a URL or a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import List, Optional

from cctv_cli.core.config import values
from cctv_cli.core.config.schema import Fields, Key, Origins
from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.config.values import DEFAULT, Picked, T
from cctv_cli.core.units import Secret

USERNAME = Key("username", values.text, "user name; for a camera it may be in the URL instead", "none")
PASSWORD = Key("password", values.secret, "password as it is, not percent-encoded", "none", secret=True)
PASSWORD_FILE = Key("password_file", values.path, "file whose first line is the password", "none")
LOGIN_KEYS = (USERNAME, PASSWORD, PASSWORD_FILE)

# FFmpeg keeps the percent-encoded "user:password" in 128 bytes and silently cuts off the rest (5.1 and 9).
_MAX_LOGIN = 127
_EMPTY = Secret("")  # any other password overrides it


@dataclass(frozen=True)
class Login:
    """A user name and a password, each with its origin."""

    username: Optional[Picked[str]]
    password: Optional[Picked[Secret]]

    def applied_to(self, source: RtspSource) -> RtspSource:
        """The stream with this login instead of its own."""
        return replace(
            source,
            username=self.username.value if self.username else None,
            password=self.password.value if self.password else None,
        )

    def origins(self) -> Origins:
        """The origin of each part, by key."""
        return {
            "username": self.username.origin if self.username else DEFAULT,
            "password": self.password.origin if self.password else DEFAULT,
        }


def by_keys(fields: Fields, problems: List[str]) -> Login:
    """The login from the keys username, password and password_file."""
    return Login(USERNAME.read(fields, problems), _password(fields, problems))


def in_url(url: Picked[RtspSource]) -> Login:
    """The login inside the URL."""
    return Login(_part(url, url.value.username), _part(url, url.value.password))


def merged(own: Login, of_url: Login, problems: List[str]) -> Login:
    """User name and password, each from the higher layer; within one layer the two may not differ."""
    return Login(
        _higher(own.username, of_url.username, "user name", problems),
        _higher(own.password, of_url.password, "password", problems),
    )


def check_login(login: Login, problems: List[str]) -> None:
    """Report a login that cannot be sent to a camera as it is written."""
    username, password = login.username, login.password
    if username is None:
        if password is not None:
            problems.append(
                f"{password.origin} is a password without a user name; set the user name that goes with it."
            )
        return
    if ":" in username.value:
        problems.append(
            f"{username.origin} has a colon in the user name, which no login can contain (RFC 7617 § 2); "
            "use an account without one."
        )
    length = len(login.applied_to(RtspSource("", 0, "")).userinfo().reveal())
    if length > _MAX_LOGIN:
        problems.append(
            f"{(password or username).origin} makes user name and password {length} characters long when "
            f"percent-encoded, but FFmpeg reads only {_MAX_LOGIN}; use a shorter password."
        )


def _part(url: Picked[RtspSource], value: Optional[T]) -> Optional[Picked[T]]:
    return None if value is None else Picked(value, url.origin, url.layer)


def _higher(
    own: Optional[Picked[T]], of_url: Optional[Picked[T]], what: str, problems: List[str]
) -> Optional[Picked[T]]:
    if own is None or of_url is None:
        return own or of_url
    if _EMPTY in (own.value, of_url.value):
        return of_url if own.value == _EMPTY else own
    if own.layer == of_url.layer and own.value != of_url.value:
        problems.append(f"{own.origin} contradicts the {what} inside {of_url.origin}; keep one of the two {what}s.")
    return own if own.layer >= of_url.layer else of_url


def _password(fields: Fields, problems: List[str]) -> Optional[Picked[Secret]]:
    """The password from its own key or from its file, whichever is in the higher layer."""
    password = PASSWORD.read(fields, problems)
    file = PASSWORD_FILE.read(fields, problems)
    if file is None or (password is not None and password.layer > file.layer):
        return password
    if password is not None and password.layer == file.layer and password.value != _EMPTY:
        problems.append(f"{file.origin} contradicts {password.origin}; keep one of the two.")
        return password
    try:
        return Picked(_read_password(file.value), file.origin, file.layer)
    except ValueError as reason:
        problems.append(f'{file.origin} = "{file.value}" {reason}.')
        return None


def _read_password(path: Path) -> Secret:
    try:
        with path.open(encoding="utf-8-sig") as file:
            line = file.readline(4096).rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise ValueError(
            f"cannot be read ({error.strerror}); "
            "write the password on its first line and let the user that runs cctv read it"
        ) from None
    if not line:
        raise ValueError("has no password on its first line; write it there")
    if values.CONTROL.search(line):
        raise ValueError("has a control character on its first line; write only the password there")
    return Secret(line)
