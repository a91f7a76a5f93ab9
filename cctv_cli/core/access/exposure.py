"""What a server is open to, and to whom: the rules from the configuration, and the same as sentences. Pure."""

from __future__ import annotations

from typing import Optional, Protocol, Tuple

from cctv_cli.core.access.addresses import LAN, Network
from cctv_cli.core.access.policy import Access, Rules
from cctv_cli.core.access.tokens import Token

Tokens = Optional[Tuple[Token, ...]]  # None if they cannot be read


class Configured(Protocol):
    """The settings that decide who may do what; see `config.settings`."""

    @property
    def access(self) -> str:
        """Who may view without a token: a value of `Access`."""

    @property
    def lan_networks(self) -> Tuple[Network, ...]:
        """Networks of clients that may view without a token."""

    @property
    def trusted_proxies(self) -> Tuple[Network, ...]:
        """Proxies whose forwarding headers name the client."""

    @property
    def server_names(self) -> Tuple[str, ...]:
        """Names of the server in the public DNS."""

    @property
    def base_path(self) -> Optional[str]:
        """The path under which a proxy shows the server."""

    @property
    def accel_redirect(self) -> Optional[str]:
        """The location through which nginx on this machine sends media."""


def rules_of(configured: Configured, tokens: Tokens, proxy_seen: Optional[float]) -> Rules:
    """The rules for requests without a token. `proxy_seen` is when a proxy on this machine was seen first."""
    return Rules(
        Access(configured.access),
        configured.lan_networks,
        configured.trusted_proxies,
        frozenset(configured.server_names),
        local_control=not _against_local_control(configured, tokens, proxy_seen),
    )


def proxy_settings(configured: Configured) -> Tuple[str, ...]:
    """The names of the settings which say that a proxy stands in front of the server."""
    named = {
        "trusted_proxies": configured.trusted_proxies,
        "base_path": configured.base_path,
        "accel_redirect": configured.accel_redirect,
    }
    return tuple(name for name, value in named.items() if value)


def viewing(configured: Configured) -> str:
    """Who may view without a token, as a sentence."""
    access = Access(configured.access)
    if access is Access.TOKEN:
        return "Nobody may view without a token"
    if access is Access.OPEN:
        return "Everybody who reaches this server may view without a token (server.access is open)"
    if configured.lan_networks == LAN:
        return "This machine and clients in private networks may view without a token"
    return f"Clients in {', '.join(map(str, configured.lan_networks))} may view without a token"


def control(configured: Configured, tokens: Tokens, proxy_seen: Optional[float]) -> str:
    """Who may control without a token, as a sentence."""
    reasons = _against_local_control(configured, tokens, proxy_seen)
    if not reasons:
        return "Programs on this machine may control without a token"
    return f"Nobody may control without a token, because {' and '.join(reasons)}"


def holders(tokens: Tokens, now: float) -> str:
    """Whom tokens let in, as a sentence."""
    if tokens is None:
        return "No token lets anybody in, because their file cannot be read"
    if not tokens:
        return "There are no tokens"
    names = (f"{each.name} ({each.role.value if each.is_valid(now) else 'expired'})" for each in tokens)
    return f"Tokens: {', '.join(names)}"


def _against_local_control(configured: Configured, tokens: Tokens, proxy_seen: Optional[float]) -> Tuple[str, ...]:
    """Why programs on this machine may not control without a token: phrases."""
    reasons = {
        "there are tokens": tokens,
        "the tokens cannot be read": tokens is None,
        "a proxy on this machine was seen": proxy_seen is not None,
    }
    said = (f"{name} is set" for name in proxy_settings(configured))
    return (*(reason for reason, applies in reasons.items() if applies), *said)
