"""Daily bars are replayed at the session's pace, and what is wrong with a file is said."""

from datetime import date
from pathlib import Path

import pytest

from orchestrator.engine import EngineError
from orchestrator.engine.bars import Bar, CsvPrices, read_bars

PRICES = Path(__file__).parents[3] / "config" / "prices"
HEADER = "date,open,high,low,close,volume\n"


@pytest.fixture
def aapl(calendar):
    source = CsvPrices(PRICES, calendar)
    source.connect()
    source.watch(["AAPL"])
    return source


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "X.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


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


def test_a_day_that_ends_lower_goes_up_first():
    assert Bar(date(2012, 11, 20), 10.0, 13.0, 8.0, 9.0).path() == (10.0, 13.0, 8.0, 9.0)


def test_a_day_that_ends_where_it_began_goes_up_first():
    assert Bar(date(2012, 11, 20), 10.0, 13.0, 8.0, 10.0).path() == (10.0, 13.0, 8.0, 10.0)


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


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("2012-11-23,ten,11,9,10,1", "X.csv:3: open is 'ten', not a number"),
        ("2012-11-23,10,11,9,,1", "X.csv:3: close is '', not a number"),
        ("2012-11-23,10,11,9", "X.csv:3: close is None, not a number"),
        ("2012-11-23,10,11,-9,10,1", "X.csv:3: low is -9, not a positive number"),
        ("2012-11-23,10,inf,9,10,1", "X.csv:3: high is inf, not a positive number"),
        ("2012-11-23,10,nan,9,10,1", "X.csv:3: high is nan, not a positive number"),
        ("2012-11-23,0,11,0,10,1", "X.csv:3: open is 0, not a positive number"),
        ("2012-11-23,10,9,11,10,1", "X.csv:3: low 11.0 and high 9.0 do not enclose open 10.0 and close 10.0"),
        ("2012-11-20,10,11,9,10,1", "X.csv:3: 2012-11-20 comes after 2012-11-20; dates must rise"),
        ("2012-11-19,10,11,9,10,1", "X.csv:3: 2012-11-19 comes after 2012-11-20; dates must rise"),
        ("23.11.2012,10,11,9,10,1", "X.csv:3: the date is '23.11.2012', not like 2012-11-23"),
    ],
)
def test_a_bad_row_is_named_and_left_out(file, row, complaint):
    path = file(f"{HEADER}2012-11-20,10,11,9,10,1\n{row}\n2012-11-26,12,12,12,12,1\n")
    bars, problems = read_bars(path)
    assert [bar.date.day for bar in bars] == [20, 26]
    assert list(problems) == [f"{complaint}; the row is left out"]


def test_a_file_without_the_columns_is_refused(file):
    with pytest.raises(EngineError, match=r"X.csv:1: the header lacks open, close; it is date,open,"):
        read_bars(file("date,high,low,price\n"))


def test_a_file_without_a_usable_row_is_refused(file):
    with pytest.raises(EngineError, match=r"X.csv: has no usable row"):
        read_bars(file(HEADER))


def test_a_file_that_is_no_text_is_refused(file, tmp_path):
    (tmp_path / "X.csv").write_bytes(b"date,open,high,low,close\n\xff\xfe\x00")
    with pytest.raises(EngineError, match=r"X.csv: can't be read"):
        read_bars(tmp_path / "X.csv")


def test_a_changed_file_is_read_again(file):
    assert len(read_bars(file(f"{HEADER}2012-11-20,10,11,9,10,1\n"))[0]) == 1
    assert len(read_bars(file(f"{HEADER}2012-11-20,10,11,9,10,1\n2012-11-21,10,11,9,10,1\n"))[0]) == 2


def test_a_missing_folder_says_what_to_set(tmp_path, calendar):
    with pytest.raises(EngineError, match=r"nowhere: no such folder; set data.path"):
        CsvPrices(tmp_path / "nowhere", calendar).connect()


def test_a_missing_file_says_what_to_do(tmp_path, calendar):
    with pytest.raises(EngineError, match=r"TSLA.csv: no such file; put the bars of TSLA there or take it out"):
        CsvPrices(tmp_path, calendar).watch(["TSLA"])


@pytest.mark.parametrize(("symbol", "rows"), [("AAPL", 123), ("IBM", 123), ("MSFT", 123), ("GOOG", 62)])
def test_the_sample_is_sound(symbol, rows, calendar):
    bars, problems = read_bars(PRICES / f"{symbol}.csv")
    assert (len(bars), list(problems)) == (rows, [])
    assert all(calendar.session(bar.date) for bar in bars)
