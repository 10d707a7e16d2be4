"""orchestrator backup, restore: copy the database, and put a copy back."""

import sys
from datetime import datetime
from pathlib import Path

import click

from orchestrator.cli.errors import Failed, Refused
from orchestrator.cli.output import echo_json, json_option
from orchestrator.cli.settings import Settings
from orchestrator.lock import StoreLock, StoreOwned
from orchestrator.store.backup import Contents, back_up, inspect
from orchestrator.store.backup import restore as put_back
from orchestrator.store.soundness import BELONGING, beside

__all__ = ["backup", "restore"]

FILE = click.argument("file", type=click.Path(path_type=Path))

AT_A_BROKER = (
    "orders and fills after {until} are not in this journal. At its start the engine compares it with the broker by "
    "order reference: positions and money are the broker's; fills and open orders that the journal does not know are "
    "left alone and named in the log"
)
BEFORE_THE_START = (
    "look at the orders at your broker before you start; to start without trading: "
    'orchestrator halt --reason "restored a backup", then orchestrator start'
)


@click.command()
@FILE
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@json_option
@click.pass_obj
def backup(settings: Settings, file: Path, force: bool, as_json: bool) -> None:
    """Copy the database to FILE, with the daemon running or not, and check the copy.

    All that was committed when it began is in it. FILE is there whole or not at all, and is its owner's alone.

    Example: orchestrator backup /mnt/backups/orchestrator-2026-11-24.db
    """
    database = _database(settings)
    if not database.exists():
        raise Failed(f"there is no database {database}, so there is nothing to back up")
    _refuse_target(file, database)
    try:
        contents = back_up(database, file, replace=force)
    except FileExistsError:
        raise Failed(f"{file} exists; name another file, or replace it with --force") from None
    except FileNotFoundError:
        raise Failed(f"there is no folder {file.parent}; make it first") from None
    if as_json:
        echo_json({"database": str(database), **contents.document()})
        return
    click.echo(f"copied {database} to {file}: {_in_words(contents, settings)}")


@click.command()
@FILE
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def restore(settings: Settings, file: Path, yes: bool, as_json: bool) -> None:
    """Put the backup FILE in place of the database, which is kept under another name. The daemon must be stopped.

    Example: orchestrator restore /mnt/backups/orchestrator-2026-11-24.db
    """
    database = _database(settings)
    if (owner := settings.owner()) is not None:
        raise StoreOwned(database, owner)
    if not file.exists():
        raise Failed(f"there is no file {file}")
    if database.exists() and file.samefile(database):
        raise Failed(f"{file} is the database itself; name a backup of it")
    contents = inspect(file)
    if not yes:
        _confirm(f"{file} holds {_in_words(contents, settings)}. Put it in place of {database}?")
    now = settings.clock.now()
    lock = StoreLock(database)
    lock.acquire(now)  # no daemon can start meanwhile
    try:
        kept = put_back(file, database, now)
    finally:
        lock.release()
    if as_json:
        document = {"database": str(database), "kept": None if kept is None else str(kept)}
        echo_json({**document, "backup": contents.document(), "notes": _notes(contents, settings)})
        return
    click.echo(f"{database} is now {file}: {_in_words(contents, settings)}")
    click.echo("there was no database before" if kept is None else f"the one before is kept as {kept}")
    for note in _notes(contents, settings):
        click.echo(f"note: {note}")


def _database(settings: Settings) -> Path:
    """The database's path, of which one must be certain."""
    settings.tolerate(missing=True)
    if settings.lost:
        raise Failed(f"it can't be told where the database is: {settings.lost}")
    return settings.store_path


def _refuse_target(file: Path, database: Path) -> None:
    if file.is_dir():
        raise Failed(f"{file} is a folder; name a file in it")
    target = file.resolve()
    if target in {database.resolve(), *(beside(database.resolve(), ending) for ending in BELONGING)}:
        raise Failed(f"{file} belongs to the database itself; name another file")


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise Refused(f"{question} If so, add --yes")
    click.confirm(question, abort=True, err=True)


def _notes(contents: Contents, settings: Settings) -> list[str]:
    """What is not as it was, for whoever starts a daemon on it."""
    until = _at(contents.written_at, settings)
    if settings.config.broker.broker_type == "paper":
        notes = [f"the paper account is as it was at {until}: its money and positions are in the database"]
    else:
        notes = [AT_A_BROKER.format(until=until), BEFORE_THE_START]
    notes.append(
        "alerts that were to be delivered then are delivered now, and jobs that fell due since may run once more"
    )
    if contents.halted is not None:
        notes.append(f"it is halted: {contents.halted}; lift that with: orchestrator resume")
    return notes


def _in_words(contents: Contents, settings: Settings) -> str:
    size = f"{contents.size / 1e6:.1f} MB, schema {contents.schema}"
    known = f"{contents.orders:,} orders and {contents.fills:,} fills"
    return f"{size}, {known}, written until {_at(contents.written_at, settings)}"


def _at(at: datetime | None, settings: Settings) -> str:
    return "its making" if at is None else f"{at.astimezone(settings.calendar.timezone):%a %d %b %Y %H:%M:%S %Z}"
