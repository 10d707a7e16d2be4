"""A session's report in words: a title, and short plain lines, a paragraph to each matter."""

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from jobs.durations import format_duration
from notifiers.text import cut
from orchestrator.alerts.report.account import Equity, Exposure, Holding
from orchestrator.alerts.report.outages import Outage
from orchestrator.alerts.report.trades import SymbolTrades
from orchestrator.alerts.report.troubles import ChannelTrouble, JobTrouble

if TYPE_CHECKING:
    from orchestrator.alerts.report.session import SessionReport

__all__ = ["body", "title"]

MOST_LINES = 12
"""Of one kind; a phone is small."""

LONGEST_REASON = 120
"""Characters."""


def title(report: "SessionReport") -> str:
    so_far = " so far" if report.at < report.close else ""
    account, count = report.equity, report.trades.orders
    result = "no equity recorded" if account is None else _change(account.change, account.change_fraction)
    trades = "no trades" if count == 0 else f"{count} trade{_s(count)}"
    return f"{report.session:%a %d %b}{so_far}: {result}, {trades}"


def body(report: "SessionReport") -> str:
    paragraphs = (paragraph(report) for paragraph in PARAGRAPHS)
    return "\n\n".join("\n".join(lines) for lines in map(list, paragraphs) if lines)


def _day(report: "SessionReport") -> Iterator[str]:
    if not report.why.startswith("regular session"):
        yield report.why


def _account(report: "SessionReport") -> Iterator[str]:
    account, before = report.equity, report.before
    if account is not None:
        yield from _performance(account, report)
    elif before is not None:
        yield f"No equity recorded; it was {before.equity:,.2f} on {_when(before.at, report)}"
    else:
        yield "No equity recorded"
    realised = report.trades.realised
    if any(each.sold for each in report.trades.symbols):
        yield f"Realised {'is not known' if realised is None else f'{realised:+,.2f} before commission'}"


def _performance(account: Equity, report: "SessionReport") -> Iterator[str]:
    change = _change(account.change, account.change_fraction)
    since = "the start" if account.since is None else _when(account.since, report)
    yield f"Equity {account.equity:,.2f}, {change} since {since}"
    if account.other_cash:
        yield f"{account.other_cash:+,.2f} of it is cash that came without a trade"
    if account.since is not None:
        yield f"{_change(account.total_change, account.total_fraction)} since the start"
    yield f"Drawdown {_percent(account.drawdown)}, worst {_percent(account.worst_drawdown)}"


def _trades(report: "SessionReport") -> Iterator[str]:
    trades = report.trades
    if trades.orders == 0:
        yield "No trades"
        return
    yield f"{trades.orders} trade{_s(trades.orders)}, commission {trades.commission:,.2f}"
    yield from _some([_symbol_line(each) for each in trades.symbols], "symbols")


def _symbol_line(traded: SymbolTrades) -> str:
    sides = (("bought", traded.bought, traded.bought_at), ("sold", traded.sold, traded.sold_at))
    done = [f"{word} {_number(shares)} at {_price(at)}" for word, shares, at in sides if at is not None]
    return f"{traded.symbol} {', '.join(done)}"


def _held(report: "SessionReport") -> Iterator[str]:
    exposure = report.exposure
    if exposure is None:
        return
    yield f"{_percent(exposure.invested, 1)} invested, {_percent(exposure.cash, 1)} cash"
    yield from _positions(exposure)


def _positions(exposure: Exposure) -> Iterator[str]:
    if exposure.positions is None:
        yield "Positions: not known any more"
    elif not exposure.positions:
        yield "No positions"
    else:
        yield from _some([_holding_line(each) for each in exposure.positions], "positions")


def _holding_line(holding: Holding) -> str:
    weight = "no price" if holding.weight is None else _percent(holding.weight, 1)
    return f"{holding.symbol} {_number(holding.quantity)} ({weight})"


def _engine(report: "SessionReport") -> Iterator[str]:
    uptime = report.uptime
    if uptime is None:
        yield "Engine: nothing recorded"
        return
    restarts = f", {uptime.restarts} restart{_s(uptime.restarts)}" if uptime.restarts else ""
    yield f"Engine up {_length(uptime.trading)} of {_length(uptime.hours)}{restarts}"
    yield from _some([_outage_line(each, report) for each in uptime.outages], "interruptions")


