"""What a share is worth, by the prices that come: each case with its reason."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.engine.ibkr.quotes import Quote

AT = datetime(2026, 11, 24, 15, tzinfo=UTC)
AGE = timedelta(seconds=60)

CASES = [
    ((199.9, 200.1, 200.0), 200.0, "the last trade, which both agree with"),
    ((199.0, 201.0, 150.0), 200.0, "nobody agrees with the last trade any more"),
    ((1.0, 199.0, 200.0), 199.0, "no buyers: the middle of the two would be half the price"),
    ((150.0, 250.0, 149.0), 150.0, "far apart: the bid is the nearest to the last trade"),
    ((0.01, 2000.0, -1.0), None, "before the open: far apart, and no trade yet"),
    ((199.9, 200.1, -1.0), 200.0, "no trade yet, and both agree"),
    ((-1.0, -1.0, 200.0), 200.0, "only trades"),
    ((201.0, 199.0, 200.0), 200.0, "crossed: only the trade counts"),
    ((float("nan"), 200.0, float("nan")), None, "not numbers"),
    ((1.7976931348623157e308, 1.7976931348623157e308, -1.0), None, "IB's word for unknown"),
    ((0.0, 0.0, 0.0), None, "nothing"),
]


@pytest.mark.parametrize(("prices", "value", "why"), CASES)
def test_a_price_is_made_of_bid_ask_and_last(prices, value, why):
    quote = Quote("AAPL")
    for tick, price in zip((1, 2, 4), prices, strict=True):
        quote.take(tick, price, AT)
    found = quote.price(AT, AGE, live=True)
    assert (None if found is None else found.value) == value, why


def test_the_close_of_yesterday_is_no_price_of_today():
    quote = Quote("AAPL")
    quote.take(9, 200.0, AT)
    assert quote.price(AT, AGE, live=True) is None
