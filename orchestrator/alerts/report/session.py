"""The report of a session: what of it is on record, and in words."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from calendars import MarketCalendar, Session
from orchestrator.alerts.report import wording
from orchestrator.alerts.report.account import Equity, Exposure, Mark, equity_of, exposure_of, mark_before
from orchestrator.alerts.report.outages import Uptime, uptime
from orchestrator.alerts.report.trades import Trades, trades_of
from orchestrator.alerts.report.troubles import JobRecord, Undelivered, job_record, undelivered
from orchestrator.config import TradingConfig
from orchestrator.store import Store

__all__ = ["Coming", "SessionReport", "latest_session", "reported_session", "session_report", "starting_cash"]

INSTANT = timedelta(microseconds=1)
"""The store's resolution: what happens at the end of a session is of the next one."""

LONGEST_CLOSURE = timedelta(days=30)
"""How far away the session before one, or after it, is looked for."""


@dataclass(frozen=True, slots=True)
class Coming:
    """A session to come; `why` in the words of the calendar."""

    session: date
    open: datetime
    close: datetime
    why: str


@dataclass(frozen=True, slots=True)
class SessionReport:
    """One session. What is None or empty was not recorded, or did not happen.

    :param at: as of when.
    :param before: the account as it was left before the session.
    :param jobs: of the fires since the close of the session before.
    """

    session: date
    exchange: str
    open: datetime
    close: datetime
    why: str
    at: datetime
    before: Mark | None
    equity: Equity | None
    trades: Trades
    exposure: Exposure | None
    uptime: Uptime | None
    jobs: JobRecord
    alerts: Undelivered
    next_session: Coming | None

    def title(self) -> str:
        """``Tue 24 Nov: +1,234.56 (+1.23 %), 5 trades``"""
        return wording.title(self)

    def text(self) -> str:
        """The whole in plain lines, short enough for a phone."""
        return wording.body(self)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON: times in ISO 8601 in the calendar's zone, lengths of time in seconds."""
        document: dict[str, Any] = _plain(self, self.open.tzinfo)
        return document


def session_report(
    store: Store,
    calendar: MarketCalendar,
    session: Session,
    now: datetime,
    *,
    starting_cash: float | None = None,
    account: Mapping[str, Any] | None = None,
) -> SessionReport:
    """What is on record of a session, up to `now`. That nothing is, is an answer too; only the store may raise.

    :param starting_cash: what the account began with; by default its first mark.
    :param account: the newest ``EquityMarked``, as a mapping; by default that of the stored status. Its positions
        count if it is of this session.
    """
    begin, end = session.pre_open, min(session.post_close - INSTANT, now)
    previous = _session_before(calendar, session)
    since = begin if previous is None else previous.close
    before = mark_before(store, begin)
    equity = equity_of(store, begin, end, before, starting_cash)
    if account is None:
        account = (store.read_meta("status") or {}).get("account")
    return SessionReport(
        session=session.date,
        exchange=calendar.name,
        open=session.open,
        close=session.close,
        why=calendar.why(session.date),
        at=now,
        before=before,
        equity=equity,
        trades=trades_of(store, begin, end),
        exposure=exposure_of(equity, _of_session(account, session)),
        uptime=uptime(store, session, now),
        jobs=job_record(store, since, end),
        alerts=undelivered(store, since, end),
        next_session=_coming(calendar, session),
    )


def reported_session(calendar: MarketCalendar, at: datetime) -> Session | None:
    """The session that a report made at this time is about: of those that have begun, the one that closes nearest."""
    return min(_begun(calendar, at), key=lambda each: abs(each.close - at), default=None)


def latest_session(calendar: MarketCalendar, at: datetime) -> Session | None:
    """The session that goes on at this time, or else the last one that was."""
    begun = _begun(calendar, at)
    return begun[-1] if begun else None


def starting_cash(config: TradingConfig) -> float | None:
    """What the account began with; None where only the broker knows."""
    paper = config.engine.target == "builtin" and config.broker.broker_type == "paper"
    return config.broker.starting_cash if paper else None


def _of_session(account: Mapping[str, Any] | None, session: Session) -> Mapping[str, Any] | None:
    at = None if account is None else account.get("at")
    return account if at and session.pre_open <= datetime.fromisoformat(at) < session.post_close else None


def _begun(calendar: MarketCalendar, at: datetime) -> list[Session]:
    today = at.astimezone(calendar.exchange_timezone).date()
    return [each for each in _sessions(calendar, today - LONGEST_CLOSURE, today) if each.open <= at]


def _session_before(calendar: MarketCalendar, session: Session) -> Session | None:
    found = _sessions(calendar, session.date - LONGEST_CLOSURE, session.date - timedelta(days=1))
    return found[-1] if found else None


def _coming(calendar: MarketCalendar, session: Session) -> Coming | None:
    found = _sessions(calendar, session.date + timedelta(days=1), session.date + LONGEST_CLOSURE)
    return Coming(found[0].date, found[0].open, found[0].close, calendar.why(found[0].date)) if found else None


def _sessions(calendar: MarketCalendar, start: date, end: date) -> list[Session]:
    """None beyond the years that the calendar knows."""
    try:
        return calendar.sessions(start, end)
    except ValueError:
        return []


def _plain(value: Any, zone: tzinfo | None) -> Any:
    """What JSON can say of it."""
    match value:
        case Decimal():
            return float(value)
        case datetime():
            return value.astimezone(zone).isoformat()
        case date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case tuple():
            return [_plain(each, zone) for each in value]
        case _ if is_dataclass(value):
            return {each.name: _plain(getattr(value, each.name), zone) for each in fields(value)}
    return value
