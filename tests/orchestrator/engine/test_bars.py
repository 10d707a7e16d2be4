"""Files of daily bars: what is read, and what is said of the rest."""

from datetime import date
from pathlib import Path

import pytest

from orchestrator.engine import EngineError
from orchestrator.engine.bars import Bar, read_bars
from orchestrator.engine.prices import Span

PRICES = Path(__file__).parents[3] / "config" / "prices"
HEADER = "date,open,high,low,close,volume\n"


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "X.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_day_that_ends_lower_goes_up_first():
    assert Bar(date(2012, 11, 20), 10.0, 13.0, 8.0, 9.0).path() == (10.0, 13.0, 8.0, 9.0)


def test_a_day_that_ends_where_it_began_goes_up_first():
    assert Bar(date(2012, 11, 20), 10.0, 13.0, 8.0, 10.0).path() == (10.0, 13.0, 8.0, 10.0)


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
    read = read_bars(path)
    assert [bar.date.day for bar in read.bars] == [20, 26]
    assert list(read.problems) == [f"{complaint}; the row is left out"]


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
    assert len(read_bars(file(f"{HEADER}2012-11-20,10,11,9,10,1\n")).bars) == 1
    assert len(read_bars(file(f"{HEADER}2012-11-20,10,11,9,10,1\n2012-11-21,10,11,9,10,1\n")).bars) == 2


@pytest.mark.parametrize(("symbol", "rows"), [("AAPL", 123), ("IBM", 123), ("MSFT", 123), ("GOOG", 62)])
def test_the_sample_is_sound(symbol, rows, calendar):
    read = read_bars(PRICES / f"{symbol}.csv")
    assert (len(read.bars), list(read.problems)) == (rows, [])
    assert all(calendar.session(day) for day in read.dates)


@pytest.mark.parametrize(
    ("start", "end", "span"),
    [
        (0.0, 0.0, (10.0, 10.0, 10.0, 10.0)),
        (0.0, 0.2, (10.0, 8.8, 10.0, 8.8)),
        (0.0, 0.5, (10.0, 8.0, 11.0, 11.0)),  # down to the low and half of the way up again
        (0.5, 1.0, (11.0, 11.0, 14.0, 13.0)),
        (0.0, 1.0, (10.0, 8.0, 14.0, 13.0)),
        (1.0, 1.0, (13.0, 13.0, 13.0, 13.0)),
    ],
)
def test_what_was_traded_between_two_times_has_the_turns_between_them(start, end, span):
    bar = Bar(date(2012, 11, 20), 10.0, 14.0, 8.0, 13.0)
    assert bar.between(start, end, 390.0) == Span(*span)


def test_the_volume_of_a_minute_is_that_of_the_day_spread_evenly():
    bar = Bar(date(2012, 11, 20), 10.0, 14.0, 8.0, 13.0, volume=39_000.0)
    assert bar.between(0.1, 0.2, 390.0).volume == 100.0


@pytest.mark.parametrize(("text", "volume"), [("5431000", 5_431_000.0), ("0", 0.0), ("", None), ("nan", None)])
def test_volumes_may_be_unknown(file, text, volume):
    [bar] = read_bars(file(f"{HEADER}2012-11-20,10,11,9,10,{text}\n")).bars
    assert bar.volume == volume


def test_a_file_need_not_have_volumes(file):
    [bar] = read_bars(file("date,open,high,low,close\n2012-11-20,10,11,9,10\n")).bars
    assert (bar.volume, bar.line) == (None, 2)
