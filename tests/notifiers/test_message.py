import json
from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from notifiers import AlertLevel, NotificationMessage
from notifiers.orders import Fill

AT = datetime(2026, 11, 27, 10, 5, 3, tzinfo=ZoneInfo("America/New_York"))


def test_levels_are_ordered_by_urgency():
    assert AlertLevel.INFO < AlertLevel.WARNING < AlertLevel.CRITICAL
    assert AlertLevel.CRITICAL >= AlertLevel.WARNING
    assert max(AlertLevel.WARNING, AlertLevel.INFO) is AlertLevel.WARNING
    with pytest.raises(TypeError):
        _ = AlertLevel.INFO < "warning"


@pytest.mark.parametrize("name", ["warning", "WARNING", " Warning "])
def test_a_level_is_read_from_its_name(name):
    assert AlertLevel(name) is AlertLevel.WARNING


def test_an_unknown_level_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="no alert level 'loud': use one of info, warning, critical"):
        AlertLevel("loud")


def test_a_message_needs_an_aware_timestamp():
    with pytest.raises(ValueError, match="must be aware"):
        NotificationMessage("Title", "text", timestamp=datetime(2026, 11, 27))


@pytest.mark.parametrize(
    ("title", "text", "kept"),
    [
        ("", "", ("", "")),
        ("  Title\n", "\n  indented\n\n", ("Title", "\n  indented")),
        ("NUL \x00", "half \ud83d, whole 📉", ("NUL \ufffd", "half \ufffd, whole 📉")),
        (None, ValueError("no margin"), ("", "no margin")),
    ],
)
def test_no_message_is_lost_for_its_spelling(title, text, kept):
    message = NotificationMessage(title, text)
    assert (message.title, message.message) == kept
    assert json.loads(json.dumps(message.to_dict()))["title"] == kept[0]


def test_the_delivery_is_told_apart_from_the_facts():
    message = NotificationMessage("T", "", metadata={"symbol": "AAPL", "delivery": "3f2a91c7", "none": None, 7: 1})
    assert (message.delivery, message.facts) == ("3f2a91c7", {"symbol": "AAPL", "7": 1})
    assert message.to_dict()["metadata"]["delivery"] == "3f2a91c7"
    assert NotificationMessage("T", "").delivery is None


def test_a_message_is_info_of_now_without_facts_by_default():
    before = datetime.now(UTC)
    message = NotificationMessage("Title", "text")
    assert message.level is AlertLevel.INFO
    assert message.metadata == {}
    assert before <= message.timestamp <= datetime.now(UTC)


def test_a_message_does_not_change():
    facts = {"symbol": "AAPL"}
    message = NotificationMessage("Title", "text", metadata=facts)
    facts["symbol"] = "MSFT"
    assert message.metadata == {"symbol": "AAPL"}
    with pytest.raises(FrozenInstanceError):
        message.title = "Other"


def test_as_a_dict_it_is_ready_for_json():
    facts = {
        "symbol": "AAPL",
        "price": Decimal("150.10"),
        "level": AlertLevel.WARNING,
        "at": AT,
        "day": date(2026, 11, 27),
        "ratio": float("nan"),
        "ids": (1, 2),
        "nested": {1: {"ok": True}},
        "fill": Fill(price=1.5),
        "none": None,
        "output": "half \ud83d",
    }
    message = NotificationMessage("Title", "text", "critical", AT, facts)
    assert json.loads(json.dumps(message.to_dict(), allow_nan=False)) == {
        "title": "Title",
        "message": "text",
        "level": "critical",
        "timestamp": "2026-11-27T10:05:03-05:00",
        "metadata": {
            "symbol": "AAPL",
            "price": "150.10",
            "level": "warning",
            "at": "2026-11-27T10:05:03-05:00",
            "day": "2026-11-27",
            "ratio": "nan",
            "ids": [1, 2],
            "nested": {"1": {"ok": True}},
            "fill": "Fill(quantity=None, price=1.5, commission=None)",
            "none": None,
            "output": "half \ufffd",
        },
    }


def test_it_comes_back_from_a_dict():
    message = NotificationMessage("Title", "text", AlertLevel.WARNING, AT, {"symbol": "AAPL", "price": 1.5})
    again = NotificationMessage.from_dict(json.loads(json.dumps(message.to_dict())))
    assert again == message
    assert again.timestamp.utcoffset() == timedelta(hours=-5)


def test_from_a_dict_the_time_is_shown_where_it_is_wanted():
    """In winter and in summer: JSON has the offset, but not the zone."""
    for month, hour, zone in ((1, 10, "EST"), (7, 11, "EDT")):
        data = {"title": "T", "message": "", "timestamp": f"2026-{month:02}-05T15:05:03+00:00"}
        at = NotificationMessage.from_dict(data, zone=ZoneInfo("America/New_York")).timestamp
        assert (at.hour, at.tzname()) == (hour, zone)
    with pytest.raises(ValueError, match="must be aware"):
        NotificationMessage.from_dict(data | {"timestamp": "2026-01-05T15:05:03"}, zone=UTC)


def test_from_a_dict_with_the_least():
    message = NotificationMessage.from_dict({"title": "Title", "message": "text"})
    assert (message.level, message.metadata) == (AlertLevel.INFO, {})
    with pytest.raises(KeyError, match="message"):
        NotificationMessage.from_dict({"title": "Title"})
