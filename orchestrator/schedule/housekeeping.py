"""The job ``housekeeping``: removes history that is old, and backs the database up.

It runs in a process of its own, ``python -m orchestrator.schedule.housekeeping``, so that no turn of the daemon's loop
waits for it longer than for the few rows of one transaction. What it has not done when it is killed is done the next
day.
"""

import json
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from calendars import SystemClock
from orchestrator.config import TradingConfig, state_dir, store_url
from orchestrator.config.files import make_folder
from orchestrator.config.paths import backup_dir
from orchestrator.inbox import Inbox
from orchestrator.store import Store, StoreError, incidents
from orchestrator.store.backup import back_up
from orchestrator.store.retention import KINDS, config_texts, remove, stale

__all__ = ["Chores", "main"]

BREATH = timedelta(milliseconds=20)
"""Between two transactions; in it others write."""


@dataclass(frozen=True, slots=True)
class Chores:
    """What is to be done.

    :param keep: seconds, by kind of history.
    :param texts: config texts that are kept besides `version`, which is in force.
    :param backups: how many are kept in `backup_dir`.
    :param now: ISO 8601.
    """

    database: str
    incidents: str
    keep: Mapping[str, float]
    texts: int
    version: str
    backup_dir: str | None
    backups: int
    now: str

    @classmethod
    def of(cls, config: TradingConfig, base_dir: Path, version: str, now: datetime) -> Self:
        """What a config demands."""
        wanted, folder = config.housekeeping, backup_dir(config, base_dir)
        return cls(
            store_url(config, base_dir).removeprefix("sqlite:///"),
            str(state_dir(config, base_dir) / "incidents"),
            {
                "job_runs": wanted.job_runs,
                "transitions": wanted.transitions,
                "alerts": wanted.alerts,
                "incidents": wanted.incidents,
                "equity": wanted.equity,
                "requests": wanted.requests,
            },
            wanted.config_versions,
            version,
            None if folder is None else str(folder),
            wanted.backups,
            now.isoformat(),
        )

    def text(self) -> str:
        """For the command line of the process."""
        return json.dumps(asdict(self))


def keep_house(chores: Chores, pause: Callable[[], None]) -> Iterator[str]:
    """Do it, one thing after the other; tells what was done, in words.

    :raises SQLAlchemyError, StoreError, OSError: of the thing that could not be done.
    """
    now = datetime.fromisoformat(chores.now)
    if chores.backup_dir is not None:  # first: it has what is about to go
        yield _back_up(Path(chores.database), Path(chores.backup_dir), chores.backups, now)
    with Store(f"sqlite:///{chores.database}") as store:
        yield _tidy(store, chores, now, pause)
    _look_after(chores.database)


def _tidy(store: Store, chores: Chores, now: datetime, pause: Callable[[], None]) -> str:
    removed = []
    for name, kind in KINDS.items():
        keys = stale(store, kind, now - timedelta(seconds=chores.keep[name]))
        if name == "incidents":
            _remove_files(store, keys, Path(chores.incidents))
        remove(store, kind, keys, pause)
        removed += [kind.counted(len(keys))] if keys else []
    kind, keys = config_texts(store, chores.version, chores.texts)
    remove(store, kind, keys, pause)
    removed += [kind.counted(len(keys))] if keys else []
    return f"removed {', '.join(removed)}" if removed else "nothing is old enough to be removed"


def _remove_files(store: Store, ids: list[Any], folder: Path) -> None:
    """Before their rows: a row without its file can be removed another day, a file without its row is lost."""
    wanted = set(ids)
    for row in store.rows(select(incidents.c.id, incidents.c.path)):
        if row["id"] in wanted and row["path"] is not None and Path(row["path"]).parent == folder:
            Path(row["path"]).unlink(missing_ok=True)


def _back_up(database: Path, folder: Path, kept: int, now: datetime) -> str:
    make_folder(folder, 0o700)
    name = database.parent.name.lstrip(".") or database.stem
    copy = folder / f"{name}-{now:%Y-%m-%d}.db"
    contents = back_up(database, copy, replace=True)
    pattern = re.compile(rf"{re.escape(name)}-\d{{4}}-\d\d-\d\d\.db")
    for old in sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name))[:-kept]:
        old.unlink(missing_ok=True)
    return f"backed up to {copy} ({contents.size / 1e6:.1f} MB)"


def _look_after(database: str) -> None:
    """Let SQLite learn how the tables have grown, and take what is in its log into the file; nobody waits for it."""
    with closing(sqlite3.connect(database, timeout=10, isolation_level=None)) as connection:
        connection.execute("PRAGMA analysis_limit = 400")
        connection.execute("PRAGMA optimize")
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def main(arguments: list[str]) -> int:
    """Keep house as the one argument says; the last line that is printed tells what came of it."""
    done: list[str] = []
    clock, inbox = SystemClock(), Inbox()
    try:
        for each in keep_house(Chores(**json.loads(arguments[0])), lambda: clock.wait(inbox, clock.now() + BREATH)):
            done += [each]
    except (SQLAlchemyError, sqlite3.Error, StoreError, OSError) as error:
        done.append(f"then: {getattr(error, 'orig', error)}" if done else str(getattr(error, "orig", error)))
        print("; ".join(done))
        return 1
    finally:
        inbox.close()
    print("; ".join(done))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
