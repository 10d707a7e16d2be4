"""orchestrator start and stop: the daemon's life."""

import faulthandler
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import click
from sqlalchemy.exc import SQLAlchemyError

from calendars import Clock
from orchestrator.cli.errors import Failed, Refused, guard_money, refuse_unsupported
from orchestrator.cli.settings import Settings
from orchestrator.cli.telling import code_of
from orchestrator.config import log_file
from orchestrator.control import NoAnswer, ask
from orchestrator.exit_codes import FINAL
from orchestrator.inbox import Inbox
from orchestrator.lock import StoreOwned
from orchestrator.store import StoreError

__all__ = ["start", "stop"]


@click.command()
@click.option("--live", is_flag=True, help="Trade real money: needed in addition to mode: live.")
@click.pass_obj
def start(settings: Settings, live: bool) -> None:
    """Run the daemon in the foreground, until SIGTERM, Ctrl-C or orchestrator stop.

    Its exit code tells a service manager whether to start it again: after 0, 2, 3, 5 and 6 there is no use in that.

    Example: orchestrator --config my.yaml start
    """
    with _unhurried(settings):
        _start(settings, live)


@contextmanager
def _unhurried(settings: Settings) -> Iterator[None]:
    """An error after which supervisord starts the daemon again ends it a little later: supervisord does not wait."""
    try:
        yield
    except Exception as error:
        if "SUPERVISOR_ENABLED" in os.environ and code_of(error) not in FINAL:
            click.echo(f"error: {error}; it ends in {RESTART_PAUSE:g} s, to be started again", err=True)
            _wait(settings.clock, RESTART_PAUSE)
        raise


RESTART_PAUSE = 10.0


def _wait(clock: Clock, seconds: float) -> None:
    inbox, until = Inbox(), clock.monotonic() + seconds
    try:
        while (left := until - clock.monotonic()) > 0:
            clock.wait(inbox, clock.now() + timedelta(seconds=left))
    finally:
        inbox.close()


def _start(settings: Settings, live: bool) -> None:
    from orchestrator.cli.screen import start_screen
    from orchestrator.daemon import TradingOrchestrator
    from orchestrator.engine.interface import EngineRefused
    from orchestrator.logs import configure_logging, secrets_of

    wrong = settings.go_on_with_last()
    guard_money(settings.config, live, "start")
    refuse_unsupported(settings.config)
    if (owner := settings.owner()) is not None and owner.here:  # of another machine's only the lock itself can tell
        raise StoreOwned(settings.store_path, owner)
    if not settings.quiet and not wrong:
        click.echo(start_screen(settings), err=settings.config.logging.format == "json")
    os.umask(0o077)  # what the daemon writes is its owner's alone
    level = "DEBUG" if settings.verbose else "WARNING" if settings.quiet else None
    file = log_file(settings.config, settings.source.base_dir)
    configure_logging(settings.config.logging, file, level, secrets_of(settings.config))
    faulthandler.enable(2)  # the SIGABRT of a watchdog shows where it hangs
    try:
        TradingOrchestrator(settings.path).start()
    except EngineRefused as error:
        raise Refused(str(error)) from error


@click.command()
@click.option("--timeout", type=float, help="Seconds to wait for its end; its stop_timeout and a little if not given.")
@click.pass_obj
def stop(settings: Settings, timeout: float | None) -> None:
    """Have the running daemon come to an orderly end, and wait for it.

    Example: orchestrator stop
    """
    settings.tolerate(missing=True)
    owner = settings.daemon()
    timeout = settings.config.engine.stop_timeout + 10 if timeout is None else timeout
    deadline = settings.clock.monotonic() + timeout
    try:
        with settings.writer() as store:
            ask(store, settings.clock, owner, "stop", {}, timeout=5)
    except (NoAnswer, StoreError, SQLAlchemyError):
        if not owner.here:
            raise
        with suppress(ProcessLookupError):
            os.kill(owner.pid, signal.SIGTERM)
    inbox = Inbox()
    try:
        while settings.owner() is not None:
            if settings.clock.monotonic() > deadline:
                raise Failed(
                    f"process {owner.pid} still runs after {timeout:g} s; to end it at once: kill -9 {owner.pid}"
                )
            settings.clock.wait(inbox, settings.clock.now() + timedelta(milliseconds=50))
    finally:
        inbox.close()
    click.echo("stopped")
