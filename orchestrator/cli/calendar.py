"""orchestrator calendar: what the exchange does on a day, and next."""

from datetime import date, datetime, timedelta
from typing import Any

import click

from calendars import MarketCalendar
from orchestrator.cli.output import echo_json, in_words, json_option, table
from orchestrator.cli.settings import Settings

__all__ = ["calendar"]

DAY = click.DateTime(["%Y-%m-%d"])
DAY_AND_NIGHT = "open day and night"


@click.group()
def calendar() -> None:
    """Ask the exchange's calendar, with the overrides of the config.

    Example: orchestrator calendar show --from 2026-11-23 --to 2026-11-30
    """


@calendar.command()
@click.option("--date", "day", type=DAY, help="One day, YYYY-MM-DD; today if nothing is given.")
@click.option("--from", "start", type=DAY, help="The first day of several.")
@click.option("--to", "end", type=DAY, help="The last day of several.")
@json_option
@click.pass_obj
def show(settings: Settings, day: datetime | None, start: datetime | None, end: datetime | None, as_json: bool) -> None:
    """Show days: open, close, and why they are not as usual.

    Example: orchestrator calendar show --date 2026-11-27
    """
    market = settings.calendar
    days = _days(market, settings.clock.now(), day, start, end)
    documents = [_document(market, each) for each in days]
    if as_json:
        echo_json(documents)
        return
    click.echo(table(["date", "open", "close", "why"], [_cells(market, each) for each in days]))


@calendar.command("next")
@json_option
@click.pass_obj
def next_session(settings: Settings, as_json: bool) -> None:
    """Show the next open and close.

    Example: orchestrator calendar next --json
    """
    market, now = settings.calendar, settings.clock.now()
    opens, closes = market.get_next_market_open(now), market.get_next_market_close(now)
    why = market.why(min(opens, closes))
    if as_json:
        echo_json({"open": opens.isoformat(), "close": closes.isoformat(), "why": why})
        return
    if market.next_change(now) is None:
        ends = f"{closes:%a %d %b %Y %H:%M %Z} (in {in_words((closes - now).total_seconds())})"
        click.echo(f"{market.name} is {DAY_AND_NIGHT}: it neither opens nor closes\nits day of 24 hours ends {ends}")
        return
    click.echo(f"now    {market.name} {market.get_market_state(now)}, {market.why(now)}")
    for word, at in sorted((("open", opens), ("close", closes)), key=lambda pair: pair[1]):
        click.echo(f"{word:<6} {at:%a %d %b %Y %H:%M %Z} (in {in_words((at - now).total_seconds())}), {market.why(at)}")


def _days(
    market: MarketCalendar, now: datetime, day: datetime | None, start: datetime | None, end: datetime | None
) -> list[date]:
    if day is not None and (start is not None or end is not None):
        raise click.UsageError("write either --date, or --from and --to")
    if start is None and end is None:
        return [day.date() if day is not None else now.astimezone(market.exchange_timezone).date()]
    if start is None or end is None:
        raise click.UsageError("--from and --to go together")
    if end < start:
        raise click.UsageError(f"--to {end:%Y-%m-%d} is before --from {start:%Y-%m-%d}")
    return [start.date() + timedelta(days=i) for i in range((end - start).days + 1)]


def _document(market: MarketCalendar, day: date) -> dict[str, Any]:
    session = market.session(day)
    return {
        "date": day.isoformat(),
        "open": None if session is None else session.open.isoformat(),
        "close": None if session is None else session.close.isoformat(),
        "early_close": session is not None and session.early_close,
        "late_open": session is not None and session.late_open,
        "why": market.why(day),
    }


def _cells(market: MarketCalendar, day: date) -> list[str]:
    """A day's row: times as everywhere, and why they are so in the exchange's own time, if that is another one."""
    session, why = market.session(day), market.why(day)
    if session is None:
        return [_day(day), "-", "-", why]
    own = session.open.astimezone(market.exchange_timezone)
    if own.utcoffset() != session.open.utcoffset():
        why = f"{why} {own:%Z}, shown in {session.open:%Z}"
    if market.next_change(session.open) is None:
        why = f"{DAY_AND_NIGHT}; {why}"
    return [_day(day), _hour(session.open, day), _hour(session.close, day), why]


def _day(day: date) -> str:
    return f"{day:%a %d %b %Y}"


def _hour(at: datetime, day: date) -> str:
    """A time of a day; with its weekday if that is another one."""
    return f"{at:%H:%M}" if at.date() == day else f"{at:%a %H:%M}"
