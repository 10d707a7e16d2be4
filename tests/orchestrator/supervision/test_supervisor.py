"""The engine's state machine, move by move."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calendars import VirtualClock
from orchestrator.config import EngineConfig
from orchestrator.events import (
    EngineBeat,
    EngineEvent,
    EngineFailed,
    EngineLogged,
    EngineMoved,
    EngineReady,
    EngineStopped,
    OrderFilled,
    encode,
)
from orchestrator.processes.child import Receiver
from orchestrator.states import EngineState
from orchestrator.supervision.incidents import Autopsy, Incident
from orchestrator.supervision.supervisor import EngineSupervisor

START = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)
FILL = OrderFilled("ref", "f1", "AAPL", "BUY", 10, 150.0, 0.5, START.isoformat())


class Process:
    """An engine process whose every word and end the test decides."""

    pid: int | None = 4711
    beats = True

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.commands: list[Mapping[str, Any]] = []
        self.signals: list[str] = []

    def send(self, command: Mapping[str, Any]) -> None:
        self.commands.append(command)

    def dump(self) -> None:
        self.signals.append("DUMP")

    broken = False
    """It can't be looked at."""

    def autopsy(self) -> Autopsy:
        if self.broken:
            raise RuntimeError("nothing can be seen of it")
        return Autopsy("stacks" if "DUMP" in self.signals else "")

    def close(self) -> None:
        self.signals.append("closed")

    def terminate(self) -> None:
        self.signals.append("TERM")

    def kill(self) -> None:
        self.signals.append("KILL")

    def step(self, now: datetime) -> datetime | None:
        return None


class Bench:
    """A supervisor on a virtual clock, and the processes that it launches."""

    def __init__(self, **options: Any) -> None:
        self.clock = VirtualClock(START)
        self.processes: list[Process] = []
        self.moves: list[EngineMoved] = []
        self.events: list[EngineEvent] = []
        self.incidents: list[Incident] = []
        self.refuse: Exception | None = None
        self.wanted, self.session = True, "2026-11-24"
        options = {"start_timeout": 60, "stop_timeout": 30, "heartbeat_timeout": 30, "restart_cooldown": 300, **options}
        self.supervisor = EngineSupervisor(
            self._launch,
            EngineConfig(**options),
            self.clock.monotonic,
            self.moves.append,
            lambda event, now: self.events.append(event),
            self.incidents.append,
            random.Random(1),
        )

    def _launch(self, run: str, receiver: Receiver) -> Process:
        if self.refuse is not None:
            raise self.refuse
        self.processes.append(Process(receiver))
        return self.processes[-1]

    @property
    def process(self) -> Process:
        return self.processes[-1]

    @property
    def state(self) -> EngineState:
        return self.supervisor.state

    @property
    def actions(self) -> list[str]:
        return [move.action for move in self.moves]

    def step(self, **passed: float) -> float | None:
        self.clock.advance(timedelta(**passed))
        return self.supervisor.step(self.clock.now(), self.wanted, self.session)

    def pass_time(self, seconds: int) -> float | None:
        """As the loop would: with turns in between."""
        for _ in range(seconds - 1):
            self.step(seconds=1)
        return self.step(seconds=1)

    def say(self, event: EngineEvent) -> None:
        self.process.receiver.receive(encode(event), self.clock.now())

    def end(self, code: int) -> None:
        self.process.receiver.ended(code, self.clock.now())

    def run(self) -> "Bench":
        self.step()
        self.say(EngineReady())
        self.step()
        return self

    def crash(self, code: int = -9) -> None:
        self.end(code)
        self.step()


def test_stopped_to_starting_when_wanted() -> None:
    bench = Bench()
    assert bench.step() == 60
    assert (bench.state, bench.actions) == (EngineState.STARTING, ["start"])


def test_stopped_stays_stopped_when_not_wanted() -> None:
    bench = Bench()
    bench.wanted = False
    assert bench.step() is None
    assert (bench.state, bench.processes) == (EngineState.STOPPED, [])


def test_starting_to_running_when_ready() -> None:
    bench = Bench().run()
    assert (bench.state, bench.actions) == (EngineState.RUNNING, ["start", "ready"])


