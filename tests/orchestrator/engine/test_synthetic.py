"""Synthetic prices are the same everywhere, at any time, in any order, and move like prices."""

import math
import statistics
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from orchestrator.engine.synthetic import SyntheticPrices

START = datetime(2012, 11, 23, 14, 35, tzinfo=UTC)


def value(source, symbol, at):
    return source.price(symbol, at).value


def test_prices_are_these_numbers():
    source = SyntheticPrices(7)
    hours = [START + timedelta(hours=hours) for hours in (0, 1, 24)]
    assert [value(source, "AAPL", at) for at in hours] == [111.56, 111.59, 111.25]
    assert [value(source, "MSFT", at) for at in hours] == [132.6, 133.33, 131.16]


def test_another_process_finds_the_same(tmp_path):
    program = (
        "from datetime import datetime, UTC\n"
        "from orchestrator.engine.synthetic import SyntheticPrices\n"
        "print(SyntheticPrices(3).price('IBM', datetime(1999, 12, 31, 23, 59, 59, 7, UTC)).value)\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    here = value(SyntheticPrices(3), "IBM", datetime(1999, 12, 31, 23, 59, 59, 7, UTC))
    assert outputs == {f"{here}\n"}


def test_a_price_does_not_depend_on_what_was_asked_before():
    moments = [START + timedelta(hours=7 * number) for number in range(200)]
    forward = SyntheticPrices(1)
    backward = SyntheticPrices(1)
    rising = [value(forward, "AAPL", at) for at in moments]
    assert rising == [value(backward, "AAPL", at) for at in reversed(moments)][::-1]


def test_the_zone_of_the_question_does_not_matter(new_york):
    source = SyntheticPrices(1)
    at = new_york("2012-11-23T09:35")
    assert value(source, "AAPL", at) == value(source, "AAPL", at.astimezone(UTC))


def test_seeds_and_symbols_differ():
    prices = {value(SyntheticPrices(seed), symbol, START) for seed in (0, 1) for symbol in ("AAPL", "MSFT", "IBM")}
    assert len(prices) == 6


@pytest.mark.parametrize("symbol", ["AAPL", "IBM", "MSFT", "BTC"])
def test_days_move_by_one_and_a_half_percent(symbol):
    source = SyntheticPrices(0)
    closes = [value(source, symbol, START + timedelta(days=day)) for day in range(2000)]
    moves = [math.log(after / before) for before, after in pairwise(closes)]
    assert 0.012 < statistics.pstdev(moves) < 0.018
    assert abs(statistics.fmean(moves)) < 0.001


def test_half_a_century_stays_within_bounds():
    source = SyntheticPrices(0)
    values = [
        value(source, "AAPL", datetime(1980 + year, month, 1, tzinfo=UTC)) for year in range(50) for month in (1, 7)
    ]
    assert max(values) / min(values) < 12
    assert min(values) > 1


def test_a_minute_moves_the_price_a_little():
    source = SyntheticPrices(0)
    values = [value(source, "AAPL", START + timedelta(minutes=minute)) for minute in range(600)]
    moves = [abs(math.log(after / before)) for before, after in pairwise(values)]
    assert 0 < statistics.fmean(moves) < 0.002
    assert max(moves) < 0.01


def test_a_snapshot_has_the_same_prices_as_single_questions():
    source = SyntheticPrices(2)
    assert source.snapshot(["AAPL", "IBM"], START) == {
        symbol: source.price(symbol, START) for symbol in ("AAPL", "IBM")
    }
