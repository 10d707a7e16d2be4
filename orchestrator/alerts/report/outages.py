"""When in a session nothing traded, and why.

The store has each change of state, but nobody writes down his own death. So a change that does not begin where the one
before it ended tells of a daemon that was gone between the two: since its last sign of life, which is what the jobs
that it ran and the equity that its engine saw have left behind.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import select

from calendars import Session
from orchestrator.states import OrchestratorState
from orchestrator.store import Store, equity, job_runs, transitions

__all__ = ["Outage", "Uptime", "uptime"]

SILENCE = timedelta(minutes=20)
"""What is alive leaves signs more often: a heartbeat every 5 minutes, a row of the equity every 15."""

START_UP = timedelta(minutes=1)
"""An engine that was not up for less than this, and had not failed, was only starting."""

DOWN = "down"
"""Beside the states of the orchestrator: there was none."""


@dataclass(frozen=True, slots=True)
class Outage:
    """`failed`: it was an error, and not somebody's wish."""

    start: datetime
    end: datetime
    cause: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Uptime:
    """How much of a session's hours the engine traded.

    :param trading: of `hours`; both up to now while the session goes on.
    :param restarts: how often it traded again after it had failed.
    """

    trading: timedelta
    hours: timedelta
    restarts: int
    outages: tuple[Outage, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A time in one state."""

    start: datetime
    end: datetime
    state: str
    cause: str


def uptime(store: Store, session: Session, now: datetime) -> Uptime | None:
    """What the session was like for the engine; None if it has not begun, or no state was ever recorded."""
    end = min(session.close, now)
    if end <= session.open:
        return None
    changes = _changes(store, session.open, end)
    if not changes:
        return None
    spans = [
        replace(span, start=max(span.start, session.open), end=min(span.end, end))
        for span in _spans(store, changes, session, end)
    ]
    spans = [span for span in spans if span.start < span.end]
    halt = store.read_meta("halt")
    found = tuple(Outage(s.start, s.end, _cause(s, halt), s.state == OrchestratorState.ERROR) for s in _gaps(spans))
    trading = [span for span in spans if span.state == OrchestratorState.TRADING]
    again = {span.start for span in trading}
    return Uptime(
        trading=sum((span.end - span.start for span in trading), timedelta()),
        hours=end - session.open,
        restarts=sum(each.failed and each.end in again for each in found),
        outages=found,
    )


def _changes(store: Store, start: datetime, end: datetime) -> list[Mapping[str, Any]]:
    """The changes of state from the last one before that time to the first one after it."""
    at, number = transitions.c.at, transitions.c.id
    before = select(transitions).where(at <= start).order_by(at.desc(), number.desc()).limit(1)
    within = select(transitions).where(at > start, at < end).order_by(at, number)
    after = select(transitions).where(at >= end).order_by(at, number).limit(1)
    return [row for query in (before, within, after) for row in store.rows(query)]


def _spans(store: Store, changes: Sequence[Mapping[str, Any]], session: Session, end: datetime) -> Iterator[Span]:
    yield Span(session.open, changes[0]["at"], DOWN, "")
    for row, following in pairwise(changes):
        broken = following["from_state"] != row["to_state"] or _slept_on(row, following, session)
        until = following["at"]
        alive = _heard_until(store, max(row["at"], session.open), min(until, end)) if broken else until
        yield Span(row["at"], alive, row["to_state"], row["cause"])
        yield Span(alive, until, DOWN, "")
    last = changes[-1]
    if last["at"] < end:
        alive = _alive_until(store, max(last["at"], session.open), end)
        yield Span(last["at"], alive, last["to_state"], last["cause"])
        yield Span(alive, end, DOWN, "")


def _slept_on(row: Mapping[str, Any], following: Mapping[str, Any], session: Session) -> bool:
    """Whether the day began without a word, where a daemon that is there notes that the pre-market has begun."""
    begins = session.pre_open
    return bool(begins < session.open and row["at"] < begins < following["at"])


def _heard_until(store: Store, start: datetime, end: datetime) -> datetime:
    """The last sign of life before the first long silence; somebody was there at `start`, and again at `end`."""
    signs = [start, *_signs(store, start, end), end]
    silent = (earlier for earlier, later in pairwise(signs) if later - earlier > SILENCE)
    return next(silent, signs[-2])


def _alive_until(store: Store, start: datetime, end: datetime) -> datetime:
    """The same where nothing is on record after `end`: without a long silence the daemon is there still."""
    heard = _heard_until(store, start, end)
    status = store.read_meta("status")
    if status is not None and datetime.fromisoformat(status["started_at"]) <= start:
        heard = max(heard, datetime.fromisoformat(status["at"]))
    return end if end - heard <= SILENCE else heard


def _signs(store: Store, start: datetime, end: datetime) -> list[datetime]:
    """When something was done, in order."""
    columns = (job_runs.c.finished_at, equity.c.at)
    queries = [select(column.label("at")).where(column > start, column < end) for column in columns]
    return sorted(row["at"] for query in queries for row in store.rows(query))


def _gaps(spans: Sequence[Span]) -> list[Span]:
    """The spans without trade; the start of the engine after one of them belongs to it."""
    gaps: list[Span] = []
    for span in spans:
        starting = span.state == OrchestratorState.PRE_MARKET
        if starting and gaps and gaps[-1].end == span.start:
            gaps[-1] = replace(gaps[-1], end=span.end)
        elif span.state != OrchestratorState.TRADING and not (starting and span.end - span.start < START_UP):
            gaps.append(span)
    return gaps


def _cause(span: Span, halt: Mapping[str, Any] | None) -> str:
    if span.state == DOWN:
        return "the daemon was not running"
    if span.state == OrchestratorState.PRE_MARKET:
        return "the engine was starting"
    if span.state == OrchestratorState.STOPPED and span.cause.startswith("market "):
        return f"halted: {halt['reason']}" if halt else "the engine was not to start (halted, or auto_start is off)"
    return span.cause
