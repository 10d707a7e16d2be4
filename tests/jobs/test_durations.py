import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.durations import LONGEST, format_duration, parse_duration

fast = settings(max_examples=150, deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5_400),
        ("2d", 172_800),
        ("1d2h3m4s", 93_784),
        ("1h 30m", 5_400),
        (" 5 m ", 300),
        ("0s", 0),
        ("0.5s", 0.5),
        ("1.5h", 5_400),
        ("90m", 5_400),
        ("36500d", LONGEST),
        (60, 60),
        (0.25, 0.25),
        (0, 0),
    ],
)
def test_a_duration_is_read_as_seconds(text: str | float, seconds: float) -> None:
    parsed = parse_duration(text)
    assert parsed == seconds
    assert type(parsed) is float


@pytest.mark.parametrize(
    "text",
    ["", " ", "five minutes", "5", "5M", "30m1h", "5m5m", "-5m", "1e3s", "5m!", "٣s", "1:30", "nan", ".5s"],
)
def test_text_that_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write one such as 90s, 5m, 1h30m or 2d") as caught:
        parse_duration(text)
    assert str(caught.value).startswith(repr(text))


@pytest.mark.parametrize("number", [-1, -0.001, math.inf, -math.inf, math.nan, LONGEST + 1, "36501d", "9" * 400 + "d"])
def test_a_duration_out_of_range_is_refused(number: str | float) -> None:
    with pytest.raises(ValueError, match="it must be from 0 to 36500d"):
        parse_duration(number)


@pytest.mark.parametrize("value", [True, None, [5], {"m": 5}])
def test_what_is_neither_number_nor_text_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not a duration; write seconds"):
        parse_duration(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (1, "1s"),
        (60, "1m"),
        (90, "1m30s"),
        (5_400, "1h30m"),
        (86_400, "1d"),
        (172_805, "2d5s"),
        (0.5, "0.5s"),
        (60.25, "1m0.25s"),
        (0.1 + 0.2, "0.3s"),
        (59.999_999_9, "1m"),
        (0.000_000_1, "0s"),
    ],
)
def test_seconds_are_written_as_the_shortest_text(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf])
def test_what_is_no_length_of_time_has_no_text(seconds: float) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        format_duration(seconds)


@fast
@given(st.integers(min_value=0, max_value=LONGEST))
def test_whole_seconds_survive_writing_and_reading(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@fast
@given(st.floats(min_value=0, max_value=1e6))
def test_fractions_survive_to_the_microsecond(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-6)
