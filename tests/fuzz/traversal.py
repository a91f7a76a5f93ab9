"""Strings that try to leave the place where a path parameter belongs, sent to every path parameter of the API.

python -m tests.fuzz.traversal sends 20,000 to each parameter, which takes minutes; the tests send fewer.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterator, List, MutableMapping, NamedTuple, Sequence, Tuple
from urllib.parse import unquote

from cctv_cli.api.app import create_app
from cctv_cli.core.access.roles import Role
from cctv_cli.core.access.store import AccessStore
from cctv_cli.core.config.settings import Camera, RtspSource, Settings
from cctv_cli.core.runtime import Runtime
from cctv_cli.core.units import Secret
from tests.support.storage_tree import CameraTree, FixedClock, instant

NOW = "2026-07-14T15:30:00+02:00"
MARK = b"planted-where-no-request-leads"
PUBLIC = ("203.0.113.9", 40000)

# Symbolic links with the names of media, and where they lead.
LINKS = {"live/segment6.ts": "secret.ts", "recordings/2026-07-14/14/42.ts": "secret.ts", "recordings/2026-07-13": "day"}

# What stands for a parameter in a request that succeeds.
_VALID = {"camera_id": "front", "date": "2026-07-14", "hour": "14"}
_PARAMETER = re.compile(r"\{(\w+)\}")

_UP = [
    "..",
    "%2e%2e",
    "%2E.",
    ".%2e",
    "%252e%252e",
    "%c0%ae%c0%ae",
    "%e0%80%ae.",
    "%uff0e.",
    "...",
    "..%00",
    "..;",
    ".. ",
]
_UP += ["%EF%BC%8E%EF%BC%8E", "..%09", "..%0d%0a", "", "."]
_SLASH = ["/", "%2f", "%5c", "\\", "%252f", "%c0%af", "%e2%88%95", "//", "/./", "%2f%2e%2f"]
_BEFORE = ["", "front", "segment7.ts", "2026-07-14"]
_TARGETS = ["secret.ts", "secret.m3u8", "link.ts", ".access/tokens.json", "front/.run.json", "front/ffmpeg.log"]
_TARGETS += ["cameras.toml", "yard/live/live.m3u8", "etc/passwd", "cleanup/preview"]
_AFTER = ["", "%00.ts", "/", ".", "?.ts", "%0a", "%23.ts"]


class Parameter(NamedTuple):
    """A path parameter: its method, and its path with the place for a string, percent-encoded."""

    method: str
    path: str
    name: str

    def url(self, text: str) -> str:
        """The path with the string in the place of the parameter."""
        before, after = self.path.split(f"{{{self.name}}}")
        return f"{self._filled(before)}{text}{self._filled(after)}"

    @property
    def valid_url(self) -> str:
        """A path that exists."""
        return self._filled(self.path)

    def _filled(self, part: str) -> str:
        file = "41.ts" if self.path.startswith("/recordings/") else "segment7.ts"
        return _PARAMETER.sub(lambda found: _VALID.get(found.group(1), file), part)


def parameters(description: Dict[str, Any]) -> List[Parameter]:
    """Every path parameter that the OpenAPI document has."""
    return [
        Parameter(method.upper(), path, name)
        for path, item in sorted(description["paths"].items())
        for method in sorted(item)
        for name in _PARAMETER.findall(path)
    ]


def strings() -> Iterator[str]:
    """All strings, as they stand in the target of a request."""
    for before, up, slash, target, after in itertools.product(_BEFORE, _UP, _SLASH, _TARGETS, _AFTER):
        for depth in (0, 1, 4):
            yield f"{before}{slash if before else ''}{(up + slash) * depth}{target.replace('/', slash)}{after}"


def sample(count: int, seed: object) -> List[str]:
    """So many of the strings, others for each seed."""
    return random.Random(str(seed)).sample(list(strings()), count)


class Site:
    """A storage with two cameras, and files with MARK wherever no request may lead."""

    def __init__(self, folder: Path) -> None:
        source = RtspSource("192.168.1.100", 554, "/Streaming/Channels/101", "admin", Secret(MARK.decode()))
        cameras = (Camera("front", "Front", source, sub_source=source), Camera("yard", "Yard", source))
        settings = Settings(cameras=cameras, storage=folder / "hls", timezone="Europe/Berlin")
        for camera in cameras:
            tree = CameraTree(settings, camera.id)
            tree.begin_stream(7, instant(NOW) - 81)
            tree.stream(8)
            tree.record("2026-07-14T14:41:00+02:00", 20)
        self.token = AccessStore(settings.storage).add("a", Role.ADMIN, ["front"], None, instant(NOW)).reveal()
        front = settings.storage / "front"
        hidden = ["secret.ts", "secret.mp4", "secret.m3u8", "cameras.toml", "hls/secret.ts", "hls/secret.m3u8"]
        hidden += ["hls/front/secret.ts", "hls/front/.run.json", "hls/front/ffmpeg.log", "hls/.access/planted.json"]
        for name in hidden:
            (folder / name).write_bytes(MARK)
        for place in ("live", "recordings", "recordings/2026-07-14", "recordings/2026-07-14/14"):
            (front / place / "secret.ts").write_bytes(MARK)
            (front / place / "link.ts").symlink_to(folder / "secret.ts")
        (folder / "day" / "14").mkdir(parents=True)
        (folder / "day" / "14" / "41.ts").write_bytes(MARK)
        for link, target in LINKS.items():
            (front / link).symlink_to(folder / target)
        self.app = create_app(Runtime(settings, clock=FixedClock(instant(NOW))))

    async def send(self, method: str, target: str) -> Tuple[int, bytes]:
        """The status and the body of the answer to a request with an admin's token for the camera `front`."""
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(path),  # as uvicorn does it
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(b"host", b"localhost:8000"), (b"authorization", f"Bearer {self.token}".encode())],
            "client": PUBLIC,
            "server": ("127.0.0.1", 8000),
            "scheme": "http",
            "http_version": "1.1",
        }
        status, body = 0, b""

        async def receive() -> Dict[str, str]:
            return {"type": "http.request"}

        async def send(message: MutableMapping[str, Any]) -> None:
            nonlocal status, body
            status = message.get("status", status)
            body += bytes(message.get("body", b""))

        await self.app(scope, receive, send)
        return status, body

    async def attack(self, parameter: Parameter, texts: Sequence[str]) -> None:
        """Send these strings in the place of a parameter: each is refused, and shows nothing of what was planted."""
        for text in texts:
            target = parameter.url(text)
            status, body = await self.send(parameter.method, target)
            assert status in (403, 404, 405, 422), (parameter.method, target, status)
            assert MARK not in body, target


async def _all() -> None:
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder))
        for parameter in parameters(site.app.openapi()):
            texts = sample(20_000, parameter)
            await site.attack(parameter, texts)
            print(len(texts), "refused:", parameter.method, parameter.path, parameter.name, flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(_all())
