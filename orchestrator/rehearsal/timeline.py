"""A simulation's events, for a reader and for a program."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from calendars import MarketCalendar
from jobs import RunResult
from jobs.durations import format_duration
from notifiers import AlertLevel
from orchestrator.config.editing.yaml_writing import flow
from orchestrator.events import (
    Alerted,
    ConfigApplied,
    DaemonMoved,
    EngineMoved,
    EquityMarked,
    Event,
    FaultEnded,
    FaultInjected,
    InvariantBroken,
    JobRan,
    OrderFilled,
    OrderUpdated,
    StateChanged,
    Traded,
)

__all__ = ["Timeline", "as_document"]

QUIET_JOBS = frozenset({"heartbeat", "health_check", "config_reload", "housekeeping"})

TOLD_BY_FILLS = frozenset({"PartiallyFilled", "Filled"})


def as_document(event: Event, calendar: MarketCalendar) -> dict[str, Any] | None:
    """An event as a JSON line has it; None for what is no line of its own."""
    at = {"at": event.at.astimezone(calendar.timezone).isoformat()}
    match event:
        case StateChanged(old=old, new=new, cause=cause):
            return {**at, "kind": "transition", "from": old.value, "to": new.value, "cause": cause}
        case EngineMoved(action=action, run=run, detail=detail):
            return {**at, "kind": "engine", "action": action, "run": run, "detail": detail}
        case JobRan(run=run):
            scheduled = run.scheduled_at.astimezone(calendar.timezone).isoformat()
            line = {**at, "kind": "job", "name": run.job, "scheduled_at": scheduled}
            return {**line, "result": run.result, "reason": run.reason}
        case Alerted(level=level, topic=topic, title=title, message=message):
            line = {**at, "kind": "alert", "level": level.value, "topic": topic}
            return {**line, "title": title, "message": message}
        case ConfigApplied(changes=changes):
            return {**at, "kind": "config", "version": None, "changes": changes}
        case Traded(event=OrderUpdated() as order):
            line = {**at, "kind": "order", "order_ref": order.order_ref, "symbol": order.symbol}
            return {**line, "action": order.action, "quantity": order.quantity, "status": order.status}
        case Traded(event=OrderFilled() as fill):
            line = {**at, "kind": "fill", "order_ref": fill.order_ref, "fill_id": fill.fill_id}
            return {**line, "quantity": fill.quantity, "price": fill.price, "commission": fill.commission}
        case DaemonMoved(action=action, detail=detail):
            return {**at, "kind": "daemon", "action": action, "detail": detail}
        case FaultInjected(fault=fault, parameters=parameters, lasts=lasts, detail=detail):
            line = {**at, "kind": "fault", "fault": fault, "action": "begin", "detail": detail}
            return {**line, "for": lasts, "parameters": parameters}
        case FaultEnded(fault=fault):
            return {**at, "kind": "fault", "fault": fault, "action": "end"}
        case InvariantBroken(name=name, detail=detail, trail=trail):
            led = [document for each in trail if (document := as_document(each, calendar)) is not None]
            return {**at, "kind": "invariant", "name": name, "detail": detail, "trail": led}
    return None


class Timeline:
    """Lines for a terminal: a heading for each session and each day on which something happens, and for each holiday
    between.

    Days are those of the exchange. Where the calendar answers in another zone than the exchange's, a session may begin
    on the day before: then each line names its weekday, and the heading says in which zone its hours are.

    :param full: the long messages of INFO alerts too, such as the daily report.
    """

    def __init__(self, calendar: MarketCalendar, *, full: bool = False) -> None:
        self._calendar, self._full = calendar, full
        self._day: date | None = None
        self._account: EquityMarked | None = None
        self._abroad = calendar.timezone.key != calendar.exchange_timezone.key
        self._moment = "%a %H:%M:%S" if self._abroad else "%H:%M:%S"

    def lines(self, event: Event) -> Iterator[str]:
        if isinstance(event, Traded) and isinstance(event.event, EquityMarked):
            self._account = event.event
            return
        text = self._text(event)
        if text is None:
            return
        yield from self._heading(event.at)
        yield self._line(event.at, text)
        if isinstance(event, InvariantBroken):
            yield from self._trail(event)
        if isinstance(event, JobRan) and event.run.job == "market_close" and self._account is not None:
            account = self._account
            text = f"equity {account.equity:,.2f}, cash {account.cash:,.2f}, drawdown {account.drawdown:.2%}"
            yield self._line(event.at, f"account  {text}")

    # --- headings ---

    def _heading(self, at: datetime) -> Iterator[str]:
        day = at.astimezone(self._calendar.exchange_timezone).date()
        while self._day is None or self._day < day:
            first, self._day = self._day is None, day if self._day is None else self._day + timedelta(days=1)
            if self._day == day or self._calendar.is_holiday(self._day):
                yield from [] if first else [""]
                yield f"{self._day:%a %d %b %Y}  {self._calendar.name}: {self._calendar.why(self._day)}{self._hours()}"

    def _hours(self) -> str:
        """When the day's session is in the zone of the lines, if that is another one than the exchange's."""
        session = self._calendar.session(self._day) if self._abroad else None
        if session is None:
            return f" ({self._calendar.exchange_timezone.key})" if self._abroad else ""
        first, last = (each.astimezone(self._calendar.timezone) for each in (session.open, session.close))
        zone = self._calendar.exchange_timezone.key
        return f" {zone}, which is {first:%a %H:%M} to {last:%a %H:%M %Z}"

    # --- lines ---

    def _line(self, at: datetime, text: str) -> str:
        stamp = f"  {at.astimezone(self._calendar.timezone):{self._moment}}  "
        return stamp + text.replace("\n", f"\n{' ' * (len(stamp) + 9)}")

    def _trail(self, event: InvariantBroken) -> Iterator[str]:
        """What led there, with its days, as some of it may be long ago."""
        for each in event.trail:
            text = _text(each, full=False)
            if text is not None:
                at = each.at.astimezone(self._calendar.timezone)
                yield f"{' ' * 12}{at:%d %b %H:%M:%S}  {text.partition(chr(10))[0]}"

    def _text(self, event: Event) -> str | None:
        """The line of an event, without what the day's heading says already."""
        text = None if _is_routine(event) else _text(event, full=self._full)
        if text is None or isinstance(event, InvariantBroken):
            return text
        day = event.at.astimezone(self._calendar.exchange_timezone).date()
        why = f": {self._calendar.why(day)}"
        return text.removesuffix(why).removesuffix(f": {self._calendar.name} {day:%a %d %b %Y}")