def test_starting_that_takes_too_long_is_killed_and_counts_as_a_failure() -> None:
    bench = Bench()
    bench.step()
    bench.step(seconds=60)
    assert (bench.state, bench.process.signals) == (EngineState.STOPPING, ["DUMP"])
    bench.step(seconds=0.5)
    bench.step(seconds=2)
    assert bench.process.signals == ["DUMP", "DUMP", "TERM", "KILL"]
    bench.end(-9)
    assert (bench.state, bench.supervisor.reason) == (EngineState.BACKOFF, "it was not ready within 60 s")
    assert [(each.kind, each.cause) for each in bench.incidents] == [("start", "it was not ready within 60 s")]


def test_running_to_stopping_to_stopped_when_no_longer_wanted() -> None:
    bench = Bench().run()
    bench.wanted = False
    assert bench.step() == pytest.approx(18)
    assert (bench.state, bench.process.commands) == (EngineState.STOPPING, [{"command": "stop"}])
    bench.say(EngineStopped())
    bench.end(0)
    assert (bench.state, bench.actions, bench.step()) == (EngineState.STOPPED, ["start", "ready", "stop"], None)


def test_starting_is_stopped_too_when_no_longer_wanted() -> None:
    bench = Bench()
    bench.step()
    bench.wanted = False
    bench.step()
    assert (bench.state, bench.process.commands) == (EngineState.STOPPING, [{"command": "stop"}])


def test_stop_is_asked_for_louder_and_louder_within_the_stop_timeout() -> None:
    bench = Bench().run()
    bench.wanted = False
    bench.step()
    bench.step(seconds=17.9)
    assert bench.process.signals == []
    bench.step(seconds=0.1)
    assert bench.process.signals == ["DUMP", "TERM"]
    bench.step(seconds=6)
    assert bench.process.signals == ["DUMP", "TERM", "KILL"]
    bench.end(-9)
    assert bench.state is EngineState.STOPPED
    assert [(each.kind, each.autopsy.stacks) for each in bench.incidents] == [("stop", "stacks")]
    assert bench.moves[-1].detail == "it was ended by SIGKILL"


def test_engine_that_dies_while_stopping_is_stopped() -> None:
    bench = Bench().run()
    bench.wanted = False
    bench.step()
    bench.crash(code=-11)
    assert (bench.state, bench.supervisor.reason) == (EngineState.STOPPED, "")


def test_running_to_backoff_to_starting_after_a_crash() -> None:
    bench = Bench(backoff_initial=1, backoff_max=60).run()
    bench.end(-9)
    assert (bench.state, bench.supervisor.reason) == (EngineState.BACKOFF, "it was ended by SIGKILL")
    wait = bench.step()
    assert wait is not None
    assert 0.9 <= wait <= 1.1
    bench.step(seconds=wait)
    assert (bench.state, bench.actions) == (EngineState.STARTING, ["start", "ready", "crash", "restart"])
    bench.say(EngineReady())
    assert (bench.state, bench.supervisor.reason) == (EngineState.RUNNING, "")


def test_reason_that_the_engine_gave_is_kept() -> None:
    bench = Bench().run()
    bench.say(EngineFailed("strategy equal_weight: division by zero"))
    bench.end(1)
    assert bench.supervisor.reason == "strategy equal_weight: division by zero"
    assert bench.moves[-1] == EngineMoved(START, "crash", bench.moves[0].run, "strategy equal_weight: division by zero")


def test_backoff_grows_to_its_limit() -> None:
    bench = Bench(backoff_initial=1, backoff_max=5, max_restart_attempts=6)
    bench.step()
    waits = []
    for _ in range(5):
        bench.end(1)
        wait = bench.step()
        assert wait is not None
        waits.append(wait)
        bench.step(seconds=wait)
    assert waits == [pytest.approx(expected, rel=0.101) for expected in (1, 2, 4, 5, 5)]


def exhaust(bench: Bench) -> None:
    bench.step()
    while bench.state is not EngineState.FATAL:
        bench.end(1)
        bench.step(seconds=(bench.step() or 0) + 0.001)


def test_backoff_to_fatal_when_the_restarts_of_the_session_are_used_up() -> None:
    bench = Bench(max_restart_attempts=3)
    exhaust(bench)
    assert bench.actions.count("restart") == 3
    assert bench.actions.count("fatal") == 1
    assert bench.step(hours=5) is None
    assert bench.state is EngineState.FATAL


