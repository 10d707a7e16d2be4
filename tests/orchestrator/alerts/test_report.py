"""The report of a session: right to the cent, right on odd days, and plain about what is not known."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, insert, select

from calendars import MarketCalendar, Session
from orchestrator.alerts.report import (
    SessionReport,
    latest_session,
    reported_session,
    session_report,
    starting_cash,
    trades,
)
from orchestrator.config import BrokerConfig, EngineConfig, TradingConfig
from orchestrator.store import (
    Store,
    alerts,
    deliveries,
    equity,
    fills,
    job_runs,
    orders,
    transitions,
)

NEW_YORK = ZoneInfo("America/New_York")
NYSE = MarketCalendar()
TUESDAY = date(2026, 11, 24)


def at(text: str) -> datetime:
    """``24 09:35`` of November 2026 in New York; seconds if there are any."""
    form = "%Y-%m-%d %H:%M:%S" if text.count(":") == 2 else "%Y-%m-%d %H:%M"
    return datetime.strptime(f"2026-11-{text}", form).replace(tzinfo=NEW_YORK)


def session_of(day: date = TUESDAY, calendar: MarketCalendar = NYSE) -> Session:
    found = calendar.session(day)
    assert found is not None
    return found


class Books:
    """What a daemon and its engine would have written down."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def mark(self, when: str, worth: float, cash: float, drawdown: float = 0.0) -> None:
        row = {"at": at(when), "session": "?", "equity": worth, "cash": cash, "drawdown": drawdown}
        self._insert(equity, row)

    def fill(
        self, when: str, action: str, quantity: float, symbol: str, price: float, commission: float, order: str = ""
    ) -> None:
        ref = order or f"{when}-{symbol}-{action}"
        record = {
            "order_ref": ref,
            "session": "?",
            "strategy": "s",
            "decision": "d",
            "symbol": symbol,
            "action": action,
            "order_type": "MARKET",
            "total_quantity": quantity,
            "status": "Filled",
            "submitted_at": at(when),
            "updated_at": at(when),
        }
        with self.store.engine.begin() as connection:
            connection.execute(insert(orders).prefix_with("OR IGNORE"), record)
            number = len(connection.execute(select(fills)).all())
            row = {"fill_id": f"f{number}", "order_ref": ref, "symbol": symbol, "action": action, "at": at(when)}
            connection.execute(insert(fills), {**row, "quantity": quantity, "price": price, "commission": commission})

    def state(self, when: str, old: str, new: str, cause: str = "") -> None:
        self._insert(transitions, {"at": at(when), "from_state": old, "to_state": new, "cause": cause})

    def run(self, job: str, when: str, result: str | None, reason: str = "") -> None:
        self._insert(job_runs, {"job": job, "scheduled_at": at(when), "result": result, "reason": reason})

    def alert(self, when: str, **channels: tuple[str, int, str]) -> None:
        """An alert, and how its deliveries stand: state, attempts, last error."""
        said = {"level": "warning", "topic": "engine", "title": "t", "message": "m", "metadata": {}}
        self._insert(alerts, {"id": when, "at": at(when), **said})
        for channel, (state, attempts, error) in channels.items():
            row = {"id": f"{when} {channel}", "alert_id": when, "channel": channel, "state": state}
            self._insert(deliveries, {**row, "attempts": attempts, "last_error": error})

    def account(self, when: str, worth: float, cash: float, **positions: tuple[float, float | None]) -> None:
        """The daemon's status with an account in it: shares and price by symbol."""
        held = [
            {"symbol": symbol, "quantity": quantity, "avg_price": 1.0, "price": price}
            for symbol, (quantity, price) in positions.items()
        ]
        account = {"at": at(when).isoformat(), "equity": worth, "cash": cash, "drawdown": 0.0, "positions": held}
        moments = {"at": at("30 12:00").isoformat(), "started_at": at("30 11:00").isoformat()}
        self.store.write_meta("status", {**moments, "account": account})

    def _insert(self, table: Any, row: Mapping[str, Any]) -> None:
        with self.store.engine.begin() as connection:
            connection.execute(insert(table), dict(row))

    def report(self, now: str = "24 16:15", day: date = TUESDAY, **more: Any) -> SessionReport:
        return session_report(self.store, NYSE, session_of(day), at(now), **more)


