"""ConfigManager: load, save, reload, versions; and what is left when one of them fails."""

import os
import stat
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.config import ConfigError, ConfigManager, TradingConfig, embedded_defaults, load_file

START = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)
OLD = "mode: paper  # as it was\n"


def left_in(folder):
    return sorted(each.name for each in folder.iterdir())


def test_constructing_one_touches_nothing(tmp_path):
    manager = ConfigManager(tmp_path / "missing" / "config.yaml")
    assert left_in(tmp_path) == []
    assert manager.get_current_config() is None
    assert manager.list_versions() == []


def test_load_gives_the_config_of_the_file(manager):
    assert manager.load() == TradingConfig()
    assert manager.get_current_config() == TradingConfig()


def test_loading_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="write one with: orchestrator config init"):
        ConfigManager(tmp_path / "config.yaml").load()


def test_what_is_handed_out_is_the_callers_to_change(manager):
    config = manager.load()
    config.strategy.symbols.append("TSLA")
    manager.get_current_config().strategy.max_positions = 99
    assert manager.get_current_config() == TradingConfig()


@pytest.mark.parametrize("name", ["new.yaml", "new.yml", "new.toml", "new.json", "deep/er/new.yaml"])
def test_a_saved_config_loads_again(tmp_path, clock, name):
    manager = ConfigManager(tmp_path / name, clock=clock)
    config = embedded_defaults()
    config.strategy.max_positions = 15
    manager.save(config)
    assert load_file(tmp_path / name) == config == manager.get_current_config()
    assert config.strategy.max_positions == 15


def test_a_save_is_stamped(manager, clock):
    config = manager.load()
    config.strategy.max_positions = 15
    manager.save(config)
    assert (config.created_at, config.updated_at) == ("2026-11-24T14:30:00+00:00", "2026-11-24T14:30:00+00:00")
    clock.advance(timedelta(hours=1))
    config.strategy.max_positions = 20
    manager.save(config)
    assert (config.created_at, config.updated_at) == ("2026-11-24T14:30:00+00:00", "2026-11-24T15:30:00+00:00")


def test_a_save_keeps_the_mode_of_the_file(path, manager):
    path.chmod(0o640)
    manager.save(embedded_defaults())
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_save_by_root_leaves_the_file_to_its_owner(path, manager):
    os.chown(path, 1234, 4321)
    manager.save(embedded_defaults())
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)


def test_a_save_keeps_who_else_may_read_the_file(path, manager):
    nobody = 0xFFFFFFFF
    entries = [(1, 6, nobody), (2, 4, 1234), (4, 0, nobody), (16, 4, nobody), (32, 0, nobody)]
    listed = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(path, "system.posix_acl_access", listed)
    except OSError as error:
        pytest.skip(f"no access lists here: {error}")
    manager.save(embedded_defaults())
    assert os.getxattr(path, "system.posix_acl_access") == listed


def test_a_new_file_is_private(tmp_path, clock):
    ConfigManager(tmp_path / "new.yaml", clock=clock).save(embedded_defaults())
    assert stat.S_IMODE((tmp_path / "new.yaml").stat().st_mode) == 0o600


def test_a_save_goes_through_a_link(path, tmp_path, clock):
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    ConfigManager(link, clock=clock).save(embedded_defaults())
    assert link.is_symlink()
    assert load_file(path).broker.broker_type == "paper"


def test_a_wrong_config_is_not_saved(path, manager):
    config = manager.load()
    config.strategy.max_positions = 0
    config.mode = "lvie"
    with pytest.raises(ConfigError) as caught:
        manager.save(config)
    assert str(caught.value).splitlines() == [
        f"{path}: mode: 'lvie' is not one of paper, live; write live",
        f"{path}: strategy.max_positions: 0 is less than 1; write a whole number of at least 1",
    ]
    assert path.read_text() == OLD
    assert config.updated_at is None
    assert manager.list_versions() == []
    assert manager.get_current_config() == TradingConfig()


