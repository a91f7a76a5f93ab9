"""A port for a server that a test starts."""

from __future__ import annotations

import random
import socket

_PORTS = range(20_000, 32_768)  # below those that systems give to clients and to servers that ask for any port


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago, and that nobody gets by chance before the server begins."""
    while True:
        port = random.SystemRandom().choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
