"""One turn of the daemon, and everything that is alive while it runs.

A turn takes the inbox, begins the jobs that are due, moves the engine towards what is wanted, derives the state,
writes down what happened, delivers alerts, and says when it wants the next. Nothing in it waits.
"""

import logging
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import insert

from calendars import MarketCalendar, MarketState
from calendars.windows import DailyWindow
from jobs import job_specs
from notifiers import NotificationMessage
from notifiers.redaction import Redactor
from orchestrator.adoption import Adoption
from orchestrator.alerts.alarms import Alarms
from orchestrator.alerts.outbox import Outbox
from orchestrator.causes import cause
from orchestrator.clockwatch import ClockWatch
from orchestrator.config import TradingConfig, state_dir
from orchestrator.config.changes import Change
from orchestrator.config.rules import market_calendar
from orchestrator.config.source import ConfigSource, Reading
from orchestrator.events import Alerted, ConfigApplied, EngineBeat, EquityMarked, Event, StateChanged
from orchestrator.fallback import first_reading
from orchestrator.history import History
from orchestrator.inbox import Inbox
from orchestrator.life import DaemonLife, absence
from orchestrator.logs import hide, secrets_of, set_level
from orchestrator.marketwatch import MarketWatch
from orchestrator.operator import Operator
from orchestrator.processes.leftovers import Leftovers
from orchestrator.requests import RequestDesk
from orchestrator.schedule.decisions import Decisions
from orchestrator.schedule.duties import Duties
from orchestrator.schedule.ledger import JobLedger
from orchestrator.schedule.runner import JobRunner
from orchestrator.schedule.schedule import RETRY, Schedule
from orchestrator.signpost import put_up, take_down
from orchestrator.states import EngineState, OrchestratorState, Policy, derive, wanted
from orchestrator.status.bulletin import Bulletin
from orchestrator.status.file import StatusFile, status_path
from orchestrator.status.outlook import outlook
from orchestrator.status.ping import Ping, PingProcess
from orchestrator.store import transitions
from orchestrator.supervision.gate import refusal
from orchestrator.supervision.incidents import Incidents
from orchestrator.supervision.liaison import Liaison, limits
from orchestrator.supervision.supervisor import EngineSupervisor
from orchestrator.world import World

__all__ = ["Loop"]

logger = logging.getLogger("orchestrator")

INSERT_TRANSITION = insert(transitions)


