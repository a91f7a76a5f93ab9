"""How fast media is served from the memory cache, compared with Starlette's FileResponse.

Run it from the checkout: python -m tests.benchmarks.media_path
A uvicorn with one worker serves both on 127.0.0.1; keep-alive clients in threads send requests for some seconds.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, List

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

SIZE = 1024 * 1024  # bytes
CLIENTS = 4
SECONDS = 4.0


def create_app(path: Path) -> ASGIApp:
    """An app that answers /memory from the cache and everything else with a FileResponse."""
    from starlette.responses import FileResponse

    from cctv_cli.api.media import RECORDED_SEGMENT, serve_file
    from cctv_cli.api.media_cache import MediaCache

    cache = MediaCache(16 * SIZE)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/memory":
            await serve_file(scope, receive, send, cache, path, RECORDED_SEGMENT)
        else:
            await FileResponse(path)(scope, receive, send)

    return app


def serve(path: Path) -> None:
    """Serve until terminated; prints the port that the system chose."""
    import uvicorn

    config = uvicorn.Config(
        create_app(path), host="127.0.0.1", port=0, log_level="warning", access_log=False, lifespan="off"
    )
    listening = config.bind_socket()
    listening.listen()
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listening])


def requests_per_second(port: int, target: str) -> float:
    """Complete answers a second, over all CLIENTS connections, during SECONDS."""
    counts: List[int] = []
    begin = time.perf_counter()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        buffer, count = bytearray(SIZE), 0
        while time.perf_counter() - begin < SECONDS:
            connection.request("GET", target)
            response = connection.getresponse()
            filled = 0
            while not response.isclosed():
                filled += response.readinto(memoryview(buffer)[filled:])
            if filled != SIZE:
                raise RuntimeError(f"{target} answered {response.status} with {filled} bytes")
            count += 1
        connection.close()
        counts.append(count)

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(counts) != CLIENTS:
        raise SystemExit("A client failed; see above.")
    return sum(counts) / (time.perf_counter() - begin)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "00.ts")
        path.write_bytes(os.urandom(SIZE))
        command = [sys.executable, "-m", "tests.benchmarks.media_path", str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            try:
                port = int(server.stdout.readline())
                memory = requests_per_second(port, "/memory")
                disk = requests_per_second(port, "/file")
            finally:
                server.terminate()
    print(f"memory cache {memory:.0f} req/s, FileResponse {disk:.0f} req/s, ratio {memory / disk:.1f}")


if __name__ == "__main__":
    serve(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
