"""Where the daemon's log goes: the standard output, for the service manager, and a rotated file."""

import json
import logging
import sys
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from orchestrator.config import LoggingConfig

__all__ = ["configure_logging"]

TEXT = "%(asctime)s %(levelname)-8s %(name)s: %(message)s"


class TextFormatter(logging.Formatter):
    """One line a record, times in UTC as ISO 8601."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class JSONFormatter(TextFormatter):
    """One JSON object a line: at, level, logger, message, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure_logging(config: LoggingConfig, file: Path | None, level: str | None = None) -> None:
    """Log to the standard output and, if there is one, to a file that is rotated by size.

    :param level: overrides ``logging.level``.
    """
    formatter = JSONFormatter() if config.format == "json" else TextFormatter(TEXT)
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stdout)]
    if file is not None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        size = int(config.max_mb * 1_000_000)
        handlers.append(RotatingFileHandler(file, maxBytes=size, backupCount=config.backups, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(formatter)
    logging.basicConfig(level=level or config.level, handlers=handlers, force=True)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