@pytest.mark.parametrize("broken", ["fsync", "replace", "fchmod"])
def test_a_save_that_fails_leaves_the_old_file_whole(path, manager, monkeypatch, broken):
    manager.load()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, broken, fail)
    config = embedded_defaults()
    with pytest.raises(OSError, match="No space left"):
        manager.save(config)
    monkeypatch.undo()
    assert path.read_text() == OLD
    assert config.updated_at is None
    assert manager.list_versions() == []
    assert manager.get_current_config() == TradingConfig()
    assert [name for name in left_in(path.parent) if name.endswith(".tmp")] == []


def test_a_save_that_fails_at_the_last_step_leaves_no_version(path, manager, monkeypatch):
    real = os.replace

    def fail_for_the_config(source, target):
        if Path(target).name == "config.yaml":
            raise OSError(5, "Input/output error")
        real(source, target)

    monkeypatch.setattr(os, "replace", fail_for_the_config)
    with pytest.raises(OSError, match="Input/output error"):
        manager.save(embedded_defaults())
    assert manager.list_versions() == []
    assert path.read_text() == OLD


def test_a_broken_file_can_be_saved_over(path, manager):
    path.write_bytes(b"\xff: [")
    manager.save(embedded_defaults())
    assert load_file(path).broker.broker_type == "paper"
    assert manager.list_versions()[-1].read_bytes() == b"\xff: ["


def test_reload_takes_up_what_changed(path, manager):
    manager.load()
    path.write_text("strategy: {max_positions: 5}\n")
    assert manager.reload().strategy.max_positions == 5
    assert manager.get_current_config().strategy.max_positions == 5


@pytest.mark.parametrize("text", ["strategy: {max_positions: many}\n", "mode: [\n", None])
def test_a_reload_that_fails_keeps_the_config(path, manager, text):
    manager.load()
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    with pytest.raises(FileNotFoundError if text is None else ConfigError):
        manager.reload()
    assert manager.get_current_config() == TradingConfig()


def test_a_save_keeps_what_it_replaces_and_what_it_writes(path, manager):
    config = manager.load()
    config.strategy.max_positions = 5
    manager.save(config)
    new, old = manager.list_versions()
    assert old.read_text() == OLD
    assert new.read_bytes() == path.read_bytes()
    assert new.name.startswith("config.v0002.20261124T143000Z.")
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    assert stat.S_IMODE(new.parent.stat().st_mode) == 0o700


def test_two_saves_in_one_second_are_two_versions_newest_first(tmp_path, clock):
    manager = ConfigManager(tmp_path / "config.yaml", clock=clock)
    config = embedded_defaults()
    for number in range(1, 12):
        config.strategy.max_positions = number
        manager.save(config)
    assert [load_file(each).strategy.max_positions for each in manager.list_versions()] == list(range(11, 0, -1))


def test_a_config_that_the_file_says_already_is_not_saved_again(path, manager, clock):
    config = manager.load()
    config.strategy.max_positions = 5
    manager.save(config)
    before, written, versions = config.updated_at, path.stat(), manager.list_versions()
    clock.advance(timedelta(hours=1))
    manager.save(config)
    manager.save(manager.reload())
    config.updated_at = None
    manager.save(config)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    assert load_file(path).updated_at == before
    assert manager.list_versions() == versions


def test_a_hand_written_file_is_not_touched_by_a_save_of_what_it_says(path, manager):
    manager.save(manager.load())
    assert path.read_text() == OLD
    assert left_in(path.parent) == ["config.yaml"]


def test_a_config_made_anew_does_not_make_the_file_anew(manager, clock):
    config = manager.load()
    config.strategy.max_positions = 5
    manager.save(config)
    clock.advance(timedelta(hours=1))
    other = TradingConfig()
    other.strategy.max_positions = 6
    manager.save(other)
    assert (other.created_at, other.updated_at) == ("2026-11-24T14:30:00+00:00", "2026-11-24T15:30:00+00:00")


