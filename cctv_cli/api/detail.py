"""Answers with one sentence, for plain ASGI."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Sequence, Tuple

if TYPE_CHECKING:
    from starlette.types import Send


async def send_detail(send: Send, status: int, detail: str, headers: Sequence[Tuple[bytes, bytes]] = ()) -> None:
    """Answer with the status and `{"detail": detail}`; not cacheable, because the reason may be temporary."""
    body = json.dumps({"detail": detail}).encode()
    own = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": own + list(headers)})
    await send({"type": "http.response.body", "body": body})
