"""`cctv token`: who may use the server from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional

import typer

from cctv_cli.cli import options, output
from cctv_cli.cli.audit import acted
from cctv_cli.cli.help import Command
from cctv_cli.cli.result import Result, Table
from cctv_cli.core.access.roles import Role

if TYPE_CHECKING:
    from cctv_cli.core.access.store import AccessStore
    from cctv_cli.core.access.tokens import Token
    from cctv_cli.core.runtime import Runtime

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def token() -> None:
    """Add and revoke tokens, which let their holders in.

    A token is a secret for a phone, a person or a program, and works from anywhere. Only a hash of it is kept, so it is
    shown once, when you add it. Every change takes effect at once; the server need not be restarted, or run.

    \b
    Example:
      cctv token add phone --expires 90d
    """


@app.command(cls=Command)
def add(
    context: typer.Context,
    name: str = typer.Argument(..., metavar="NAME", help="What you call it, such as phone or partner."),
    role: str = typer.Option(
        "viewer",
        "--role",
        metavar="ROLE",
        help="What its holder may do: a viewer looks and plays, an operator also starts and stops cameras, an admin "
        "also deletes recordings. [default: viewer]",
    ),
    camera: List[str] = typer.Option(
        [], "--camera", metavar="CAMERA", help="Show only this camera; may be repeated. [default: all cameras]"
    ),
    expires: Optional[str] = typer.Option(
        None, "--expires", metavar="TIME", help="How long it works, such as 12h or 30d. [default: until you revoke it]"
    ),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Add a token and show it, once.

    \b
    Examples:
      cctv token add phone
      cctv token add partner --camera front --expires 7d
    """
    lasts = None if expires is None else options.seconds(expires, "--expires")
    found = add_token(options.runtime(context), name, _role(role), camera, lasts)
    output.finish(found, as_json=options.as_json(context))


@app.command("list", cls=Command)
def list_(
    context: typer.Context,
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Show all tokens: their names and what they may do, never the tokens themselves.

    \b
    Example:
      cctv token list
    """
    output.finish(list_tokens(options.runtime(context)), as_json=options.as_json(context))


@app.command(cls=Command)
def revoke(
    context: typer.Context,
    name: str = typer.Argument(..., metavar="NAME", help="Name of the token, as shown by cctv token list."),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Take a token back: from now on it lets nobody in.

    \b
    Example:
      cctv token revoke partner
    """
    output.finish(revoke_token(options.runtime(context), name), as_json=options.as_json(context))


@app.command("revoke-links", cls=Command)
def revoke_links(
    context: typer.Context,
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Take back every link that cctv link made so far.

    \b
    Example:
      cctv token revoke-links
    """
    output.finish(revoke_all_links(options.runtime(context)), as_json=options.as_json(context))


def add_token(runtime: Runtime, name: str, role: Role, cameras: List[str], lasts: Optional[float]) -> Result:
    """Add a token that lasts so many seconds, None for ever. Raises TokenError, UnknownCamera, OSError."""
    for camera in cameras:
        runtime.camera(camera)
    now = runtime.clock.now()
    expires = None if lasts is None else now + lasts
    store = store_of(runtime)
    secret = store.add(name, role, cameras or None, expires, now)
    (token,) = (each for each in store.tokens() if each.name == name)
    text = (
        f"Token {name}, which is shown only now:",
        secret.reveal(),
        "Send it as the header Authorization: Bearer TOKEN, or write it into a URL: /t/TOKEN/stream/CAMERA/live.m3u8",
    )
    allowed = f"{role.value} for {', '.join(token.cameras or ('all cameras',))}"
    return Result(
        document={**_json(token, runtime), "token": secret.reveal()},
        text=text,
        warnings=acted(runtime, "token added", detail=f"{name}, {allowed}"),
    )


def list_tokens(runtime: Runtime) -> Result:
    """Every token. Raises TokenError, OSError."""
    found = [_json(token, runtime) for token in store_of(runtime).tokens()]
    if not found:
        return Result(document=found, text=("There are no tokens; add one with: cctv token add NAME",))
    rows = tuple(
        (each["name"], each["role"], ", ".join(each["cameras"] or ["all"]), each["expires"] or "never", each["created"])
        for each in found
    )
    return Result(document=found, text=(Table(("Name", "Role", "Cameras", "Expires", "Created"), rows),))


def revoke_token(runtime: Runtime, name: str) -> Result:
    """Revoke a token. Raises TokenError, OSError."""
    revoked = store_of(runtime).revoke(name)
    return Result(
        document=_json(revoked, runtime),
        text=(f"Token {name} is revoked",),
        warnings=acted(runtime, "token revoked", detail=name),
    )


def revoke_all_links(runtime: Runtime) -> Result:
    """Make every link invalid. Raises OSError."""
    store_of(runtime).revoke_links()
    return Result(
        document={"revoked": True},
        text=("Every link that was made so far is revoked",),
        warnings=acted(runtime, "links revoked"),
    )


def store_of(runtime: Runtime) -> AccessStore:
    """Where the storage keeps tokens and the key of links. Raises StorageError."""
    from cctv_cli.core.access.store import AccessStore
    from cctv_cli.core.storage.marker import refuse_newer

    refuse_newer(runtime.settings.storage)
    return AccessStore(runtime.settings.storage)


def _json(token: Token, runtime: Runtime) -> Dict[str, Any]:
    from cctv_cli.core.clock import format_instant

    return {
        "name": token.name,
        "role": token.role.value,
        "cameras": None if token.cameras is None else list(token.cameras),
        "created": format_instant(token.created, runtime.tz),
        "expires": None if token.expires is None else format_instant(token.expires, runtime.tz),
        "expired": not token.is_valid(runtime.clock.now()),
    }


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        names = ", ".join(role.value for role in Role)
        raise typer.BadParameter(f"{text!r} is no role; write one of {names}", param_hint="--role") from None