@pytest.fixture
def books() -> Iterator[Books]:
    with Store("sqlite://") as store:
        yield Books(store)


# --- the whole ---


def write_tuesday(books: Books) -> None:
    books.mark("23 15:55", 100_000.0, 100_000.0)
    books.fill("24 09:35", "BUY", 33, "AAPL", 187.1234, 6.175)
    books.fill("24 09:35", "BUY", 10, "MSFT", 412.05, 4.1205, order="m")
    books.fill("24 09:36", "BUY", 5, "MSFT", 412.1, 2.0605, order="m")
    books.fill("24 14:00", "SELL", 3, "AAPL", 190.0, 0.57)
    books.mark("24 09:35", 99_990.0, 90_000.0, 0.0001)
    books.mark("24 12:00", 99_000.0, 90_000.0, 0.012)
    books.mark("24 15:55", 101_234.56, 88_201.0, 0.004)
    books.account("24 15:59", 101_234.56, 88_201.0, MSFT=(15, 430.0), AAPL=(30, 222.5))
    books.state("23 20:00", "post_market", "stopped")
    books.state("24 04:00", "stopped", "pre_market")
    books.state("24 09:30:02", "pre_market", "trading")
    books.state("24 10:05", "trading", "error", "engine failed: no beat for 30 s; restart 1 of 3 follows")
    books.state("24 10:05:40", "error", "trading")
    books.state("24 16:00", "trading", "post_market")
    books.run("heartbeat", "24 12:00", "ok")
    books.run("backup", "24 02:00", "failed", "exit code 1: no space left")
    books.alert("24 10:05", slack=("pending", 9, "HTTP 500: oops"), console=("sent", 1, ""))


TUESDAY_TEXT = """\
Equity 101,234.56, +1,234.56 (+1.23 %) since Mon 23 Nov 15:55
+1,234.56 (+1.23 %) since the start
Drawdown 0.40 %, worst 1.20 %
Realised +8.63 before commission

3 trades, commission 12.93
AAPL bought 33 at 187.12, sold 3 at 190.00
MSFT bought 15 at 412.07

12.9 % invested, 87.1 % cash
AAPL 30 (6.6 %)
MSFT 15 (6.4 %)

Engine up 6h29m of 6h30m, 1 restart
10:05:00-10:05:40 engine failed: no beat for 30 s; restart 1 of 3 follows

Jobs: 1 of 2 runs went wrong
backup failed Tue 24 Nov 02:00: exit code 1: no space left

Undelivered alerts: 1 waiting, 1 of them failing
slack 1: HTTP 500: oops

Next session: Wed 25 Nov 09:30-16:00"""


def test_session_in_words(books: Books) -> None:
    write_tuesday(books)
    report = books.report(starting_cash=100_000.0)
    assert report.title() == "Tue 24 Nov: +1,234.56 (+1.23 %), 3 trades"
    assert report.text() == TUESDAY_TEXT
    assert max(len(line) for line in report.text().splitlines()) < 80


