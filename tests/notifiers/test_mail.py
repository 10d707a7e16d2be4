import base64
from datetime import UTC, datetime
from email.headerregistry import Address

import pytest
from apprise.utils.parse import is_email, parse_emails
from hypothesis import given, settings
from hypothesis import strategies as st

from notifiers import AlertLevel, Attempt, EmailNotifier, NotificationMessage, mail

PASSWORD = "s3cr%74/et word"
DELIVERY = "3f2a91c7-5b0e-4c53-9d6a-0f6f5d1a2b3c"


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


def implicit_tls(smtps, monkeypatch, **changes):
    """The port decides; the real one belongs to the system."""
    monkeypatch.setattr(mail, "SMTPS_PORT", smtps.port)
    return notifier(smtps, **changes)


def test_what_arrives_in_the_mailbox(smtp, crash):
    assert notifier(smtp).attempt(crash) == Attempt(ok=True)
    (mail,) = smtp.mails
    assert mail.encrypted
    assert mail.login == "trader"
    assert mail.content["Subject"] == "[CRITICAL] Engine crashed <!channel>"
    assert mail.content["From"] == "Trading Bot <bot@example.com>"
    assert mail.content["To"] == "trader@example.com"
    assert mail.content.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.content.iter_parts()] == ["text/plain", "text/html"]
    assert mail.text.splitlines() == [
        *crash.message.splitlines(),
        "",
        "Symbol: AAPL",
        "Quantity: 100",
        "Price: 150.00",
        "",
        "2026-11-27 10:05:03 EST",
    ]


def test_the_page_says_the_same(open_smtp, crash):
    anonymous(open_smtp).send(crash)
    page = open_smtp.mails[0].html
    assert "[CRITICAL] Engine crashed &lt;!channel&gt;" in page
    assert "ask &lt;@U024BE7LH&gt; or @everyone; see https://example.com/max_risk\nmax_position is *safe*" in page
    for name, value in {"Symbol": "AAPL", "Quantity": "100", "Price": "150.00"}.items():
        assert f">{name}</td>" in page
        assert f">{value}</td>" in page
    assert ">2026-11-27 10:05:03 EST</div>" in page
    assert "monospace" not in page


@pytest.mark.parametrize(("level", "colour"), [("info", "#2b7bb9"), ("warning", "#d9780f"), ("critical", "#c81e3a")])
def test_each_level_has_its_colour_and_its_word(open_smtp, level, colour):
    anonymous(open_smtp).send(NotificationMessage("T", "text", level))
    assert f"border-left:4px solid {colour}" in open_smtp.mails[0].html
    assert open_smtp.mails[0].content["Subject"] == f"[{level.upper()}] T"


def test_a_traceback_keeps_its_columns(open_smtp):
    anonymous(open_smtp).send(NotificationMessage("T", 'Traceback:\n  File "<x>", line 3\nKeyError: 1'))
    page = open_smtp.mails[0].html
    assert "white-space:pre-wrap" in page
    assert "monospace" in page
    assert "\n  File &quot;&lt;x&gt;&quot;, line 3\n" in page


def test_a_critical_mail_is_marked_urgent_and_no_mail_is_answered_by_a_machine(open_smtp, crash):
    anonymous(open_smtp).send(crash)
    anonymous(open_smtp).send(NotificationMessage("Order filled", "text"))
    urgent, usual = (mail.content for mail in open_smtp.mails)
    assert (urgent["Importance"], usual["Importance"]) == ("high", None)
    assert urgent["Auto-Submitted"] == usual["Auto-Submitted"] == "auto-generated"


def test_the_same_delivery_is_the_same_mail(open_smtp):
    """A mail program shows it once, however often it was sent."""
    message = NotificationMessage("T", "text", metadata={"delivery": DELIVERY, "symbol": "AAPL"})
    for _ in range(2):
        assert anonymous(open_smtp, "a@example.com", "b@example.com").send(message)
    assert {mail.content["Message-ID"] for mail in open_smtp.mails} == {f"<{DELIVERY}@example.com>"}
    assert len(open_smtp.mails) == 4
    assert not any(DELIVERY in mail.text + mail.html for mail in open_smtp.mails)


def test_without_a_delivery_each_mail_is_one_of_its_own(open_smtp, crash):
    for _ in range(2):
        anonymous(open_smtp).send(crash)
    first, second = (mail.content["Message-ID"] for mail in open_smtp.mails)
    assert first != second
    assert first.endswith("@example.com>")


@pytest.mark.parametrize("header", ["Message-ID", "Date", "Subject", "From", "To", "MIME-Version"])
def test_no_header_is_there_twice(open_smtp, crash, header):
    anonymous(open_smtp).send(crash)
    assert len(open_smtp.mails[0].content.get_all(header)) == 1


@pytest.mark.parametrize("delivery", ["x>\r\nBcc: thief@example.com", "a b@c", "é", "..", "x" * 500, 17])
def test_no_delivery_spoils_the_headers(open_smtp, delivery):
    assert anonymous(open_smtp).send(NotificationMessage("T", "text", metadata={"delivery": delivery}))
    (mail,) = open_smtp.mails
    assert mail.content["Bcc"] is None
    assert mail.content["Message-ID"].startswith("<")
    assert mail.content["Message-ID"].endswith("@example.com>")
    assert len(mail.content["Message-ID"]) < 120


