"""The daemon's own account of itself, for those who ask without disturbing it."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from calendars import MarketCalendar
from orchestrator.states import EngineState, OrchestratorState

if TYPE_CHECKING:
    from orchestrator.loop import Loop

__all__ = ["ailment", "market_document", "snapshot", "stopped", "whole"]

SILENCE = 180.0
"""Seconds. A loop that turns says how it is at least once a minute."""


def snapshot(loop: "Loop", now: datetime) -> dict[str, Any]:
    """What only the daemon knows, JSON-ready; readers add what they can compute (market, jobs, ages)."""
    zone = loop.calendar.timezone
    supervisor, beat, account = loop.supervisor, loop.supervisor.beat, loop.account
    age = supervisor.beat_age()
    return {
        "at": now.astimezone(zone).isoformat(),
        "state": loop.state.value,
        "since": loop.since.astimezone(zone).isoformat(),
        "mode": loop.config.mode,
        "halted": loop.operator.halted,
        "pid": loop.pid,
        "started_at": loop.started_at.astimezone(zone).isoformat(),
        "config": {
            "path": None if loop.source.path is None else str(loop.source.path.resolve()),
            "version": loop.adoption.version,
            "loaded_at": loop.adoption.loaded_at.astimezone(zone).isoformat(),
            "rejected": loop.adoption.rejected or None,
            "rolled_back": loop.adoption.rolled_back,
            "waiting": loop.adoption.waiting,
        },
        "engine": {
            "state": supervisor.state.value,
            "pid": None if supervisor.link is None else supervisor.link.pid,
            "restarts": supervisor.restarts,
            "since": None if supervisor.since is None else supervisor.since.astimezone(zone).isoformat(),
            "last_beat_age_s": None if age is None else round(age, 3),
            "connected": None if beat is None else beat.connected,
            "progress": None if beat is None else beat.progress,
            "reason": loop.redact(supervisor.reason) or _stopped_by_order(loop),
        },
        "alerts": loop.outbox.counts(),
        "problems": [loop.redact(problem) for problem in loop.problems],
        "store_error": loop.history.failing or None,
        "account": None
        if account is None
        else {
            "at": account.at,
            "equity": account.equity,
            "cash": account.cash,
            "drawdown": account.drawdown,
            "positions": account.positions,
        },
    }


def whole(loop: "Loop", said: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A snapshot with all that readers would add to it.

    :param said: the snapshot of this very moment.
    """
    document = {key: value for key, value in said.items() if key != "started_at"}
    return {
        **document,
        "uptime_s": round((now - loop.started_at).total_seconds(), 1),
        "silent_s": 0.0,
        "market": market_document(loop.calendar, now),
        "jobs": _jobs_document(loop),
    }


def stopped(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a daemon that has come to its orderly end."""
    engine = dict.fromkeys(document["engine"]) | {"state": EngineState.STOPPED.value}
    return {
        **document,
        "state": OrchestratorState.STOPPED.value,
        "pid": None,
        "uptime_s": None,
        "silent_s": None,
        "engine": engine,
    }


def market_document(calendar: MarketCalendar, now: datetime) -> dict[str, Any]:
    """The ``market`` part of the status."""
    change = calendar.next_change(now)
    return {
        "exchange": calendar.name,
        "state": calendar.get_market_state(now).value,
        "why": calendar.why(now),
        "next_change": None if change is None else change.isoformat(),
        "next_open": calendar.get_next_market_open(now).isoformat(),
        "next_close": calendar.get_next_market_close(now).isoformat(),
    }


def _jobs_document(loop: "Loop") -> dict[str, Any] | None:
    """The ``jobs`` part; None while the store can't be read."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        paused, following = loop.schedule.scheduler.store.standing()
    except SQLAlchemyError:
        return None
    at = None if following is None else following[1].astimezone(loop.calendar.timezone).isoformat()
    return {
        "total": len(loop.schedule.specs),
        "paused": paused,
        "parked": len(loop.schedule.scheduler.store.parked),
        "next": None if following is None else {"name": following[0], "at": at},
    }


def _stopped_by_order(loop: "Loop") -> str | None:
    by_order = loop.operator.wish() == "stop"
    return "the operator has stopped it for this session; to start it: orchestrator engine start" if by_order else None


def ailment(said: Mapping[str, Any]) -> str:
    """Why a daemon that says this of itself is not well, in a line; empty if it is.

    A halt is no ailment: somebody ordered it, or was told of it when it came.

    :param said: a status, with ``silent_s``, the seconds since it was said.
    """
    silent, engine = said["silent_s"] or 0.0, said["engine"]
    if silent > SILENCE:
        return f"it has said nothing for {silent:.0f} s: its loop hangs, or it can't write"
    if said.get("store_error"):
        return f"the store can't be written: {said['store_error']}"
    reason = f": {engine['reason']}" if engine.get("reason") else ""
    if engine["state"] == EngineState.FATAL.value:
        return f"the engine was given up{reason}"
    if said["state"] == OrchestratorState.ERROR.value:
        return f"trading is interrupted{reason}"
    return "; ".join(said.get("problems") or [])
