from datetime import UTC, datetime

import pytest

from notifiers import AlertLevel, Attempt, EmailNotifier, NotificationMessage

PASSWORD = "s3cr%74/et word"


def notifier(server, *recipients, **changes):
    settings = {
        "smtp_host": "127.0.0.1",
        "smtp_port": server.port,
        "username": "trader",
        "password": PASSWORD,
        "from_email": "Trading Bot <bot@example.com>",
        "to_emails": recipients or ["trader@example.com"],
    }
    return EmailNotifier(**settings | changes)


def anonymous(server, *recipients):
    return notifier(server, *recipients, username=None, password=None, use_tls=False)


def test_what_arrives_in_the_mailbox(smtp, crash):
    assert notifier(smtp).attempt(crash) == Attempt(ok=True)
    (mail,) = smtp.mails
    assert mail.encrypted
    assert mail.login == "trader"
    assert mail.content["Subject"] == "[CRITICAL] Engine crashed <!channel>"
    assert mail.content["From"] == "Trading Bot <bot@example.com>"
    assert mail.content["To"] == "trader@example.com"
    assert mail.content.get_content_type() == "text/plain"
    assert mail.text.splitlines() == [
        *crash.message.splitlines(),
        "",
        "symbol: AAPL",
        "quantity: 100",
        "price: 150.00",
        "",
        "2026-11-27 10:05:03 EST",
    ]


def test_a_critical_mail_is_marked_urgent_and_no_mail_is_answered_by_a_machine(open_smtp, crash):
    anonymous(open_smtp).send(crash)
    anonymous(open_smtp).send(NotificationMessage("Order filled", "text"))
    urgent, usual = (mail.content for mail in open_smtp.mails)
    assert (urgent["Importance"], usual["Importance"]) == ("high", None)
    assert urgent["Auto-Submitted"] == usual["Auto-Submitted"] == "auto-generated"


def test_without_tls_and_login(open_smtp, crash):
    assert anonymous(open_smtp).send(crash)
    (mail,) = open_smtp.mails
    assert (mail.encrypted, mail.login) == (False, None)


def test_any_language_and_length(open_smtp):
    at = datetime(2026, 11, 27, tzinfo=UTC)
    message = NotificationMessage("Verlust über 10 % 📉\nBcc: x@y.zz", "ä" * 40_000, AlertLevel.INFO, at)
    assert anonymous(open_smtp).send(message)
    (mail,) = open_smtp.mails
    assert mail.content["Subject"] == "[INFO] Verlust über 10 % 📉 Bcc: x@y.zz"
    assert mail.content["Bcc"] is None
    assert mail.text.endswith("ä […]\n\n2026-11-27 00:00:00 UTC")
    assert len(mail.text) > 29_000


def test_each_recipient_gets_a_mail(open_smtp, crash):
    assert anonymous(open_smtp, "a@example.com", "b@example.com").send(crash)
    assert [mail.recipients for mail in open_smtp.mails] == [["a@example.com"], ["b@example.com"]]


def test_a_wrong_password_tells_what_the_server_said(smtp, crash):
    attempt = notifier(smtp, password="hunter22").attempt(crash)
    assert not attempt.ok
    assert "535 5.7.8 Authentication credentials invalid" in attempt.detail
    assert "hunter22" not in attempt.detail
    assert smtp.mails == []


def test_a_password_that_the_server_repeats_is_masked(smtp, crash, caplog):
    caplog.set_level(1)
    smtp.refuse["trader@example.com"] = f"550 {PASSWORD} is a poor password"
    attempt = notifier(smtp).attempt(crash)
    assert attempt.detail == "trader@example.com: 550 *** is a poor password"
    assert PASSWORD not in caplog.text


def test_an_unknown_certificate_is_refused(smtp, crash, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    attempt = notifier(smtp).attempt(crash)
    assert "certificate verify failed" in attempt.detail
    assert smtp.mails == []


def test_no_login_is_sent_where_tls_is_missing(open_smtp, crash):
    attempt = notifier(open_smtp).attempt(crash)
    assert "STARTTLS extension not supported by server" in attempt.detail


def test_port_465_speaks_tls_from_the_start(open_smtp):
    server = EmailNotifier("smtp.example.com", 465, None, None, "a@example.com", ["b@example.com"], use_tls=False)
    service = server.parcel(NotificationMessage("Title", "text")).service
    assert (service["schema"], service["secure_mode"]) == ("mailtos", "ssl")


def test_nobody_listens(unused_port, crash):
    server = EmailNotifier("127.0.0.1", unused_port, None, None, "a@example.com", ["b@example.com"])
    assert "Connection refused" in server.attempt(crash).detail


def test_one_bad_address_does_not_hold_back_the_others(open_smtp, crash, caplog):
    open_smtp.refuse["gone@example.com"] = "550 5.1.1 no such user"
    attempt = anonymous(open_smtp, "gone@example.com", "trader@example.com").attempt(crash)
    assert attempt == Attempt(ok=True)
    assert [mail.recipients for mail in open_smtp.mails] == [["trader@example.com"]]
    assert "delivered, but not to all: gone@example.com: 550 5.1.1 no such user" in caplog.text


@pytest.mark.parametrize(
    ("refusal", "recipients"),
    [
        ("550 5.1.1 no such user", ["gone@example.com"]),
        ("450 4.2.0 greylisted", ["gone@example.com", "trader@example.com"]),
    ],
)
def test_a_refusal_of_all_or_for_now_is_a_failure(open_smtp, crash, refusal, recipients):
    open_smtp.refuse["gone@example.com"] = refusal
    attempt = anonymous(open_smtp, *recipients).attempt(crash)
    assert attempt == Attempt(ok=False, detail=f"gone@example.com: {refusal}")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"smtp_host": ""}, "smtp_host is empty"),
        ({"smtp_port": 0}, "smtp_port must be in 1..65535, not 0"),
        ({"smtp_port": "587"}, "smtp_port must be in 1..65535, not '587'"),
        ({"password": None}, "username and password go together"),
        ({"username": ""}, "username and password go together"),
        ({"to_emails": []}, "at least one address"),
        ({"to_emails": "a@example.com"}, "to_emails must be a list"),
        ({"to_emails": ["a@example.com", "nobody"]}, "not an e-mail address that can be sent to: 'nobody'"),
        ({"to_emails": ["o'neil@example.com"]}, "o'neil"),
        ({"from_email": "bot"}, "not a sender's address: 'bot'"),
    ],
)
def test_settings_that_cannot_work_are_refused(open_smtp, changes, said):
    with pytest.raises(ValueError, match=said) as refused:
        notifier(open_smtp, **changes)
    assert PASSWORD not in str(refused.value)
