"""Log lines: their format, destination and limits.

A record about a camera has a `CameraName` among its arguments, as a rule the first of "%s: …".
Every record is one line, whatever it contains; only tracebacks, with `debug`, take more.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Dict, Optional, Tuple

from cctv_cli.core.clock import format_instant
from cctv_cli.core.errors import ConfigError
from cctv_cli.core.units import CameraName, printable

_FILE_BYTES = 10_000_000
_OLDER_FILES = 4
_AGAIN = 60.0  # seconds within which the same warning is not written again
_MOST_KNOWN = 1000  # number of warnings that are remembered

log = logging.getLogger("cctv")


class TextLines(logging.Formatter):
    """Lines for people: time, level, message."""

    def __init__(self, form: str = "%(asctime)s %(levelname)s %(message)s", *, debug: bool) -> None:
        super().__init__(form)
        self._debug = debug

    def formatTime(self, record: logging.LogRecord, datefmt: Optional[str] = None) -> str:  # noqa: N802
        return format_instant(record.created, None)

    def format(self, record: logging.LogRecord) -> str:
        again = f" ({repeated(record)} more of these)" if repeated(record) else ""
        record.message = record.getMessage() + ("" if self._debug else _cause(record)) + again
        record.asctime = self.formatTime(record)
        line = printable(self.formatMessage(record))
        if self._debug and record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


class JsonLines(logging.Formatter):
    """Lines for machines: one JSON object each, in ASCII.

    Keys: time (ISO 8601 with offset), level, logger, message and, if there are any, camera, repeated (how often
    the same record was suppressed since it was last written), error and traceback.
    """

    def __init__(self, *, debug: bool) -> None:
        super().__init__()
        self._debug = debug

    def format(self, record: logging.LogRecord) -> str:
        fields: Dict[str, object] = {
            "time": format_instant(record.created, None),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        camera = camera_of(record)
        if camera is not None:
            fields["camera"] = camera
        if repeated(record):
            fields["repeated"] = repeated(record)
        if record.exc_info:
            fields["error"] = _cause(record)[2:]
            if self._debug:
                fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields)


class Repeats(logging.Filter):
    """Passes the same warning or error once a minute; the next one logged says how many were suppressed."""

    def __init__(self) -> None:
        super().__init__()
        self._known: Dict[Tuple[str, int, str], Tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        key = (record.name, record.levelno, record.getMessage())
        now = time.monotonic()
        last, missed = self._known.get(key, (now - _AGAIN, 0))
        if now - last < _AGAIN:
            self._known[key] = (last, missed + 1)
            return False
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[key] = (now, 0)
        record.repeated = missed
        return True


def repeated(record: logging.LogRecord) -> int:
    """How many equal records were not written since the last one."""
    return int(getattr(record, "repeated", 0))


def camera_of(record: logging.LogRecord) -> Optional[str]:
    """The id of the camera that a record is about; None for any other record."""
    values = record.args if isinstance(record.args, tuple) else ()
    return next((value.camera for value in values if isinstance(value, CameraName)), None)


def file_handler(path: Path) -> logging.Handler:
    """A handler that keeps a log file below 50 MB, in five files. Raises ConfigError if it cannot be opened."""
    try:
        return RotatingFileHandler(path, maxBytes=_FILE_BYTES, backupCount=_OLDER_FILES, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            [f"The log file {path} cannot be written ({error.strerror or error}); correct LOG_FILE or its folder"]
        ) from error


def install(handler: logging.Handler, *, debug: bool) -> None:
    """Send this program's log to the handler, including warnings of libraries and uncaught errors of threads."""
    handler.addFilter(Repeats())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)  # a library's INFO may hold an address with a token
    log.setLevel(logging.DEBUG if debug else logging.INFO)
    # a log that cannot be written, such as on a full disk, must not affect anything else
    logging.raiseExceptions = False
    threading.excepthook = _on_uncaught


def _on_uncaught(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and args.exc_type is not SystemExit:
        name = args.thread.name if args.thread else "a thread"
        log.error("thread %s ended unexpectedly", name, exc_info=args.exc_value)


def _cause(record: logging.LogRecord) -> str:
    """The error of a record and where it was raised, for the end of its line; empty without one."""
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    error, trace = record.exc_info[1], record.exc_info[2]
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})" if trace else ""
    return f": {type(error).__name__}: {error}{place}"
