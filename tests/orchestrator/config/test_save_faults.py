"""What is left of a save that is killed, that finds no space, or that may not write: the old file or the new one."""

import errno
import fcntl
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from calendars import VirtualClock
from orchestrator.config import ConfigManager, load_file, load_text
from orchestrator.config.files import locked
from orchestrator.config.versions import VersionFolder

OLD = "# mine\nstrategy:\n  max_positions: 10  # few\n" + "# padding\n" * 100
SAVER = Path(__file__).with_name("saver.py")
NOBODY = 65534


class Saver:
    """The process that saves."""

    def __init__(self):
        environment = {**os.environ, "PYTHONPATH": str(SAVER.parents[3])}
        self.process = subprocess.Popen(
            [sys.executable, SAVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def tell(self, **order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def save(self, path, positions=15, **how):
        self.tell(path=str(path), positions=positions, **how)
        return self.answer()

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(scope="module")
def saver():
    saver = Saver()
    yield saver
    saver.end()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(OLD)
    return path


def versions_of(path):
    return VersionFolder(path.parent / ".config_versions", path)


def litter(folder):
    return list(folder.rglob("*.tmp"))


def saved_before(path):
    """A file that was saved once, with 5 positions."""
    manager = ConfigManager(path, clock=VirtualClock(datetime(2026, 11, 23, tzinfo=UTC)))
    config = manager.load()
    config.strategy.max_positions = 5
    manager.save(config)
    return path.read_bytes()


@pytest.mark.parametrize("first", [True, False], ids=["the first save", "a later save"])
def test_a_save_that_is_killed_at_any_step_leaves_the_old_file_or_the_new(saver, tmp_path, first):
    killed, at, outcomes = 0, 0, set()
    while True:
        at += 1
        path = tmp_path / str(at) / "config.yaml"
        path.parent.mkdir()
        path.write_text(OLD)
        old = OLD.encode() if first else saved_before(path)
        if saver.save(path, at=at, act="kill")["status"] == 0:
            break
        killed += 1
        outcomes.add(left_whole(path, old))
        a_following_save_works(path)
    assert killed >= 35  # in both cases together, more than 80
    assert outcomes == {10 if first else 5, 15}


def left_whole(path, old):
    """Check what a killed save has left; returns how many positions the file says."""
    positions = load_file(path).strategy.max_positions
    if positions == 15:
        assert path.read_text().startswith("# mine\nstrategy:\n  max_positions: 15  # few\n# padding\n")
    else:
        assert path.read_bytes() == old
    for record in versions_of(path).records():
        assert sha256(record.path.read_bytes()).hexdigest()[:12] == record.version
    return positions


def a_following_save_works(path):
    before = path.read_bytes()
    manager = ConfigManager(path)
    config = manager.load()
    config.strategy.max_positions = 20
    manager.save(config)
    assert load_file(path).strategy.max_positions == 20
    kept = [record.path.read_bytes() for record in versions_of(path).records()]
    assert kept[0] == path.read_bytes()
    assert before in kept
    assert litter(path.parent) == []


def test_a_save_that_finds_no_space_at_any_step_leaves_no_litter(saver, tmp_path):
    failed, at, outcomes = 0, 0, set()
    while True:
        at += 1
        path = tmp_path / str(at) / "config.yaml"
        path.parent.mkdir()
        path.write_text(OLD)
        old = saved_before(path)
        before = [record.version for record in versions_of(path).records()]
        answer = saver.save(path, at=at, act="fail")
        assert answer["status"] == 0
        if "error" not in answer:
            break
        failed += 1
        assert "No space left on device" in answer["error"]
        positions = left_whole(path, old)
        outcomes.add(positions)
        assert len(versions_of(path).records()) == len(before) + (positions == 15)
        assert litter(path.parent) == []
    assert failed >= 15
    assert outcomes == {5, 15}


def test_a_disk_that_is_full_leaves_the_old_file(saver, path):
    old = saved_before(path)
    before = sorted(path.parent.rglob("*"))
    log = versions_of(path).log.read_bytes()
    for limit in (0, 1, 100, len(log) + 10, len(OLD) // 2, len(old) - 1):
        answer = saver.save(path, limit=limit)
        assert answer["kind"] == "OSError"
        assert "File too large" in answer["error"]
        assert path.read_bytes() == old
        assert versions_of(path).log.read_bytes() == log
        assert sorted(path.parent.rglob("*")) == before
    assert "error" not in saver.save(path)


def test_the_first_save_on_a_full_disk_does_not_leave_so_much_as_a_folder(saver, path):
    assert "File too large" in saver.save(path, limit=100)["error"]
    assert list(path.parent.iterdir()) == [path]


@pytest.fixture
def open_folder():
    """A folder that other users can get at, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def as_somebody():
    """Root may do anything: then the child becomes somebody else."""
    return {"user": NOBODY} if os.getuid() == 0 else {}


def test_a_folder_that_may_not_be_written_to_leaves_all_as_it_is(saver, open_folder):
    path = open_folder / "config.yaml"
    path.write_text(OLD)
    path.chmod(0o644)
    open_folder.chmod(0o555)
    answer = saver.save(path, **as_somebody())
    open_folder.chmod(0o755)
    assert answer["error"] == f"[Errno 13] Permission denied: '{open_folder / '.config_versions'}'"
    assert path.read_text() == OLD
    assert list(open_folder.iterdir()) == [path]


def test_versions_that_may_not_be_read_keep_the_file_from_being_saved(saver, open_folder):
    path, folder = open_folder / "config.yaml", open_folder / "versions"
    path.write_text(OLD)
    path.chmod(0o644)
    folder.mkdir(mode=0)
    answer = saver.save(path, version_dir=str(folder), **as_somebody())
    folder.chmod(0o700)
    assert answer["error"] == f"[Errno 13] Permission denied: '{folder}'"
    assert path.read_text() == OLD
    assert list(folder.iterdir()) == []


def test_a_file_of_somebody_else_is_not_taken_from_them(saver, open_folder):
    """Where the owner can't be kept the file is left as it is."""
    if os.getuid() != 0:
        pytest.skip("only root can give a file away")
    path = open_folder / "config.yaml"
    path.write_text(OLD)
    path.chmod(0o644)
    open_folder.chmod(0o777)
    answer = saver.save(path, **as_somebody())
    assert answer["error"] == f"[Errno 1] Operation not permitted: '{path}'"
    assert path.read_text() == OLD
    assert litter(open_folder) == []


def test_a_version_folder_that_is_a_file_keeps_the_file_from_being_saved(path, tmp_path):
    (tmp_path / "versions").write_text("")
    manager = ConfigManager(path, version_dir=tmp_path / "versions")
    config = manager.load()
    config.strategy.max_positions = 15
    with pytest.raises(NotADirectoryError, match="versions"):
        manager.save(config)
    assert path.read_text() == OLD
    assert config.updated_at is None


def test_two_processes_that_save_at_once_lose_nothing(path):
    savers = [Saver(), Saver()]
    for each in savers:
        each.tell(path=str(path), count=25)
    for each in savers:
        assert each.answer()["conflicts"] >= 0
        each.end()
    assert load_file(path).strategy.params == {"count": 50}
    said = [load_text(record.path.read_text()).strategy.params for record in versions_of(path).records()]
    assert said == [{"count": count} for count in range(50, 0, -1)] + [{}]


def test_a_killed_process_does_not_hold_the_folder(path):
    script = f"""if True:
        import os, signal
        from pathlib import Path
        from orchestrator.config.files import locked
        with locked(Path({str(path.parent)!r})):
            os.kill(os.getpid(), signal.SIGKILL)
    """
    assert subprocess.run([sys.executable, "-c", script], cwd=SAVER.parents[3], check=False).returncode == -9
    with locked(path.parent):
        assert path.read_text() == OLD


@pytest.mark.parametrize(("number", "works"), [(errno.ENOLCK, True), (errno.EBADF, True), (errno.EIO, False)])
def test_where_there_are_no_locks_a_save_does_without(path, monkeypatch, number, works):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    manager = ConfigManager(path)
    config = manager.load()
    config.strategy.max_positions = 15
    monkeypatch.setattr(fcntl, "flock", refuse)
    if not works:
        with pytest.raises(OSError, match="Input/output error"):
            manager.save(config)
    else:
        manager.save(config)
    assert load_file(path).strategy.max_positions == (15 if works else 10)
