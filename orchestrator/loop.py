"""One turn of the daemon, and everything that is alive while it runs.

A turn takes the inbox, begins the jobs that are due, moves the engine towards what is wanted, derives the state,
writes down what happened, delivers alerts, and says when it wants the next. Nothing in it waits.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import SQLAlchemyError

from calendars import MarketState
from jobs import JobRun, JobSpec, RunResult, job_specs, parse_job
from jobs.scheduler import JobScheduler
from notifiers import AlertLevel, NotificationMessage
from orchestrator.alarms import Alarms
from orchestrator.changes import changes
from orchestrator.child import Receiver
from orchestrator.config import ConfigError, TradingConfig
from orchestrator.config.rules import market_calendar
from orchestrator.control import LOOK_EVERY, Request, answer, unanswered
from orchestrator.duties import Duties
from orchestrator.engine.link import EngineLink
from orchestrator.events import (
    Alerted,
    AlertRaised,
    ConfigApplied,
    EngineBeat,
    EngineEvent,
    EngineMoved,
    EquityMarked,
    Event,
    JobRan,
    OrderFilled,
    OrderUpdated,
    StateChanged,
    Traded,
)
from orchestrator.history import History
from orchestrator.inbox import Inbox
from orchestrator.outbox import Outbox
from orchestrator.runner import JobRunner
from orchestrator.source import ConfigSource
from orchestrator.states import EngineState, OrchestratorState, Policy, derive, wanted
from orchestrator.status import snapshot
from orchestrator.store import job_runs, meta, transitions
from orchestrator.supervisor import EngineSupervisor
from orchestrator.world import EngineSetup, World

__all__ = ["Loop"]

logger = logging.getLogger("orchestrator")

INSERT_TRANSITION = insert(transitions)
RUN_COLUMNS = ("started_at", "finished_at", "result", "reason", "exit_code", "output")
WRITE_RUN = upsert(job_runs)
WRITE_RUN = WRITE_RUN.on_conflict_do_update(
    index_elements=["job", "scheduled_at"], set_={name: WRITE_RUN.excluded[name] for name in RUN_COLUMNS}
)
INSERT_META = insert(meta).prefix_with("OR REPLACE")

RETRY = timedelta(seconds=5)
"""After the store failed: a locked one costs its busy timeout at each try, and the loop has other work."""


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
        self.source, self.world, self.clock = source, world, world.clock
        self._publish, self._tell = publish, tell
        self.pid = os.getpid()
        self.config = source.load()
        self.calendar = market_calendar(self.config)
        self.started_at = self.since = self.loaded_at = self.clock.now()
        self.state = OrchestratorState.STOPPED
        self.engine_wanted = self.stopping = False
        self.account: EquityMarked | None = None
        self.rejected = ""
        """Why the config file, as it is now, was not taken up; empty if it was."""
        self._unapplied: dict[str, JobSpec] | None = None
        self._decision: dict[str, str] = {}
        self._market: MarketState | None = None
        self._beat: EngineBeat | None = None
        self._changed = True
        self._next_look = self._next_apply = self._next_jobs = self._next_write = self.started_at
        self._gap = self._clock_gap()
        self._stop_by = float("inf")
        self.store = world.open_store(self.config, source.base_dir)
        try:
            self._assemble()
        except BaseException:
            world.close_store(self.store)
            raise

    def _assemble(self) -> None:
        self.halted: dict[str, Any] | None = self.store.read_meta("halt")
        self._decision = self.store.read_meta("decision") or {}
        self.inbox = Inbox()
        self.history = History(self.store, batch=1 if self.world.shared else 1000)
        self.outbox = Outbox(
            self.config.notifications,
            self.history,
            lambda outbox: self.world.courier(self.inbox, outbox),
            self.clock.monotonic,
            self.world.rng,
        )
        self.alarms = Alarms(self._put_alert)
        self.supervisor = EngineSupervisor(
            self._launch,
            self.config.engine,
            self.clock.monotonic,
            self._engine_moved,
            self._engine_told,
            self.world.rng,
        )
        self.runner = JobRunner(
            self.clock,
            self.calendar,
            self.inbox,
            Duties(self),
            lambda: self.state.value,
            self._job_ran,
            self._job_begun,
            self.source.base_dir,
            self._job_environment,
            self.world.rng,
            self.world.spawn,
        )
        self.scheduler = JobScheduler(
            self.clock,
            self.world.job_store(self.store, lambda name, definition: parse_job(name, definition, self.calendar)),
            self.calendar,
            self.runner.start,
            lambda run: self._job_ran(self.specs[run.job], run),
            self._job_store_told,
        )
        self.specs = job_specs(self.config.schedule.jobs, self.calendar)
        self._unapplied = self.specs
        self._close_lost_runs()
        unsent = self.outbox.load(self.store)
        if unsent:
            logger.info("%d alerts of an earlier run are still to be delivered", unsent)

    # --- one turn ---

    def step(self, now: datetime) -> datetime:
        """Do everything that is due; returns when the next turn must be at the latest."""
        self._watch_clock(now)
        for message in self.inbox.drain():
            message.handle(now)
        wakes = [self._look_at_requests(now), self._run_jobs(now)]
        seconds = [self._move_engine(now), self.runner.step(self.clock.monotonic())]
        self._write(now)
        seconds += [self.outbox.step(now), RETRY.total_seconds() if self.history.failing else None]
        wakes += [_after(now, s) for s in seconds if s is not None]
        if (change := self.calendar.next_change(now)) is not None:
            wakes.append(change)
        return min(wakes)

    def _run_jobs(self, now: datetime) -> datetime:
        if self.stopping:
            return datetime.max.replace(tzinfo=UTC)  # what is due now is overdue for the next daemon
        if now < self._next_jobs:
            return self._next_jobs
        for _ in range(2):  # a second time, if a reload was among the jobs
            self._apply_jobs(now)
            wake = self.scheduler.process(now)
            if self._unapplied is None:
                return wake
        return min(wake, self._next_apply)

    def _move_engine(self, now: datetime) -> float | None:
        """Supervisor and state, until they agree: a failed start changes the state in the same turn."""
        market, policy = self.calendar.get_market_state(now), self.policy()
        self.engine_wanted = wanted(market, self.supervisor.state, policy)
        wait = self.supervisor.step(now, self.engine_wanted, self.session())
        if self.supervisor.beat is not self._beat:  # a beat is news: whoever asks for the status sees the newest
            self._beat, self._changed = self.supervisor.beat, True
        state = derive(market, self.supervisor.state, policy, failing=self.supervisor.reason != "")
        if state is not self.state:
            self._change_state(state, market, now)
        self._market = market
        return wait

    def _write(self, now: datetime) -> None:
        if self._changed and self.world.shared:
            self.history.add(INSERT_META, {"key": "status", "value": snapshot(self, now)})
        self._changed = False
        if not self.history.failing or now >= self._next_write:
            self._next_write = now + RETRY
            self.history.flush()

    def policy(self) -> Policy:
        schedule = self.config.schedule
        return Policy(
            auto_start=schedule.auto_start,
            auto_stop=schedule.auto_stop,
            enable_pre_market=schedule.enable_pre_market,
            enable_post_market=schedule.enable_post_market,
            halted=self.halted is not None,
            stopping=self.stopping,
        )

    def session(self) -> str:
        """The exchange date, which names the session."""
        return self.clock.now().astimezone(self.calendar.exchange_timezone).date().isoformat()

    # --- life ---

    def stop(self, reason: str) -> None:
        """Begin an orderly end; the turns go on until :meth:`finished`."""
        if not self.stopping:
            logger.info("stopping: %s", reason)
            self.stopping = True
            self._stop_by = self.clock.monotonic() + self.config.engine.stop_timeout * 0.95

    def finished(self) -> bool:
        """Whether the engine is down, after :meth:`stop`, or has had all its time."""
        down = self.supervisor.state is EngineState.STOPPED
        return self.stopping and (down or self.clock.monotonic() >= self._stop_by)

    def close(self) -> None:
        """End what still runs, write what waits, free the store."""
        now = self.clock.now()
        self.supervisor.close()
        self.runner.close()
        self.outbox.close()
        if self.world.shared:
            self.history.add(INSERT_META, {"key": "status", "value": snapshot(self, now)})
        self.history.flush(force=True)
        if self.scheduler.running:
            self.scheduler.shutdown(wait=False)
        self.inbox.close()
        self.world.close_store(self.store)

    def mark_changed(self) -> None:
        """The status is another now, and is written down at the end of the turn."""
        self._changed = True

    def next_step_text(self) -> str:
        """What happens next, in words."""
        now = self.clock.now()
        change = self.calendar.next_change(now)
        if change is None:
            return "the market never closes"
        return f"market {self.calendar.get_market_state(now)} until {change:%a %d %b %H:%M %Z}"

    # --- jobs ---

    def _apply_jobs(self, now: datetime) -> None:
        """Make the stored jobs those of the config, if they may not be; tried again while the store is locked."""
        if self._unapplied is None or now < self._next_apply:
            return
        try:
            if not self.scheduler.running:
                self.scheduler.start()
            applied = self.scheduler.apply(self._unapplied, now)
        except SQLAlchemyError as error:
            self._job_store_told(error)
            self._next_apply = now + RETRY
            return
        self._unapplied = None
        if applied:
            logger.info("jobs: %s", applied)

    def _job_begun(self, spec: JobSpec, scheduled_at: datetime, now: datetime) -> None:
        self.history.add(WRITE_RUN, _run_row(JobRun(spec.name, scheduled_at, now, None, None, "going on")))

    def _job_ran(self, spec: JobSpec, run: JobRun) -> None:
        now = self.clock.now()
        self.history.add(WRITE_RUN, _run_row(run))
        logger.debug("job %s %s: %s", run.job, run.result, run.reason)
        self._publish(JobRan(now, run))
        self.alarms.job_ran(spec, run, now)

    def _close_lost_runs(self) -> None:
        """Runs that an earlier daemon began and did not live to see the end of: they are not begun again."""
        for row in self.store.rows(select(job_runs).where(job_runs.c.result.is_(None))):
            reason = "the daemon ended before the run did"
            run = JobRun(row["job"], row["scheduled_at"], row["started_at"], None, RunResult.FAILED, reason)
            if row["job"] in self.specs:
                self._job_ran(self.specs[row["job"]], run)
            else:
                self.history.add(WRITE_RUN, _run_row(run))

    def _job_store_told(self, error: Exception | None) -> None:
        now = self.clock.now()
        if error is None:
            self._store_error = ""
            self.alarms.job_store_recovered(now)
            return
        self._next_jobs = now + RETRY
        if str(error) != self._store_error:
            self._store_error = str(error)
            logger.error("job store: %s", getattr(error, "orig", error))
            self.alarms.job_store_failed(error, now)

    _store_error = ""

    def _job_environment(self) -> dict[str, str]:
        path = self.source.path
        return {
            "ORCHESTRATOR_SESSION": self.session(),
            "ORCHESTRATOR_STATE": self.state.value,
            "ORCHESTRATOR_CONFIG": "" if path is None else str(path.resolve()),
        }

    # --- engine ---

    def _launch(self, run: str, receiver: Receiver) -> EngineLink:
        setup = EngineSetup(self.config, self.source.base_dir, self.calendar, self.store)
        return self.world.launch(self.inbox, receiver, setup)

    def decide(self, label: str) -> bool:
        """Have the engine make the decision of this name, now or as soon as it runs; whether it was told now."""
        self._decision = {"session": self.session(), "label": label}
        self.history.add(INSERT_META, {"key": "decision", "value": self._decision})
        return self.supervisor.command({"command": "rebalance", "decision": label})

    def _engine_moved(self, event: EngineMoved) -> None:
        logger.info("engine %s: %s%s", event.run, event.action, f" ({event.detail})" if event.detail else "")
        self._changed = True
        self._publish(event)
        self.alarms.engine_moved(event)
        if event.action == "ready" and self._decision.get("session") == self.session():
            # A decision that it has already carried out costs nothing: the engine knows them by name.
            self.supervisor.command({"command": "rebalance", "decision": self._decision["label"]})

    def _engine_told(self, event: EngineEvent, now: datetime) -> None:
        if isinstance(event, AlertRaised):
            self.alarms.from_engine(event, now)
        elif isinstance(event, OrderUpdated | OrderFilled | EquityMarked):
            if isinstance(event, EquityMarked):
                self.account = event
            self._changed = True
            self._publish(Traded(now, event))

    def _change_state(self, state: OrchestratorState, market: MarketState, now: datetime) -> None:
        event = StateChanged(now, self.state, state, self._cause(market, now))
        self.state, self.since, self._changed = state, now, True
        logger.info("state %s -> %s: %s", event.old, event.new, event.cause)
        row = {"at": now, "from_state": event.old.value, "to_state": event.new.value, "cause": event.cause}
        self.history.add(INSERT_TRANSITION, row)
        self._publish(event)
        self.alarms.state_changed(event)

    def _cause(self, market: MarketState, now: datetime) -> str:
        supervisor = self.supervisor
        if supervisor.state is EngineState.FATAL:
            return f"engine failed: {supervisor.reason}; given up"
        if supervisor.state is EngineState.BACKOFF:
            tries = f"restart {supervisor.restarts} of {self.config.engine.max_restart_attempts} follows"
            return f"engine failed: {supervisor.reason}; {tries}"
        if market is not self._market:
            return f"market {market}: {self.calendar.why(now)}"
        if self.stopping:
            return "the daemon stops"
        if self.halted is not None:
            return f"halted: {self.halted['reason']}"
        return f"engine {supervisor.state}"

    # --- config ---

    def reload(self, now: datetime) -> list[str]:
        """Take up the config as it is now, whole or not at all; returns what changed.

        :raises ConfigError, OSError: it can't be used; the old one stays in force.
        """
        try:
            new = self.source.load()
        except (ConfigError, OSError) as error:
            if str(error) != self.rejected:
                self.rejected = str(error)
                logger.error("config rejected: %s", error)
                self.alarms.config_rejected(str(error), now)
            raise
        self.rejected = ""
        listed = [str(change) for change in changes(self.config, new)]
        self._apply_config(new, now)
        if listed:
            self._publish(ConfigApplied(now, listed))
            self.alarms.config_applied(listed, now)
        return listed

    def _apply_config(self, new: TradingConfig, now: datetime) -> None:
        calendar = market_calendar(new)
        specs = job_specs(new.schedule.jobs, calendar)
        self.config, self.calendar, self.specs = new, calendar, specs
        self.loaded_at, self._changed = now, True
        self.supervisor.config = new.engine
        self.supervisor.command({"command": "risk", "risk": asdict(new.risk)})
        self.outbox.configure(new.notifications)
        self.runner.calendar = self.scheduler.calendar = calendar
        self._unapplied, self._next_apply = specs, now

    # --- halt, requests, clock ---

    def halt(self, reason: str, now: datetime) -> str:
        """Stop trading until somebody resumes it, over restarts too; raises SQLAlchemyError if that can't be kept."""
        self.halted = {"reason": reason, "at": now.astimezone(self.calendar.timezone).isoformat()}
        self._changed = True
        self.alarms.raise_alert(AlertLevel.CRITICAL, "engine", "Trading halted", reason, now)
        self.store.write_meta("halt", self.halted)
        return f"halted: {reason}"

    def resume(self, now: datetime) -> str:
        """Undo :meth:`halt`."""
        if self.halted is None:
            return "it was not halted"
        self.store.write_meta("halt", None)
        self.halted, self._changed = None, True
        self.alarms.raise_alert(AlertLevel.WARNING, "engine", "Trading resumed", "The halt was lifted.", now)
        return "resumed"

    def look_now(self) -> None:
        """Somebody has put a request: look at the next turn."""
        self._next_look = datetime.min.replace(tzinfo=UTC)

    def _look_at_requests(self, now: datetime) -> datetime:
        if not self.world.shared:
            return datetime.max.replace(tzinfo=UTC)
        if now >= self._next_look:
            self._next_look = now + LOOK_EVERY
            for request in unanswered(self.store, now, self.started_at):
                self._answer(request, now)
        return self._next_look

    def _answer(self, request: Request, now: datetime) -> None:
        try:
            ok, text = True, self._carry_out(request, now)
        except (ConfigError, OSError, SQLAlchemyError, LookupError) as error:
            ok, text = False, str(getattr(error, "orig", None) or error.args[0])
        try:
            answer(self.store, request, now, ok, text)
        except SQLAlchemyError as error:
            logger.warning("request %s was carried out, its answer can't be written: %s", request.kind, error)

    def _carry_out(self, request: Request, now: datetime) -> Any:
        logger.info("request %s %s", request.kind, dict(request.args) or "")
        match request.kind:
            case "stop":
                self.stop("somebody asked for it")
                return "stopping"
            case "halt":
                return self.halt(str(request.args["reason"]), now)
            case "resume":
                return self.resume(now)
            case "reload":
                return self.reload(now)
            case "run job":
                return self.runner.run_now(self._spec(request), now)
            case "pause job":
                self.scheduler.pause_job(self._spec(request).name)
                return "paused"
            case "resume job":
                self.scheduler.resume_job(self._spec(request).name)
                return "resumed"
        raise LookupError(f"this daemon knows no request {request.kind!r}")

    def _spec(self, request: Request) -> JobSpec:
        name = str(request.args["name"])
        if name not in self.specs:
            raise LookupError(f"no job {name!r}; these are: {', '.join(sorted(self.specs))}")
        return self.specs[name]

    def _clock_gap(self) -> float:
        return self.clock.now().timestamp() - self.clock.monotonic()

    def _watch_clock(self, now: datetime) -> None:
        gap = self._clock_gap()
        jump, self._gap = gap - self._gap, gap
        if jump < -1:
            self._forget_deadlines(now)
        if abs(jump) > self.config.health.max_clock_jump:
            logger.warning("the wall clock jumped by %+.1f s", jump)
            self.alarms.clock_jumped(jump, now)

    def _forget_deadlines(self, now: datetime) -> None:
        """Look at requests and try the store in this turn: after a step back the next times would be far away."""
        self._next_look = self._next_apply = self._next_jobs = self._next_write = now

    # --- telling ---

    def _put_alert(self, message: NotificationMessage, topic: str) -> None:
        self.outbox.put(message, topic)
        self._tell(message)
        self._publish(Alerted(message.timestamp, message.level, topic, message.title, message.message))


def _after(now: datetime, seconds: float) -> datetime:
    """Rounded up to the clock's resolution: a turn that comes too early would find nothing due."""
    return now + timedelta(microseconds=ceil(seconds * 1e6))


def _run_row(run: JobRun) -> dict[str, Any]:
    return {
        "job": run.job,
        "scheduled_at": run.scheduled_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "result": None if run.result is None else run.result.value,
        "reason": run.reason,
        "exit_code": run.exit_code,
        "output": run.output,
    }