def test_only_what_differs_is_written(path, manager):
    path.write_text("# mine\nmode: paper  # as it was\nengine: {start_timeout: 5m}\n")
    config = manager.load()
    config.strategy.max_positions = 5
    config.engine.backoff_max = 90
    manager.save(config)
    assert path.read_text() == (
        "# mine\n"
        "mode: paper  # as it was\n"
        "engine: {start_timeout: 5m, backoff_max: 90}\n"
        "strategy:\n"
        "  max_positions: 5\n"
        'created_at: "2026-11-24T14:30:00+00:00"\n'
        'updated_at: "2026-11-24T14:30:00+00:00"\n'
    )
    assert load_file(path) == config


def test_an_empty_file_becomes_a_complete_one(path, manager):
    path.write_text("\n")
    config = manager.load()
    config.strategy.max_positions = 5
    manager.save(config)
    assert path.read_text().startswith("# Configuration of the trading orchestrator")


def test_no_version_is_kept_where_none_is_wanted(path, clock):
    ConfigManager(path, clock=clock).save(embedded_defaults(), create_version=False)
    ConfigManager(path, enable_versioning=False, clock=clock).save(embedded_defaults())
    assert left_in(path.parent) == ["config.yaml"]


def test_versions_may_be_elsewhere_and_shared_by_files(tmp_path, clock):
    managers = [
        ConfigManager(tmp_path / name, version_dir=tmp_path / "old", clock=clock) for name in ("a.yaml", "b.yaml")
    ]
    for manager in managers:
        manager.save(embedded_defaults())
    assert [len(manager.list_versions()) for manager in managers] == [1, 1]
    assert [name.partition(".")[0] for name in left_in(tmp_path / "old")] == ["a", "a", "b", "b"]


@pytest.mark.parametrize("by", [lambda path: path, str, lambda path: path.name])
def test_a_version_is_restored_to_the_byte(path, manager, by):
    manager.load()
    manager.save(embedded_defaults())
    restored = manager.restore_version(by(manager.list_versions()[-1]))
    assert path.read_text() == OLD
    assert restored == manager.get_current_config() == TradingConfig()
    assert len(manager.list_versions()) == 2


@pytest.mark.parametrize(
    "version", ["config.v0009.20261124T143000Z.000000000000.yaml", "../config.yaml", "config.yaml"]
)
def test_a_version_that_is_none_is_refused(path, manager, version):
    manager.save(embedded_defaults())
    before = path.read_bytes()
    with pytest.raises(FileNotFoundError, match=r"no version .*; list_versions\(\) names them"):
        manager.restore_version(version)
    assert path.read_bytes() == before


def test_a_version_that_is_no_config_any_more_is_refused(path, manager):
    path.write_text("stragety: {}\n")
    manager.save(embedded_defaults())
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="stragety: there is no such option"):
        manager.restore_version(manager.list_versions()[-1])
    assert path.read_bytes() == before
    assert manager.get_current_config().broker.broker_type == "paper"


DOCUMENTED = """
from copilot_quant.orchestrator import ConfigManager

# Load configuration
manager = ConfigManager("config.paper.yaml")
config = manager.load()

# Access configuration
print(f"Trading mode: {config.mode}")
print(f"Symbols: {config.strategy.symbols}")

# Modify and save
config.strategy.max_positions = 15
manager.save(config)

# Hot reload
updated_config = manager.reload()

# View version history
versions = manager.list_versions()
for version in versions:
    print(f"Version: {version}")
"""


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".toml", ".json"])
def test_the_documented_usage(tmp_path, monkeypatch, capsys, suffix):
    monkeypatch.chdir(tmp_path)
    path = Path(f"config.paper{suffix}")
    ConfigManager(path, enable_versioning=False).save(embedded_defaults())
    names = {}
    exec(DOCUMENTED.replace(".yaml", suffix), names)
    assert names["updated_config"].strategy.max_positions == load_file(path).strategy.max_positions == 15
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["Trading mode: paper", "Symbols: ['AAPL', 'MSFT']"]
    assert said[2:] == [f"Version: {version}" for version in names["versions"]]
    assert len(names["versions"]) == 2
