"""How the database is spoken to: WAL mode, and a writer that takes its lock when it begins."""

import sqlite3
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from orchestrator.store.glance import reading_uri

__all__ = ["connect"]


def connect(url: str, path: Path | None, busy_timeout: float, durable: bool, read_only: bool) -> Engine:
    if path is None:
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        place = reading_uri(path) if read_only else str(path)
        query = {"uri": "true"} if read_only else {}
        engine = create_engine(URL.create("sqlite", database=place, query=query))

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