def test_tls_from_the_start(smtps, crash, monkeypatch):
    assert implicit_tls(smtps, monkeypatch).attempt(crash) == Attempt(ok=True)
    assert [mail.login for mail in smtps.mails] == ["trader"]


def test_tls_from_the_start_with_an_unknown_certificate(smtps, crash, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    attempt = implicit_tls(smtps, monkeypatch).attempt(crash)
    assert "certificate verify failed" in attempt.detail
    assert (attempt.ok, attempt.permanent, smtps.mails) == (False, False, [])


def test_port_465_speaks_tls_from_the_start(open_smtp):
    server = EmailNotifier("smtp.example.com", 465, None, None, "a@example.com", ["b@example.com"], use_tls=False)
    service = server.parcel(NotificationMessage("Title", "text")).service
    assert (service["schema"], service["secure_mode"]) == ("mailtos", "ssl")


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
    assert "characters left out …]" in mail.text
    assert mail.text.endswith("ä\n\n2026-11-27 00:00:00 UTC")
    assert 29_000 < len(mail.text) <= 30_000


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("", ""),
        ("\x00", "\x00 \x1b[31mred"),
        ("خسارة 10٪", "שלום"),
        ("T", "."),
        ("T" * 500, "x" * 2_000),
        ("T", ".\n.\nQUIT"),
    ],
)
def test_whatever_the_text_it_arrives(open_smtp, title, text):
    message = NotificationMessage(title, text)
    assert anonymous(open_smtp).attempt(message) == Attempt(ok=True)
    (mail,) = open_smtp.mails
    assert mail.content["Subject"].startswith(f"[INFO] {title[:100]}".replace("\x00", "\ufffd").strip())
    assert mail.text.startswith(text.replace("\x00", "\ufffd").replace("\x1b[31m", ""))


def test_a_senders_name_may_have_any_letters(open_smtp, crash):
    assert notifier(
        open_smtp, from_email='"Händler, Bot" <bot@example.com>', username=None, password=None, use_tls=False
    ).send(crash)
    assert open_smtp.mails[0].content["From"].addresses[0].display_name == "Händler, Bot"
    assert len(open_smtp.mails[0].content["From"].addresses) == 1


def test_each_recipient_gets_a_mail(open_smtp, crash):
    assert anonymous(open_smtp, "a@example.com", "b@example.com").send(crash)
    assert [mail.recipients for mail in open_smtp.mails] == [["a@example.com"], ["b@example.com"]]
    assert [mail.content["To"] for mail in open_smtp.mails] == ["a@example.com", "b@example.com"]


def test_a_wrong_password_tells_what_the_server_said(smtp, crash):
    attempt = notifier(smtp, password="hunter22").attempt(crash)
    assert attempt == Attempt(False, "535 5.7.8 Authentication credentials invalid", permanent=True)
    assert smtp.mails == []


@pytest.mark.parametrize("said", [PASSWORD, base64.b64encode(PASSWORD.encode()).decode()])
def test_a_password_that_the_server_repeats_is_masked(smtp, crash, caplog, said):
    caplog.set_level(1)
    smtp.refuse["trader@example.com"] = f"550 {said} is a poor password"
    attempt = notifier(smtp).attempt(crash)
    assert attempt.detail == "trader@example.com: 550 *** is a poor password"
    assert said not in caplog.text


