"""What a killed daemon left running is ended by the next, and nobody else is."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from orchestrator.history import History
from orchestrator.processes.leftovers import Leftovers
from orchestrator.processes.pids import birth
from orchestrator.store import Store


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that leads its group and would live long."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], process_group=0) as process:
        yield process
        process.kill()


def test_noted_process_is_killed_by_the_next_daemon(sleeper: "subprocess.Popen[bytes]") -> None:
    with Store("sqlite://") as store:
        history = History(store)
        Leftovers(store, history).note([sleeper.pid])
        history.flush()
        Leftovers(store, History(store)).end()
    assert sleeper.wait(30) == -9


def test_other_process_with_the_same_number_is_left_alone(sleeper: "subprocess.Popen[bytes]") -> None:
    with Store("sqlite://") as store:
        store.write_meta("children", [[sleeper.pid, "another birth"], [2**22 + 1, "never"], [0, ""]])
        Leftovers(store, History(store)).end()
    assert sleeper.poll() is None


def test_note_is_written_when_it_changes_only() -> None:
    with Store("sqlite://") as store:
        history = History(store)
        leftovers = Leftovers(store, history)
        leftovers.note([os.getpid()])
        leftovers.note([os.getpid()])
        assert len(history._waiting) == 1
        leftovers.note([])
        history.flush()
        assert store.read_meta("children") == []


def test_birth_tells_the_living_from_the_dead(sleeper: "subprocess.Popen[bytes]") -> None:
    born = birth(sleeper.pid)
    assert born
    assert born == birth(sleeper.pid)
    sleeper.kill()
    sleeper.wait(30)
    assert birth(sleeper.pid) == ""