def test_an_engine_without_a_broker_is_tried_again_however_often() -> None:
    """It is no crash that nobody is there, and nothing could be found in the engine."""
    bench = Bench(backoff_initial=1, backoff_max=60, max_restart_attempts=3)
    bench.step()
    for _ in range(40):
        bench.say(EngineFailed("nobody answers on 127.0.0.1:7497", "unreachable"))
        bench.end(1)
        wait = bench.step()
        assert wait is not None
        assert wait <= 66
        assert bench.state is EngineState.BACKOFF
        assert bench.supervisor.outlook() == "it is tried again until somebody is there"
        bench.step(seconds=wait + 0.001)
    assert bench.supervisor.restarts == 0
    assert bench.incidents == []
    bench.say(EngineReady())
    bench.say(EngineFailed("nobody answers on 127.0.0.1:7497", "unreachable"))
    bench.end(1)
    assert bench.step() == pytest.approx(1, rel=0.101)


def test_a_guard_rail_latches_fatal_at_once() -> None:
    bench = Bench(max_restart_attempts=3)
    bench.step()
    bench.say(EngineFailed("U1 is no paper account", "refused"))
    bench.end(1)
    assert bench.state is EngineState.FATAL
    assert bench.actions == ["start", "refused"]
    assert bench.supervisor.reason == "U1 is no paper account"
    assert bench.incidents == []
    assert bench.step(hours=3) is None
    bench.supervisor.forgive(bench.clock.now())
    bench.step()
    assert bench.state is EngineState.STARTING


def test_fatal_to_starting_in_the_next_session() -> None:
    bench = Bench(max_restart_attempts=1)
    exhaust(bench)
    bench.session = "2026-11-25"
    bench.step(hours=20)
    assert (bench.state, bench.supervisor.restarts) == (EngineState.STARTING, 0)


def test_fatal_and_backoff_to_stopped_when_no_longer_wanted() -> None:
    for bench in (Bench(max_restart_attempts=0), Bench(max_restart_attempts=5)):
        bench.step()
        bench.end(1)
        assert bench.state in {EngineState.FATAL, EngineState.BACKOFF}
        bench.wanted = False
        bench.step()
        assert (bench.state, bench.supervisor.reason) == (EngineState.STOPPED, "")


def test_only_health_forgives_restarts_within_a_session() -> None:
    bench = Bench(restart_cooldown=300, max_restart_attempts=3).run()
    bench.crash()
    bench.step(seconds=2)
    bench.say(EngineReady())
    for _ in range(29):
        bench.say(EngineBeat(connected=True))
        bench.step(seconds=10)
    assert bench.supervisor.restarts == 1
    bench.say(EngineBeat(connected=True))
    bench.step(seconds=10)
    assert bench.supervisor.restarts == 0


def test_silent_engine_is_killed_and_restarted() -> None:
    bench = Bench(heartbeat_timeout=30).run()
    bench.pass_time(20)
    bench.say(EngineBeat(connected=True))
    assert bench.pass_time(29) == pytest.approx(1)
    assert bench.state is EngineState.RUNNING
    bench.step(seconds=1)
    assert (bench.state, bench.process.signals) == (EngineState.STOPPING, ["DUMP"])
    bench.step(seconds=0.5)
    assert bench.process.signals == ["DUMP", "DUMP", "TERM"]
    bench.step(seconds=2)
    assert bench.process.signals[-1] == "KILL"
    bench.crash()
    assert (bench.state, bench.supervisor.reason) == (EngineState.BACKOFF, "no beat for 30 s")
    assert bench.actions == ["start", "ready", "hang"]


def test_hang_is_reported_with_stacks_log_and_events_before_the_kill() -> None:
    bench = Bench(heartbeat_timeout=30).run()
    bench.say(EngineLogged(30, "desk", "the exchange is slow"))
    bench.say(FILL)
    bench.pass_time(30)
    assert bench.incidents == []
    bench.step(seconds=0.5)
    (incident,) = bench.incidents
    assert (incident.kind, incident.cause, incident.autopsy.stacks) == ("hang", "no beat for 30 s", "stacks")
    assert incident.log_tail == ("the exchange is slow",)
    assert [event["event"] for event in incident.events] == ["EngineReady", "OrderFilled"]
    bench.crash()
    assert len(bench.incidents) == 1


