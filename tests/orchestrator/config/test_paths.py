"""Paths are relative to the folder of the config file."""

from pathlib import Path

import pytest

from orchestrator.config import cache_dir, data_path, embedded_defaults, log_file, state_dir, store_url

BASE = Path("/srv/trading")


@pytest.mark.parametrize(
    ("given", "found"),
    [(".orchestrator", "/srv/trading/.orchestrator"), ("/var/lib/orchestrator", "/var/lib/orchestrator")],
)
def test_the_state_dir(given, found):
    config = embedded_defaults()
    config.state_dir = given
    assert state_dir(config, BASE) == Path(found)
    assert log_file(config, BASE) == Path(found) / "orchestrator.log"
    assert store_url(config, BASE) == f"sqlite:///{found}/orchestrator.db"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("sqlite:///trading.db", "sqlite:////srv/trading/trading.db"),
        ("sqlite:////var/lib/trading.db", "sqlite:////var/lib/trading.db"),
        ("sqlite:///~/trading.db", "sqlite:////home/trader/trading.db"),
    ],
)
def test_the_database(given, found, monkeypatch):
    monkeypatch.setenv("HOME", "/home/trader")
    config = embedded_defaults()
    config.store_url = given
    assert store_url(config, BASE) == found


def test_the_database_is_the_file_that_a_link_leads_to(tmp_path):
    """Or one daemon by the link and one by the file would not see each other's lock and log."""
    (tmp_path / "link.db").symlink_to(tmp_path / "disk" / "real.db")
    config = embedded_defaults()
    config.store_url = "sqlite:///link.db"
    assert store_url(config, tmp_path) == f"sqlite:///{tmp_path}/disk/real.db"


def test_the_data():
    config = embedded_defaults()
    assert data_path(config, BASE) is None
    assert cache_dir(config, BASE) == Path("/srv/trading/data/cache")
    config.data.path = "prices"
    assert data_path(config, BASE) == Path("/srv/trading/prices")


def test_a_log_file_may_be_elsewhere_or_nowhere():
    config = embedded_defaults()
    config.logging.file = "/var/log/orchestrator.log"
    assert log_file(config, BASE) == Path("/var/log/orchestrator.log")
    config.logging.file = ""
    assert log_file(config, BASE) is None


def test_the_home_of_the_user_is_known(monkeypatch):
    monkeypatch.setenv("HOME", "/home/trader")
    config = embedded_defaults()
    config.state_dir = "~/state"
    assert state_dir(config, BASE) == Path("/home/trader/state")


def test_a_relative_folder_is_relative_to_the_working_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert state_dir(embedded_defaults(), Path()) == tmp_path / ".orchestrator"
