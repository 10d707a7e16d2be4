"""A config file, and who keeps it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from calendars import VirtualClock
from orchestrator.config import ConfigManager


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("mode: paper  # as it was\n")
    return path


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 11, 24, 14, 30, tzinfo=UTC))


@pytest.fixture
def manager(path: Path, clock: VirtualClock) -> ConfigManager:
    return ConfigManager(path, clock=clock)
