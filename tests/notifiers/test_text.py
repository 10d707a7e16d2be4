from datetime import UTC, datetime

import pytest

from notifiers import AlertLevel, NotificationMessage
from notifiers.text import compose, cut, headline

AT = datetime(2026, 11, 27, 15, 5, 3, tzinfo=UTC)


def test_the_headline_is_one_line_with_the_level():
    message = NotificationMessage("Engine\r\ncrashed\tagain", "", AlertLevel.CRITICAL, AT)
    assert headline(message) == "[CRITICAL] Engine crashed again"


def test_text_facts_and_time_are_paragraphs():
    facts = {"symbol": "AAPL", "quantity": 100, "price": 150.0, "safe": True, "nothing": None}
    message = NotificationMessage("Title", "Bought 100 shares", AlertLevel.INFO, AT, facts)
    assert compose(message) == (
        "Bought 100 shares\n\nsymbol: AAPL\nquantity: 100\nprice: 150.00\nsafe: yes\n\n2026-11-27 15:05:03 UTC"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.1 + 0.2, "0.30"),
        (0.12345, "0.12345"),
        (-2.5, "-2.50"),
        (1e-12, "1e-12"),
        (float("inf"), "inf"),
        (AT, "2026-11-27 15:05:03 UTC"),
        (AlertLevel.WARNING, "warning"),
        ({"a": [1, 2]}, '{"a": [1, 2]}'),
        ("two\nlines", "\n  two\n  lines"),
    ],
)
def test_a_fact_reads_as_a_human_would_write_it(value, shown):
    message = NotificationMessage("Title", "", AlertLevel.INFO, AT, {"fact": value})
    assert compose(message) == f"fact: {shown}\n\n2026-11-27 15:05:03 UTC"


def test_terminal_and_control_characters_are_removed():
    message = NotificationMessage("T", "\x1b[31mred\x1b[0m\r\n\x00tab\there\x07 \udcff", AlertLevel.INFO, AT)
    assert compose(message) == "red\ntab\there ?\n\n2026-11-27 15:05:03 UTC"


def test_long_text_gives_way_to_facts_and_time():
    message = NotificationMessage("T", "x" * 5_000, AlertLevel.INFO, AT, {"symbol": "AAPL"})
    text = compose(message, 400)
    assert len(text) <= 400
    assert text.endswith("x […]\n\nsymbol: AAPL\n\n2026-11-27 15:05:03 UTC")


def test_facts_get_half_of_the_room_at_most():
    facts = {f"fact{number}": "y" * 5_000 for number in range(20)}
    text = compose(NotificationMessage("T", "x" * 5_000, AlertLevel.INFO, AT, facts), 1_000)
    assert len(text) <= 1_000
    assert text.count("x") > 450
    assert text.endswith("y […]\n\n2026-11-27 15:05:03 UTC")


def test_the_cut_leaves_no_backslash_to_escape_the_mark():
    assert cut("a" * 5 + "\\*" * 5, 11) == "aaaaa\\* […]"
    assert cut("short", 5) == "short"
    assert cut("longer", 3) == " […"
    assert cut("longer", -1) == ""
