"""The server's certificate, which is read again when it is renewed: connections that are open stay open."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import Optional, Tuple

from cctv_cli.core.config.settings import Settings
from cctv_cli.core.errors import ConfigError

log = logging.getLogger("cctv.http")

Version = Tuple[Tuple[int, int, int], ...]


class Tls:
    """The certificate and the private key in two files, as a context for new connections."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises ConfigError if the files cannot be used."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._files = certificate, key
        try:
            self._seen = self._version()
            self.context.load_cert_chain(certificate, key)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise ConfigError([self._sentence(error)]) from error

    @classmethod
    def of(cls, settings: Settings) -> Optional[Tls]:
        """What the settings name; None if they name no certificate. Raises ConfigError."""
        if settings.tls_cert is None or settings.tls_key is None:
            return None
        return cls(settings.tls_cert, settings.tls_key)

    def changed(self) -> bool:
        """Whether the files have changed since they were read; may wait for a disk."""
        try:
            return self._version() != self._seen
        except OSError:  # one of them is being replaced
            return False

    def renew(self) -> None:
        """Read the files again. What is wrong with them is logged; the old certificate then stays.

        New connections use the context too, so this must be called where they are accepted.
        """
        try:
            self._seen = self._version()
            # a broken pair must not touch the context in use
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self._files)
            self.context.load_cert_chain(*self._files)
            log.info("the certificate was read again")
        except (OSError, ValueError) as error:
            log.error("the old certificate stays in use: %s", self._sentence(error))

    def _version(self) -> Version:
        statuses = [path.stat() for path in self._files]
        return tuple((status.st_ino, status.st_size, status.st_mtime_ns) for status in statuses)

    def _sentence(self, error: Exception) -> str:
        certificate, key = self._files
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        return (
            f"The certificate {certificate} and the key {key} cannot be used ({reason}); both must be in PEM, belong "
            "together, need no passphrase, and be readable for the user that runs cctv."
        )
