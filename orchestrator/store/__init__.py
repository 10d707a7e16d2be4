"""What the daemon remembers: one SQLAlchemy engine, and the tables.

SQLite in WAL mode. Whoever writes begins with ``BEGIN IMMEDIATE``, because two deferred transactions that both read
and then write lose one of the two updates; whoever only reads takes no lock.
"""

from orchestrator.store.errors import StoreError
from orchestrator.store.migrations import SCHEMA_VERSION
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
