"""The statements that more than one part of the program runs."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from orchestrator.store.tables import job_runs, meta

__all__ = ["READ_META", "WRITE_META", "record_claim"]

READ_META = select(meta.c.value).where(meta.c.key == bindparam("key"))

WRITE_META = insert(meta).prefix_with("OR REPLACE")

INSERT_CLAIM = (
    insert(job_runs).prefix_with("OR IGNORE").values(job=bindparam("job"), scheduled_at=bindparam("scheduled_at"))
)


def record_claim(connection: Connection, job: str, scheduled_at: datetime) -> bool:
    """Note that a run is about to begin; False if that fire has been claimed before."""
    return connection.execute(INSERT_CLAIM, {"job": job, "scheduled_at": scheduled_at}).rowcount > 0