def test_crash_is_an_incident_and_the_next_run_begins_with_an_empty_page() -> None:
    bench = Bench(backoff_initial=1).run()
    bench.say(EngineLogged(40, "desk", "out of memory"))
    bench.crash(-11)
    bench.step(seconds=2)
    bench.crash(7)
    assert [(each.kind, each.cause, each.log_tail) for each in bench.incidents] == [
        ("crash", "it was ended by SIGSEGV", ("out of memory",)),
        ("crash", "it ended by itself with exit code 7", ()),
    ]
    assert bench.processes[0].signals[-1] == "closed"


def test_engine_that_is_not_connected_for_too_long_is_restarted() -> None:
    bench = Bench(heartbeat_timeout=30).run()
    for _ in range(3):
        bench.say(EngineBeat(connected=False))
        bench.pass_time(10)
    assert (bench.state, bench.supervisor.reason) == (EngineState.STOPPING, "not connected to its broker for 30 s")


def test_connection_may_be_lost_while_nothing_is_expected_of_it() -> None:
    bench = Bench(heartbeat_timeout=30).run()
    for _ in range(10):
        bench.say(EngineBeat(connected=False))
        bench.clock.advance(timedelta(seconds=9))
        bench.supervisor.step(bench.clock.now(), True, bench.session, busy=False)
    assert bench.state is EngineState.RUNNING
    bench.say(EngineBeat(connected=False))
    bench.pass_time(29)
    bench.say(EngineBeat(connected=False))
    assert bench.state is EngineState.RUNNING
    bench.step(seconds=1)
    assert bench.state is EngineState.STOPPING


def test_engine_whose_count_of_steps_stands_still_is_restarted() -> None:
    bench = Bench(heartbeat_timeout=30).run()
    for _ in range(12):
        bench.say(EngineBeat(connected=True, progress={"steps": 7, "helper": bench.clock.monotonic()}))
        bench.pass_time(10)
    bench.step(seconds=1)
    assert bench.supervisor.reason == "it beats, but its loop has not come round for 120 s"
    bench.step(seconds=0.5)
    assert [each.kind for each in bench.incidents] == ["stall"]


@pytest.mark.parametrize("progress", [{}, {"orders": 3}, {"last_data_at": "2026-11-24T09:30:00-05:00"}])
def test_engine_that_counts_no_steps_may_be_quiet_for_hours(progress: dict[str, Any]) -> None:
    bench = Bench(heartbeat_timeout=30).run()
    for _ in range(300):
        bench.say(EngineBeat(connected=True, progress=progress))
        bench.step(seconds=9)
    assert bench.state is EngineState.RUNNING


def test_start_that_is_refused_waits_and_costs_no_budget() -> None:
    bench = Bench()
    for _ in range(5):
        wait = bench.supervisor.step(bench.clock.now(), True, bench.session, refused="1 MB of disk are free")
        assert wait == pytest.approx(5)
        bench.clock.advance(timedelta(seconds=5))
    assert (bench.state, bench.supervisor.restarts, bench.processes) == (EngineState.STOPPED, 0, [])
    bench.step()
    assert (bench.state, bench.supervisor.refused) == (EngineState.STARTING, "")


def test_restart_that_is_refused_waits_in_backoff() -> None:
    bench = Bench(backoff_initial=1).run()
    bench.crash()
    bench.clock.advance(timedelta(seconds=2))
    wait = bench.supervisor.step(bench.clock.now(), True, bench.session, refused="the store can't be written")
    assert (wait, bench.state) == (pytest.approx(5), EngineState.BACKOFF)
    bench.step()
    assert bench.state is EngineState.STARTING


def test_halt_is_the_last_word_to_an_engine_and_selling_takes_its_time() -> None:
    bench = Bench(stop_timeout=30).run()
    bench.supervisor.farewell = {"command": "halt", "flatten": True}
    bench.wanted = False
    assert bench.step() == pytest.approx(60)
    assert bench.process.commands == [{"command": "halt", "flatten": True}]


def test_engine_that_begins_during_a_sale_is_told_to_sell_before_anything_else() -> None:
    bench = Bench(stop_timeout=30)
    bench.supervisor.farewell = {"command": "halt", "flatten": True}
    bench.step()
    assert bench.process.commands == [{"command": "halt", "flatten": True}]
    bench.say(EngineReady())
    assert bench.state is EngineState.STOPPING


