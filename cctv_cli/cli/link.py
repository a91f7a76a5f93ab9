"""`cctv link`: a URL that shows one camera to whoever has it."""

from __future__ import annotations

import contextlib
import io
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Tuple

import typer

from cctv_cli.cli import options, output
from cctv_cli.cli.audit import acted
from cctv_cli.cli.result import Result
from cctv_cli.cli.token import store_of
from cctv_cli.core.clock import DAY
from cctv_cli.core.errors import AddressError, TokenError

if TYPE_CHECKING:
    from cctv_cli.core.access.roles import Period
    from cctv_cli.core.config.settings import Settings
    from cctv_cli.core.runtime import Runtime

_LONGEST = 30 * DAY  # seconds; what lasts longer should be a token, which can be revoked alone
_LONGEST_PERIOD = DAY  # seconds of recordings in one playlist
_URL = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?", re.IGNORECASE)
_NOTHING = "{} has no recordings of that time yet; unless they are still to come, check the date and the times"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def link(
    context: typer.Context,
    camera: str = typer.Argument(..., metavar="CAMERA", help="Id of the camera."),
    from_: Optional[str] = typer.Option(
        None,
        "--from",
        metavar="TIME",
        help='Show only what was recorded from this time on, such as "2026-11-03 14:00". [default: live]',
    ),
    until: Optional[str] = typer.Option(
        None,
        "--to",
        metavar="TIME",
        help="Up to this time, at most 24 hours later. [default: live]",
    ),
    expires: str = typer.Option(
        "2h", "--expires", metavar="TIME", help="How long it works, at most 30d. [default: 2h]"
    ),
    url: Optional[str] = typer.Option(
        None,
        "--url",
        metavar="URL",
        help="Address under which its holder reaches the server. [default: the first of server_names, or this "
        "machine's address]",
    ),
    qr: bool = typer.Option(False, "--qr", help="Also print it as a QR code."),
    config: Optional[Path] = options.CONFIG,
    storage: Optional[Path] = options.STORAGE,
    json: bool = options.JSON,
) -> None:
    """Make a link that shows one camera until it expires.

    Whoever has the link may look, from anywhere: live and what was recorded, or a period of it and nothing else.
    Nothing is kept about a link: cctv token revoke-links takes back all of them together.

    \b
    Examples:
      cctv link front --qr
      cctv link front --from "2026-11-03 14:00" --to "2026-11-03 14:30" --expires 7d
    """
    runtime = options.runtime(context)
    period = _period(from_, until, runtime)
    made = make_link(runtime, camera, period, options.seconds(expires, "--expires"), url, qr=qr)
    output.finish(made, as_json=options.as_json(context))


def make_link(
    runtime: Runtime, camera: str, period: Optional[Period], lasts: float, url: Optional[str], *, qr: bool
) -> Result:
    """Make a link that lasts so many seconds. Raises UnknownCamera, TokenError, AddressError, OSError."""
    from cctv_cli.core.access.links import Link, sign
    from cctv_cli.core.clock import format_instant

    runtime.camera(camera)
    if lasts > _LONGEST:
        raise TokenError("A link lasts at most 30d; for longer, add a token: cctv token add NAME --camera CAMERA")
    base = _base_url(runtime.settings) if url is None else _given(url)
    expires = runtime.clock.now() + lasts
    link = Link(camera, expires, period)
    secret = sign(link, store_of(runtime).make_link_key())
    path = f"stream/{camera}/live.m3u8" if period is None else f"recordings/{camera}/playlist.m3u8"
    whole = f"{base}/t/{secret.reveal()}/{path}"
    until = format_instant(expires, runtime.tz)
    start, end = (None, None) if period is None else (format_instant(each, runtime.tz) for each in period)
    return Result(
        document={"url": whole, "camera": camera, "from": start, "to": end, "expires": until},
        text=(f"Link to {camera} until {until}, for whoever has it:", whole, *(_qr_code(whole) if qr else ())),
        warnings=(*_doubts(runtime, camera, period), *acted(runtime, "link made", camera=camera, detail=link.name)),
    )


def _doubts(runtime: Runtime, camera: str, period: Optional[Period]) -> Tuple[str, ...]:
    from cctv_cli.core.footage.catalog import Catalog

    is_empty = period is not None and not Catalog().between(runtime.layout(camera), *period, runtime.tz)
    return (_NOTHING.format(camera),) if is_empty else ()


def _base_url(settings: Settings) -> str:
    """The URL under which others reach the server. Raises AddressError if this machine cannot know it."""
    return _origin(settings) + (settings.base_path or "")


def _origin(settings: Settings) -> str:
    scheme = "http" if settings.tls_cert is None else "https"
    if settings.server_names:
        # a name in the public DNS: either this server speaks TLS, or the proxy before it
        name = settings.server_names[0]
        return f"https://{name}" if settings.tls_cert is None else _with_port(scheme, name, settings.port)
    host = _own_address() if settings.host in ("0.0.0.0", "::") else settings.host
    if host is None or host in _LOOPBACK:
        raise AddressError("This machine does not know under which address others reach it; write it with --url")
    return _with_port(scheme, f"[{host}]" if ":" in host else host, settings.port)


def _own_address() -> Optional[str]:
    """The address of this machine that other networks see first; None without a network. Sends nothing."""
    for family, elsewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):  # RFC 5737, RFC 3849
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((elsewhere, 9))
            return str(probe.getsockname()[0])
    return None


def _with_port(scheme: str, host: str, port: int) -> str:
    usual = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{host}" if port == usual else f"{scheme}://{host}:{port}"


def _given(url: str) -> str:
    if _URL.fullmatch(url) is None:
        # which may hold a login, so it is not repeated
        raise typer.BadParameter(
            "not the address of a server; write it like https://cctv.example.org", param_hint="--url"
        )
    return url.rstrip("/")


def _period(from_: Optional[str], until: Optional[str], runtime: Runtime) -> Optional[Period]:
    from cctv_cli.core.access.roles import Period

    if from_ is None and until is None:
        return None
    if from_ is None or until is None:
        raise typer.BadParameter("a period has a beginning and an end; write both", param_hint="--from, --to")
    start, end = options.instant(from_, runtime, "--from"), options.instant(until, runtime, "--to", end=True)
    if not 0 < end - start <= _LONGEST_PERIOD:
        raise typer.BadParameter("the period must end later than it begins, by at most 24 hours", param_hint="--to")
    return Period(start, end)


def _qr_code(text: str) -> Tuple[str, ...]:
    """The lines of a QR code, for a dark terminal; phones also read it inverted."""
    import segno

    drawn = io.StringIO()
    segno.make(text, micro=False).terminal(drawn, compact=True)
    return tuple(drawn.getvalue().splitlines())
