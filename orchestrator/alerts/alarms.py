"""Which of the things that happen a human should hear of, and in which words."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from jobs import JobSpec, Notify, RunResult
from jobs.runs import JobRun
from notifiers import AlertLevel, NotificationMessage
from orchestrator.events import AlertRaised, EngineMoved, StateChanged
from orchestrator.states import OrchestratorState

__all__ = ["Alarms"]

GOOD = frozenset({RunResult.OK, RunResult.SKIPPED})

Put = Callable[[NotificationMessage, str], None]


class Alarms:
    """Turns events into alerts.

    :param put: takes an alert and its topic.
    """

    def __init__(self, put: Put) -> None:
        self._put = put
        self._failing_jobs: dict[tuple[str, bool], str] = {}

    def raise_alert(
        self, level: AlertLevel, topic: str, title: str, message: str, now: datetime, **metadata: Any
    ) -> None:
        self._put(NotificationMessage(title, message, level, now, metadata), topic)

    def from_engine(self, event: AlertRaised, now: datetime) -> None:
        self.raise_alert(AlertLevel(event.level), event.topic, event.title, event.message, now, **event.metadata)

    def state_changed(self, event: StateChanged) -> None:
        if event.new is OrchestratorState.ERROR:
            self.raise_alert(AlertLevel.CRITICAL, "engine", "Trading interrupted", event.cause, event.at)
        elif event.new is OrchestratorState.TRADING:
            title = "Trading again" if event.old is OrchestratorState.ERROR else "Trading"
            self.raise_alert(AlertLevel.INFO, "engine", title, event.cause, event.at)

    def engine_moved(self, event: EngineMoved) -> None:
        if event.action == "fatal":
            text = f"{event.detail}. It is tried again in the next session, or by: orchestrator stop, then start."
            self.raise_alert(AlertLevel.CRITICAL, "engine", "Engine given up", text, event.at, run=event.run)

    def job_ran(self, spec: JobSpec, run: JobRun, now: datetime) -> None:
        """A job that goes on failing in the same way is told of once, and again when it is well."""
        key = (spec.name, run.result is RunResult.OVERLAPPED)  # a job that hangs does both by turns
        if run.result in GOOD:
            was_failing = [self._failing_jobs.pop((spec.name, overlapped), None) for overlapped in (False, True)]
            if any(was_failing) and spec.notify is not Notify.NEVER:
                self.raise_alert(AlertLevel.INFO, "job", f"Job {spec.name} is well again", run.reason, now)
            elif spec.notify is Notify.ALWAYS:
                self.raise_alert(AlertLevel.INFO, "job", f"Job {spec.name}: {run.result}", run.reason, now)
            return
        if run.result is RunResult.MISSED and spec.kind == "interval" and spec.builtin:
            return  # the next beat or look comes soon, and makes up for it
        # Figures that grow from run to run ("180 s old", "240 s old") do not make it another complaint.
        complaint = re.sub(r"\d+", "#", f"{run.result}: {run.reason}")
        before, self._failing_jobs[key] = self._failing_jobs.get(key), complaint
        if spec.notify is not Notify.NEVER and complaint != before:
            metadata = {"scheduled at": run.scheduled_at.isoformat(timespec="seconds")}
            self.raise_alert(AlertLevel.WARNING, "job", f"Job {spec.name} {run.result}", run.reason, now, **metadata)

    def job_store_failed(self, error: Exception, now: datetime) -> None:
        cause = getattr(error, "orig", error)
        text = f"{type(cause).__name__}: {cause}. Jobs wait; trading goes on; it is tried again every few seconds."
        self.raise_alert(AlertLevel.WARNING, "job", "Job store failed", text, now)

    def job_parked(self, name: str, reason: str, now: datetime) -> None:
        text = f"Its stored row can't be read, so it does not run: {reason}. The row is kept."
        self.raise_alert(AlertLevel.WARNING, "job", f"Job {name} is parked", text, now)

    def job_store_recovered(self, now: datetime) -> None:
        self.raise_alert(AlertLevel.INFO, "job", "Job store works again", "Jobs that were due have been run.", now)

    def clock_jumped(self, seconds: float, now: datetime) -> None:
        text = f"The wall clock jumped by {seconds:+.0f} s; everything was computed anew from the new time."
        self.raise_alert(AlertLevel.WARNING, "engine", "Clock jumped", text, now)

    def config_rejected(self, reason: str, now: datetime) -> None:
        text = f"The last good config stays in force.\n{reason}"
        self.raise_alert(AlertLevel.WARNING, "config", "Config rejected", text, now)

    def config_applied(self, changes: list[str], now: datetime) -> None:
        self.raise_alert(AlertLevel.INFO, "config", "Config applied", "\n".join(changes), now)
