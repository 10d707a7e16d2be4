"""Daily bars are replayed at the session's pace."""

from datetime import date
from pathlib import Path

import pytest

from orchestrator.engine import EngineError
from orchestrator.engine.replay import CsvPrices

PRICES = Path(__file__).parents[3] / "config" / "prices"
HEADER = "date,open,high,low,close,volume\n"


@pytest.fixture
def aapl(calendar):
    source = CsvPrices(PRICES, calendar)
    source.connect()
    source.watch(["AAPL"])
    return source


@pytest.mark.parametrize(
    ("time", "value"),
    [
        ("09:30", 567.17),
        ("10:05", 564.885),
        ("10:40", 562.6),
        ("11:50", 572.0),
        ("12:59:59.999999", 571.5),
        ("13:00", 571.5),
        ("20:00", 571.5),
    ],
)
def test_a_half_day_that_ends_higher_goes_down_first(aapl, new_york, time, value):
    price = aapl.price("AAPL", new_york(f"2012-11-23T{time}"))
    assert (price.value, price.stale) == (value, False)


def test_before_the_open_the_last_close_is_known_and_stale(aapl, new_york):
    price = aapl.price("AAPL", new_york("2012-11-23T09:29:59"))
    assert (price.value, price.stale, price.at) == (561.7, True, new_york("2012-11-21T16:00"))


@pytest.mark.parametrize("day", ["2001-09-11", "2001-09-14", "2001-09-15"])
def test_days_without_a_session_have_no_price_of_their_own(aapl, new_york, day):
    price = aapl.price("AAPL", new_york(f"{day}T11:00"))
    assert (price.value, price.stale) == (17.37, True)


def test_trading_goes_on_with_the_next_bar(aapl, calendar):
    session = calendar.session(date(2001, 9, 17))
    price = aapl.price("AAPL", session.open)
    assert (price.value, price.stale) == (16.0, False)


def test_before_the_first_bar_nothing_is_known(aapl, new_york):
    assert aapl.price("AAPL", new_york("2001-08-01T09:00")) is None
    assert aapl.snapshot(["AAPL"], new_york("2000-01-03T10:00")) == {}


def test_after_the_last_bar_its_close_is_known_and_stale(aapl, new_york):
    price = aapl.price("AAPL", new_york("2013-06-03T11:00"))
    assert (price.value, price.stale) == (532.1729, True)


def test_a_market_that_never_closes_can_be_replayed(tmp_path):
    from calendars import MarketCalendar

    (tmp_path / "BTC.csv").write_text(HEADER + "2012-11-24,10,16,4,13,1\n", encoding="utf-8")
    always = MarketCalendar("ALWAYS")
    source = CsvPrices(tmp_path, always)
    source.watch(["BTC"])
    session = always.session(date(2012, 11, 24))
    assert source.price("BTC", session.open + (session.close - session.open) / 3).value == 4.0


def test_a_missing_folder_says_what_to_set(tmp_path, calendar):
    with pytest.raises(EngineError, match=r"nowhere: no such folder; set data.path"):
        CsvPrices(tmp_path / "nowhere", calendar).connect()


def test_a_missing_file_says_what_to_do(tmp_path, calendar):
    with pytest.raises(EngineError, match=r"TSLA.csv: no such file; put the bars of TSLA there or take it out"):
        CsvPrices(tmp_path, calendar).watch(["TSLA"])


# --- what was traded between two looks ---


def test_a_span_is_within_the_session_and_begins_with_its_open(aapl, new_york):
    span = aapl.span("AAPL", new_york("2012-11-21T15:00"), new_york("2012-11-23T10:40"))
    assert span[:4] == (567.17, 562.6, 567.17, 562.6)
    assert span.volume == pytest.approx(9_743_800 / 210, rel=0.05)


@pytest.mark.parametrize("until", ["2012-11-23T09:29", "2012-11-24T11:00"])
def test_where_nothing_is_traded_there_is_no_span(aapl, new_york, until):
    assert aapl.span("AAPL", new_york("2012-11-21T15:00"), new_york(until)) is None
    assert aapl.span("TSLA", new_york("2012-11-23T10:00"), new_york("2012-11-23T11:00")) is None


# --- why there is no price ---


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        ("2012-11-23", ""),
        (
            "2001-09-12",
            "AAPL.csv: there is no bar of 2001-09-12 between 2001-09-10 in line 29 and 2001-09-17 in line 30",
        ),
        ("2001-07-31", "AAPL.csv:2: the first bar is of 2001-08-01"),
        ("2013-01-02", "AAPL.csv:124: the last bar is of 2012-12-31"),
    ],
)
def test_a_missing_price_is_explained(aapl, new_york, day, reason):
    assert aapl.why_not("AAPL", new_york(f"{day}T11:00")) == reason


def test_an_unknown_symbol_is_explained(aapl, new_york):
    assert aapl.why_not("TSLA", new_york("2012-11-23T11:00")) == "there is no TSLA.csv"


# --- the past ---


@pytest.fixture
def split(tmp_path, calendar):
    """X is split 7 for 1 on the 21st."""
    rows = "2012-11-19,700,700,700,700,\n2012-11-20,707,707,707,707,\n2012-11-21,101,102,101,102,\n"
    (tmp_path / "X.csv").write_text(HEADER + rows, encoding="utf-8")
    (tmp_path / "splits.csv").write_text("symbol,date,ratio\nX,2012-11-21,7\n", encoding="utf-8")
    source = CsvPrices(tmp_path, calendar)
    source.connect()
    source.watch(["X"])
    return source


def test_a_past_price_is_for_a_share_as_it_is_now(split, new_york):
    monday, tuesday, wednesday = (new_york(f"2012-11-{day}T11:00") for day in (19, 20, 21))
    assert split.past("X", monday, tuesday).value == 700.0
    assert split.past("X", monday, wednesday).value == 100.0
    assert split.past("X", wednesday, wednesday).value == pytest.approx(101.5, abs=0.6)
    assert split.past("X", new_york("2012-11-18T11:00"), wednesday) is None
    assert split.past("TSLA", monday, wednesday) is None


def test_before_the_open_of_its_day_a_split_has_not_happened(split, new_york):
    early, at_open = new_york("2012-11-21T09:29"), new_york("2012-11-21T09:30")
    since = new_york("2012-11-19T10:00")
    assert list(split.splits("X", since, early)) == []
    [found] = split.splits("X", since, at_open)
    assert (found.symbol, found.at, found.ratio, found.price) == ("X", at_open, 7.0, 101.0)
    assert list(split.splits("X", at_open, new_york("2012-11-21T16:00"))) == []
    assert split.past("X", since, early).value == 700.0
