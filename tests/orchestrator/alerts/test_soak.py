"""Real processes, real services, real kills: a small run of the soak test under benchmarks/."""

import importlib.util
from pathlib import Path

import pytest

import orchestrator

SCRIPT = Path(orchestrator.__file__).parents[1] / "benchmarks" / "soak_alerts.py"


@pytest.fixture(scope="module")
def soak_alerts():
    spec = importlib.util.spec_from_file_location("soak_alerts", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_killed_daemons_and_couriers_lose_no_alert_and_keep_the_order(soak_alerts):
    figures = soak_alerts.soak(120, 2, 1, noisy=False)
    assert figures.faults() == []
    assert figures.kills == {"driver": 2, "courier": 2}
    assert figures.states == {"sent": 480}


def test_what_is_told_once_is_accounted_for_over_kills(soak_alerts):
    figures = soak_alerts.soak(200, 1, 2, noisy=True)
    assert figures.faults() == []
    assert figures.kills == {"driver": 1, "courier": 1}
    assert figures.states["collapsed"] > figures.states["sent"] > 80
