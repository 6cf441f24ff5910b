"""Logs: words on stderr for people, lines of JSON in a file for machines."""

from __future__ import annotations

import contextlib
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from embedlane.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What every record has; all else was given with it.
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


@contextlib.contextmanager
def logged(verbosity: int, file: str | None) -> Iterator[None]:
    """Send what embedlane logs to stderr and, if wanted, to *file*, for the time of a command.

    Args:
        verbosity: For stderr: 0 warnings, 1 what is done, 2 everything.
        file: Gets what is done as lines of JSON, whatever stderr shows; None for nowhere.

    Raises:
        UsageError: If the file can't be written.
    """
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbosity, 2)]
    logging.basicConfig(format="%(name)s: %(message)s")
    own = logging.getLogger("embedlane")
    own.setLevel(level)
    if file is None:
        yield
        return
    try:
        lines = logging.FileHandler(file, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--log {file!r} can't be written: {error.strerror}.", "Name another.") from error
    lines.setFormatter(JsonLines())
    for handler in logging.getLogger().handlers:
        handler.setLevel(level)
    own.setLevel(min(level, logging.INFO))
    own.addHandler(lines)
    try:
        yield
    finally:
        own.removeHandler(lines)
        lines.close()


class JsonLines(logging.Formatter):
    """A record as one line of JSON: time, level, logger, message, and what was given with it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _PLAIN},
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()