def test_session_as_json(books: Books) -> None:
    write_tuesday(books)
    document = json.loads(json.dumps(books.report(starting_cash=100_000.0).to_dict()))
    assert (document["session"], document["exchange"], document["why"]) == (
        "2026-11-24",
        "NYSE",
        "regular session 09:30-16:00",
    )
    assert (document["open"], document["at"]) == ("2026-11-24T09:30:00-05:00", "2026-11-24T16:15:00-05:00")
    assert document["before"] == {"at": "2026-11-23T15:55:00-05:00", "equity": 1e5, "cash": 1e5, "drawdown": 0.0}
    assert document["equity"] == {
        "at": "2026-11-24T15:55:00-05:00",
        "equity": 101_234.56,
        "cash": 88_201.0,
        "change": 1_234.56,
        "change_fraction": 0.012346,
        "since": "2026-11-23T15:55:00-05:00",
        "other_cash": 0.0,
        "total_change": 1_234.56,
        "total_fraction": 0.012346,
        "drawdown": 0.004,
        "worst_drawdown": 0.012,
    }
    assert (document["trades"]["orders"], document["trades"]["fills"]) == (3, 4)
    assert document["trades"]["symbols"][0] == {
        "symbol": "AAPL",
        "bought": 33.0,
        "bought_at": 187.1234,
        "sold": 3.0,
        "sold_at": 190.0,
        "commission": 6.75,
    }
    assert document["exposure"]["positions"][0] == {
        "symbol": "AAPL",
        "quantity": 30,
        "price": 222.5,
        "weight": 0.065936,
    }
    assert document["uptime"] == {
        "trading": 23_358.0,
        "hours": 23_400.0,
        "restarts": 1,
        "outages": [
            {
                "start": "2026-11-24T10:05:00-05:00",
                "end": "2026-11-24T10:05:40-05:00",
                "cause": "engine failed: no beat for 30 s; restart 1 of 3 follows",
                "failed": True,
            }
        ],
    }
    assert document["jobs"]["troubles"][0]["last_at"] == "2026-11-24T02:00:00-05:00"
    assert (document["alerts"]["pending"], document["alerts"]["channels"][0]["channel"]) == (1, "slack")
    assert document["next_session"]["open"] == "2026-11-25T09:30:00-05:00"


NOTHING = """\
No equity recorded

No trades

Engine: nothing recorded

Jobs: nothing recorded

Undelivered alerts: none

Next session: Wed 25 Nov 09:30-16:00"""


def test_store_without_a_row_is_told_plainly(books: Books) -> None:
    report = books.report()
    assert report.title() == "Tue 24 Nov: no equity recorded, no trades"
    assert report.text() == NOTHING
    assert json.loads(json.dumps(report.to_dict()))["equity"] is None


def test_half_day_tells_why_and_when_the_next_one_is(books: Books) -> None:
    report = books.report("27 13:15", date(2026, 11, 27))
    assert report.text().startswith("Day after Thanksgiving: closes 13:00\n")
    assert (
        books.report("25 16:15", date(2026, 11, 25))
        .text()
        .endswith("Next session: Fri 27 Nov 09:30-13:00, Day after Thanksgiving")
    )


def test_session_that_goes_on_is_told_so_far(books: Books) -> None:
    write_tuesday(books)
    report = books.report("24 12:00")
    assert report.title() == "Tue 24 Nov so far: -1,000.00 (-1.00 %), 2 trades"
    assert "Engine up 2h29m of 2h30m, 1 restart" in report.text()


# --- money ---


