"""orchestrator calendar: what the exchange does on a day, and next."""

from datetime import date, datetime, timedelta
from typing import Any

import click

from calendars import MarketCalendar
from orchestrator.cli.output import echo_json, in_words, json_option, table
from orchestrator.cli.settings import Settings

__all__ = ["calendar"]

DAY = click.DateTime(["%Y-%m-%d"])


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
    rows = [
        [f"{each:%a %d %b %Y}", _hour(document["open"]), _hour(document["close"]), document["why"]]
        for each, document in zip(days, documents, strict=True)
    ]
    click.echo(table(["date", "open", "close", "why"], rows))


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


def _hour(text: str | None) -> str:
    return "-" if text is None else f"{datetime.fromisoformat(text):%H:%M}"
