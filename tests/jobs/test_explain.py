"""A schedule explains itself."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from calendars import MarketCalendar
from jobs import explain, parse_job

NYSE = MarketCalendar()
NEW_YORK = ZoneInfo("America/New_York")

EXPLAINED = [
    (
        {"session": "close - 10m"},
        "2026-11-25 20:00",
        [
            "Fri 27 12:50 EST: close - 10m; Day after Thanksgiving: closes 13:00",
            "Mon 30 15:50 EST: close - 10m; regular session 09:30-16:00",
        ],
    ),
    (
        {"session": "open", "until": "close", "every": "3h"},
        "2026-11-27 00:00",
        [
            "Fri 27 09:30 EST: every 3h from open until close; Day after Thanksgiving: closes 13:00",
            "Fri 27 12:30 EST: every 3h from open until close; Day after Thanksgiving: closes 13:00",
            "Mon 30 09:30 EST: every 3h from open until close; regular session 09:30-16:00",
        ],
    ),
    (
        {"session": "close + 10h"},
        "2026-11-24 03:00",
        ["Wed 25 02:00 EST: close + 10h; session of Tue 24 Nov: regular session 09:30-16:00"],
    ),
    (
        {"cron": "30 2 * * *"},
        "2026-03-08 00:00",
        [
            "Sun 08 03:30 EDT: cron 30 2 * * *; moved: the clocks go forward over its time on this day",
            "Mon 09 02:30 EDT: cron 30 2 * * *",
        ],
    ),
    (
        {"cron": "30 1 * * *"},
        "2026-11-01 00:00",
        [
            "Sun 01 01:30 EDT: cron 30 1 * * *; once, the first time: the clocks go back over it on this day",
            "Mon 02 01:30 EST: cron 30 1 * * *",
        ],
    ),
    (
        {"cron": "0 12 26,27 11 *", "trading_days_only": True, "only_when": ["trading"]},
        "2026-11-26 00:00",
        [
            "Thu 26 12:00 EST: cron 0 12 26,27 11 *; but skipped, no trading day: Thanksgiving Day: closed; "
            "only if the state is then trading",
            "Fri 27 12:00 EST: cron 0 12 26,27 11 *; only if the state is then trading",
        ],
    ),
    ({"cron": "0 9 * * *", "timezone": "Europe/London"}, "2026-11-24 12:00", ["Wed 25 09:00 GMT: cron 0 9 * * *"]),
    ({"interval": "90m"}, "2026-11-24 00:00", ["Tue 24 01:00 EST: every 90m", "Tue 24 02:30 EST: every 90m"]),
]


@pytest.mark.parametrize(("raw", "start", "expected"), EXPLAINED)
def test_fires_are_explained(raw: dict[str, Any], start: str, expected: list[str]) -> None:
    spec = parse_job("job", {**raw, "command": ["x"]}, NYSE)
    found = explain(spec, NYSE, datetime.fromisoformat(start).replace(tzinfo=NEW_YORK), len(expected))
    assert [f"{each.at:%a %d %H:%M %Z}: {each.why}" for each in found] == expected


def test_schedule_that_ends_is_explained_to_its_end() -> None:
    closed = {f"2026-{month:02}-{day:02}": "closed" for month in range(1, 13) for day in range(1, 29)}
    calendar = MarketCalendar(overrides=closed)
    spec = parse_job("job", {"session": "open", "command": ["x"]}, calendar)
    found = list(explain(spec, calendar, datetime(2026, 12, 28, tzinfo=NEW_YORK), 2))
    assert len(found) == 2
