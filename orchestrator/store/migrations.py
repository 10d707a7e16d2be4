"""What brings the database of an earlier version up to this one."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from orchestrator.store.statements import WRITE_META
from orchestrator.store.version import SCHEMA_VERSION

__all__ = ["migrate"]

MIGRATIONS: Mapping[int, Sequence[str]] = {
    1: (
        "ALTER TABLE alerts ADD COLUMN key VARCHAR(200) NOT NULL DEFAULT ''",
        "ALTER TABLE alerts ADD COLUMN closes VARCHAR(200)",
        "ALTER TABLE alerts ADD COLUMN count INTEGER NOT NULL DEFAULT 1",
        "CREATE INDEX ix_alerts_key ON alerts (key)",
    ),
}
"""What makes a database of a schema one of the next.

A table that is new needs no step and no version: whoever opens the database for writing makes it, and nothing that only
reads may need it.
"""


def migrate(connection: Connection, version: int) -> None:
    """Bring a database of an earlier version up to this one, within the caller's transaction."""
    for statement in (each for step in range(version, SCHEMA_VERSION) for each in MIGRATIONS[step]):
        connection.exec_driver_sql(statement)
    connection.execute(WRITE_META, {"key": "schema_version", "value": SCHEMA_VERSION})
