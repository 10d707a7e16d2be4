"""What the daemon remembers: one SQLAlchemy engine, and the tables.

SQLite in WAL mode. Whoever writes begins with ``BEGIN IMMEDIATE``, because two deferred transactions that both read
and then write lose one of the two updates; whoever only reads takes no lock.

Importing this is light: SQLAlchemy is loaded by the first name that needs it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from orchestrator.store.errors import StoreError
from orchestrator.store.glance import Glance
from orchestrator.store.version import SCHEMA_VERSION

if TYPE_CHECKING:
    from orchestrator.store.statements import READ_META, WRITE_META, record_claim
    from orchestrator.store.store import Store
    from orchestrator.store.tables import (
        alerts,
        config_versions,
        deliveries,
        equity,
        fills,
        incidents,
        job_runs,
        meta,
        orders,
        requests,
        transitions,
        untold,
    )

__all__ = [
    "SCHEMA_VERSION",
    "Glance",
    "Store",
    "StoreError",
    "READ_META",
    "WRITE_META",
    "record_claim",
    "alerts",
    "config_versions",
    "deliveries",
    "equity",
    "fills",
    "incidents",
    "job_runs",
    "meta",
    "orders",
    "requests",
    "transitions",
    "untold",
]

OF_STATEMENTS = ("READ_META", "WRITE_META", "record_claim")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "store" if name == "Store" else "statements" if name in OF_STATEMENTS else "tables"
    found = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
    return found
