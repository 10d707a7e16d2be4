"""A simulation's events, for a reader and for a program."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from calendars import MarketCalendar
from jobs import RunResult
from jobs.durations import format_duration
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
    JobRan,
    OrderFilled,
    OrderUpdated,
    StateChanged,
    Traded,
)

__all__ = ["Timeline", "as_document"]

QUIET_JOBS = frozenset({"heartbeat", "health_check", "config_reload", "housekeeping"})


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
    return None


class Timeline:
    """Lines for a terminal: a heading for each day on which something happens, and for each holiday between."""

    def __init__(self, calendar: MarketCalendar) -> None:
        self._calendar = calendar
        self._day: date | None = None
        self._account: EquityMarked | None = None

    def lines(self, event: Event) -> Iterator[str]:
        if isinstance(event, Traded) and isinstance(event.event, EquityMarked):
            self._account = event.event
            return
        text = _text(event)
        if text is None:
            return
        yield from self._heading(event.at)
        at = event.at.astimezone(self._calendar.timezone)
        yield f"  {at:%H:%M:%S}  {text}"
        if isinstance(event, JobRan) and event.run.job == "market_close" and self._account is not None:
            account = self._account
            yield f"            equity {account.equity:,.2f}, cash {account.cash:,.2f}, drawdown {account.drawdown:.2%}"

    def _heading(self, at: datetime) -> Iterator[str]:
        day = at.astimezone(self._calendar.exchange_timezone).date()
        while self._day is None or self._day < day:
            self._day = day if self._day is None else self._day + timedelta(days=1)
            if self._day == day or self._calendar.is_holiday(self._day):
                yield f"{self._day:%a %d %b %Y}  {self._calendar.name}: {self._calendar.why(self._day)}"


def _indented(message: str) -> str:
    """Beside the title if it is one line, and else below it."""
    lines = [line for line in message.splitlines() if line]
    return f": {message}" if len(lines) < 2 else "".join(f"\n{' ' * 21}{line}" for line in lines)


def _text(event: Event) -> str | None:
    match event:
        case StateChanged(old=old, new=new, cause=cause):
            return f"state    {old} -> {new}: {cause}"
        case EngineMoved(action=action, detail=detail):
            return f"engine   {action}{': ' + detail if detail else ''}"
        case JobRan(run=run) if run.job not in QUIET_JOBS or run.result is not RunResult.OK:
            return f"job      {run.job} {run.result}{': ' + run.reason if run.reason else ''}"
        case Alerted(level=level, title=title, message=message):
            return f"alert    {level.value}: {title}{_indented(message)}"
        case Traded(event=OrderUpdated(reason=reason) as order):
            note = f": {reason}" if reason else ""
            return f"order    {order.action} {order.quantity:g} {order.symbol} {order.status}{note}"
        case Traded(event=OrderFilled() as fill):
            text = f"fill     {fill.action} {fill.quantity:g} {fill.symbol} at {fill.price:,.2f}"
            return f"{text}, commission {fill.commission:,.2f}"
        case ConfigApplied(changes=changes):
            return f"config   {'; '.join(changes)}"
        case DaemonMoved(action=action, detail=detail):
            return f"daemon   {action}{': ' + detail if detail else ''}"
        case FaultInjected():
            return f"fault    {_fault_text(event)}"
        case FaultEnded(fault=fault):
            return f"fault    {fault} is over"
    return None


def _fault_text(event: FaultInjected) -> str:
    """As a scenario file has it."""
    lasts = {} if event.lasts is None else {"for": format_duration(event.lasts)}
    said = {**lasts, **event.parameters}
    return f"{event.fault}{' ' + flow(said) if said else ''}{f' ({event.detail})' if event.detail else ''}"
