"""What the daemon remembers: one SQLAlchemy engine, and the tables.

SQLite in WAL mode. Whoever writes begins with ``BEGIN IMMEDIATE``, because two deferred transactions that both read
and then write lose one of the two updates; whoever only reads takes no lock.
"""

import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    create_engine,
    event,
    insert,
    select,
)
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import StaticPool
from sqlalchemy.types import TypeDecorator

__all__ = [
    "Store",
    "StoreError",
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
]

SCHEMA_VERSION = 2

MIGRATIONS: Mapping[int, Sequence[str]] = {
    1: (
        "ALTER TABLE alerts ADD COLUMN key VARCHAR(200) NOT NULL DEFAULT ''",
        "ALTER TABLE alerts ADD COLUMN closes VARCHAR(200)",
        "ALTER TABLE alerts ADD COLUMN count INTEGER NOT NULL DEFAULT 1",
        "CREATE INDEX ix_alerts_key ON alerts (key)",
    ),
}
"""What makes a database of a schema one of the next; missing tables are made anyway."""


class StoreError(Exception):
    """The database cannot be used; the text says why and what to do."""


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as ISO 8601 text in UTC: sortable, and readable with any tool."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: object) -> str | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a stored time is aware, not {value!r}")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: object) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


class Document(TypeDecorator[Any]):
    """A JSON value as text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: object) -> str:
        return json.dumps(value, separators=(",", ":"), sort_keys=True)

    def process_result_value(self, value: Any, dialect: object) -> Any:
        return None if value is None else json.loads(value)


tables = MetaData()

meta = Table("meta", tables, Column("key", String(64), primary_key=True), Column("value", Document, nullable=False))

transitions = Table(
    "transitions",
    tables,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("from_state", String(16), nullable=False),
    Column("to_state", String(16), nullable=False),
    Column("cause", Text, nullable=False),
)

job_runs = Table(
    "job_runs",
    tables,
    Column("id", Integer, primary_key=True),
    Column("job", String(64), nullable=False),
    Column("scheduled_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("finished_at", Instant, index=True),
    Column("result", String(16)),  # null: it has begun and not ended yet
    Column("reason", Text, nullable=False, default=""),
    Column("exit_code", Integer),
    Column("output", Text, nullable=False, default=""),
    UniqueConstraint("job", "scheduled_at"),
)

orders = Table(
    "orders",
    tables,
    Column("order_ref", String(128), primary_key=True),
    Column("order_id", Integer),
    Column("perm_id", Integer),
    Column("session", String(10), nullable=False),
    Column("strategy", String(64), nullable=False),
    Column("decision", String(64), nullable=False),
    Column("symbol", String(32), nullable=False),
    Column("action", String(4), nullable=False),
    Column("order_type", String(8), nullable=False),
    Column("total_quantity", Float, nullable=False),
    Column("limit_price", Float),
    Column("filled_quantity", Float, nullable=False, default=0.0),
    Column("avg_fill_price", Float),
    Column("status", String(16), nullable=False),
    Column("error_message", Text),
    Column("retry_count", Integer, nullable=False, default=0),
    Column("submitted_at", Instant, nullable=False, index=True),
    Column("updated_at", Instant, nullable=False),
    Index("ix_orders_decision", "session", "decision"),
)

fills = Table(
    "fills",
    tables,
    Column("fill_id", String(128), primary_key=True),
    Column("order_ref", String(128), ForeignKey("orders.order_ref"), nullable=False, index=True),
    Column("symbol", String(32), nullable=False),
    Column("action", String(4), nullable=False),
    Column("quantity", Float, nullable=False),
    Column("price", Float, nullable=False),
    Column("commission", Float, nullable=False),
    Column("at", Instant, nullable=False, index=True),
)

equity = Table(
    "equity",
    tables,
    Column("at", Instant, primary_key=True),
    Column("session", String(10), nullable=False),
    Column("equity", Float, nullable=False),
    Column("cash", Float, nullable=False),
    Column("drawdown", Float, nullable=False),
)

alerts = Table(
    "alerts",
    tables,
    Column("id", String(36), primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("level", String(8), nullable=False),
    Column("topic", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("metadata", Document, nullable=False),
    Column("key", String(200), nullable=False, default="", index=True),  # alerts of one key are one matter
    Column("closes", String(200)),  # the key of the matter that is over with this
    Column("count", Integer, nullable=False, default=1),  # how often it was said
)

deliveries = Table(
    "deliveries",
    tables,
    Column("id", String(36), primary_key=True),
    Column("alert_id", String(36), ForeignKey("alerts.id"), nullable=False, index=True),
    Column("channel", String(64), nullable=False),
    Column("state", String(12), nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("next_attempt", Instant),
)

config_versions = Table(
    "config_versions",
    tables,
    Column("version", String(12), primary_key=True),  # the first digits of the SHA-256 of the text
    Column("at", Instant, nullable=False, index=True),
    Column("author", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("suffix", String(8), nullable=False),
    Column("text", Text, nullable=False),  # as the file had it, with references in place of secrets
    Column("applied_at", Instant),  # when it last came into force
    Column("worked_at", Instant),  # when an engine first ran with it
)

incidents = Table(
    "incidents",
    tables,
    Column("id", String(64), primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("cause", Text, nullable=False),
    Column("engine_run", String(32), nullable=False),
    Column("path", Text),  # of the file with the rest; null if it could not be written
)

requests = Table(
    "requests",
    tables,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("args", Document, nullable=False),
    Column("answered_at", Instant, index=True),
    Column("ok", Integer),
    Column("answer", Document),
)


class Store:
    """A database with the tables of this module.

    :param url: ``sqlite:///path``, or ``sqlite://`` for one in memory.
    :param busy_timeout: seconds to wait for another writer before ``database is locked`` is raised.
    :param durable: every commit survives a power cut (for orders and fills). Without it a commit survives any crash
        of the program, and a power cut may take the last ones.
    :param read_only: refuse to write, and to create a missing file.
    :raises StoreError: by :meth:`open`, for a file that is damaged, unreadable, or of a newer version.
    """

    def __init__(self, url: str, *, busy_timeout: float = 10.0, durable: bool = False, read_only: bool = False) -> None:
        self.url, self.read_only = url, read_only
        self.path = None if url == "sqlite://" else Path(url.removeprefix("sqlite:///"))
        self.engine = _engine(url, self.path, busy_timeout, durable, read_only)
        self.reader = self.engine.execution_options(read_only=True)

    def open(self) -> "Store":
        """Make what is missing and look whether the rest is sound. Reading stores only look."""
        try:
            self._check()
            if not self.read_only:
                self._migrate()
                tables.create_all(self.engine)
                self._write_version()
        except (DatabaseError, sqlite3.Error) as error:
            self.close()
            raise StoreError(f"{self.path or self.url}: {_cause(error)}; {_remedy(error)}") from error
        except BaseException:
            self.close()
            raise
        return self

    def _check(self) -> None:
        if self.path is not None and not self.read_only:
            _create_private(self.path)
        with self.reader.connect() as connection:
            answer = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
            if answer != "ok":
                raise StoreError(f"{self.path}: the database is damaged ({answer}); restore a backup, or move it away")
            version = self.read_meta("schema_version", connection) if _has_table(connection, "meta") else None
        if version is not None and version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.path}: written by a newer version (schema {version}, this program knows {SCHEMA_VERSION}); "
                "install that version again"
            )
        if version is not None and version < SCHEMA_VERSION and self.read_only:
            raise StoreError(f"{self.path}: written by an earlier version; orchestrator start brings it up to date")

    def _migrate(self) -> None:
        """Bring a database of an earlier version up to this one: whole or, if it is killed on the way, not at all."""
        with self.engine.begin() as connection:
            version = self.read_meta("schema_version", connection) if _has_table(connection, "meta") else None
            if version is None or version >= SCHEMA_VERSION:
                return
            for statement in (each for step in range(version, SCHEMA_VERSION) for each in MIGRATIONS[step]):
                connection.exec_driver_sql(statement)
            connection.execute(REPLACE_META, {"key": "schema_version", "value": SCHEMA_VERSION})

    def _write_version(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(insert(meta).prefix_with("OR IGNORE").values(key="schema_version", value=SCHEMA_VERSION))

    def in_use(self) -> bool:
        """Whether a daemon has come as far as to keep its jobs here, which it does last."""
        with self.reader.connect() as connection:
            return _has_table(connection, "apscheduler_jobs")

    def close(self) -> None:
        self.engine.dispose()

    def __enter__(self) -> "Store":
        return self.open()

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- small facts ---

    def read_meta(self, key: str, connection: Connection | None = None) -> Any:
        """The value under `key`; None if there is none."""
        query = select(meta.c.value).where(meta.c.key == key)
        if connection is not None:
            return connection.execute(query).scalar()
        with self.reader.connect() as own:
            return own.execute(query).scalar()

    def write_meta(self, key: str, value: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(REPLACE_META, {"key": key, "value": value})

    def rows(self, query: Any) -> list[Mapping[str, Any]]:
        """The rows of a select, each as a mapping."""
        with self.reader.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


REPLACE_META = insert(meta).prefix_with("OR REPLACE")

INSERT_CLAIM = (
    insert(job_runs).prefix_with("OR IGNORE").values(job=bindparam("job"), scheduled_at=bindparam("scheduled_at"))
)


def record_claim(connection: Connection, job: str, scheduled_at: datetime) -> bool:
    """Note that a run is about to begin; False if that fire has been claimed before."""
    return connection.execute(INSERT_CLAIM, {"job": job, "scheduled_at": scheduled_at}).rowcount > 0


def _engine(url: str, path: Path | None, busy_timeout: float, durable: bool, read_only: bool) -> Engine:
    if path is None:
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        engine = create_engine(_reading_url(path) if read_only else URL.create("sqlite", database=str(path)))

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # the driver's own transactions begin too late to be safe
        connection.execute(f"PRAGMA busy_timeout = {int(busy_timeout * 1000)}")
        connection.execute("PRAGMA foreign_keys = ON")
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA wal_autocheckpoint = 4000")  # pages; at 1000 one commit in a hundred has to wait
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reading = read_only or connection.get_execution_options().get("read_only")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _reading_url(path: Path) -> URL:
    """Where there is no WAL nobody has the file open, and nothing but `immutable` keeps SQLite from making one."""
    options = {"mode": "ro", "uri": "true"}
    if not path.with_name(f"{path.name}-wal").exists():
        options["immutable"] = "1"
    return URL.create("sqlite", database=f"file:{quote(str(path))}", query=options)


def _create_private(path: Path) -> None:
    """The file is its owner's alone from the first byte on; SQLite gives its WAL files the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _has_table(connection: Connection, name: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.exec_driver_sql(query, (name,)).scalar() is not None


def _cause(error: BaseException) -> str:
    return str(getattr(error, "orig", error))


def _remedy(error: BaseException) -> str:
    if isinstance(error, OperationalError) and "locked" in str(error):
        return "another program holds it; close that and try again"
    if "unable to open" in str(error) or "readonly" in str(error):
        return "check that the folder exists and may be written"
    return "restore a backup, or move it away to begin anew"
