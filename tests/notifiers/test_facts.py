from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from notifiers import AlertLevel, NotificationMessage
from notifiers.facts import Fact, facts

AT = datetime(2026, 11, 27, 10, 5, 3, tzinfo=ZoneInfo("America/New_York"))


def told(**metadata: object) -> list[Fact]:
    return facts(NotificationMessage("Title", "The margin is too small", AlertLevel.INFO, AT, metadata))


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("symbol", "Symbol"),
        ("avg_fill_price", "Average fill price"),
        ("order_id", "Order ID"),
        ("scheduled at", "Scheduled at"),
        ("duration_s", "Duration (s)"),
        ("rss_mb", "RSS (MB)"),
        ("VaR", "VaR"),
        ("s", "S"),
        ("two\nlines\x00", "Two lines"),
        ("", "?"),
        ("x" * 100, "X" + "x" * 55 + " […]"),
    ],
)
def test_a_name_reads_as_words(key, name):
    assert [fact.name for fact in told(**{key: 1})] == [name]


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("price", 150.0, "150.00"),
        ("quantity", 1250, "1,250"),
        ("quantity", 100.0, "100"),
        ("equity", 123456.789, "123,456.789"),
        ("order_id", 1234567, "1234567"),
        ("pid", 40123, "40123"),
        ("drawdown", 0.123, "12.3 %"),
        ("max_portfolio_drawdown", 0.1, "10.0 %"),
        ("exposure", 50_000.0, "50,000.00"),
        ("correlation", 0.12345, "0.12345"),
        ("commission", Decimal("1250.10"), "1,250.10"),
        ("ratio", Decimal("NaN"), "NaN"),
        ("ratio", float("inf"), "inf"),
        ("safe", True, "yes"),
        ("safe", False, "no"),
        ("level", AlertLevel.WARNING, "warning"),
        ("at", AT, "2026-11-27 10:05:03 EST"),
        ("at", "2026-11-27T15:05:03+00:00", "2026-11-27 10:05:03 EST"),
        ("at", "2026-11-27T15:05:03.123456Z", "2026-11-27 10:05:03 EST"),
        ("day", "2026-11-27", "2026-11-27"),
        ("at", "2026-99-27T15:05:03Z", "2026-99-27T15:05:03Z"),
        ("symbols", ["AAPL", "MSFT"], "AAPL, MSFT"),
        ("weights", {"AAPL": 0.5}, '{"AAPL": 0.5}'),
        ("output", "\none\x00\n  two\n", "one\n  two"),
        ("empty", "", "-"),
    ],
)
def test_a_value_reads_as_a_trader_would_write_it(key, value, text):
    assert [fact.value for fact in told(**{key: value})] == [text]


def test_a_long_value_is_cut():
    (fact,) = told(output="word " * 1_000)
    assert len(fact.value) <= 500
    assert fact.value.endswith("word […]")


def test_what_a_limit_is_counted_in_tells_how_its_figures_read():
    def breach(**metadata: object) -> list[str]:
        return [fact.value for fact in told(**metadata)][:2]

    assert breach(current_value=1.5, limit_value=1.0, limit_type="max_exposure") == ["150.0 %", "100.0 %"]
    assert breach(current_value=11, limit_value=10, limit_type="max_positions") == ["11", "10"]
    assert breach(current_value=1500.0, limit_value=1000.0, limit_type="max_position_size") == ["1,500", "1,000"]
    assert breach(current_value=0.9, limit_value=0.8) == ["0.90", "0.80"]


def test_short_facts_come_first_and_what_the_text_says_already_not_at_all():
    known = told(
        reason="The margin is too small", note="see the log of the broker, page 1", symbol="AAPL", missing=None
    )
    assert known == [Fact("Symbol", "AAPL"), Fact("Note", "see the log of the broker, page 1")]


def test_the_delivery_is_no_fact():
    assert told(delivery="3f2a91c7-5b0e-4c53-9d6a-0f6f5d1a2b3c", symbol="AAPL") == [Fact("Symbol", "AAPL")]


def test_of_very_many_facts_the_rest_is_counted():
    known = told(**{f"fact_{number}": number for number in range(100)})
    assert len(known) == 21
    assert known[-1] == Fact("And", "80 more")


def test_a_time_without_a_zone_stays_as_it_is():
    assert told(at=datetime(2026, 11, 27, 10))[0].value == "2026-11-27 10:00:00"
    assert facts(NotificationMessage("T", "", timestamp=datetime.now(UTC), metadata={"at": AT}))[0].value.endswith(
        "EST"
    )
