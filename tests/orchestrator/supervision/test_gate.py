"""No engine is started before everything is in order; what is not is said once, and looked at until it is."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import HealthConfig
from orchestrator.states import OrchestratorState
from orchestrator.supervision.gate import refusal

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
HEALTH = HealthConfig(min_free_disk_mb=200)

CLOCK = "the clock of this machine says 1970-01-01; set it"
DISK = "50 MB of disk are free, less than health.min_free_disk_mb 200; make room"
STORE = "the store can't be written: database is locked"


@pytest.mark.parametrize(
    ("now", "free_mb", "unwritable", "refused"),
    [
        (NOW, 200, "", []),
        (datetime(1970, 1, 1, tzinfo=UTC), 200, "", [CLOCK]),
        (NOW, 50, "", [DISK]),
        (NOW, 200, "database is locked", [STORE]),
        (datetime(1970, 1, 1, tzinfo=UTC), 50, "database is locked", [CLOCK, DISK, STORE]),
    ],
)
def test_all_that_is_not_in_order_is_named(now: datetime, free_mb: float, unwritable: str, refused: list[str]) -> None:
    assert refusal(now, RELEASED, HEALTH, free_mb, unwritable) == "; ".join(refused)


def test_refused_engine_is_one_alert_and_starts_as_soon_as_it_may(rehearse: Callable[..., Any]) -> None:
    daemon = rehearse("2026-11-24 09:29", "schedule: {jobs: {health_check: false}}", disk=True)
    daemon.machine.shared, daemon.machine.unfailing, daemon.machine.free_mb = True, False, 50.0
    daemon.until("2026-11-24 09:31")
    assert daemon.daemon.get_state() is OrchestratorState.ERROR
    assert daemon.alerts("critical") == ["Trading interrupted"]
    assert daemon.engine() == []
    daemon.machine.free_mb = 5000.0
    daemon.until("2026-11-24 09:31:10")
    assert daemon.daemon.get_state() is OrchestratorState.TRADING
    assert daemon.alerts()[-1] == "Trading again"
    assert daemon.daemon.loop.supervisor.restarts == 0


def test_free_space_is_that_where_the_store_is(rehearse: Callable[..., Any], tmp_path: Path) -> None:
    daemon = rehearse("2026-11-24 09:29", disk=True)
    daemon.machine.disk = tmp_path / "elsewhere" / "orchestrator.db"
    daemon.machine.unfailing = False
    looked: list[Path] = []
    daemon.machine.free_disk_mb = lambda folder: looked.append(folder) or 50.0
    daemon.until("2026-11-24 09:31")
    assert daemon.engine() == []
    assert set(looked) == {tmp_path / "elsewhere"}
