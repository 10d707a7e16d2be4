"""The table of NYSE says what the library says, and is not believed beside another one."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from calendars import MarketCalendar, almanac
from calendars.exchanges import exchange_named
from calendars.published import asked, published
from calendars.special import SpecialDay

TUESDAY = date(2026, 11, 24)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """What was read is forgotten, before and after."""
    read, told = almanac.tabulated, published
    for cached in (read, told):
        cached.cache_clear()
    yield
    for cached in (read, told):
        cached.cache_clear()


def write_table(folder: Path, monkeypatch: pytest.MonkeyPatch, days: dict[date, SpecialDay]) -> None:
    monkeypatch.setattr(almanac, "TABLE", folder / "table.txt")
    almanac.TABLE.write_text("\n".join(almanac.table_text(days)) + "\n", "utf-8")


def test_table_says_what_the_library_says_of_every_year() -> None:
    known = almanac.tabulated()
    if not known:
        pytest.skip("the installed `holidays` has other rules of NYSE: run python -m calendars.tabulate")
    for year in exchange_named(almanac.CODE).years:
        assert known[year] == asked(almanac.CODE, year), year


def test_table_of_the_installed_rules_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(tmp_path, monkeypatch, {TUESDAY: SpecialDay("A day off", closed=True)})
    assert MarketCalendar().why(TUESDAY) == "A day off: closed"


def test_half_day_survives_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(tmp_path, monkeypatch, {TUESDAY: SpecialDay("Half a day off", close=12 * 60 + 30)})
    assert MarketCalendar().why(TUESDAY) == "Half a day off: closes 12:30"


@pytest.mark.parametrize("digest", ["0" * 64, None])
def test_table_of_other_rules_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digest: str | None
) -> None:
    write_table(tmp_path, monkeypatch, {TUESDAY: SpecialDay("A day off", closed=True)})
    monkeypatch.setattr(almanac, "rules_digest", lambda: digest)
    assert MarketCalendar().is_trading_day(TUESDAY)


@pytest.mark.parametrize("text", [None, ""])
def test_missing_or_empty_table_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    monkeypatch.setattr(almanac, "TABLE", tmp_path / "table.txt")
    if text is not None:
        almanac.TABLE.write_text(text)
    assert MarketCalendar().why(date(2026, 11, 27)) == "Day after Thanksgiving: closes 13:00"
