"""A split is no loss, a loss is no split, and where nobody can tell, it is said."""

from datetime import date
from pathlib import Path

import pytest

from orchestrator.engine import EngineError, Position
from orchestrator.engine.bars import read_bars
from orchestrator.engine.splits import Listed, judge, read_splits
from orchestrator.events import EquityMarked

PRICES = Path(__file__).parents[3] / "config" / "prices"
HEADER = "date,open,high,low,close,volume"


@pytest.fixture
def bars(tmp_path):
    """A file with twenty calm days at a price and volume, and then a day with another."""

    def write(before, after, volume=1_000_000, volume_after=1_000_000, gap=1):
        days = [f"2012-10-{day:02}" for day in range(1, 21)]
        rows = [f"{day},{before},{before},{before},{before},{volume}" for day in days]
        rows.append(f"2012-10-{20 + gap:02},{after},{after},{after},{after},{volume_after}")
        path = tmp_path / "X.csv"
        path.write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
        return read_bars(path)

    return write


def ratios(judgement):
    return [(bar.date.isoformat(), ratio) for bar, ratio in judgement.splits]


@pytest.mark.parametrize(
    ("before", "after", "volume_after", "ratio"),
    [
        (645.57, 92.7, 7_100_000, 7.0),
        (48.3, 24.96, 1_900_000, 2.0),
        (90.0, 61.0, 1_500_000, 1.5),
        (3.0, 29.5, 110_000, 0.1),
        (2.0, 4.02, 600_000, 0.5),
    ],
)
def test_a_jump_to_a_fraction_on_a_usual_day_is_a_split(bars, before, after, volume_after, ratio):
    judgement = judge(bars(before, after, volume_after=volume_after), ())
    assert ratios(judgement) == [("2012-10-21", ratio)]
    assert (judgement.doubts, judgement.problems) == ((), ())


@pytest.mark.parametrize(
    ("before", "after", "volume_after"),
    [
        (53.5, 26.8, 20_000_000),  # half is lost, and everybody sells
        (10.0, 20.0, 9_000_000),  # somebody offers the double
        (53.5, 28.19, 1_000_000),  # no whole ratio
        (100.0, 75.0, 1_000_000),
        (100.0, 101.0, 1_000_000),
    ],
)
def test_gains_and_losses_are_no_splits(bars, before, after, volume_after):
    judgement = judge(bars(before, after, volume_after=volume_after), ())
    assert (judgement.splits, judgement.doubts) == ((), ())


REAL = {
    "AAPL 2000-09-29, half lost in a night": (
        ["58.5,59.63,55.25,56.69,9115900", "50.31,52.44,50.0,52.19,12976800", "52.75,55.5,52.06,53.5,7777700"],
        ["53.31,54.75,51.38,51.44,5195300", "51.75,52.75,48.25,48.94,7183200", "49.31,53.81,48.13,53.5,17492600"],
        "28.19,29.0,25.37,25.75,132529300",
        [],
    ),
    "AAPL 2005-02-28, two for one": (
        ["90.65,90.88,87.45,87.81,27115600", "87.74,87.86,86.25,86.81,20772400", "86.3,88.3,85.29,85.29,21773100"],
        ["86.69,88.45,85.55,88.23,24021100", "88.48,89.31,87.73,88.93,27125500", "89.62,89.91,88.19,88.99,16348400"],
        "44.68,45.14,43.96,44.86,11635900",
        [2.0],
    ),
    "MSFT 2003-02-18, two for one": (
        ["47.88,47.95,46.41,46.58,37604000", "46.8,47.52,46.54,47.38,37040700", "47.3,47.67,46.0,46.44,42146000"],
        ["46.55,47.1,46.26,46.44,35657600", "46.41,47.12,46.13,46.99,36779100", "47.25,48.5,46.77,48.3,45223200"],
        "24.62,24.99,24.4,24.96,28707750",
        [2.0],
    ),
}
"""Six days before and the day itself: slices of Quandl WIKI Prices, which are in the public domain."""


@pytest.mark.parametrize(("early", "late", "day", "expected"), REAL.values(), ids=REAL)
def test_real_jumps_are_told_apart(tmp_path, early, late, day, expected):
    rows = [f"2012-10-{number:02},{row}" for number, row in enumerate([*early, *late, day], start=1)]
    (tmp_path / "X.csv").write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    judgement = judge(read_bars(tmp_path / "X.csv"), ())
    assert [ratio for _, ratio in judgement.splits] == expected
    assert judgement.doubts == ()


