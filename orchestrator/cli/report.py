"""orchestrator report: what a session brought."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import click

from calendars import Session
from orchestrator.alerts.report import latest_session, session_report, starting_cash
from orchestrator.cli.errors import Failed
from orchestrator.cli.output import echo_json, json_option
from orchestrator.cli.settings import Settings
from orchestrator.store import Store

__all__ = ["report"]


@click.command()
@click.option(
    "--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="The session's date, YYYY-MM-DD; the latest if not given."
)
@json_option
@click.pass_obj
def report(settings: Settings, day: datetime | None, as_json: bool) -> None:
    """Show what a session brought: money, trades, positions, what went wrong, what comes next.

    It is what the job daily_report sends 15 minutes after the close. It works with the daemon up or down, and while
    the session goes on.

    Example: orchestrator report --date 2026-11-27
    """
    settings.tolerate()
    session = _session(settings, day)
    with _store(settings) as store:
        cash = starting_cash(settings.config)
        made = session_report(store, settings.calendar, session, settings.clock.now(), starting_cash=cash)
    if as_json:
        echo_json(made.to_dict())
        return
    click.echo(f"{made.title()}\n\n{made.text()}")


def _session(settings: Settings, day: datetime | None) -> Session:
    calendar, now = settings.calendar, settings.clock.now()
    if day is None:
        latest = latest_session(calendar, now)
        if latest is None:
            raise Failed("there was no session in the last 30 days; name another one with --date")
        return latest
    session = calendar.session(day.date())
    if session is None:
        raise Failed(f"{day:%Y-%m-%d} has no session: {calendar.why(day.date())}")
    if session.open > now:
        opens = f"{session.open:%a %d %b %Y %H:%M %Z}"
        raise Failed(f"the session of {day:%Y-%m-%d} has not begun: it opens {opens}")
    return session


@contextmanager
def _store(settings: Settings) -> Iterator[Store]:
    """The store for reading; where there is none, an empty one, and a word on that."""
    store = settings.reader()
    if store is None:
        click.echo(f"note: no daemon has run on {settings.store_path} yet", err=True)
        store = Store("sqlite://").open()
    try:
        yield store
    finally:
        store.close()