class Loop:
    """A daemon that is up. Opening one takes the store; :meth:`close` gives everything back.

    :param publish: hears every event, after it has been written down.
    :param tell: hears every alert.
    :raises ConfigError, FileNotFoundError: from the config source.
    :raises StoreOwned, StoreError: from the world's store.
    """

    def __init__(
        self,
        source: ConfigSource,
        world: World,
        publish: Callable[[Event], None],
        tell: Callable[[NotificationMessage], None],
    ) -> None:
        self.world, self.clock = world, world.clock
        self._publish, self._tell = publish, tell
        self.pid = os.getpid()
        self.started_at = self.since = self.turned_at = self.clock.now()
        self.state = OrchestratorState.STOPPED
        self.engine_wanted = self.stopping = False
        self.refused = ""
        """Why a guard rail has refused this daemon's first engine: nothing was traded, and only a human can mend it."""
        self.orderly = True
        """False once an error has ended its turns."""
        self.account: EquityMarked | None = None
        self.problems: list[str] = []
        self._market: MarketState | None = None
        self._policy = Policy()
        self._policy_of: tuple[object, ...] = ()
        self._judged_by: tuple[object, ...] = ()
        self._rests = False
        self._beat: EngineBeat | None = None
        self._next_write = self.started_at
        self._clock_watch = ClockWatch(self.clock)
        self._stop_by = self._ask_jobs_by = float("inf")
        first, wrong = first_reading(source, world.find_store)
        self.store = world.open_store(first.config, source.base_dir)
        self.inbox = Inbox()
        try:
            self._assemble(source, first)
            self._begin(wrong)
        except BaseException:
            self.inbox.close()
            world.close_store(self.store)
            raise

    def _assemble(self, source: ConfigSource, first: Reading) -> None:
        self._assemble_records(source, first)
        self._assemble_engine(source)
        self._assemble_jobs()

    def _assemble_records(self, source: ConfigSource, first: Reading) -> None:
        """The config in force, and those who write and tell."""
        self.history = History(self.store, batch=1000 if self.world.unfailing else 1)
        self.bulletin = Bulletin(self, StatusFile(status_path(state_dir(first.config, source.base_dir))))
        self.alarms = Alarms(self._put_alert, self._is_open)
        self.adoption = Adoption(
            source,
            first,
            self.store,
            self.history,
            self.alarms,
            self._put_in_force,
            self.clock.monotonic,
            self.mark_changed,
            self.started_at,
        )
        self.market = MarketWatch(market_calendar(self.config))
        self._redactor = Redactor(secrets_of(self.config))
        self.outbox = Outbox(
            self.config.notifications,
            self.history,
            lambda outbox: self.world.courier(self.inbox, outbox),
            self.clock.monotonic,
            self.world.rng,
            self.calendar.exchange_timezone,
            announce=self._put_alert,
        )
        self.ping = Ping(
            lambda: self.config.health.ping_url,
            lambda receiver, url: PingProcess(self.inbox, receiver, url),
            self.alarms,
            self.clock.monotonic,
        )
        self.ledger = JobLedger(self.store, self.history, self.alarms, self._publish, self.clock, self.redact)
        self.leftovers = Leftovers(self.store, self.history)
        self.life = DaemonLife(self.store, self.history)

    def _assemble_engine(self, source: ConfigSource) -> None:
        """The engine's supervisor, and those who tell it what to do."""
        self._maintenance = _maintenance(self.config, self.calendar)
        folder = state_dir(self.config, source.base_dir) / "incidents" if self.world.shared else None
        self.incidents = Incidents(folder, self.history, self.redact)
        liaison = Liaison(self, self._publish)
        self.supervisor = EngineSupervisor(
            liaison.launch,
            self.config.engine,
            self.clock.monotonic,
            liaison.moved,
            liaison.told,
            self.incidents.keep,
            self.world.rng,
        )
        self.operator = Operator(
            self.store,
            self.history,
            self.alarms,
            self.supervisor,
            self.session,
            lambda: self.calendar,
            self.policy,
            self.mark_changed,
        )
        self.decisions = Decisions(
            self.store.read_meta("decision") or {},
            self.supervisor.command,
            self.history,
            lambda: self.config.engine.target == "builtin",
        )

    def _assemble_jobs(self) -> None:
        """The jobs, and what runs them."""
        self.runner = JobRunner(
            self.clock,
            self.calendar,
            self.inbox,
            Duties(self),
            lambda: self.state.value,
            lambda: self.supervisor.state is EngineState.STARTING,
            self.ledger.ran,
            self.ledger.begun,
            self.source.base_dir,
            self._job_environment,
            self.world.rng,
            self.world.spawn,
        )
        self.schedule = Schedule(
            job_specs(self.config.schedule.jobs, self.calendar),
            self.calendar,
            self.clock,
            self.ledger,
            self.alarms,
            lambda read_spec: self.world.job_store(self.store, read_spec),
            self.runner.start,
        )
        self.requests = RequestDesk(self, self.store)

    def _begin(self, wrong: str) -> None:
        """Take up what an earlier daemon has left; `wrong` is what is wrong with the config file."""
        if self.world.shared:
            self.leftovers.end()
            if self.source.path is not None and self.store.path is not None:
                put_up(self.source.path, self.store.path)
        unsent = self.outbox.load(self.store)
        if unsent:
            logger.info("%d alerts of an earlier run are still to be delivered", unsent)
        self.ledger.close_lost(self.schedule.specs)
        self.adoption.begin(self.started_at, wrong)
        self.operator.begin(self.started_at)
        since = self.life.begin(self.started_at)
        if since is not None:
            told = absence(since.astimezone(self.calendar.timezone), self.started_at, self.schedule.specs.values())
            self.alarms.daemon_was_killed(f"{told} {outlook(self)}", self.started_at)

    @property
    def config(self) -> TradingConfig:
        """The config in force."""
        return self.adoption.config

    @property
    def source(self) -> ConfigSource:
        return self.adoption.source

    @property
    def calendar(self) -> MarketCalendar:
        """That of the config in force."""
        return self.market.calendar

    # --- one turn ---

    def step(self, now: datetime) -> datetime:
        """Do everything that is due; returns when the next turn must be at the latest."""
        self.turned_at = now
        self._watch_clock(now)
        self._take_messages(now)
        self.adoption.step(now)
        wakes = [self.requests.look(now)] if self.world.shared or self.requests.asked else []
        engine_wait = self._move_engine(now)  # jobs are judged by the state that is, not by that of the turn before
        if not self.stopping:  # what is due from here on is overdue for the next daemon
            wakes.append(self.schedule.step(now))
        if self.clock.monotonic() >= self._ask_jobs_by:
            self._ask_jobs_by = self._stop_by
            self.runner.terminate()
        if self._is_stirred(now):
            engine_wait = self._move_engine(now)
        seconds = [engine_wait, self.runner.step(self.clock.monotonic())]
        self._write(now)
        seconds += [
            self.adoption.wait(),
            self.outbox.step(now),
            self.ping.step(),
            RETRY.total_seconds() if self.history.failing else None,
        ]
        if self.stopping:
            seconds += [each - self.clock.monotonic() for each in (self._ask_jobs_by, self._stop_by)]
        wakes += [_after(now, max(0.0, s)) for s in seconds if s is not None]
        if (change := self.market.at(now).change) is not None:
            wakes.append(change)
        return min(wakes)

    def _take_messages(self, now: datetime) -> None:
        for message in self.inbox.drain():
            try:
                message.handle(now)
            except Exception:
                logger.exception("a message could not be handled: %.200r", message)

    def _move_engine(self, now: datetime) -> float | None:
        """Supervisor and state, until they agree: a failed start changes the state in the same turn."""
        judged_by = stretch, policy = self.market.at(now), self.policy()
        # An engine that was at rest when it was last judged is so still, unless somebody has stirred it; one that has
        # stopped since then may be wanted again.
        if self._rests and judged_by == self._judged_by and not self.supervisor.stirred:
            return None
        self._judged_by, market = judged_by, stretch.state
        self.engine_wanted = wanted(market, self.supervisor.state, policy)
        busy = market is MarketState.TRADING and not any(window.holds(now) for window in self._maintenance)
        wait = self.supervisor.step(now, self.engine_wanted, stretch.session, busy=busy, refused=self._refusal(now))
        if self.supervisor.beat is not self._beat:  # a beat is news: whoever asks for the status sees the newest
            self._beat = self.supervisor.beat
            self.mark_changed()
        failing = self.supervisor.reason != "" or self.supervisor.refused != ""
        state = derive(market, self.supervisor.state, policy, failing=failing)
        if state is not self.state:
            self._change_state(state, market, now)
        self._market = market
        self._rests = self.supervisor.state is EngineState.STOPPED and not self.engine_wanted
        return wait

    def _is_stirred(self, now: datetime) -> bool:
        """Whether the jobs of this turn have changed what the engine is to do."""
        return self.supervisor.stirred or self._judged_by != (self.market.at(now), self.policy())

    def _write(self, now: datetime) -> None:
        self.bulletin.step(now)
        if self.world.shared:
            self.leftovers.note(self._pids())
        if not self.history.failing or now >= self._next_write:
            self._next_write, before = now + RETRY, self.history.failing
            self.history.flush()
            if self.history.failing != before:
                self.mark_changed()

    def _refusal(self, now: datetime) -> str:
        """Why no engine may be started now; asked only when one would be."""
        if self.world.unfailing or not (self.engine_wanted and self.supervisor.waits_to_start()):
            return ""
        return refusal(now, self.world.earliest, self.config.health, self.free_disk_mb(), self.history.failing)

    def free_disk_mb(self) -> float:
        """Free space where the store is."""
        path = self.store.path
        return self.world.free_disk_mb(self.source.base_dir if path is None else path.parent)

    def policy(self) -> Policy:
        """What config and operator say of the engine's hours now; made anew when they say something else."""
        schedule, operator = self.adoption.reading.config.schedule, self.operator
        made_of = (schedule, operator.halted, operator.wish(), self.stopping)
        if made_of != self._policy_of:
            self._policy_of = made_of
            self._policy = Policy(
                auto_start=schedule.auto_start,
                auto_stop=schedule.auto_stop,
                enable_pre_market=schedule.enable_pre_market,
                enable_post_market=schedule.enable_post_market,
                halted=operator.halted is not None,
                selling=operator.is_selling(),
                stopping=self.stopping,
                wish=operator.wish(),
            )
        return self._policy

    def session(self) -> str:
        """The exchange date, which names the session."""
        return self.market.at(self.clock.now()).session

    def engine_run(self) -> str:
        """The name of the engine's run; empty while there is none."""
        run = self.supervisor.run
        return "" if run is None else run.name

    # --- life ---

    def stop(self, reason: str) -> None:
        """Begin an orderly end; the turns go on until :meth:`finished`."""
        if not self.stopping:
            logger.info("stopping: %s", reason)
            self.stopping = True
            now, timeout = self.clock.monotonic(), self.config.engine.stop_timeout
            self._stop_by, self._ask_jobs_by = now + timeout * 0.95, now + timeout * 0.6
            self.runner.drain()

    def finished(self) -> bool:
        """Whether engine and jobs have ended, after :meth:`stop`, or have had all their time."""
        untold = self.refused and self.outbox.counts()["pending"]  # nobody starts another daemon to tell of that
        down = self.supervisor.state is EngineState.STOPPED and self.runner.idle() and not untold
        return self.stopping and (down or self.clock.monotonic() >= self._stop_by)

    def close(self) -> None:
        """End what still runs, write what waits, free the store."""
        now = self.clock.now()
        self.supervisor.close()
        self.runner.close()
        self.outbox.close()
        self.ping.close()
        self.bulletin.close(now)
        if self.world.shared:
            self.leftovers.note([])
            if self.source.path is not None:
                take_down(self.source.path)
        if self.orderly:
            self.life.end(now)
        self.history.flush(force=True)
        self.schedule.close()
        self.inbox.close()
        self.world.close_store(self.store)

    def mark_changed(self) -> None:
        """The status is another now, and is written down at the end of the turn."""
        self.bulletin.mark_changed()

    def _pids(self) -> list[int]:
        """The processes that must not outlive this one."""
        link = self.supervisor.link
        return [*self.runner.pids(), *([link.pid] if link is not None and link.pid is not None else [])]

    def _job_environment(self) -> dict[str, str]:
        path = self.source.path
        return {
            "ORCHESTRATOR_SESSION": self.session(),
            "ORCHESTRATOR_STATE": self.state.value,
            "ORCHESTRATOR_CONFIG": "" if path is None else str(path.resolve()),
        }

    # --- engine ---

    def decide(self, label: str) -> bool:
        """Have the engine make the decision of this name, now or as soon as it runs; whether it was told now."""
        return self.decisions.decide(self.session(), label)

    def _change_state(self, state: OrchestratorState, market: MarketState, now: datetime) -> None:
        because = cause(
            self.supervisor,
            self.operator,
            wanted=self.engine_wanted,
            stopping=self.stopping,
            trading=market is MarketState.TRADING,
            market="" if market is self._market else f"market {market}: {self.calendar.why(now)}",
        )
        event = StateChanged(now, self.state, state, self.redact(because))
        self.state, self.since = state, now
        self.mark_changed()
        logger.info("state %s -> %s: %s", event.old, event.new, event.cause)
        row = {"at": now, "from_state": event.old.value, "to_state": event.new.value, "cause": event.cause}
        self.history.add(INSERT_TRANSITION, row)
        self._publish(event)
        self.alarms.state_changed(event)

    # --- config ---

    def _put_in_force(self, new: TradingConfig, found: list[Change], now: datetime) -> None:
        """Have everything follow a new config; what could fail comes first."""
        calendar = market_calendar(new)
        specs = job_specs(new.schedule.jobs, calendar)
        maintenance = _maintenance(new, calendar)
        self.market, self._maintenance = MarketWatch(calendar), maintenance
        self.mark_changed()
        self.supervisor.config = new.engine
        self.supervisor.command(limits(new))
        self.outbox.configure(new.notifications, calendar.exchange_timezone)
        self.runner.calendar = calendar
        self.schedule.follow(specs, calendar, now)
        if any(change.key == "logging.level" for change in found):
            set_level(new.logging.level)
            self.supervisor.command({"command": "log", "level": new.logging.level})
        self._redactor = Redactor(secrets_of(new))
        hide(secrets_of(new))
        if any(change.concerns_engine for change in found):
            self.supervisor.forgive(now)
        if found:
            self._publish(ConfigApplied(now, [str(change) for change in found]))

    def redact(self, text: str) -> str:
        """Without the secrets of the config in force."""
        return self._redactor(text)

    # --- clock ---

    def _watch_clock(self, now: datetime) -> None:
        jump = self._clock_watch.jump()
        if jump < -1:
            self._forget_deadlines(now)
        if abs(jump) > self.config.health.max_clock_jump:
            logger.warning("the wall clock jumped by %+.1f s", jump)
            self.schedule.recompute(now)
            self.alarms.clock_jumped(jump, now)

    def _forget_deadlines(self, now: datetime) -> None:
        """Look at requests and try the store in this turn: after a step back the next times would be far away."""
        self.requests.look_now()
        self.schedule.try_now(now)
        self._next_write = now

    # --- telling ---

    def _is_open(self, key: str) -> bool:
        """Whether a matter that was told of is not over yet."""
        return self.outbox.is_open(key)

    def _put_alert(
        self, message: NotificationMessage, topic: str, *, key: str | None = None, closes: str | None = None
    ) -> None:
        message = message.redacted(self.redact)  # an engine or a job of the user's may say whatever it likes
        self.outbox.put(message, topic, key=key, closes=closes)
        self._tell(message)
        self._publish(Alerted(message.timestamp, message.level, topic, message.title, message.message))


def _maintenance(config: TradingConfig, calendar: MarketCalendar) -> tuple[DailyWindow, ...]:
    """When the gateway rests, so that a lost connection is no failure."""
    return tuple(DailyWindow.parse(text, calendar.exchange_timezone) for text in config.broker.maintenance_windows)


def _after(now: datetime, seconds: float) -> datetime:
    """Rounded up to the clock's resolution: a turn that comes too early would find nothing due."""
    return now + timedelta(microseconds=ceil(seconds * 1e6))
