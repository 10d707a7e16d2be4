"""Two who change one file: whoever comes second is told, and nothing is lost."""

import pytest

from orchestrator.config import ConfigError, ConfigManager, embedded_defaults, load_file
from orchestrator.config.manager import ConfigConflict

OLD = "mode: paper  # as it was\n"
CHANGED = "the file was changed by someone else since it was loaded; reload() and make the change again"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(OLD)
    return path


def with_positions(manager, positions):
    config = manager.load()
    config.strategy.max_positions = positions
    return config


def test_a_save_over_what_someone_else_has_written_is_refused(path):
    manager = ConfigManager(path)
    config = with_positions(manager, 5)
    path.write_text("strategy: {max_positions: 7}\n")
    with pytest.raises(ConfigConflict) as caught:
        manager.save(config)
    assert str(caught.value) == f"{path}: {CHANGED}"
    assert isinstance(caught.value, ConfigError)
    assert path.read_text() == "strategy: {max_positions: 7}\n"
    assert config.updated_at is None
    assert manager.list_versions() == []
    assert manager.get_current_config().strategy.max_positions == 10


def test_it_is_refused_even_if_it_would_change_nothing(path):
    manager = ConfigManager(path)
    config = manager.load()
    path.write_text("{}\n")
    with pytest.raises(ConfigConflict):
        manager.save(config)


def test_after_a_reload_it_is_not(path):
    manager = ConfigManager(path)
    config = with_positions(manager, 5)
    path.write_text("risk: {max_orders_per_minute: 7}\n")
    with pytest.raises(ConfigConflict):
        manager.save(config)
    manager.save(with_positions(manager, 5))
    config = load_file(path)
    assert (config.strategy.max_positions, config.risk.max_orders_per_minute) == (5, 7)


def test_a_file_that_was_written_to_and_is_the_same_is_no_conflict(path):
    manager = ConfigManager(path)
    config = with_positions(manager, 5)
    path.write_text(OLD)
    manager.save(config)
    assert load_file(path).strategy.max_positions == 5


def test_a_save_where_the_file_has_gone_is_refused_until_that_is_known(path):
    manager = ConfigManager(path)
    config = with_positions(manager, 5)
    path.unlink()
    with pytest.raises(ConfigConflict, match="the file was removed by someone else since it was loaded"):
        manager.save(config)
    assert not path.exists()
    with pytest.raises(FileNotFoundError):
        manager.reload()
    manager.save(config)
    assert load_file(path).strategy.max_positions == 5


def test_a_save_where_a_file_has_come_is_refused(path):
    path.unlink()
    manager = ConfigManager(path)
    with pytest.raises(FileNotFoundError):
        manager.load()
    path.write_text(OLD)
    with pytest.raises(ConfigConflict, match="the file was written by someone else since it was loaded"):
        manager.save(embedded_defaults())
    assert path.read_text() == OLD


def test_two_saves_of_one_manager_are_none(path):
    manager = ConfigManager(path)
    config = with_positions(manager, 5)
    manager.save(config)
    config.strategy.max_positions = 6
    manager.save(config)
    assert load_file(path).strategy.max_positions == 6


def test_of_two_managers_the_second_is_refused(path):
    first, second = ConfigManager(path), ConfigManager(path)
    configs = with_positions(first, 5), with_positions(second, 6)
    first.save(configs[0])
    with pytest.raises(ConfigConflict):
        second.save(configs[1])
    assert load_file(path).strategy.max_positions == 5


def test_a_manager_that_never_looked_overwrites_and_keeps_what_was_there(path):
    path.write_text("strategy: {max_positions: 7}\n")
    manager = ConfigManager(path)
    manager.save(embedded_defaults())
    assert load_file(path).strategy.max_positions == 10
    assert manager.list_versions()[1].read_text() == "strategy: {max_positions: 7}\n"


def test_a_reload_that_fails_does_not_make_the_manager_forget(path):
    manager = ConfigManager(path)
    config = with_positions(manager, 5)
    path.write_text("mode: [\n")
    with pytest.raises(ConfigError):
        manager.reload()
    with pytest.raises(ConfigConflict):
        manager.save(config)
    assert path.read_text() == "mode: [\n"


def test_a_restore_over_what_someone_else_has_written_is_refused(path):
    manager = ConfigManager(path)
    manager.save(with_positions(manager, 5))
    path.write_text("strategy: {max_positions: 7}\n")
    with pytest.raises(ConfigConflict):
        manager.restore_version(manager.list_versions()[1])
    assert path.read_text() == "strategy: {max_positions: 7}\n"
    ConfigManager(path).restore_version(manager.list_versions()[1])
    assert path.read_text() == OLD
