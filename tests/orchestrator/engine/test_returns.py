"""Daily returns and what is reckoned from them, against figures reckoned by hand."""

import math
from datetime import date, timedelta

import pytest

from orchestrator.engine.data import price_source
from orchestrator.engine.returns import ENOUGH, LOOKBACK, PastReturns, correlation, covariance, deviations, shared_days
from orchestrator.engine.synthetic import SyntheticPrices

FIRST = date(2012, 1, 2)


def series(values):
    return {FIRST + timedelta(days=number): value for number, value in enumerate(values)}


def test_deviations_are_from_the_mean():
    assert deviations(series([0.01, 0.02, 0.06]), list(series([0, 0, 0]))) == pytest.approx([-0.02, -0.01, 0.03])


def test_the_covariance_is_that_of_a_sample():
    # (-0.02 * 1 - 0.01 * 0 + 0.03 * 2) / 2
    assert covariance([-0.02, -0.01, 0.03], [1.0, 0.0, 2.0]) == pytest.approx(0.02)


def test_only_days_that_all_have_count():
    one, other = series([1, 2, 3]), series([1, 2])
    assert shared_days({"A": one, "B": other}) == [FIRST, FIRST + timedelta(days=1)]


def test_a_correlation_is_reckoned_as_in_the_books():
    one = [0.01, -0.01, 0.02, 0.00] * 5
    other = [0.02, -0.02, 0.00, 0.00] * 5
    # Means 0.005 and 0. Sums of products a block: 0.005 * 0.02 + 0.015 * 0.02 = 0.0004; of squares
    # 0.000025 + 0.000225 + 0.000225 + 0.000025 = 0.0005 and 0.0008.
    assert correlation(series(one), series(other)) == pytest.approx(0.0004 / math.sqrt(0.0005 * 0.0008))
    assert correlation(series(one), series(one)) == pytest.approx(1.0)
    assert correlation(series(one), series([-value for value in one])) == pytest.approx(-1.0)


def test_few_days_give_no_correlation():
    values = [0.01, -0.01] * (ENOUGH // 2)
    assert correlation(series(values), series(values)) is not None
    assert correlation(series(values), series(values[1:])) is None


def test_what_does_not_move_is_correlated_with_nothing():
    moving = series([0.01, -0.01] * 10)
    assert correlation(moving, series([0.0] * 20)) is None
    assert correlation(moving, series([0.01] * 20)) is None


def test_returns_are_close_over_close_of_the_last_sessions_before_today(rig, new_york):
    closes = [100 * 1.01**number for number in range(LOOKBACK + 6)]
    rig.closes("2012-11-19", A=closes)
    source = price_source(rig.config, rig.folder, rig.calendar, 0)
    source.watch(["A"])
    returns = PastReturns(source, rig.calendar).of("A", new_york("2012-11-19T10:00"))
    assert len(returns) == LOOKBACK
    assert max(returns) == date(2012, 11, 16)
    assert list(returns.values()) == pytest.approx([0.01] * LOOKBACK, abs=1e-6)  # prices have four decimals


def test_a_session_without_a_bar_has_no_return_and_the_next_one_spans_it(rig, flat, new_york):
    rig.bars(A=[flat("2012-11-13", 100), flat("2012-11-14", 110), flat("2012-11-16", 121)])
    source = price_source(rig.config, rig.folder, rig.calendar, 0)
    source.watch(["A"])
    returns = PastReturns(source, rig.calendar).of("A", new_york("2012-11-19T10:00"))
    assert returns == pytest.approx({date(2012, 11, 14): 0.1, date(2012, 11, 16): 0.1})


def test_a_split_is_no_return(rig, flat, new_york):
    rig.bars(A=[flat("2012-11-14", 700), flat("2012-11-15", 707), flat("2012-11-16", 102.01)])
    (rig.folder / "splits.csv").write_text("symbol,date,ratio\nA,2012-11-16,7\n", encoding="utf-8")
    source = price_source(rig.config, rig.folder, rig.calendar, 0)
    source.watch(["A"])
    returns = PastReturns(source, rig.calendar).of("A", new_york("2012-11-19T10:00"))
    assert returns == pytest.approx({date(2012, 11, 15): 0.01, date(2012, 11, 16): 0.01})


def test_synthetic_prices_have_a_past_and_the_present_is_left_alone(calendar, new_york):
    source, now = SyntheticPrices(0), new_york("2012-11-19T10:00")
    returns = PastReturns(source, calendar).of("AAPL", now)
    assert len(returns) == LOOKBACK
    assert source.price("AAPL", now) == SyntheticPrices(0).price("AAPL", now)


def test_a_new_day_has_returns_of_its_own(rig, new_york):
    past = PastReturns(SyntheticPrices(0), rig.calendar)
    monday, tuesday = (past.of("AAPL", new_york(f"2012-11-{day}T10:00")) for day in (19, 20))
    assert (max(monday), max(tuesday)) == (date(2012, 11, 16), date(2012, 11, 19))
    assert past.of("AAPL", new_york("2012-11-20T11:00")) is tuesday
