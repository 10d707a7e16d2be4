"""The library is not believed blindly."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import holidays
import pytest

from calendars import MarketCalendar, almanac
from calendars.published import published


@pytest.fixture(autouse=True)
def without_table(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The library is asked for NYSE, as it is for every other exchange."""
    monkeypatch.setattr(almanac, "tabulated", dict)
    published.cache_clear()
    yield
    published.cache_clear()


def rename(monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> None:
    """Let the library say it in other words, as another release of it may."""
    genuine = holidays.financial_holidays

    def financial_holidays(*args: Any, **kwargs: Any) -> Any:
        found = genuine(*args, **kwargs)
        for day, name in list(found.items()):
            if old in name:
                found.pop(day)
                found[day] = name.replace(old, new)
        return found

    monkeypatch.setattr(holidays, "financial_holidays", financial_holidays)


@pytest.mark.parametrize("words", ["(markets close early)", "(markets close at 1:00am)", "(closes 13h)"])
def test_a_half_day_without_a_readable_close_is_an_error(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    rename(monkeypatch, "(markets close at 1:00pm)", words)
    with pytest.raises(RuntimeError, match=r"2026-11-27 at XNYS a half day, .*expected is a text such as"):
        MarketCalendar().session(date(2026, 11, 24))


def test_a_close_in_an_unknown_zone_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    rename(monkeypatch, "1:00pm", "1:00pm XYZ")
    with pytest.raises(RuntimeError, match=r"closes XNYS on .* in the time zone 'XYZ'"):
        MarketCalendar().session(date(2026, 11, 24))


@pytest.mark.parametrize(
    ("words", "close"),
    [
        ("1:00 pm", "13:00"),
        ("1:00 p.m.", "13:00"),
        ("13:00", "13:00"),
        ("12:00pm", "12:00"),
        ("11:30am", "11:30"),
        ("1:00pm ET", "13:00"),
        ("12:00pm CT", "13:00"),
        ("18:00 CET", "12:00"),
    ],
)
def test_a_close_is_read_in_each_of_the_librarys_spellings(
    monkeypatch: pytest.MonkeyPatch, words: str, close: str
) -> None:
    rename(monkeypatch, "1:00pm", words)
    assert MarketCalendar().why(date(2026, 11, 27)) == f"Day after Thanksgiving: closes {close}"


def test_a_year_without_any_holiday_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = holidays.financial_holidays

    def financial_holidays(*args: Any, **kwargs: Any) -> Any:
        return genuine(*args, **kwargs | {"years": 1800})

    monkeypatch.setattr(holidays, "financial_holidays", financial_holidays)
    with pytest.raises(RuntimeError, match="knows no holiday of XNYS in 2026"):
        MarketCalendar().session(date(2026, 11, 24))


def test_what_was_published_cannot_be_changed() -> None:
    days = published("XNYS", 2026)
    with pytest.raises(TypeError):
        days[date(2026, 11, 24)] = days[date(2026, 11, 26)]  # type: ignore[index]
