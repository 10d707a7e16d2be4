import io
import logging
from datetime import UTC, datetime

import pytest

from notifiers import AlertLevel, Attempt, ConsoleNotifier, MemoryNotifier, NotificationMessage, Notifier

AT = datetime(2026, 11, 27, 15, 5, 3, tzinfo=UTC)


def message(level: AlertLevel = AlertLevel.INFO) -> NotificationMessage:
    return NotificationMessage("Order filled", "BUY 100 AAPL", level, AT, {"price": 150.0})


class Answering(Notifier):
    """Answers what it is told to, or raises it."""

    def __init__(self, answer: bool | Exception) -> None:
        self.answer = answer

    def send(self, message: NotificationMessage) -> bool:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("min_level", "passed"),
    [
        ("info", ["info", "warning", "critical"]),
        ("warning", ["warning", "critical"]),
        ("critical", ["critical"]),
    ],
)
def test_only_messages_of_the_level_or_above_are_sent(min_level, passed):
    notifier = MemoryNotifier(min_level=min_level)
    results = [notifier.notify(message(level)) for level in AlertLevel]
    assert [each.level.value for each in notifier.messages] == passed
    assert results == [level.value in passed for level in AlertLevel]


def test_a_disabled_notifier_sends_nothing():
    notifier = MemoryNotifier(enabled=False)
    assert notifier.notify(message(AlertLevel.CRITICAL)) is False
    assert notifier.messages == []


def test_an_attempt_is_not_filtered():
    notifier = MemoryNotifier(enabled=False, min_level=AlertLevel.CRITICAL)
    assert notifier.attempt(message()) == Attempt(ok=True)
    assert len(notifier.messages) == 1


def test_a_subclass_needs_nothing_but_send():
    assert Answering(True).notify(message()) is True


def test_a_refusal_is_logged_and_false(caplog):
    assert Answering(False).notify(message()) is False
    assert caplog.messages == ["Answering(min_level=info) did not deliver 'Order filled': Answering gave no reason"]


def test_an_exception_is_logged_without_secrets_and_false(caplog):
    error = ConnectionError("cannot reach https://user:hunter22@hooks.example.com/T/B/sesame?key=xyzzy")
    notifier = Answering(error)
    assert notifier.notify(message()) is False
    assert notifier.attempt(message()).detail in caplog.text
    assert "ConnectionError: cannot reach https://hooks.example.com/***" in caplog.text
    assert not any(secret in caplog.text for secret in ("hunter22", "sesame", "xyzzy"))


def test_notify_never_raises_not_even_on_nonsense(caplog):
    assert MemoryNotifier().notify(None) is False
    assert caplog.records[0].levelno == logging.WARNING


def test_the_console_prints_everything_in_one_block():
    stream = io.StringIO()
    assert ConsoleNotifier(stream).notify(message(AlertLevel.WARNING)) is True
    assert stream.getvalue() == (
        "[WARNING] Order filled\n    BUY 100 AAPL\n\n    Price: 150.00\n\n    2026-11-27 15:05:03 UTC\n"
    )


@pytest.mark.parametrize(
    ("encoding", "shown"), [("utf-8", "Verlust 10 € 📉 خسارة"), ("latin-1", "Verlust 10 \\u20ac \\U0001f4c9 \\u062e")]
)
def test_the_console_escapes_what_its_stream_cannot_write(encoding, shown):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    assert (
        ConsoleNotifier(stream).notify(NotificationMessage("", "Verlust 10 € 📉 خسارة\x00\x1b[31m", timestamp=AT))
        is True
    )
    assert f"[INFO]\n    {shown}" in stream.buffer.getvalue().decode(encoding)


def test_the_console_writes_to_the_stdout_of_the_moment(capsys):
    ConsoleNotifier().notify(message())
    assert "[INFO] Order filled" in capsys.readouterr().out


def test_a_closed_console_is_a_failure_not_a_crash(caplog):
    stream = io.StringIO()
    stream.close()
    assert ConsoleNotifier(stream).notify(message()) is False
    assert "closed file" in caplog.text
