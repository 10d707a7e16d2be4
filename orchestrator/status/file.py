"""The daemon's last word on itself as a file, for scripts that should not have to open a database.

It has the keys of ``orchestrator status --json``, and ``at``: when it was written. Whoever reads it finds a whole
document, as each is written beside the last and takes its place at once; it is not forced onto the disk, as after a
crash of the machine nobody needs it.
"""

import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["StatusFile", "read_status", "status_path"]

logger = logging.getLogger("orchestrator")


def status_path(state_dir: Path) -> Path:
    return state_dir / "status.json"


class StatusFile:
    """The file, as the one daemon that owns its folder writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._new = path.with_name(f".{path.name}.new")
        self._failing = ""

    def write(self, document: Mapping[str, Any]) -> None:
        """Replace the file's content. A failure is logged once, until it is over; the old content stays."""
        try:
            self._write(json.dumps(document, ensure_ascii=False, indent=2).encode(errors="replace") + b"\n")
        except OSError as error:
            with suppress(OSError):
                self._new.unlink()
            self._tell(error.strerror or str(error))
            return
        self._tell("")

    def _write(self, content: bytes) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # of a daemon that was killed while it wrote
            self._new.unlink()
        descriptor = os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(self._new, self.path)

    def _tell(self, trouble: str) -> None:
        if trouble and trouble != self._failing:
            logger.warning("%s can't be written: %s; what it says is old", self.path, trouble)
        elif self._failing and not trouble:
            logger.info("%s is written again", self.path)
        self._failing = trouble


def read_status(path: Path) -> dict[str, Any] | None:
    """What the file says; None if there is none, or nothing that a daemon has written."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) and isinstance(document.get("at"), str) else None