def test_a_jump_over_a_long_gap_is_no_split(bars):
    assert judge(bars(100.0, 50.0, gap=8), ()).splits == ()
    assert judge(bars(100.0, 50.0, gap=7), ()).splits != ()


def test_without_volumes_a_jump_is_a_doubt(bars):
    judgement = judge(bars(645.57, 92.7, volume="", volume_after=""), ())
    assert judgement.splits == ()
    [jump] = judgement.doubts
    assert (jump.after.line, jump.ratio) == (22, 7.0)


def test_a_row_of_the_splits_file_settles_a_doubt(bars):
    file = bars(645.57, 92.7, volume="", volume_after="")
    day = date(2012, 10, 21)
    assert ratios(judge(file, (Listed("X", day, 7.0, 2),))) == [("2012-10-21", 7.0)]
    assert judge(file, (Listed("X", day, 7.0, 2),)).doubts == ()
    denied = judge(file, (Listed("X", day, 1.0, 2),))
    assert (denied.splits, denied.doubts, denied.problems) == ((), (), ())


def test_a_row_of_the_splits_file_stands_above_the_judgement(bars):
    file = bars(100.0, 50.0)
    assert judge(file, (Listed("X", date(2012, 10, 21), 1.0, 2),)).splits == ()


def test_a_split_on_a_day_without_a_bar_is_seen_at_the_next(bars):
    file = bars(100.0, 50.0, gap=3)
    assert ratios(judge(file, (Listed("X", date(2012, 10, 22), 2.0, 2),))) == [("2012-10-23", 2.0)]


def test_a_listed_split_that_the_prices_do_not_show_is_left_out(bars):
    judgement = judge(bars(100.0, 101.0), (Listed("X", date(2012, 10, 21), 7.0, 4),))
    assert judgement.splits == ()
    assert judgement.problems == (
        "splits.csv:4: X 2012-10-21 7: the price went from 100.0 to 101.0, which shows no such split; the row is left "
        "out",
    )


@pytest.mark.parametrize("day", [date(2012, 9, 1), date(2012, 12, 1)])
def test_a_split_outside_the_bars_is_none_of_their_business(bars, day):
    judgement = judge(bars(100.0, 101.0), (Listed("X", day, 7.0, 4),))
    assert (judgement.splits, judgement.problems) == ((), ())


# --- the file ---


def test_a_folder_need_not_have_the_file(tmp_path):
    assert read_splits(tmp_path) == ({}, ())


def test_bad_rows_of_the_file_are_named(tmp_path):
    rows = [
        "symbol,date,ratio",
        "A,2014-06-09,7",
        "A,9.6.2014,7",
        "A,2014-06-09,seven",
        "A,2014-06-09,0",
        "B,2012-01-03,0.1",
    ]
    (tmp_path / "splits.csv").write_text("\n".join(rows), encoding="utf-8")
    listed, problems = read_splits(tmp_path)
    assert listed == {"A": (Listed("A", date(2014, 6, 9), 7.0, 2),), "B": (Listed("B", date(2012, 1, 3), 0.1, 6),)}
    assert problems == (
        "splits.csv:3: the date is '9.6.2014', not like 2014-06-09; the row is left out",
        "splits.csv:4: the ratio is 'seven', not a number of new shares for an old one, such as 7 or 0.1; the row is "
        "left out",
        "splits.csv:5: the ratio is '0', not a number of new shares for an old one, such as 7 or 0.1; the row is left "
        "out",
    )


@pytest.mark.parametrize(
    ("content", "complaint"), [(b"a,b\n1,2\n", "the header is a,b, not symbol"), (b"\xff\xfe", "can't be read")]
)
def test_a_file_that_is_something_else_is_refused(tmp_path, content, complaint):
    (tmp_path / "splits.csv").write_bytes(content)
    with pytest.raises(EngineError, match=complaint):
        read_splits(tmp_path)


# --- in the engine ---


@pytest.fixture
def held(rig, weights):
    """A tenth of the equity is in A at 700, and overnight a share becomes seven."""

    def hold(volume=1_000_000, rows=""):
        october = [f"2012-10-{day:02},700,700,700,700" for day in (22, 23, 24, 25, 26, 31)]
        november = ["01,700,700,700,700", "02,100,101,99,101", "05,101,101,101,101"]
        bars = [*october, *(f"2012-11-{row}" for row in november)]
        rig.bars(A=[f"{bar},{volume}" for bar in bars], B=[f"2012-11-{day:02},10,10,10,10," for day in (1, 2, 5)])
        if rows:
            (rig.folder / "splits.csv").write_text(f"symbol,date,ratio\n{rows}\n", encoding="utf-8")
        rig.config.strategy.rebalance_frequency = "intraday"
        rig.clock = type(rig.clock)(rig.clock.now().replace(year=2012, month=11, day=1))
        rig.start(weights(A=0.1)).rebalance()
        assert rig.account().held("A") == 14
        rig.at("2012-11-02T09:29")
        rig.start(weights(A=0.1, B=0.1))
        return rig

    return hold


