"""What was found when an engine had to be given up: one file for each incident, and a row that leads to it."""

import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from orchestrator.history import History
from orchestrator.store import incidents

__all__ = ["Autopsy", "Incident", "Incidents"]

logger = logging.getLogger("orchestrator.supervisor")

INSERT = insert(incidents).prefix_with("OR IGNORE")

KEPT = 100
"""Files in the folder; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Autopsy:
    """What can be seen of a process from outside.

    :param stacks: of its threads, as it wrote them when asked, or when it died of a signal; empty if it could not.
    :param rss_mb: its memory, in MB (10^6 bytes); None once it is dead.
    :param open_files: the number of its open descriptors, likewise.
    """

    stacks: str = ""
    rss_mb: float | None = None
    open_files: int | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """An engine that failed.

    :param kind: hang, crash, start, stall or disconnect.
    :param cause: in words.
    :param log_tail: the last lines of its log.
    :param events: the last that it told, oldest first.
    """

    at: datetime
    kind: str
    cause: str
    engine_run: str
    autopsy: Autopsy = field(default_factory=Autopsy)
    log_tail: tuple[str, ...] = ()
    events: tuple[Mapping[str, Any], ...] = ()

    @property
    def id(self) -> str:
        return f"{self.engine_run}-{self.kind}"

    def document(self) -> dict[str, Any]:
        """All of it, JSON-ready."""
        return {
            "id": self.id,
            "at": self.at.isoformat(),
            "kind": self.kind,
            "cause": self.cause,
            "engine_run": self.engine_run,
            **asdict(self.autopsy),
            "log_tail": list(self.log_tail),
            "events": [dict(event) for event in self.events],
        }


class Incidents:
    """Keeps them.

    :param folder: for the files; None keeps the rows only, where nothing may be written to the disk.
    :param redact: masks the secrets of a text: an engine may say whatever it likes.
    """

    def __init__(self, folder: Path | None, history: History, redact: Callable[[str], str]) -> None:
        self._folder, self._history, self._redact = folder, history, redact

    def keep(self, incident: Incident) -> None:
        """Write the file and the row; a disk that is full costs the file, and nothing else."""
        incident = replace(incident, cause=self._redact(incident.cause))
        path = None if self._folder is None else self._write(self._folder, incident)
        row = {"id": incident.id, "at": incident.at, "kind": incident.kind, "cause": incident.cause}
        self._history.add(INSERT, {**row, "engine_run": incident.engine_run, "path": path})

    def _write(self, folder: Path, incident: Incident) -> str | None:
        path = folder / f"{incident.id}.json"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            text = self._redact(json.dumps(incident.document(), ensure_ascii=False, indent=1, default=str))
            with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
                file.write(text.encode(errors="backslashreplace"))  # what an engine says need not be sound text
            for old in sorted(folder.glob("*.json"))[:-KEPT]:
                old.unlink(missing_ok=True)
        except (OSError, ValueError) as error:
            logger.error("the incident %s can't be written to %s: %s", incident.id, folder, error)
            return None
        logger.warning("incident %s: %s; see: orchestrator incidents show %s", incident.id, incident.cause, incident.id)
        return str(path)
