from datetime import UTC, datetime

import pytest

from notifiers import AlertLevel, NotificationMessage
from notifiers.plain import compose, footer, headline

AT = datetime(2026, 11, 27, 15, 5, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("title", "line"),
    [
        ("Engine crashed", "[CRITICAL] Engine crashed"),
        ("Engine\r\ncrashed\tagain\x1b[0m", "[CRITICAL] Engine crashed again"),
        ("", "[CRITICAL]"),
    ],
)
def test_the_headline_is_one_line_with_the_level(title, line):
    assert headline(NotificationMessage(title, "", AlertLevel.CRITICAL, AT)) == line


def test_text_facts_and_time_are_paragraphs():
    facts = {"symbol": "AAPL", "quantity": 1250, "price": 150.0, "safe": True, "log": "two\nlines", "nothing": None}
    message = NotificationMessage("Title", "Bought 1,250 shares", AlertLevel.INFO, AT, facts)
    assert compose(message) == (
        "Bought 1,250 shares\n\n"
        "Symbol: AAPL\nQuantity: 1,250\nPrice: 150.00\nSafe: yes\nLog:\n  two\n  lines\n\n"
        "2026-11-27 15:05:03 UTC"
    )


def test_without_text_and_facts_there_is_the_time():
    assert compose(NotificationMessage("Title", "\n", AlertLevel.INFO, AT)) == "2026-11-27 15:05:03 UTC"


def test_long_text_gives_way_to_facts_and_time():
    message = NotificationMessage("T", "word " * 5_000 + "the end", AlertLevel.INFO, AT, {"symbol": "AAPL"})
    text = compose(message, 400)
    assert len(text) <= 400
    assert text.startswith("word word")
    assert text.endswith("word the end\n\nSymbol: AAPL\n\n2026-11-27 15:05:03 UTC")


def test_facts_get_half_of_the_room_at_most():
    facts = {f"fact{number}": "y" * 5_000 for number in range(20)}
    text = compose(NotificationMessage("T", "x" * 5_000, AlertLevel.INFO, AT, facts), 1_000)
    assert len(text) <= 1_000
    assert text.count("x") > 400
    assert text.endswith("y […]\n\n2026-11-27 15:05:03 UTC")


def test_the_small_print_has_the_time_and_the_delivery():
    facts = {"delivery": "3f2a91c7-5b0e-4c53-9d6a-0f6f5d1a2b3c"}
    assert footer(NotificationMessage("T", "", AlertLevel.INFO, AT, facts)) == "2026-11-27 15:05:03 UTC · 3f2a91c7"
    assert footer(NotificationMessage("T", "", AlertLevel.INFO, AT)) == "2026-11-27 15:05:03 UTC"