def test_a_split_overnight_is_no_loss(held):
    rig = held()
    rig.run("2012-11-02T16:00")
    assert rig.account().positions == {"A": Position("A", 98.0, pytest.approx(100.05, abs=0.01))}
    assert [(told.level, told.title) for told in rig.alerts("risk")] == [("warning", "Split: A")]
    assert rig.alerts("risk")[0].message == (
        "The prices of A show a split of 7 for 1 on 2012-11-02: 14 shares at 700.35 are 98 at 100.05 now. Nothing is "
        "gained or lost by it."
    )
    assert len(rig.fills()) == 1
    assert max(mark.drawdown for mark in rig.events_of(EquityMarked)) < 0.003


def test_a_split_is_gone_through_once_however_often_the_engine_is_started(held, weights):
    rig = held()
    for time in ("09:31", "10:00"):
        rig.run(f"2012-11-02T{time}")
        rig.start(weights(A=0.1))
    rig.at("2012-11-05T10:00")
    rig.start(weights())
    assert rig.account().held("A") == 98
    rig.engine.rebalance()
    assert rig.fills()[-1].quantity == 98
    assert rig.account().cash == pytest.approx(100_000, abs=200)
    assert len(rig.alerts("risk")) == 1


def test_a_split_of_days_when_the_engine_was_down_is_caught_up_with(held, weights):
    rig = held()
    rig.at("2012-11-05T10:00")
    rig.start(weights(A=0.1))
    rig.step()
    assert rig.account().held("A") == 98
    assert [told.title for told in rig.alerts("risk")] == ["Split: A"]


def test_a_strategy_that_looks_back_sees_no_jump(held, weights, new_york):
    rig, strategy = held(), weights(A=0.1)
    rig.start(strategy)
    rig.run("2012-11-02T10:00")
    assert strategy.context.past_price("A", new_york("2012-11-01T11:00")) == 100.0


def test_shares_in_doubt_are_left_alone_and_valued_as_before(held, weights):
    rig = held(volume="")
    rig.run("2012-11-02T09:40")
    rig.engine.rebalance()
    assert [fill.symbol for fill in rig.fills()] == ["A", "B"]
    assert rig.account().held("A") == 14
    assert rig.alerts("risk") == []
    [told] = rig.alerts("engine")
    assert told.message.splitlines() == [
        "No price in session 2012-11-02: A. These positions are left as they are.",
        "A.csv:9: it opens at 100.0 after a close of 700.0, and the volumes do not tell whether it was split. Shares "
        "bought before 2012-11-02 are left alone, until splits.csv has the row A,2012-11-02,7, or A,2012-11-02,1 if it "
        "was not",
    ]
    mark = rig.events_of(EquityMarked)[-1]
    assert next(each["price"] for each in mark.positions if each["symbol"] == "A") == 700.0


@pytest.mark.parametrize(("rows", "shares"), [("A,2012-11-02,7", 98), ("A,2012-11-02,1", 0)])
def test_a_row_ends_the_doubt_at_the_next_start(held, weights, rows, shares):
    rig = held(volume="")
    rig.run("2012-11-02T09:40")
    (rig.folder / "splits.csv").write_text(f"symbol,date,ratio\n{rows}\n", encoding="utf-8")
    rig.start(weights(A=0.1))
    rig.run("2012-11-02T10:00")
    assert rig.account().held("A") == shares  # without a split it is a loss, and is stopped


def test_who_bought_after_a_jump_has_no_doubt(rig, weights):
    bars = ["2012-11-15,700,700,700,700,", "2012-11-16,100,100,100,100,", "2012-11-19,100,100,100,100,"]
    rig.bars(A=bars)
    rig.start(weights(A=0.1)).rebalance()
    rig.run("2012-11-19T10:00")
    assert rig.account().held("A") == 99
    assert rig.alerts("engine") == []


@pytest.mark.parametrize("symbol", ["AAPL", "GOOG", "IBM", "MSFT"])
def test_the_sample_has_neither_splits_nor_doubts(symbol):
    judgement = judge(read_bars(PRICES / f"{symbol}.csv"), ())
    assert (judgement.splits, judgement.doubts) == ((), ())
