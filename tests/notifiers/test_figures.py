import math

import pytest

from notifiers.figures import decimal, figure, percent, percents


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (100, "100"),
        (1250, "1,250"),
        (1250.0, "1,250"),
        (0.5, "0.5"),
        (0.00000001, "0.00000001"),
        (-40, "-40"),
        (-0.0, "0"),
        (1e300, "1e+300"),
        (math.nan, "nan"),
    ],
)
def test_a_quantity(number, text):
    assert figure(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (150, "150.00"),
        (1234.5, "1,234.50"),
        (1.0825, "1.0825"),
        (150.033333333, "150.0333"),
        (0.5, "0.50"),
        (0.01234, "0.01234"),
        (0.0000123456789, "0.0000123457"),
        (0.1 + 0.2, "0.30"),
        (-2.5, "-2.50"),
        (0, "0.00"),
        (-1e-13, "0.00"),
        (0.99999999, "1.00"),
        (1e16, "1e+16"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_a_price(number, text):
    assert decimal(number) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.123, "12.3 %"),
        (0.1, "10.0 %"),
        (0.0025, "0.25 %"),
        (0, "0.0 %"),
        (-0.05, "-5.0 %"),
        (-0.000001, "0.00 %"),
        (1.5, "150.0 %"),
    ],
)
def test_a_share(fraction, text):
    assert percent(fraction) == text


@pytest.mark.parametrize(
    ("fractions", "texts"),
    [
        ((0.12, 0.10), ("12.0 %", "10.0 %")),
        ((0.1004, 0.10), ("10.04 %", "10.00 %")),
        ((0.10004, 0.10), ("10.004 %", "10.000 %")),
        ((0.10, 0.10), ("10.0 %", "10.0 %")),
        ((0.1000001, 0.10), ("10.0 %", "10.0 %")),
    ],
)
def test_two_shares_show_which_is_more(fractions, texts):
    assert percents(*fractions) == texts
