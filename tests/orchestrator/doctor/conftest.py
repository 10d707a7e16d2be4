"""Patients: a folder with a config, a store, and a clock that says what it is told."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from calendars import VirtualClock
from jobs.store import JSONJobStore
from orchestrator.doctor import Finding, Patient
from orchestrator.doctor.findings import Look
from orchestrator.store import Store, record_claim

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


@dataclass
class Ward:
    """Looks at one patient by one check."""

    folder: Path
    now: datetime = NOW
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def config_path(self) -> Path:
        return self.folder / "desk.yaml"

    @property
    def store_path(self) -> Path:
        return self.folder / ".orchestrator" / "orchestrator.db"

    def configure(self, **sections: Any) -> None:
        config = {"broker": {"broker_type": "paper"}, **sections}
        self.config_path.write_text(yaml.safe_dump(config))
        self.config_path.chmod(0o600)

    def patient(self, **more: Any) -> Patient:
        return Patient.of(self.config_path, VirtualClock(self.now), self.environ, **more)

    def look(self, check: Look, **more: Any) -> list[tuple[str, str]]:
        """Result and text of what the check finds; whatever is wrong has a remedy, and nothing else has."""
        found = list(check(self.patient(**more)))
        assert all((finding.result == "ok") == (finding.remedy == "") for finding in found)
        return [(finding.result, finding.detail) for finding in found]

    def one(self, check: Look, **more: Any) -> Finding:
        """The only finding."""
        (found,) = check(self.patient(**more))
        assert (found.result == "ok") == (found.remedy == "")
        return found


@pytest.fixture
def ward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ward:
    monkeypatch.chdir(tmp_path)
    made = Ward(tmp_path)
    made.configure()
    return made


@pytest.fixture
def history(ward: Ward) -> Iterator[Store]:
    """The store of a daemon that has run."""
    with Store(f"sqlite:///{ward.store_path}") as store:
        JSONJobStore(store.engine, lambda name, definition: None, record_claim).jobs_t.create(store.engine)
        for name in ("orchestrator.db", "orchestrator.db-wal", "."):
            os.utime(ward.store_path.parent / name, (NOW.timestamp(), NOW.timestamp()))
        yield store


@pytest.fixture
def tree(tmp_path: Path) -> Callable[[], dict[str, tuple[int, float, bytes]]]:
    """Tells all that is in the folder: modes, times, contents. In the shared memory of SQLite readers leave marks."""

    def told() -> dict[str, tuple[int, float, bytes]]:
        return {
            str(path.relative_to(tmp_path)): (
                path.stat().st_mode,
                path.stat().st_mtime,
                path.read_bytes() if path.is_file() else b"",
            )
            for path in tmp_path.rglob("*")
            if not path.name.endswith("-shm")
        }

    return told
