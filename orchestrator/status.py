"""The daemon's own account of itself, for those who ask without disturbing it."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.loop import Loop

__all__ = ["snapshot"]


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
            "reason": supervisor.reason or None,
        },
        "alerts": loop.outbox.counts(),
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