def test_money_is_what_the_fills_add_up_to(books: Books) -> None:
    """Sums of floats would be off: 0.1 + 0.2 is not 0.3."""
    books.mark("23 15:55", 100_000.0, 100_000.0)
    prices = [round(17.0001 + 0.0137 * i, 4) for i in range(301)]
    commissions = [round(0.0049 + 0.0001 * (i % 7), 4) for i in range(301)]
    for i, (price, commission) in enumerate(zip(prices, commissions, strict=True)):
        books.fill(f"24 10:{i // 60:02}:{i % 60:02}", "BUY" if i < 200 else "SELL", 1, "AAPL", price, commission)
    found = books.report().trades
    exact = [Decimal(str(price)) for price in prices]
    assert found.commission == sum(Decimal(str(each)) for each in commissions).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert found.realised == (sum(exact[200:]) - 101 * sum(exact[:200]) / 200).quantize(Decimal("0.01"), ROUND_HALF_UP)
    (line,) = found.symbols
    assert (line.bought, line.sold) == (200, 101)
    assert line.bought_at == (sum(exact[:200]) / 200).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    assert line.sold_at == (sum(exact[200:]) / 101).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def test_change_counts_from_the_last_mark_before_the_session_however_old(books: Books) -> None:
    books.mark("17 15:55", 100_000.0, 100_000.0)
    books.mark("18 15:55", 99_000.0, 100_000.0)
    books.mark("24 15:55", 99_500.0, 100_000.0)
    found = books.report().equity
    assert found is not None
    assert (found.change, found.since) == (Decimal("500.00"), at("18 15:55"))
    assert found.total_change == Decimal("-500.00"), "since the first mark, as the start is not known"
    assert "+500.00 (+0.51 %) since Wed 18 Nov 15:55\n-500.00 (-0.50 %) since the start" in books.report().text()


@pytest.mark.parametrize(("cash", "change"), [(100_000.0, "-10.00"), (None, "+0.00")])
def test_first_session_counts_from_the_start(books: Books, cash: float | None, change: str) -> None:
    books.mark("24 09:35", 99_995.0, 90_000.0)
    books.mark("24 15:55", 99_990.0, 90_000.0)
    if cash is None:
        books.mark("24 15:56", 99_995.0, 90_000.0)
    else:
        books.mark("24 15:56", 99_990.0, 90_000.0)
    text = books.report(starting_cash=cash).text()
    assert f", {change} (" in text.splitlines()[0]
    assert text.splitlines()[0].endswith("since the start")
    assert text.splitlines()[1].startswith("Drawdown "), "the start is told once"


def test_nothing_lost_is_not_minus_nothing(books: Books) -> None:
    books.mark("23 15:55", 100_000.004, 100_000.0)
    books.mark("24 15:55", 100_000.001, 100_000.0)
    assert books.report().title() == "Tue 24 Nov: +0.00 (+0.00 %), no trades"


def test_cash_that_came_without_a_trade_is_told_apart(books: Books) -> None:
    books.mark("23 15:55", 100_000.0, 90_000.0)
    books.fill("24 10:00", "BUY", 10, "AAPL", 100.0, 1.0)
    books.mark("24 15:55", 150_100.0, 138_999.0)
    found = books.report().equity
    assert found is not None
    assert found.other_cash == Decimal("50000.00")
    assert "+50,000.00 of it is cash that came without a trade" in books.report().text()


def test_cash_that_the_trades_explain_is_not_told(books: Books) -> None:
    books.mark("23 15:55", 100_000.0, 90_000.0)
    books.fill("23 15:55", "BUY", 1, "AAPL", 100.0, 1.0)  # the mark of that moment has it already
    books.fill("24 10:00", "BUY", 10, "AAPL", 100.0, 1.0)
    books.fill("24 11:00", "SELL", 4, "AAPL", 101.5, 0.4)
    books.mark("24 11:00", 100_000.0, 90_000.0 - 1_001.0 + 405.6)
    assert "without a trade" not in books.report().text()


def test_halted_day_remembers_what_there_was(books: Books) -> None:
    books.mark("23 15:55", 101_000.0, 50_000.0)
    books.state("23 20:00", "post_market", "stopped")
    books.state("24 04:00", "stopped", "pre_market")
    books.state("24 09:30", "pre_market", "stopped", "halted: strange prices")
    books.state("24 16:00", "stopped", "post_market")
    report = books.report()
    assert report.title() == "Tue 24 Nov: no equity recorded, no trades"
    assert "No equity recorded; it was 101,000.00 on Mon 23 Nov 15:55\n" in report.text()
    assert "Engine up 0s of 6h30m\n09:30-16:00 halted: strange prices\n" in report.text()