def _is_routine(event: Event) -> bool:
    return isinstance(event, JobRan) and event.run.job in QUIET_JOBS and event.run.result is RunResult.OK


def _job(event: JobRan) -> str:
    run = event.run
    return f"job      {run.job} {run.result}{': ' + run.reason if run.reason else ''}"


def _alert(event: Alerted, full: bool) -> str:
    """With its message beside the title if that is one line, and else below it."""
    head = f"alert    {event.level.value}: {event.title}"
    told = [line for line in event.message.splitlines() if line]
    if len(told) < 2:
        return f"{head}: {event.message}" if event.message else head
    return "\n".join([head, *told]) if full or event.level is not AlertLevel.INFO else head


def _order(order: OrderUpdated) -> str | None:
    if order.status in TOLD_BY_FILLS:
        return None
    note = f": {order.reason}" if order.reason else ""
    return f"order    {order.action} {order.quantity:g} {order.symbol} {order.status}{note}"


def _fill(fill: OrderFilled) -> str:
    text = f"fill     {fill.action} {fill.quantity:g} {fill.symbol} at {fill.price:,.2f}"
    return f"{text}, commission {fill.commission:,.2f}"


def _traded(event: Traded) -> str | None:
    match event.event:
        case OrderUpdated() as order:
            return _order(order)
        case OrderFilled() as fill:
            return _fill(fill)
        case EquityMarked() as mark:
            return f"account  equity {mark.equity:,.2f}, cash {mark.cash:,.2f}"


def _engine(event: EngineMoved) -> str:
    return f"engine   {event.action}{': ' + event.detail if event.detail else ''}"


def _daemon(event: DaemonMoved) -> str:
    return f"daemon   {event.action}{': ' + event.detail if event.detail else ''}"


def _fault(event: FaultInjected) -> str:
    """As a scenario file has it."""
    lasts = {} if event.lasts is None else {"for": format_duration(event.lasts)}
    said = {**lasts, **event.parameters}
    note = f" ({event.detail})" if event.detail else ""
    return f"fault    {event.fault}{' ' + flow(said) if said else ''}{note}"


TEXTS: Mapping[type, Callable[[Any], str | None]] = {
    StateChanged: lambda event: f"state    {event.old} -> {event.new}: {event.cause}",
    EngineMoved: _engine,
    JobRan: _job,
    Traded: _traded,
    ConfigApplied: lambda event: f"config   {'; '.join(event.changes)}",
    DaemonMoved: _daemon,
    FaultInjected: _fault,
    FaultEnded: lambda event: f"fault    {event.fault} is over",
    InvariantBroken: lambda event: f"BROKEN   {event.name}: {event.detail}",
}


def _text(event: Event, full: bool) -> str | None:
    if isinstance(event, Alerted):
        return _alert(event, full)
    return TEXTS[type(event)](event)
