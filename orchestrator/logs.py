"""Where the daemon's log goes: the standard output, for the service manager, and a rotated file."""

import json
import logging
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Any

from notifiers.redaction import Redactor
from orchestrator.config import LoggingConfig, TradingConfig, to_dict
from orchestrator.config.model import is_secret
from orchestrator.config.resolution import leaves
from orchestrator.correlation import carried

__all__ = ["configure_logging", "hide", "secrets_of", "set_level"]

TEXT = "%(asctime)s %(levelname)-8s %(name)s: %(message)s"

IN_TEXT = {"job": 64, "alert": 8}
"""What stands behind a line of text, in so many characters; the time tells the session, and the message the run."""

logger = logging.getLogger("orchestrator")


class TextFormatter(logging.Formatter):
    """One line a record, times in UTC as ISO 8601, and nothing secret.

    Behind it, in brackets, on behalf of which job and which alert it was written.
    """

    redact = Redactor(())

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def formatMessage(self, record: logging.LogRecord) -> str:
        names = [f"{field} {carried()[field][:length]}" for field, length in IN_TEXT.items() if field in carried()]
        behind = f" [{', '.join(names)}]" if names else ""
        return super().formatMessage(record) + behind

    def format(self, record: logging.LogRecord) -> str:
        return self.redact(super().format(record))


class JSONFormatter(TextFormatter):
    """One JSON object a line: at, level, logger, message, what it is about, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **carried(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps({field: self.redact(text) for field, text in line.items()}, ensure_ascii=False)


class Output(logging.StreamHandler[IO[str]]):
    """The standard output. If nobody takes it any more, or its disk is full, the line is lost and nothing else."""

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


class LogFile(RotatingFileHandler):
    """A private file that is begun anew at a size, and also when somebody else has moved it away or cut it.

    While it can't be written (disk full, folder gone or forbidden) lines are left out, and the first that can be
    written again is preceded by how many.
    """

    def __init__(self, path: Path, max_bytes: int, backups: int) -> None:
        super().__init__(path, maxBytes=max_bytes, backupCount=backups, encoding="utf-8", delay=True)
        self.failing = ""
        """Why the last line could not be written; empty if it was."""
        self._lost = 0

    def _open(self) -> Any:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return open(os.open(self.baseFilename, flags, 0o600), "a", encoding="utf-8", errors="backslashreplace")

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write(record)
            self.failing, self._lost = "", 0
        except OSError as error:
            self.failing, self._lost = error.strerror or str(error), self._lost + 1
            self._let_go()
        except Exception:  # noqa: BLE001 - as every handler: a record that can't be formatted ends nothing
            self.handleError(record)

    def _write(self, record: logging.LogRecord) -> None:
        self._follow()
        if self.shouldRollover(record):
            with suppress(OSError):  # it grows on, until its folder can be written again
                self.doRollover()
        if self.stream is None:
            self.stream = self._open()
        missing = f"({self._lost} lines are missing here: {self.failing})\n" if self._lost else ""
        self.stream.write(f"{missing}{self.format(record)}\n")
        self.stream.flush()

    def _follow(self) -> None:
        """Let go of a file that has another name by now, or none."""
        if self.stream is None:
            return
        ours = os.fstat(self.stream.fileno())
        try:
            there = os.stat(self.baseFilename)
        except FileNotFoundError:
            self._let_go()
            return
        if (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino):
            self._let_go()

    def _let_go(self) -> None:
        stream, self.stream = self.stream, None
        if stream is not None:
            try:
                stream.close()
            except OSError:  # what it still held can't be written either
                self.failing = self.failing or "the file can't be closed"


def configure_logging(
    config: LoggingConfig, file: Path | None, level: str | None = None, secrets: Iterable[str] = ()
) -> None:
    """Log to the standard output and, if there is one, to a file that is rotated by size.

    A file that can't be written now is told of, and tried again at every line.

    :param level: overrides ``logging.level``.
    :param secrets: are masked wherever they would stand in a line.
    """
    formatter = JSONFormatter() if config.format == "json" else TextFormatter(TEXT)
    handlers: list[logging.Handler] = [Output(sys.stdout)]
    trouble = "" if file is None else _folder_trouble(file.parent)
    if file is not None:
        handlers.append(LogFile(file, int(config.max_mb * 1_000_000), config.backups))
    for handler in handlers:
        handler.setFormatter(formatter)
    logging.basicConfig(level=level or config.level, handlers=handlers, force=True)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    hide(secrets)
    if trouble:
        logger.warning("the log file %s can't be written (%s); the log goes to the standard output only", file, trouble)


def set_level(level: str) -> None:
    """Log from this level on, from now on."""
    logging.getLogger().setLevel(level)


def hide(secrets: Iterable[str]) -> None:
    """Mask these from now on."""
    redact = Redactor(secrets)
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, TextFormatter):
            handler.formatter.redact = redact


def secrets_of(config: TradingConfig) -> list[str]:
    """The values of a config's secret options, as they are used."""
    return [
        text
        for path, text in leaves(to_dict(config))
        if isinstance(text, str) and is_secret(path) and not text.startswith("sqlite:")
    ]


def _folder_trouble(folder: Path) -> str:
    """Why nothing can be written into the folder, which is made if it is missing; empty if it can."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        return error.strerror or str(error)
    return "" if os.access(folder, os.W_OK | os.X_OK) else "it is not ours to write"
