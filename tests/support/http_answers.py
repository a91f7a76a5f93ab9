"""A real HTTP server on 127.0.0.1 that answers as a test wants, and keeps the requests."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, List, Tuple, Type

from tests.support.waiting import HANG, wait_for


class HttpAnswers:
    """Answers with `statuses` one after the other, repeating the last one, each with the same body.

    `requests` has the method and the path with query of every request, `bodies` the parsed JSON of POSTs.
    While `proceed` is cleared no answer is sent.
    """

    def __init__(self, *statuses: int, body: bytes = b"", content_type: str = "application/json") -> None:
        self.requests: List[Tuple[str, str]] = []
        self.bodies: List[Dict[str, Any]] = []
        self.proceed = threading.Event()
        self.proceed.set()
        self._statuses = list(statuses or (200,))
        self._body = body
        self._content_type = content_type
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """The address, without a trailing slash."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, *statuses: int) -> None:
        """Answer with these statuses from now on."""
        with self._lock:
            self._statuses = list(statuses)

    def wait(self, count: int) -> List[Dict[str, Any]]:
        """Wait for so many bodies; returns all."""
        wait_for(lambda: len(self.bodies) >= count, f"{count} messages")
        return list(self.bodies)

    def __enter__(self) -> HttpAnswers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.proceed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _status(self) -> int:
        with self._lock:
            return self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]

    def _handler(self) -> Type[BaseHTTPRequestHandler]:
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answers.requests.append(("GET", self.path))
                self._answer()

            def do_POST(self) -> None:
                answers.requests.append(("POST", self.path))
                answers.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self._answer()

            def _answer(self) -> None:
                answers.proceed.wait(HANG)
                try:
                    self.send_response(answers._status())
                    self.send_header("Content-Type", answers._content_type)
                    self.send_header("Content-Length", str(len(answers._body)))
                    self.end_headers()
                    self.wfile.write(answers._body)
                except ConnectionError:
                    pass  # the client has given up, as in some tests

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
