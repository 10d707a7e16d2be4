"""Print a database of this version as SQL, for the migrations to be tried on once there is a later one.

Who changes a table runs this before the change, and keeps what it prints beside it::

    python tests/orchestrator/store/dump.py > tests/orchestrator/store/schema_2.sql

A table that is new needs none of this (see ``orchestrator/store/migrations.py``).

Then the change: ``SCHEMA_VERSION`` goes up by one, ``MIGRATIONS`` says what leads there, and this is run again for the
new version. The tests find every ``schema_N.sql`` by themselves.
"""

import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import insert

from orchestrator.store import Store, alerts, deliveries, fills, job_runs, orders

AT = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
ALERT = {
    "id": "a1",
    "at": AT,
    "level": "warning",
    "topic": "job",
    "title": "Job report failed",
    "message": "exit code 1",
    "metadata": {"a": 1},
}
DELIVERY = {
    "id": "d1",
    "alert_id": "a1",
    "channel": "slack",
    "state": "pending",
    "attempts": 2,
    "last_error": "HTTP 500",
    "next_attempt": AT,
}
ORDER = {
    "order_ref": "20261123-equal_weight-AAPL-0935",
    "session": "2026-11-23",
    "strategy": "equal_weight",
    "decision": "0935",
    "symbol": "AAPL",
    "action": "BUY",
    "order_type": "MKT",
    "total_quantity": 10.0,
    "status": "Filled",
    "submitted_at": AT,
    "updated_at": AT,
}
FILL = {
    "fill_id": "f1",
    "order_ref": ORDER["order_ref"],
    "symbol": "AAPL",
    "action": "BUY",
    "quantity": 10.0,
    "price": 150.0,
    "commission": 1.5,
    "at": AT,
}
RUN = {"job": "report", "scheduled_at": AT, "finished_at": AT + timedelta(seconds=2), "result": "ok"}


def fill(store: Store) -> None:
    """A row in each of the tables that matter most."""
    with store.engine.begin() as connection:
        for table, row in ((alerts, ALERT), (deliveries, DELIVERY), (orders, ORDER), (fills, FILL), (job_runs, RUN)):
            connection.execute(insert(table), row)
    store.write_meta("halt", {"at": "x", "reason": "looking"})


def main() -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "orchestrator.db"
        with Store(f"sqlite:///{path}") as store:
            fill(store)
        with closing(sqlite3.connect(path)) as connection:
            sys.stdout.write("\n".join(connection.iterdump()) + "\n")


if __name__ == "__main__":
    main()
