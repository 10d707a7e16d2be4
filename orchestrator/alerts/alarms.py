"""Which of the things that happen a human should hear of, and in which words.

Each matter has a key, by which its end finds those who heard of its beginning:

    engine.interrupted, engine.given_up    until there is trading again
    halt                                   until it is lifted
    circuit_breaker                        until trading is resumed
    unsold                                 until what a halt is to sell is sold
    uncancelled                            until trading is resumed
    job.NAME                               until a run of the job is well
    parked.NAME                            its stored row can't be read
    job_store                              until it works again
    config                                 until a config is taken up
    clock                                  it jumped
    ping                                   until one arrives again
    daemon                                 the one before was killed
    channel.NAME                           until the channel delivers again (the outbox tells of these itself)
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from jobs import JobSpec, Notify, RunResult
from jobs.runs import JobRun
from notifiers import AlertLevel, NotificationMessage
from orchestrator.alerts.book import Put
from orchestrator.alerts.words import masked
from orchestrator.events import AlertRaised, BreakerTripped, EngineMoved, StateChanged
from orchestrator.states import OrchestratorState

__all__ = ["Alarms"]

GOOD = frozenset({RunResult.OK, RunResult.SKIPPED})

INTERRUPTED, GIVEN_UP, HALT = "engine.interrupted", "engine.given_up", "halt"
BREAKER, UNSOLD, UNCANCELLED, KILLED = "circuit_breaker", "unsold", "uncancelled", "daemon"
JOB_STORE, CONFIG, CLOCK, PING = "job_store", "config", "clock", "ping"

TOPICS = {"heartbeat": "heartbeat"}
"""Of jobs; any other has the topic "job"."""


def _never(key: str) -> bool:
    return False


class Alarms:
    """Turns events into alerts.

    :param put: takes an alert and its topic.
    :param is_open: whether a matter has not been closed yet, be it one of an earlier process.
    """

    def __init__(self, put: Put, is_open: Callable[[str], bool] = _never) -> None:
        self._put, self._is_open = put, is_open
        self._failing_jobs: dict[tuple[str, bool], str] = {}
        self._refused = False
        """A guard rail has ended the engine, which has been told."""

    def raise_alert(
        self,
        level: AlertLevel,
        topic: str,
        title: str,
        message: str,
        now: datetime,
        *,
        key: str | None = None,
        closes: str | None = None,
        **metadata: Any,
    ) -> None:
        self._put(NotificationMessage(title, message, level, now, metadata), topic, key=key, closes=closes)

    def from_engine(self, event: AlertRaised, now: datetime) -> None:
        message = NotificationMessage(event.title, event.message, AlertLevel(event.level), now, event.metadata)
        self._put(message, event.topic)

    # --- trading ---

    def state_changed(self, event: StateChanged) -> None:
        if event.new is OrchestratorState.ERROR and not self._refused:
            self.raise_alert(
                AlertLevel.CRITICAL, "engine", "Trading interrupted", event.cause, event.at, key=INTERRUPTED
            )
        elif event.new is OrchestratorState.TRADING:
            broken = event.old is OrchestratorState.ERROR or self._is_open(INTERRUPTED) or self._is_open(GIVEN_UP)
            title = "Trading again" if broken else "Trading"
            closes = f"{INTERRUPTED} {GIVEN_UP}"
            self.raise_alert(AlertLevel.INFO, "engine", title, event.cause, event.at, closes=closes)

    def engine_moved(self, event: EngineMoved) -> None:
        self._refused = event.action == "refused"
        if event.action == "refused":
            text = f"{event.detail} When that is mended: orchestrator engine start, or start the daemon again."
            self.raise_alert(
                AlertLevel.CRITICAL, "engine", "Refused to trade", text, event.at, key=GIVEN_UP, run=event.run
            )
        elif event.action == "fatal":
            text = f"{event.detail}. It is tried again in the next session, or by: orchestrator engine start"
            self.raise_alert(
                AlertLevel.CRITICAL, "engine", "Engine given up", text, event.at, key=GIVEN_UP, run=event.run
            )

    def halted(self, text: str, now: datetime) -> None:
        self.raise_alert(AlertLevel.CRITICAL, "engine", "Trading halted", text, now, key=HALT)

    def perhaps_not_sold(self, reason: str, now: datetime) -> None:
        text = (
            f"The halt was to sell all positions, and they may still be held: {reason}. While the market is open an "
            "engine is started to sell the rest. Look at the account."
        )
        self.raise_alert(AlertLevel.CRITICAL, "engine", "Positions may still be held", text, now, key=UNSOLD)

    def perhaps_not_cancelled(self, orders: Sequence[str], now: datetime) -> None:
        text = (
            "Trading is halted, no engine runs that could cancel them, and these orders may still rest at the broker "
            f"and fill: {', '.join(orders)}. Look at the account."
        )
        self.raise_alert(AlertLevel.CRITICAL, "engine", "Orders may still rest", text, now, key=UNCANCELLED)

    def sold(self, now: datetime) -> None:
        text = "The halt was to sell all positions; the engine has sold what it could sell and is stopped."
        self.raise_alert(AlertLevel.INFO, "engine", "Positions sold", text, now, closes=UNSOLD)

    def resumed(self, text: str, now: datetime) -> None:
        closes = f"{HALT} {BREAKER} {UNSOLD} {UNCANCELLED}"
        self.raise_alert(AlertLevel.WARNING, "engine", "Trading resumed", text, now, closes=closes)

    def breaker_tripped(self, trip: BreakerTripped, besides: str, now: datetime) -> None:
        """:param besides: what becomes of the positions."""
        text = f"Trading is halted: {trip.reason}; {besides}. Nothing is traded until: orchestrator resume"
        known = {"drawdown": trip.drawdown, "threshold": trip.threshold}
        facts: dict[str, Any] = {name: value for name, value in known.items() if value is not None}
        self.raise_alert(AlertLevel.CRITICAL, "risk", "Circuit breaker triggered", text, now, key=BREAKER, **facts)

    def daemon_was_killed(self, text: str, now: datetime) -> None:
        self.raise_alert(AlertLevel.WARNING, "engine", "Daemon was killed", text, now, key=KILLED)

    def clock_jumped(self, seconds: float, now: datetime) -> None:
        text = f"The wall clock jumped by {seconds:+.0f} s; everything was computed anew from the new time."
        self.raise_alert(AlertLevel.WARNING, "engine", "Clock jumped", text, now, key=CLOCK)

    # --- jobs ---

    def job_ran(self, spec: JobSpec, run: JobRun, now: datetime) -> None:
        """A job that goes on failing in the same way is told of once, and again when it is well."""
        if run.result in GOOD:
            self._job_is_well(spec, run, now)
            return
        if run.result is RunResult.MISSED and spec.kind == "interval" and spec.builtin:
            return  # the next beat or look comes soon, and makes up for it
        complaint = masked(f"{run.result}: {run.reason}")
        which = (spec.name, run.result is RunResult.OVERLAPPED)  # a job that hangs does both by turns
        before, self._failing_jobs[which] = self._failing_jobs.get(which), complaint
        if spec.notify is not Notify.NEVER and complaint != before:
            self.raise_alert(
                AlertLevel.WARNING,
                _topic(spec),
                f"Job {spec.name} {run.result}",
                run.reason,
                now,
                key=_job(spec.name),
                **{"scheduled at": run.scheduled_at.isoformat(timespec="seconds")},
            )

    def _job_is_well(self, spec: JobSpec, run: JobRun, now: datetime) -> None:
        was_failing = self._failing_jobs and self._forget_failures(spec.name)
        if spec.notify is Notify.NEVER:
            return
        if was_failing or self._is_open(_job(spec.name)):
            title = f"Job {spec.name} is well again"
            self.raise_alert(AlertLevel.INFO, _topic(spec), title, run.reason, now, closes=_job(spec.name))
        elif spec.notify is Notify.ALWAYS:
            self.raise_alert(AlertLevel.INFO, _topic(spec), f"Job {spec.name}: {run.result}", run.reason, now)

    def _forget_failures(self, name: str) -> bool:
        """Whether the job was failing."""
        failed, overlapped = (self._failing_jobs.pop((name, which), None) for which in (False, True))
        return bool(failed or overlapped)

    def job_parked(self, name: str, reason: str, now: datetime) -> None:
        text = f"Its stored row can't be read, so it does not run: {reason}. The row is kept."
        self.raise_alert(AlertLevel.WARNING, "job", f"Job {name} is parked", text, now, key=f"parked.{name}")

    def job_store_failed(self, error: Exception, now: datetime) -> None:
        cause = getattr(error, "orig", error)
        text = f"{type(cause).__name__}: {cause}. Jobs wait; trading goes on; it is tried again every few seconds."
        self.raise_alert(AlertLevel.WARNING, "job", "Job store failed", text, now, key=JOB_STORE)

    def job_store_recovered(self, now: datetime) -> None:
        text = "Jobs that were due have been run."
        self.raise_alert(AlertLevel.INFO, "job", "Job store works again", text, now, closes=JOB_STORE)

    # --- the dead-man ping ---

    def ping_failed(self, reason: str, now: datetime) -> None:
        """Told of once, however many fail."""
        if not self._is_open(PING):
            text = f"{reason}. The service at health.ping_url will take this daemon for dead. It is tried again."
            self.raise_alert(AlertLevel.WARNING, "heartbeat", "Ping failed", text, now, key=PING)

    def ping_arrived(self, now: datetime) -> None:
        if self._is_open(PING):
            text = "The service at health.ping_url has been reached."
            self.raise_alert(AlertLevel.INFO, "heartbeat", "Ping arrives again", text, now, closes=PING)

    # --- config ---

    def config_rejected(self, reason: str, now: datetime) -> None:
        text = f"The last good config stays in force.\n{reason}"
        self.raise_alert(AlertLevel.WARNING, "config", "Config rejected", text, now, key=CONFIG)

    def config_wrong_at_start(self, version: str, reason: str, now: datetime) -> None:
        text = (
            f"The daemon before was killed, and the config file is wrong. Version {version}, the last in force, is "
            f"used until the file is corrected.\n{reason}"
        )
        self.raise_alert(AlertLevel.CRITICAL, "config", "Config file is wrong", text, now, key=CONFIG)

    def config_applied(self, changes: list[str], now: datetime) -> None:
        self.raise_alert(AlertLevel.INFO, "config", "Config applied", "\n".join(changes), now, closes=CONFIG)

    def config_rolled_back(self, text: str, now: datetime) -> None:
        self.raise_alert(AlertLevel.CRITICAL, "config", "Config rolled back", text, now, key=CONFIG)

    def config_still_rolled_back(self, text: str, now: datetime) -> None:
        self.raise_alert(AlertLevel.WARNING, "config", "Config still rolled back", text, now, key=CONFIG)

    def config_restored(self, now: datetime) -> None:
        """The file is again as it was when it was last taken up."""
        if self._is_open(CONFIG):
            text = "The file is again what is in force."
            self.raise_alert(AlertLevel.INFO, "config", "Config is good again", text, now, closes=CONFIG)


def _job(name: str) -> str:
    return f"job.{name}"


def _topic(spec: JobSpec) -> str:
    return TOPICS.get(spec.name, "job")
