"""The circuit breaker's mark in the store, by which engine and daemon agree over every kill.

The engine commits the trip before it tells of it, so that the daemon finds it even if the message is lost. The daemon
halts for each trip once, and notes the trip after which trading was resumed; it writes no more than that. The engine
alone takes a trip out again, in the transaction that begins the peak of the equity anew.
"""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from orchestrator.events import BreakerTripped
from orchestrator.store import WRITE_META, Store

__all__ = ["RESUMED", "TRIP", "clear_trip", "is_resumed", "read_trip", "record_trip"]

TRIP, RESUMED = "breaker_trip", "breaker_resumed"
"""Keys in ``meta``: the last trip, and the time that names the trip after which trading was resumed."""


def record_trip(store: Store, trip: BreakerTripped) -> None:
    """Commit a trip."""
    store.write_meta(TRIP, asdict(trip))


def read_trip(store: Store) -> BreakerTripped | None:
    """The trip that no engine has taken out yet, resumed or not."""
    found: dict[str, Any] | None = store.read_meta(TRIP)
    return None if found is None else BreakerTripped(**found)


def is_resumed(store: Store, trip: BreakerTripped) -> bool:
    """Whether an operator has resumed trading after this trip."""
    return bool(store.read_meta(RESUMED) == trip.at)


def clear_trip(connection: Connection) -> None:
    """Take the trip out, in a transaction of the caller's."""
    connection.execute(WRITE_META, {"key": TRIP, "value": None})
