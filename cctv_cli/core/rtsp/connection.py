"""The connection to a camera: requests and answers, with a time limit for each and one for all of them."""

from __future__ import annotations

import socket
import ssl
import time
from typing import Iterator, Tuple

from cctv_cli.core.config.settings import RtspSource
from cctv_cli.core.rtsp.result import Outcome, Problem
from cctv_cli.core.rtsp.wire import Answer, AnswerReader, write_request


def open_socket(source: RtspSource, timeout: float) -> socket.socket:
    """Connect to the camera within `timeout` seconds, with TLS for rtsps. Raises Problem."""
    try:
        sock = _connect(source, time.monotonic() + timeout)
    except ConnectionRefusedError:
        text = "refuses the connection: check the port, and that RTSP is switched on in the camera"
        raise Problem(Outcome.REFUSED, text) from None
    except (OSError, UnicodeError):  # UnicodeError: the host cannot be a name
        text = "cannot be reached: check the address, the network and the camera's power"
        raise Problem(Outcome.UNREACHABLE, text) from None
    return _with_tls(sock, source.host, timeout) if source.tls else sock


class Connection:
    """Requests and answers over one socket: each within `timeout` seconds, and all of them before one deadline."""

    def __init__(self, sock: socket.socket, timeout: float, deadline: float) -> None:
        self._sock = sock
        self._timeout = timeout
        self._deadline = deadline
        self._reader = AnswerReader()
        self._cseq = 0

    def extend(self, seconds: float) -> None:
        """Move the deadline `seconds` later."""
        self._deadline += seconds

    def require_time(self) -> None:
        """Raises Problem if an answer may come after the deadline: a refused login must not be missed."""
        if time.monotonic() + self._timeout > self._deadline:
            raise _silence(socket.timeout())

    def request(self, method: str, uri: str, *headers: str) -> Answer:
        """Send one request and read its answer. Raises Problem if no complete and valid answer comes."""
        self._cseq += 1
        due = min(time.monotonic() + self._timeout, self._deadline)
        try:
            self._sock.settimeout(_seconds_left(due))
            self._sock.sendall(write_request(method, uri, self._cseq, *headers))
            return self._read_answer(due)
        except OSError as error:
            raise _silence(error) from None

    def packets(self) -> Iterator[Tuple[int, bytes]]:
        """Channel and content of the media frames that come until the next answer would be due.

        They do not count for the deadline. Raises Problem if the camera closes the connection.
        """
        began = time.monotonic()
        try:
            while True:
                packet = self._reader.next_packet()
                if packet is None:
                    self._receive(began + self._timeout)
                else:
                    yield packet
        except socket.timeout:
            pass
        except OSError as error:
            raise _silence(error) from None
        finally:
            self.extend(time.monotonic() - began)

    def _read_answer(self, due: float) -> Answer:
        while True:
            answer = self._reader.next_answer()
            if answer is not None:
                return answer
            self._receive(due)

    def _receive(self, due: float) -> None:
        self._sock.settimeout(_seconds_left(due))
        data = self._sock.recv(8192)
        if not data:
            raise ConnectionResetError("closed by the camera")
        self._reader.feed(data)


def _seconds_left(deadline: float) -> float:
    """Seconds until the deadline; raises socket.timeout once it has passed."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise socket.timeout("the deadline has passed")
    return left


def _connect(source: RtspSource, deadline: float) -> socket.socket:
    """Connect to the first address of the host that answers. Raises the OSError of the last one tried."""
    addresses = socket.getaddrinfo(source.host, source.port, type=socket.SOCK_STREAM)
    while True:
        family, kind, protocol, _, address = addresses.pop(0)
        sock = socket.socket(family, kind, protocol)
        try:
            # an address that drops packets must leave time for those after it
            sock.settimeout(_seconds_left(deadline) / (len(addresses) + 1))
            sock.connect(address)
            return sock
        except OSError:
            sock.close()
            if not addresses:
                raise


def _with_tls(sock: socket.socket, host: str, timeout: float) -> socket.socket:
    """Wrap the socket in TLS; close it if that fails.

    The certificate is not verified: cameras sign their own, without a name that could be checked. So TLS keeps
    eavesdroppers out, but not an impostor. FFmpeg does the same by default.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        sock.settimeout(timeout)
        return context.wrap_socket(sock, server_hostname=host)
    except ssl.SSLError:
        sock.close()
        text = "does not speak TLS on this port: use rtsp:// or the camera's port for rtsps://"
        raise Problem(Outcome.NOT_RTSP, text) from None
    except OSError as error:
        sock.close()
        raise _silence(error) from None


def _silence(error: OSError) -> Problem:
    if isinstance(error, socket.timeout):
        text = "accepts the connection but gives no complete answer in time: restart the camera"
    else:
        text = "closes the connection without a complete answer: check the port, or restart the camera"
    return Problem(Outcome.SILENT, text)
