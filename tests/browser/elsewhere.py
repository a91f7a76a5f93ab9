"""A web server of somebody else, whose name can lead to another server: DNS rebinding."""

from __future__ import annotations

import http.server
import socket
import threading
from typing import Type

ADDRESS = "127.0.0.2"  # where all names under .example lead, see `conftest`


class Elsewhere:
    """Serves an empty page at `/`. All other requests it hands over, as they are, to port `behind` of 127.0.0.1.

    So a browser gets what it would get if the name led there from its second look-up on.
    """

    def __init__(self, port: int, behind: int = 0) -> None:
        self.port = port
        self._server = http.server.ThreadingHTTPServer((ADDRESS, port), _handler(behind))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Elsewhere:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(behind: int) -> Type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/":
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<!doctype html><title>Elsewhere</title>")
            elif behind:
                self._hand_over()
            else:
                self.send_error(404)

        do_POST = do_OPTIONS = do_HEAD = do_GET  # noqa: N815

        def _hand_over(self) -> None:
            self.close_connection = True
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            del self.headers["Connection"]
            self.headers["Connection"] = "close"
            with socket.create_connection(("127.0.0.1", behind)) as other:
                lines = [f"{name}: {text}\r\n" for name, text in self.headers.items()]
                other.sendall(self.raw_requestline + "".join([*lines, "\r\n"]).encode("latin-1") + body)
                for data in iter(lambda: other.recv(65536), b""):
                    self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
