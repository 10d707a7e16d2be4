"""What becomes of a guard rail's refusal, and of a broker that is not there, on the way to the daemon's end."""

from datetime import UTC, datetime

import pytest

from orchestrator.engine.builtin import BuiltinEngine
from orchestrator.engine.host import EngineHost
from orchestrator.engine.interface import EngineError, EngineRefused, EngineUnreachable
from orchestrator.events import EngineFailed

NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
REFUSED = EngineRefused("U1 is no paper account: nothing is traded. Log in to the paper one.")


class Raises:
    """An engine that fails when it is connected, or in a step."""

    def __init__(self, error, where):
        self.error, self.where = error, where

    def _perhaps(self, where):
        if where == self.where:
            raise self.error

    def connect(self):
        self._perhaps("connect")
        return True

    def start(self, symbols):
        return True

    def step(self, now):
        self._perhaps("step")
        return now

    def stop(self): ...

    def disconnect(self): ...

    def is_connected(self):
        return True


@pytest.mark.parametrize("where", ["connect", "step"])
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (REFUSED, "refused"),
        (EngineUnreachable("nobody answers"), "unreachable"),
        (EngineError("it can't go on"), "crash"),
        (ZeroDivisionError("division by zero"), "crash"),
    ],
)
def test_a_failure_is_told_by_its_kind(error, kind, where, caplog):
    told = []
    host = EngineHost(lambda: Raises(error, where), [], told.append, None)
    host.start(NOW)
    host.step(NOW)
    assert isinstance(told[-1], EngineFailed)
    assert (told[-1].kind, host.exit_code) == (kind, 1)
    assert ("Traceback" in caplog.text) == (kind == "crash")


def test_the_first_engine_that_is_refused_ends_the_daemon(rehearse, monkeypatch):
    def refuse(engine):
        raise REFUSED

    monkeypatch.setattr(BuiltinEngine, "connect", refuse)
    daemon = rehearse("2026-11-24 09:29").until("2026-11-24 09:29")
    loop, clock = daemon.daemon.loop, daemon.machine.clock
    for _ in range(50):
        clock.wait(loop.inbox, daemon.turn())
        if loop.finished():
            break
    assert loop.refused == str(REFUSED)
    assert loop.finished()
    assert daemon.alerts("critical") == ["Refused to trade"]


def test_an_engine_that_is_refused_later_stays_down_until_the_next_session(rehearse, monkeypatch):
    def refuse(engine, now):
        raise REFUSED

    daemon = rehearse("2026-11-24 09:00").until("2026-11-24 10:00")
    with monkeypatch.context() as patch:
        patch.setattr(BuiltinEngine, "_enter", refuse)
        daemon.until("2026-11-24 15:00")
    loop = daemon.daemon.loop
    assert (loop.refused, loop.stopping, loop.supervisor.state.value) == ("", False, "fatal")
    assert daemon.alerts("critical") == ["Refused to trade"]
    assert daemon.engine()[-2:] == ["24 09:30 ready", "24 10:05 refused"]
    daemon.until("2026-11-25 09:31")
    assert loop.supervisor.state.value == "running"