@pytest.mark.parametrize("sells", [False, True])
def test_engine_that_stops_without_having_sold_has_failed_only_if_it_was_to_sell(sells: bool) -> None:
    bench = Bench(stop_timeout=30).run()
    bench.supervisor.farewell = {"command": "halt", "flatten": sells}
    bench.wanted = False
    bench.step()
    bench.say(EngineStopped("it was stopped before it had sold everything"))
    bench.process.receiver.ended(0, bench.clock.now())
    assert bench.state is (EngineState.BACKOFF if sells else EngineState.STOPPED)
    assert bench.moves[-1].detail == "it was stopped before it had sold everything"


def test_only_a_beat_is_a_sign_of_life() -> None:
    bench = Bench(heartbeat_timeout=30).run()
    for _ in range(2):
        bench.pass_time(15)
        bench.say(FILL)
        bench.say(EngineLogged(20, "ib_insync", "a helper thread goes on talking"))
    assert bench.events == [FILL, FILL]
    bench.step()
    assert (bench.state, bench.supervisor.reason) == (EngineState.STOPPING, "no beat for 30 s")


def test_what_was_mended_is_tried_again_at_once() -> None:
    bench = Bench(max_restart_attempts=1)
    exhaust(bench)
    bench.supervisor.forgive(bench.clock.now())
    bench.step()
    assert (bench.state, bench.supervisor.restarts) == (EngineState.STARTING, 0)


def test_daemon_that_was_stopped_itself_does_not_take_its_engine_for_hung() -> None:
    bench = Bench(heartbeat_timeout=30).run()
    bench.step(minutes=10)  # SIGSTOP, or a host asleep
    assert bench.state is EngineState.RUNNING
    bench.pass_time(30)
    assert bench.state is EngineState.STOPPING


def test_stepped_wall_clock_makes_no_engine_silent() -> None:
    bench = Bench(heartbeat_timeout=30).run()
    bench.clock.step_wall_clock(timedelta(hours=1))
    bench.step()
    assert bench.state is EngineState.RUNNING


def test_run_that_is_over_is_heard_no_more() -> None:
    bench = Bench().run()
    old = bench.process
    bench.crash()
    bench.step(seconds=2)
    bench.say(EngineReady())
    old.receiver.receive(encode(EngineFailed("from the grave")), bench.clock.now())
    old.receiver.receive(encode(FILL), bench.clock.now())
    old.receiver.ended(1, bench.clock.now())
    assert (bench.state, bench.events) == (EngineState.RUNNING, [])


@pytest.mark.parametrize("nonsense", ["text", 5, None, [], {}, {"event": "Nonsense"}, {"event": "OrderFilled"}])
def test_nonsense_from_the_engine_is_logged_and_survived(nonsense: Any, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench().run()
    bench.process.receiver.receive(nonsense, bench.clock.now())
    assert bench.state is EngineState.RUNNING
    assert "said something that is no event" in caplog.text


def test_engine_that_cannot_be_launched_is_tried_again() -> None:
    bench = Bench()
    bench.refuse = OSError("no more processes")
    bench.step()
    assert (bench.state, bench.supervisor.reason) == (EngineState.BACKOFF, "it can't be started: no more processes")
    bench.refuse = None
    bench.step(seconds=2)
    assert bench.state is EngineState.STARTING


def test_commands_reach_a_running_engine_only() -> None:
    bench = Bench()
    bench.step()
    assert not bench.supervisor.command({"command": "rebalance"})
    bench.say(EngineReady())
    assert bench.supervisor.command({"command": "rebalance"})
    assert bench.process.commands == [{"command": "rebalance"}]


@pytest.mark.parametrize(
    ("code", "cause"), [(-11, "it was ended by SIGSEGV"), (-35, "it was ended by signal 35"), (3, "exit code 3")]
)
def test_end_of_any_kind_is_followed_by_a_restart(code: int, cause: str) -> None:
    bench = Bench().run()
    bench.crash(code)
    assert bench.state is EngineState.BACKOFF
    assert cause in bench.supervisor.reason


def test_incident_that_can_not_be_reported_costs_no_restart() -> None:
    bench = Bench().run()
    bench.process.broken = True
    bench.crash()
    assert bench.state is EngineState.BACKOFF
