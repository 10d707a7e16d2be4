"""What three messages of a trading day look like in each channel, as it is sent."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from notifiers import (
    AppriseNotifier,
    ConsoleNotifier,
    DiscordNotifier,
    EmailNotifier,
    MemoryNotifier,
    NotificationMessage,
    OrderNotificationAdapter,
    RiskNotificationAdapter,
    SlackNotifier,
)

AT = datetime(2026, 11, 27, 10, 5, 3, tzinfo=ZoneInfo("America/New_York"))
DELIVERY = "3f2a91c7-5b0e-4c53-9d6a-0f6f5d1a2b3c"
ORDER = {
    "order_id": 17,
    "symbol": "AAPL",
    "action": "BUY",
    "total_quantity": 1250,
    "filled_quantity": 1250,
    "remaining_quantity": 0,
    "avg_fill_price": 150.0,
    "order_type": "LMT",
    "limit_price": 150.25,
    "status": "Filled",
    "fills": [{"quantity": 1250, "price": 150.0, "commission": 0.5}],
}
TRACEBACK = """\
exit code 1
Traceback (most recent call last):
  File "/srv/jobs/report.py", line 12, in <module>
KeyError: 'max_risk'"""


def filled() -> NotificationMessage:
    memory = MemoryNotifier()
    OrderNotificationAdapter([memory], now=lambda: AT).on_order_filled(ORDER)
    return memory.messages[0]


def job_failed() -> NotificationMessage:
    facts = {"scheduled at": "2026-11-27T15:05:00+00:00", "attempts": 2, "duration_s": 12.25}
    return NotificationMessage("Job report failed", TRACEBACK, "warning", AT, facts)


def circuit_breaker() -> NotificationMessage:
    memory = MemoryNotifier()
    adapter = RiskNotificationAdapter([memory], now=lambda: AT)
    adapter.on_circuit_breaker_triggered("Portfolio drawdown exceeded 10%", drawdown=0.12, threshold=0.10)
    return memory.messages[0]


@pytest.fixture(params=[filled, job_failed, circuit_breaker], ids=lambda make: make.__name__)
def alert(request: pytest.FixtureRequest) -> NotificationMessage:
    message = request.param()
    facts = {**message.metadata, "delivery": DELIVERY}
    return NotificationMessage(message.title, message.message, message.level, message.timestamp, facts)


PLAIN = {
    "Order filled: AAPL": """\
[INFO] Order filled: AAPL
BUY 1,250 AAPL filled at 150.00, commission 0.50

Symbol: AAPL
Action: BUY
Quantity: 1,250
Price: 150.00
Commission: 0.50
Order type: LMT
Limit price: 150.25
Order ID: 17

2026-11-27 10:05:03 EST""",
    "Job report failed": """\
[WARNING] Job report failed
exit code 1
Traceback (most recent call last):
  File "/srv/jobs/report.py", line 12, in <module>
KeyError: 'max_risk'

Scheduled at: 2026-11-27 10:05:00 EST
Attempts: 2
Duration (s): 12.25

2026-11-27 10:05:03 EST""",
    "Circuit breaker triggered": """\
[CRITICAL] Circuit breaker triggered
Portfolio drawdown exceeded 10% (drawdown 12.0 %, threshold 10.0 %)

Drawdown: 12.0 %
Threshold: 10.0 %

2026-11-27 10:05:03 EST""",
}


def test_console(alert, capsys):
    ConsoleNotifier().send(alert)
    shown = capsys.readouterr().out
    assert [line.removeprefix("    ") for line in shown.splitlines()] == PLAIN[alert.title].splitlines()


def test_a_service_of_plain_text(alert, cloud):
    AppriseNotifier("ntfys://localhost/topic").send(alert)
    assert f"{cloud.request.json['title']}\n{cloud.request.json['message']}" == PLAIN[alert.title]


def test_slack(alert, cloud):
    SlackNotifier("https://hooks.slack.com/services/T1/B1/abc").send(alert)
    (attachment,) = cloud.request.json["attachments"]
    header, text, *tables, small_print = attachment["blocks"]
    cells = [cell["text"].strip("*") for each in tables for cell in each["fields"]]
    assert small_print["elements"][0]["text"] == "2026-11-27 10:05:03 EST · 3f2a91c7"
    assert (
        as_text(header["text"]["text"], text["text"]["text"], list(zip(cells[::2], cells[1::2], strict=True)))
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        == PLAIN[alert.title]
    )


def test_discord(alert, cloud):
    DiscordNotifier("https://discord.com/api/webhooks/1/abc").send(alert)
    (embed,) = cloud.request.json["embeds"]
    assert embed["footer"]["text"] == "2026-11-27 10:05:03 EST · 3f2a91c7"
    rows = [(field["name"], field["value"]) for field in embed["fields"]]
    assert as_text(embed["title"], embed["description"], rows).replace("\\", "") == PLAIN[alert.title]
    assert all(field["inline"] for field in embed["fields"])


def test_mail(alert, open_smtp):
    mailer = EmailNotifier("127.0.0.1", open_smtp.port, None, None, "b@example.com", ["t@example.com"], use_tls=False)
    mailer.send(alert)
    (mail,) = open_smtp.mails
    assert f"{mail.content['Subject']}\n{mail.text}" == PLAIN[alert.title]
    assert mail.content["Message-ID"] == f"<{DELIVERY}@example.com>"


def test_webhook_is_for_machines(alert):
    """Figures stay figures."""
    facts = json.loads(json.dumps(alert.to_dict()))["metadata"]
    assert facts["delivery"] == DELIVERY
    assert not {"1,250", "12.0 %", "150.00"} & {str(value) for value in facts.values()}


def as_text(title: str, text: str, rows: list[tuple[str, str]]) -> str:
    facts = "\n".join(f"{name}: {value}" for name, value in rows)
    return f"{title}\n{text}\n\n{facts}\n\n2026-11-27 10:05:03 EST"
