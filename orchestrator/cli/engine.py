"""orchestrator halt, resume, engine: the operator's orders."""

import sys
from typing import Any

import click
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.breaker import RESUMED
from orchestrator.cli.errors import Failed, NothingHalted, Refused
from orchestrator.cli.settings import Settings
from orchestrator.control import ask
from orchestrator.lock import StoreLock
from orchestrator.store import StoreError

__all__ = ["engine", "halt", "resume"]


def _given(context: click.Context, option: click.Parameter, text: str) -> str:
    if not text.strip():
        raise click.BadParameter("say why", context, option)
    return text


@click.command()
@click.option("--reason", required=True, callback=_given, help="Why; it is shown wherever the halt is.")
@click.option("--flatten", is_flag=True, help="Sell all positions, too.")
@click.pass_obj
def halt(settings: Settings, reason: str, flatten: bool) -> None:
    """Stop trading now and keep it stopped, over restarts too, until: orchestrator resume.

    Orders that rest at the broker are cancelled first; positions are kept, or sold with --flatten: now, or when the
    market opens. It works with the daemon down, too; then nothing can be cancelled or sold. Where no daemon has ever
    run there is nothing to halt, and it fails: another config may be meant.

    Example: orchestrator halt --reason "strange prices"
    """
    settings.tolerate(missing=True)
    if settings.owner() is not None:
        _ask(settings, "halt", {"reason": reason, "flatten": flatten})
        return
    if not _was_used(settings):
        raise NothingHalted(settings.store_path, settings.source.name)
    at = settings.clock.now().astimezone(settings.calendar.timezone).isoformat()
    _write_halt(settings, {"reason": reason, "at": at, "flatten": False})
    nothing = " Nothing was sold." if flatten else ""
    click.echo(
        f"halted: {reason}; no daemon runs on {settings.store_path}, and the next one there starts no engine before: "
        f"orchestrator resume{nothing}"
    )


@click.command()
@click.option("--yes", is_flag=True, help="The reason of the halt is known and settled.")
@click.pass_obj
def resume(settings: Settings, yes: bool) -> None:
    """Lift a halt, once its reason is known and settled: the engine runs again in its hours.

    If the circuit breaker has halted it, losses are from then on counted from the equity that is left.

    Example: orchestrator resume
    """
    settings.tolerate(missing=True)
    halted = _halted(settings)
    reason = None if halted is None else str(halted["reason"])
    if reason is not None:
        _acknowledge(reason, yes)
    if settings.owner() is not None:
        _ask(settings, "resume", {"reason": reason or ""})
    elif halted is None:
        click.echo("it was not halted")
    else:
        _write_halt(settings, None, halted.get("breaker"))
        click.echo("resumed: the next daemon trades again")


def _was_used(settings: Settings) -> bool:
    """Whether a daemon has ever run on the store; if none has, one that is meant runs elsewhere."""
    if settings.lost or settings.stray():
        settings.daemon()  # says that it can't be told which store is meant
    store = settings.reader()
    if store is not None:
        store.close()
    return store is not None


def _halted(settings: Settings) -> dict[str, Any] | None:
    """The halt that is in the store."""
    store = settings.reader() if settings.owner() is not None else _any_reader(settings)
    if store is None:
        return None
    with store:
        halted: dict[str, Any] | None = store.read_meta("halt")
    return halted


def _any_reader(settings: Settings) -> Any:
    """A halt can be in a store that no daemon has used yet."""
    return settings.writer() if settings.store_path.exists() else None


def _acknowledge(reason: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused(f"halted: {reason}; if that is settled: orchestrator resume --yes")
    click.confirm(f"halted: {reason}. Is that settled, and shall it trade again?", abort=True)


def _write_halt(settings: Settings, halted: dict[str, Any] | None, resumed: str | None = None) -> None:
    """With no daemon to ask: into the store, while no daemon can take it.

    :param resumed: the trip of the circuit breaker that this is the end of.
    """
    if settings.lost or settings.stray():
        settings.daemon()  # says that it can't be told which store is meant
    lock = StoreLock(settings.store_path)
    lock.acquire(settings.clock.now())
    try:
        with settings.writer() as store:
            if resumed is not None:  # first, as a kill in between must leave the halt
                store.write_meta(RESUMED, resumed)
            store.write_meta("halt", halted)
    finally:
        lock.release()


@click.group()
def engine() -> None:
    """Start, stop or restart the engine within the running daemon.

    Example: orchestrator engine restart
    """


@engine.command()
@click.pass_obj
def start(settings: Settings) -> None:
    """Start the engine in its hours, whatever auto_start says; one that was given up is tried again.

    Example: orchestrator engine start
    """
    _ask(settings, "start engine", {})


@engine.command()
@click.pass_obj
def stop(settings: Settings) -> None:
    """Stop the engine for the rest of the session; positions and resting orders stay as they are.

    To stop trading for longer, and over restarts: orchestrator halt

    Example: orchestrator engine stop
    """
    _ask(settings, "stop engine", {})


@engine.command()
@click.pass_obj
def restart(settings: Settings) -> None:
    """Stop the engine in an orderly way and start it again.

    Example: orchestrator engine restart
    """
    _ask(settings, "restart engine", {})


def _ask(settings: Settings, kind: str, args: dict[str, Any]) -> None:
    settings.tolerate(missing=True)
    owner = settings.daemon()
    try:
        with settings.writer() as store:
            click.echo(ask(store, settings.clock, owner, kind, args, timeout=15))
    except (StoreError, SQLAlchemyError) as error:
        cause = getattr(error, "orig", error)
        raise Failed(f"{cause}; to stop trading all the same: orchestrator stop") from error