def _outage_line(outage: Outage, report: "SessionReport") -> str:
    start, end = (at.astimezone(report.open.tzinfo) for at in (outage.start, outage.end))
    seconds = ":%S" if outage.end - outage.start < timedelta(minutes=1) else ""
    return f"{_span(start, end, seconds)} {_short(outage.cause)}"


def _jobs(report: "SessionReport") -> Iterator[str]:
    fires, troubles = report.jobs.fires, report.jobs.troubles
    bad = sum(each.count for each in troubles)
    if fires == 0:
        yield "Jobs: nothing recorded"
    else:
        yield f"Jobs: {bad:,} of {fires:,} runs went wrong" if bad else f"Jobs: {fires:,} run{_s(fires)}, all well"
    yield from _some([_job_line(each, report) for each in troubles], "jobs")


def _job_line(trouble: JobTrouble, report: "SessionReport") -> str:
    times = "" if trouble.count == 1 else f" {trouble.count:,} times, last"
    reason = f": {_short(trouble.reason)}" if trouble.reason else ""
    return f"{trouble.job} {trouble.result}{times} {_when(trouble.last_at, report)}{reason}"


def _alerts(report: "SessionReport") -> Iterator[str]:
    alerts = report.alerts
    if not alerts.channels:
        yield "Undelivered alerts: none"
        return
    lost = f", {alerts.lost:,} given up" if alerts.lost else ""
    yield f"Undelivered alerts: {alerts.pending:,} waiting, {alerts.failing:,} of them failing{lost}"
    yield from _some([_channel_line(each) for each in alerts.channels], "channels")


def _channel_line(trouble: ChannelTrouble) -> str:
    error = f": {_short(trouble.last_error)}" if trouble.last_error else ""
    return f"{trouble.channel} {trouble.pending + trouble.lost:,}{error}"


def _next(report: "SessionReport") -> Iterator[str]:
    coming = report.next_session
    if coming is None:
        yield "Next session: not known"
        return
    reason = "" if coming.why.startswith("regular session") else f", {coming.why.rpartition(': ')[0] or coming.why}"
    yield f"Next session: {coming.session:%a %d %b} {_span(coming.open, coming.close)}{reason}"


PARAGRAPHS = (_day, _account, _trades, _held, _engine, _jobs, _alerts, _next)


# --- figures ---


def _some(lines: Sequence[str], what: str) -> Iterator[str]:
    yield from lines[:MOST_LINES]
    if len(lines) > MOST_LINES:
        yield f"and {len(lines) - MOST_LINES} more {what}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _short(text: str) -> str:
    return cut(" ".join(text.split()), LONGEST_REASON)


def _change(amount: Decimal, part: float | None) -> str:
    return f"{amount:+,.2f}" + ("" if part is None else f" ({_percent(part, sign='+')})")


def _percent(part: float, digits: int = 2, sign: str = "") -> str:
    return f"{round(part * 100, digits) + 0.0:{sign},.{digits}f} %"


def _number(quantity: Decimal | float) -> str:
    text = f"{quantity:,.6f}"
    return text.rstrip("0").rstrip(".")


def _price(price: Decimal) -> str:
    return f"{price:,.2f}" if price >= 1 else f"{price:,.4f}"


def _length(time: timedelta) -> str:
    """To the minute, or if it is shorter than one, to the second."""
    seconds = time.total_seconds()
    return format_duration(round(seconds / 60) * 60 if seconds >= 60 else round(seconds))


def _span(start: datetime, end: datetime, seconds: str = "") -> str:
    """``09:30-16:00``; with the days of the week if it goes over midnight."""
    if end.date() == start.date():
        day, closes = "", f"{end:%H:%M{seconds}}"
    elif end.date() == start.date() + timedelta(days=1) and end.time() == time():
        day, closes = "", "24:00"
    else:
        day, closes = "%a ", f"{end:%a %H:%M{seconds}}"
    return f"{start:{day}%H:%M{seconds}}-{closes}"


def _when(at: datetime, report: "SessionReport") -> str:
    return f"{at.astimezone(report.open.tzinfo):%a %d %b %H:%M}"