def test_an_unknown_certificate_is_refused(smtp, crash, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    attempt = notifier(smtp).attempt(crash)
    assert "certificate verify failed" in attempt.detail
    assert (attempt.ok, attempt.permanent, smtp.mails) == (False, False, [])


def test_no_login_is_sent_where_tls_is_missing(open_smtp, crash):
    attempt = notifier(open_smtp).attempt(crash)
    assert attempt == Attempt(False, "STARTTLS extension not supported by server.", permanent=True)


def test_nobody_listens(unused_port, crash):
    server = EmailNotifier("127.0.0.1", unused_port, None, None, "a@example.com", ["b@example.com"])
    assert server.attempt(crash) == Attempt(False, "Connection refused")


def test_a_greeting_that_does_not_come_is_not_waited_for(silent_port, crash, hurry):
    hurry(0.1, 10)
    server = EmailNotifier("127.0.0.1", silent_port, None, None, "a@example.com", ["b@example.com"])
    assert server.attempt(crash) == Attempt(False, "Connection unexpectedly closed: timed out")


def test_a_greeting_that_drips_for_ever_is_cut_off(drip, crash, hurry):
    hurry(5, 0.2)
    port = drip(b"220-wait\r\n", b"220-wait\r\n")
    server = EmailNotifier("127.0.0.1", port, None, None, "a@example.com", ["b@example.com"])
    assert server.attempt(crash) == Attempt(False, "no complete answer within 0.2 s")


def test_one_bad_address_does_not_hold_back_the_others(open_smtp, crash, caplog):
    open_smtp.refuse["gone@example.com"] = "550 5.1.1 no such user"
    attempt = anonymous(open_smtp, "gone@example.com", "trader@example.com").attempt(crash)
    assert attempt == Attempt(ok=True)
    assert [mail.recipients for mail in open_smtp.mails] == [["trader@example.com"]]
    assert "delivered, but not to all: gone@example.com: 550 5.1.1 no such user" in caplog.text


@pytest.mark.parametrize(
    ("refusal", "recipients", "permanent"),
    [
        ("550 5.1.1 no such user", ["gone@example.com"], True),
        ("450 4.2.0 greylisted", ["gone@example.com"], False),
        ("450 4.2.0 greylisted", ["gone@example.com", "trader@example.com"], False),
        ("450 4.2.0 greylisted", ["trader@example.com", "gone@example.com"], False),
    ],
)
def test_a_refusal_of_all_or_for_now_is_a_failure(open_smtp, crash, refusal, recipients, permanent):
    open_smtp.refuse["gone@example.com"] = refusal
    attempt = anonymous(open_smtp, *recipients).attempt(crash)
    assert attempt == Attempt(ok=False, detail=f"gone@example.com: {refusal}", permanent=permanent)


def test_each_refused_recipient_is_named(open_smtp, crash):
    open_smtp.refuse |= {"a@example.com": "550 no such user", "b@example.com": "450 greylisted"}
    attempt = anonymous(open_smtp, "a@example.com", "b@example.com").attempt(crash)
    assert attempt == Attempt(False, "a@example.com: 550 no such user; b@example.com: 450 greylisted")


@pytest.mark.parametrize(
    ("what", "said", "permanent"),
    [
        ("bot@example.com", "550 5.7.1 sender not allowed", True),
        ("bot@example.com", "451 4.3.0 try later", False),
        ("DATA", "554 5.7.1 looks like spam", True),
        ("DATA", "452 4.3.1 mailbox full", False),
    ],
)
def test_what_is_refused_for_all_is_told_once(open_smtp, crash, what, said, permanent):
    open_smtp.refuse[what] = said
    attempt = anonymous(open_smtp, "a@example.com", "b@example.com").attempt(crash)
    assert attempt == Attempt(False, said, permanent=permanent)
    assert open_smtp.mails == [] or what == "DATA"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"smtp_host": ""}, "smtp_host is empty"),
        ({"smtp_port": 0}, "smtp_port must be in 1..65535, not 0"),
        ({"smtp_port": "587"}, "smtp_port must be in 1..65535, not '587'"),
        ({"password": None}, "username and password go together"),
        ({"username": ""}, "username and password go together"),
        ({"password": "pässword"}, "must be ASCII"),
        ({"to_emails": []}, "at least one address"),
        ({"to_emails": "a@example.com"}, "to_emails must be a list"),
        ({"to_emails": ["a@example.com", "nobody"]}, "not an e-mail address that can be sent to: 'nobody'"),
        ({"to_emails": ["a..b@example.com"]}, "not an e-mail address"),
        ({"to_emails": ["a+b+c@example.com"]}, "not an e-mail address"),
        ({"to_emails": ["o'neil@example.com"]}, "o'neil"),
        ({"from_email": "bot"}, "not a sender's address: 'bot'"),
    ],
)
def test_settings_that_cannot_work_are_refused(open_smtp, changes, said):
    with pytest.raises(ValueError, match=said) as refused:
        notifier(open_smtp, **changes)
    assert PASSWORD not in str(refused.value)


ADDRESSES = st.builds(
    "{}@{}".format,
    st.text("ab.+!#%'=_-", min_size=1, max_size=6),
    st.sampled_from(
        ["example.com", "a-b.example.co.uk", "localhost", "host", "-a.com", "a_.com", "b.c", "1.2.3.4", "a..de"]
    ),
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(ADDRESSES)
def test_an_address_that_is_taken_is_one_that_is_sent_to(address):
    """Apprise leaves out what it does not understand, without an error: nobody would notice."""
    try:
        (taken,) = EmailNotifier("host", 25, None, None, "a@example.com", [address]).to_emails
    except ValueError:
        return
    assert (taken, parse_emails([taken])) == (address, [address])
    assert is_email(taken)["full_email"] == address
    assert Address(addr_spec=taken).addr_spec == address


@pytest.mark.parametrize(
    "address", ["trader@example.com", "first.last+tag@sub.example.co.uk", "user@localhost", "x_y-z@a-b.io"]
)
def test_usual_addresses_are_taken(address):
    assert EmailNotifier("host", 25, None, None, address, [address]).to_emails == (address,)


def test_metadata_that_cannot_be_written_down_is_a_failure_and_no_crash():
    class Unsayable:
        def __str__(self) -> str:
            raise RuntimeError("not for you")

    message = NotificationMessage("T", "text", metadata={"thing": Unsayable()})
    attempt = EmailNotifier("host", 25, None, None, "a@example.com", ["b@example.com"]).attempt(message)
    assert attempt == Attempt(False, "RuntimeError: not for you", permanent=True)