# --- trades ---


def test_profit_is_over_the_average_cost_of_all_that_was_bought(books: Books) -> None:
    books.fill("20 10:00", "BUY", 10, "AAPL", 100.0, 1.0)
    books.fill("20 10:00", "BUY", 99, "MSFT", 1.0, 1.0)
    books.fill("23 10:00", "BUY", 30, "AAPL", 104.0, 1.0)
    books.fill("23 11:00", "SELL", 20, "AAPL", 110.0, 1.0)
    books.fill("24 10:00", "BUY", 20, "AAPL", 107.0, 1.0)
    books.fill("24 11:00", "SELL", 40, "AAPL", 106.0, 1.0)
    assert books.report().trades.realised == Decimal("40.00")  # cost (20 x 103 + 20 x 107) / 40 = 105


@pytest.mark.parametrize("most", [1, 2])
def test_profit_is_not_known_where_the_purchases_are_not(
    books: Books, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    if most == 1:
        monkeypatch.setattr(trades, "MOST_REPLAYED", 1)
    books.fill("20 10:00", "BUY", 10, "AAPL", 100.0, 1.0)
    books.fill("23 10:00", "BUY", 10, "AAPL", 100.0, 1.0)
    books.fill("24 10:00", "SELL", 20 if most == 1 else 21, "AAPL", 101.0, 1.0)
    report = books.report()
    assert report.trades.realised is None
    assert "Realised is not known" in report.text()


def test_only_trades_of_the_session_count(books: Books) -> None:
    for when in ("23 15:59", "24 03:59", "24 20:01", "25 09:35"):
        books.fill(when, "BUY", 1, "AAPL", 100.0, 1.0)
    for when in ("24 04:00", "24 15:59:59"):
        books.fill(when, "BUY", 2, "MSFT", 100.0, 1.5)
    found = books.report("30 12:00").trades
    assert [(each.symbol, each.bought) for each in found.symbols] == [("MSFT", 4)]
    assert (found.orders, found.commission) == (2, Decimal("3.00"))


def test_long_lists_are_cut_and_the_rest_is_counted(books: Books) -> None:
    for i in range(15):
        books.fill("24 10:00", "BUY", 1, f"S{i:02}", 0.1234, 0.0)
    text = books.report().text()
    assert "S11 bought 1 at 0.1234\nand 3 more symbols\n" in text
    assert "S12" not in text


# --- what was held ---


def test_positions_of_another_session_are_not_told(books: Books) -> None:
    books.mark("24 15:55", 100_000.0, 25_000.0)
    books.account("25 15:55", 100_000.0, 25_000.0, AAPL=(10, 100.0))
    report = books.report("25 16:15")
    assert report.exposure is not None
    assert report.exposure.positions is None
    assert "75.0 % invested, 25.0 % cash\nPositions: not known any more\n" in report.text()


def test_account_that_the_daemon_has_goes_before_that_of_the_store(books: Books) -> None:
    books.mark("24 15:55", 100_000.0, 25_000.0)
    books.account("24 15:50", 100_000.0, 25_000.0, AAPL=(10, 100.0))
    held = [{"symbol": "MSFT", "quantity": 10, "avg_price": 1.0, "price": None}]
    account = {"at": at("24 15:59").isoformat(), "equity": 1000.0, "cash": 400.0, "drawdown": 0.0, "positions": held}
    assert "60.0 % invested, 40.0 % cash\nMSFT 10 (no price)\n" in books.report(account=account).text()


def test_account_in_cash_has_no_positions(books: Books) -> None:
    books.mark("24 15:55", 100_000.0, 100_000.0)
    books.account("24 15:55", 100_000.0, 100_000.0)
    assert "0.0 % invested, 100.0 % cash\nNo positions\n" in books.report().text()


def test_account_that_is_worth_nothing_is_no_error(books: Books) -> None:
    books.mark("23 15:55", 0.0, 0.0)
    books.mark("24 15:55", 0.0, 0.0, 1.0)
    report = books.report()
    assert (report.exposure, report.title()) == (None, "Tue 24 Nov: +0.00, no trades")


# --- jobs and alerts ---


def test_jobs_that_went_wrong_are_grouped_and_the_last_one_tells_why(books: Books) -> None:
    for minute in range(3):
        books.run("scan", f"24 10:{minute:02}", "failed", f"exit code {minute}")
    books.run("scan", "24 10:03", "timeout", "killed after its timeout of 5 s")
    books.run("scan", "24 10:04", "ok")
    books.run("scan", "24 10:05", None)
    books.run("rebalance", "24 09:35", "missed", "2h late, and its session is over")
    books.run("rebalance", "23 09:35", "missed", "of another day")
    books.run("skipped", "24 09:35", "skipped", "the state is stopped")
    books.run("backup", "23 22:00", "failed", "the night before belongs to the day")
    books.run("backup", "23 15:59", "failed", "before the last close")
    assert books.report().text().split("\n\n")[3].splitlines() == [
        "Jobs: 6 of 9 runs went wrong",
        "backup failed Mon 23 Nov 22:00: the night before belongs to the day",
        "rebalance missed Tue 24 Nov 09:35: 2h late, and its session is over",
        "scan failed 3 times, last Tue 24 Nov 10:02: exit code 2",
        "scan timeout Tue 24 Nov 10:03: killed after its timeout of 5 s",
    ]


def test_missed_beat_is_made_up_for_by_the_next(books: Books) -> None:
    books.run("heartbeat", "24 12:00", "missed", "30m late, and misfire: skip allows 1m")
    books.run("health_check", "24 12:00", "failed", "no beat")
    assert [each.job for each in books.report().jobs.troubles] == ["health_check"]


def test_reason_is_one_short_line(books: Books) -> None:
    books.run("scan", "24 10:00", "failed", "Traceback\n  " + "x " * 500)
    line = books.report().text().split("\n\n")[3].splitlines()[1]
    assert len(line) < 170
    assert line.rstrip("]").endswith("…")


def test_alerts_that_did_not_arrive(books: Books) -> None:
    books.alert("20 10:00", slack=("pending", 90, "HTTP 500"), mail=("expired", 9, "refused"))
    books.alert("24 10:00", slack=("pending", 0, ""), mail=("expired", 9, "refused"), phone=("sent", 1, ""))
    books.alert("24 11:00", slack=("collapsed", 0, "repeats delivery x"), mail=("failed", 9, "refused"))
    books.alert("24 19:00", slack=("pending", 0, ""))
    report = books.report()
    assert (report.alerts.pending, report.alerts.failing, report.alerts.lost) == (2, 1, 2)
    assert report.text().split("\n\n")[4].splitlines() == [
        "Undelivered alerts: 2 waiting, 1 of them failing, 2 given up",
        "mail 2: refused",
        "slack 2: HTTP 500",
    ]


# --- which session ---

ALWAYS = MarketCalendar("ALWAYS")


@pytest.mark.parametrize(
    ("calendar", "when", "day"),
    [
        (NYSE, "24 16:15", "24"),
        (NYSE, "24 15:55", "24"),
        (NYSE, "24 10:00", "24"),
        (NYSE, "24 09:00", "23"),
        (NYSE, "25 03:00", "24"),
        (NYSE, "26 16:15", "25"),
        (NYSE, "27 13:15", "27"),
        (NYSE, "29 12:00", "27"),
        (ALWAYS, "24 19:15", "24"),  # 00:15 of the 25th in UTC
        (ALWAYS, "24 18:00", "24"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_report_is_about_the_session_that_closes_nearest(calendar: MarketCalendar, when: str, day: str) -> None:
    found = reported_session(calendar, at(when))
    assert found is not None
    assert f"{found.date:%d}" == day


@pytest.mark.parametrize(
    ("calendar", "when", "day"), [(NYSE, "24 09:30", "24"), (NYSE, "24 09:29", "23"), (ALWAYS, "24 20:00", "25")]
)
def test_latest_session_is_the_one_that_goes_on_or_the_last(calendar: MarketCalendar, when: str, day: str) -> None:
    found = latest_session(calendar, at(when))
    assert found is not None
    assert f"{found.date:%d}" == day


def test_no_session_is_known_before_the_first(books: Books) -> None:
    assert reported_session(NYSE, datetime(1990, 1, 1, 12, tzinfo=NEW_YORK)) is None
    report = session_report(books.store, NYSE, session_of(date(1990, 1, 2)), at("24 12:00"))
    assert report.title() == "Tue 02 Jan: no equity recorded, no trades"
    last = session_report(books.store, NYSE, session_of(date(2100, 12, 31)), at("24 12:00"))
    assert last.text().endswith("Next session: not known")


def test_market_that_never_closes(books: Books) -> None:
    books.mark("23 18:59", 100_000.0, 100_000.0)
    books.mark("23 19:00", 100_001.0, 100_000.0)
    books.mark("24 18:59", 100_002.0, 100_000.0)
    books.mark("24 19:00", 100_003.0, 100_000.0)
    report = session_report(books.store, ALWAYS, session_of(TUESDAY, ALWAYS), at("24 19:15"))
    assert report.title() == "Tue 24 Nov: +2.00 (+0.00 %), no trades"
    assert report.text().endswith("Next session: Wed 25 Nov 00:00-24:00")


def test_session_that_goes_over_midnight_in_the_zone_of_the_config_has_days(books: Books) -> None:
    calendar = MarketCalendar("ALWAYS", timezone="America/New_York")
    books.state("25 10:00", "stopped", "trading")
    report = session_report(books.store, calendar, session_of(TUESDAY, calendar), at("25 12:00"))
    assert "\nEngine up 0s of 1d\nMon 19:00-Tue 19:00 the daemon was not running\n" in report.text()
    assert report.text().endswith("Next session: Wed 25 Nov Tue 19:00-Wed 19:00")


def test_what_the_account_began_with_is_known_of_the_paper_broker_only() -> None:
    assert starting_cash(TradingConfig(broker=BrokerConfig(broker_type="paper", starting_cash=5.0))) == 5.0
    assert starting_cash(TradingConfig(broker=BrokerConfig(broker_type="ibkr"))) is None
    own = TradingConfig(broker=BrokerConfig(broker_type="paper"), engine=EngineConfig(target="my.desk:Engine"))
    assert starting_cash(own) is None


# --- a store of years ---


def test_report_reads_through_indexes(books: Books) -> None:
    """The loop waits for it, and the tables hold years: no statement may look at every row of one."""
    write_tuesday(books)
    asked: list[tuple[str, Any]] = []
    listen: Callable[..., None] = lambda c, cursor, statement, parameters, *_: asked.append((statement, parameters))  # noqa: E731
    event.listen(books.store.engine, "before_cursor_execute", listen)
    books.report()
    event.remove(books.store.engine, "before_cursor_execute", listen)
    with books.store.reader.connect() as connection:
        plans = [
            f"{step[-1]}: {statement}"
            for statement, parameters in asked
            if statement.startswith("SELECT")
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    tables = ("equity", "fills", "job_runs", "transitions", "alerts", "deliveries")
    read = [plan for plan in plans if any(f" {table} " in plan.partition(": ")[0] + " " for table in tables)]
    assert len(read) > 15
    scans = [plan for plan in read if plan.startswith("SCAN") and "min(" not in plan]
    assert len(scans) == 1, scans
    assert " equity USING " in scans[0], "the first mark of all is the first of its index"
    assert "LIMIT" in scans[0]
