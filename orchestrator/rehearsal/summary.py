"""What came of a rehearsal, counted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from calendars import MarketCalendar
from jobs import RunResult
from orchestrator.events import (
    Alerted,
    EngineMoved,
    EquityMarked,
    Event,
    FaultInjected,
    InvariantBroken,
    JobRan,
    OrderFilled,
    OrderUpdated,
    Traded,
)

__all__ = ["Summary", "counted", "summary_lines", "why_no_session"]

DAYS_NAMED = 10
"""Days without a session that are named one by one."""


@dataclass
class Summary:
    """What came of it; money in the account's currency.

    :ivar no_session: why there was none, in words; empty if there was one.
    :ivar invariants: the rules that were watched.
    :ivar broken: how often each was broken.
    """

    start: date
    end: date
    sessions: int = 0
    no_session: str = ""
    fires: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    engine_starts: int = 0
    restarts: int = 0
    orders: int = 0
    fills: int = 0
    commission: float = 0.0
    alerts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    invariants: Sequence[str] = ()
    broken: Counter[str] = field(default_factory=Counter)
    starting_equity: float | None = None
    equity: float | None = None
    cash: float | None = None
    worst_drawdown: float = 0.0
    halted: str | None = None
    """Why trading is halted at the end."""
    _orders: set[str] = field(default_factory=set)
    _fills: set[str] = field(default_factory=set)

    @property
    def profit(self) -> float | None:
        return None if self.equity is None or self.starting_equity is None else self.equity - self.starting_equity

    def count(self, event: Event) -> None:
        match event:
            case JobRan(run=run):
                self.fires[run.job] += 1
                self.missed += run.result is RunResult.MISSED
            case EngineMoved(action=action):
                self.engine_starts += action in {"start", "restart"}
                self.restarts += action == "restart"
            case Alerted(level=level):
                self.alerts[level.value] += 1
            case Traded(event=OrderUpdated(order_ref=ref)):
                self._orders.add(ref)
                self.orders = len(self._orders)
            case Traded(event=OrderFilled() as fill):
                self._fill(fill)
            case Traded(event=EquityMarked() as mark):
                self._mark(mark)
            case FaultInjected(fault=fault):
                self.faults[fault] += 1
            case InvariantBroken(name=name):
                self.broken[name] += 1

    def _fill(self, fill: OrderFilled) -> None:
        if fill.fill_id in self._fills:  # told again after a kill
            return
        self._fills.add(fill.fill_id)
        self.fills = len(self._fills)
        self.commission += fill.commission

    def _mark(self, mark: EquityMarked) -> None:
        self.equity, self.cash = mark.equity, mark.cash
        self.worst_drawdown = max(self.worst_drawdown, mark.drawdown)

    def to_dict(self) -> dict[str, Any]:
        """As the last of the JSON lines has it."""
        return {
            "from": self.start.isoformat(),
            "to": self.end.isoformat(),
            "sessions": self.sessions,
            "no_session": self.no_session or None,
            "fires": dict(sorted(self.fires.items())),
            "missed": self.missed,
            "engine_starts": self.engine_starts,
            "restarts": self.restarts,
            "orders": self.orders,
            "fills": self.fills,
            "commission": round(self.commission, 2),
            "alerts": dict(sorted(self.alerts.items())),
            "faults": dict(sorted(self.faults.items())),
            "invariants": {"checked": list(self.invariants), "broken": dict(sorted(self.broken.items()))},
            "equity": _cents(self.equity),
            "cash": _cents(self.cash),
            "profit": _cents(self.profit),
            "worst_drawdown": round(self.worst_drawdown, 6),
            "halted": self.halted,
        }


def _cents(amount: float | None) -> float | None:
    return None if amount is None else round(amount, 2)


# --- in words ---


def counted(number: int, noun: str, plural: str = "") -> str:
    """``1 session``, ``1,250 sessions``; `plural` where it is not an s more."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def why_no_session(calendar: MarketCalendar, start: date, end: date) -> str:
    """Why there is no session in this range: each day of a short one with its reason; empty if there is one."""
    if calendar.sessions(start, end):
        return ""
    days = (end - start).days + 1
    named = [_closed(calendar, start + timedelta(days=number)) for number in range(min(days, DAYS_NAMED))]
    more = [f"and {counted(days - DAYS_NAMED, 'more day')}"] if days > DAYS_NAMED else []
    return "; ".join([*named, *more])


def _closed(calendar: MarketCalendar, day: date) -> str:
    why = calendar.why(day).removesuffix(": closed")
    return f"{day:%a %d %b %Y}: {'weekend' if calendar.is_weekend(day) and why == f'{day:%A}' else why}"


def summary_lines(summary: Summary) -> list[str]:
    """For a terminal."""
    rows = (
        ("jobs", _jobs(summary)),
        ("missed", counted(summary.missed, "fire") if summary.missed else "none"),
        ("engine", _engine(summary)),
        ("alerts", _levels(summary.alerts)),
        ("orders", _orders(summary)),
        ("account", _account(summary)),
        ("faults", _counts(summary.faults) or "none"),
        ("invariants", _invariants(summary)),
    )
    halted = [("HALTED", summary.halted)] if summary.halted else []
    return [_range(summary), *(f"  {head:<11} {text}" for head, text in (*rows, *halted))]


def _range(summary: Summary) -> str:
    first, last = f"{summary.start:%a %d %b %Y}", f"{summary.end:%a %d %b %Y}"
    span = first if first == last else f"{first} to {last}"
    if summary.no_session:
        return f"no session: {summary.no_session}"
    return f"{counted(summary.sessions, 'session')}, {span}"


def _jobs(summary: Summary) -> str:
    total = sum(summary.fires.values())
    return f"{counted(total, 'fire')}: {_counts(summary.fires)}" if total else "no fires"


def _engine(summary: Summary) -> str:
    if not summary.engine_starts:
        return "not started"
    again = f", {summary.restarts:,} of them after a failure" if summary.restarts else ""
    return f"{counted(summary.engine_starts, 'start')}{again}"


def _orders(summary: Summary) -> str:
    orders, fills = _several(summary.orders, "order"), _several(summary.fills, "fill")
    return f"{orders}, {fills}, commission {summary.commission:,.2f}" if summary.orders else "none"


def _account(summary: Summary) -> str:
    if summary.equity is None or summary.profit is None or not summary.starting_equity:
        return "not valued: no engine ran"
    profit = f"{summary.profit:+,.2f} ({summary.profit / summary.starting_equity:+.2%})"
    return f"equity {summary.equity:,.2f}, profit {profit}, worst drawdown {summary.worst_drawdown:.2%}"


def _invariants(summary: Summary) -> str:
    if summary.broken:
        return f"BROKEN: {_counts(summary.broken)}; {len(summary.invariants)} checked"
    return f"{len(summary.invariants)} checked, all held" if summary.invariants else "not checked"


def _levels(alerts: Mapping[str, int]) -> str:
    found = [f"{alerts[level]:,} {level}" for level in ("critical", "warning", "info") if alerts.get(level)]
    return ", ".join(found) or "none"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items()))


def _several(number: int, noun: str) -> str:
    return counted(number, noun) if number else f"no {noun}s"
