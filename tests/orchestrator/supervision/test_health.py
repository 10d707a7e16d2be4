"""What the health check complains of."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calendars import VirtualClock
from orchestrator.config import EngineConfig, HealthConfig
from orchestrator.events import EngineBeat, EngineReady, encode
from orchestrator.supervision.health import problems
from orchestrator.supervision.supervisor import EngineSupervisor

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
HEALTH = HealthConfig(min_free_disk_mb=200, max_data_age=120)


class Link:
    """An engine that only has to be there."""

    pid, beats = None, True

    def step(self, now: datetime) -> None:
        return None


def looked_at(beat: EngineBeat | None = None, *, free_mb: float = 500.0, fails: str = "") -> Any:
    """The problems of a daemon whose engine runs and has said this, or could not be launched."""

    def launch(run: str, receiver: Any) -> Any:
        if fails:
            raise OSError(fails)
        runs.append(receiver)
        return Link()

    runs: list[Any] = []
    supervisor = EngineSupervisor(
        launch,
        EngineConfig(),
        VirtualClock(NOW).monotonic,
        lambda event: None,
        lambda event, now: None,
        lambda incident: None,
        random.Random(1),
    )
    supervisor.step(NOW, True, "2026-11-24")
    for event in [] if fails else [EngineReady(), *([beat] if beat else [])]:
        runs[0].receive(encode(event), NOW)
    return problems(supervisor, HEALTH, wanted=True, free_mb=free_mb)


def aged(seconds: int) -> EngineBeat:
    return EngineBeat(True, {"last_data_at": (NOW - timedelta(seconds=seconds)).isoformat()})


@pytest.mark.parametrize("beat", [None, aged(0), aged(120), EngineBeat(True), EngineBeat(True, {"last_data_at": None})])
def test_nothing_is_wrong(beat: EngineBeat | None) -> None:
    assert looked_at(beat) == []


def test_stale_prices_are() -> None:
    assert looked_at(aged(121)) == ["the engine's last price is 121 s old, more than health.max_data_age 120"]


def test_lost_connection_is() -> None:
    assert looked_at(EngineBeat(False)) == ["the engine is not connected to its broker"]


def test_engine_that_does_not_run_is() -> None:
    assert looked_at(fails="no such file") == ["the engine should run and does not: it can't be started: no such file"]


def test_everything_is_named_at_once() -> None:
    found = looked_at(EngineBeat(False), free_mb=50.0)
    assert [text.partition(" ")[0] for text in found] == ["the", "50"]
