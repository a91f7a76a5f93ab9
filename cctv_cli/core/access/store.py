"""`<storage>/.access/`, which only its owner may enter: tokens, the key of links, whether a proxy was seen.

Whoever may write there decides who gets in: commands change these files, with the server running or not, and the server
sees the change at the next request.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Callable, Iterable, Iterator, Optional, Tuple

from cctv_cli.core import files, locks, records
from cctv_cli.core.access import tokens
from cctv_cli.core.access.roles import Role
from cctv_cli.core.access.tokens import InClear, Token
from cctv_cli.core.errors import TokenError
from cctv_cli.core.layout import access_files
from cctv_cli.core.records import Instant
from cctv_cli.core.system import make_private_folder
from cctv_cli.core.units import Secret

FORMAT = 1  # of tokens.json, proxy.json and in_clear.json
_KEY_BYTES = 32
_LOCK_PATIENCE = 10.0  # seconds; each change takes milliseconds


@dataclass(frozen=True)
class _Kept:
    """`tokens.json`."""

    tokens: Tuple[Token, ...]


@dataclass(frozen=True)
class _ProxySeen:
    """`proxy.json`."""

    at: Instant


class AccessStore:
    """The tokens of a storage, the key of its links, and whether a proxy was seen. Methods raise OSError."""

    def __init__(self, storage: Path) -> None:
        self._storage = storage
        self._files = access_files(storage)
        self._seen: Optional[Tuple[int, int, int]] = None  # inode, size and time of tokens.json as it was read last
        self._tokens: Tuple[Token, ...] = ()

    def tokens(self) -> Tuple[Token, ...]:
        """All tokens, expired ones too. The file is read again only if it has changed.

        Raises TokenError if it cannot be understood: it must not seem that there are no tokens.
        """
        try:
            status = files.status(self._files.tokens)
        except FileNotFoundError:
            self._seen, self._tokens = None, ()
            return ()
        seen = status.st_ino, status.st_size, status.st_mtime_ns
        if seen != self._seen:
            self._tokens, self._seen = self._read(), seen
        return self._tokens

    def add(
        self, name: str, role: Role, cameras: Optional[Iterable[str]], expires: Optional[float], now: float
    ) -> Secret:
        """Make a token; the result is shown once and kept nowhere. Raises TokenError.

        `cameras` are the ids that it shows, None for all. `expires` and `now` are instants.
        """
        if not tokens.is_name(name):
            raise TokenError(f"A token cannot be named {name[:80]!r}; use {tokens.NAME_RULE}")
        secret = tokens.new_secret()
        shown = None if cameras is None else tuple(sorted(set(cameras)))
        token = Token(name, tokens.digest_of(secret.reveal()), role, now, shown, expires)
        with self._changing() as write:
            known = self.tokens()
            if any(each.name == name and each.is_valid(now) for each in known):
                raise TokenError(f"There is already a token named {name}; choose another name, or revoke it first")
            write((*(each for each in known if each.name != name), token))
        return secret

    def revoke(self, name: str) -> Token:
        """Remove a token, and return what it was. Raises TokenError if there is none of this name."""
        with self._changing() as write:
            known = self.tokens()
            for token in known:
                if token.name == name:
                    write(tuple(each for each in known if each is not token))
                    return token
        raise TokenError(f"There is no token named {name[:80]!r}; cctv token list shows all")

    def link_key(self) -> Optional[Secret]:
        """The key that signs links; None if there is none, or if the file is damaged: then no link works."""
        key = files.read_text(self._files.link_key)
        return None if key is None or len(key) != 2 * _KEY_BYTES else Secret(key)

    def make_link_key(self) -> Secret:
        """The key that signs links, which is made if there is none."""
        with self._locked():
            return self.link_key() or self._new_link_key()

    def revoke_links(self) -> None:
        """Take back every link that was made so far, by a new key."""
        with self._locked():
            self._new_link_key()

    def proxy_seen(self) -> Optional[float]:
        """The instant at which a proxy on this machine was seen first; None if there was none."""
        seen = records.decode(_ProxySeen, files.read_json(self._files.proxy, FORMAT))
        return None if seen is None else seen.at

    def note_proxy(self, now: float) -> None:
        """Remember that a proxy on this machine was seen."""
        with self._locked():
            files.replace_text(self._files.proxy, records.encode(_ProxySeen(now), FORMAT))

    def forget_proxy(self) -> None:
        """Forget that a proxy on this machine was seen."""
        with self._locked():
            files.remove(self._files.proxy)

    def in_clear(self) -> Optional[InClear]:
        """The token that came without TLS last, if it still lets somebody in. Raises TokenError like `tokens`."""
        seen = records.decode(InClear, files.read_json(self._files.in_clear, FORMAT))
        if seen is None or not any(each.name == seen.token and each.created <= seen.at for each in self.tokens()):
            return None
        return seen

    def note_in_clear(self, seen: InClear) -> None:
        """Remember that a token came without TLS."""
        with self._locked():
            files.replace_text(self._files.in_clear, records.encode(seen, FORMAT))

    def _new_link_key(self) -> Secret:
        key = secrets.token_hex(_KEY_BYTES)
        files.replace_text(self._files.link_key, key)
        return Secret(key)

    def _read(self) -> Tuple[Token, ...]:
        kept = records.decode(_Kept, files.read_json(self._files.tokens, FORMAT))
        if kept is None:
            path = self._files.tokens
            raise TokenError(f"{path} is damaged, so nobody gets in with a token; remove it, and add the tokens again")
        return kept.tokens

    @contextmanager
    def _changing(self) -> Iterator[Callable[[Tuple[Token, ...]], None]]:
        with self._locked():
            yield self._write

    def _write(self, changed: Tuple[Token, ...]) -> None:
        kept = [{**asdict(token), "role": token.role.value} for token in changed]
        files.replace_text(self._files.tokens, records.write({"tokens": kept}, FORMAT))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        make_private_folder(self._files.lock.parent, self._storage)
        with locks.holding(self._files.lock, _LOCK_PATIENCE):
            yield
