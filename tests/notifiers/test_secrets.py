"""No secret is ever shown: not in a log of any library at any level, not on the screen, not in what is returned."""

import base64
import gc
import logging
import socket
import struct
import traceback
import warnings
from collections.abc import Callable
from socketserver import BaseRequestHandler

import pytest

from notifiers import (
    AppriseNotifier,
    ConsoleNotifier,
    DiscordNotifier,
    EmailNotifier,
    NotificationMessage,
    Notifier,
    SlackNotifier,
    WebhookNotifier,
    build_notifier,
)

SECRET = "sesame0123456789"
ENCODED = base64.b64encode(SECRET.encode()).decode()
TO = ("a@example.com", ["b@example.com"])

HTTP: dict[str, Callable[[int], Notifier]] = {
    "slack": lambda port: SlackNotifier(f"https://hooks.slack.com/services/T024BE7LD/B0G9QF9GZ/{SECRET}"),
    "discord": lambda port: DiscordNotifier(f"https://discord.com/api/webhooks/1134567890/{SECRET}"),
    "webhook path": lambda port: WebhookNotifier(f"http://127.0.0.1:{port}/hooks/{SECRET}/post"),
    "webhook query": lambda port: WebhookNotifier(f"http://127.0.0.1:{port}/hook?key={SECRET}"),
    "webhook login": lambda port: WebhookNotifier(f"http://user:{SECRET}@127.0.0.1:{port}/hook"),
    "webhook header": lambda port: WebhookNotifier(
        f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {SECRET}"}
    ),
    "webhook over TLS": lambda port: WebhookNotifier(f"https://user:{SECRET}@localhost/{SECRET}?key={SECRET}"),
    "apprise path": lambda port: AppriseNotifier(f"json://127.0.0.1:{port}/{SECRET}/"),
    "apprise login": lambda port: AppriseNotifier(f"json://user:{SECRET}@127.0.0.1:{port}/"),
    "apprise host": lambda port: AppriseNotifier(f"ntfy://{SECRET}"),
    "apprise header": lambda port: AppriseNotifier(f"json://127.0.0.1:{port}/?+X-Token={SECRET}"),
    "apprise slack": lambda port: AppriseNotifier(f"slack://T024BE7LD/B0G9QF9GZ/{SECRET}"),
}
MAIL: dict[str, Callable[[int], Notifier]] = {
    "email": lambda port: EmailNotifier("127.0.0.1", port, "trader", SECRET, *TO),
    "email without TLS": lambda port: EmailNotifier("127.0.0.1", port, "trader", SECRET, *TO, use_tls=False),
    "apprise mail": lambda port: AppriseNotifier(f"mailto://trader:{SECRET}@127.0.0.1:{port}?from=a@example.com"),
}


class Witness:
    """Sees all that is said."""

    def __init__(self, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
        self._caplog, self._capfd = caplog, capfd
        self._said: list[str] = []

    def tries(self, notifier: Notifier, message: NotificationMessage) -> None:
        attempt = notifier.attempt(message)
        assert not attempt.ok
        assert attempt.detail
        assert notifier.notify(message) is False
        self._said += [repr(attempt), repr(notifier), str(notifier), repr(notifier.parcel(message))]

    def saw_no_secret(self) -> bool:
        records = [self._caplog.text, *(repr(record.__dict__) for record in self._caplog.records)]
        said = "\n".join([*self._said, *records, *self._capfd.readouterr()])
        assert len(said) > 100
        return SECRET not in said and ENCODED not in said


@pytest.fixture
def witness(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Witness:
    caplog.set_level(1)
    for name in ("apprise", "urllib3", "requests", "smtplib", "asyncio", "notifiers"):
        caplog.set_level(1, logger=name)
    return Witness(caplog, capfd)


class Resetting(BaseRequestHandler):
    """Resets the connection when the first byte has come."""

    def handle(self):
        self.request.recv(1)
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.request.close()


ECHO = f"bad token {SECRET} ({ENCODED}) in /{SECRET}?key={SECRET}"
ANSWERS = {
    "forbidden": (403, ECHO, {}),
    "not found": (404, f'{{"message": "no webhook {SECRET}"}}', {}),
    "limited": (429, ECHO, {"Retry_After": "1", "X_Token": SECRET}),
    "broken": (500, f"<html>{ECHO}</html>", {}),
    "moved": (307, "", {"Location": f"https://example.com/{SECRET}"}),
    "cut off": (400, "x" * 370 + ECHO, {}),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("kind", HTTP)
def test_when_a_web_service_answers_and_echoes_them(kind, answer, endpoint, cloud, crash, witness):
    status, body, headers = ANSWERS[answer]
    for service in (endpoint, cloud):
        for _ in range(4):
            service.answer(status, body.encode(), **headers)
    witness.tries(HTTP[kind](endpoint.port), crash)
    assert witness.saw_no_secret()


@pytest.mark.parametrize("trouble", ["refused", "reset", "silent", "dripping"])
@pytest.mark.parametrize("kind", HTTP | MAIL)
def test_when_there_is_trouble_on_the_way(kind, trouble, crash, witness, request, serve, hurry, monkeypatch):
    hurry(0.1, 0.15 if trouble == "dripping" else 10)
    port = {
        "refused": lambda: request.getfixturevalue("unused_port"),
        "reset": lambda: serve(Resetting),
        "silent": lambda: request.getfixturevalue("silent_port"),
        "dripping": lambda: request.getfixturevalue("drip")(b"HTTP/1.1 200 OK\r\nX-Drip: ", b"."),
    }[trouble]()
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    notifier = (HTTP | MAIL)[kind](port)
    if isinstance(notifier, AppriseNotifier):  # whose patience the URL asks for
        notifier = AppriseNotifier(f"{notifier.url}{'&' if '?' in notifier.url else '?'}rto=0.1&cto=0.1")
    with warnings.catch_warnings():
        # Python's ssl leaves a socket open that was reset before its handshake, until it is collected.
        warnings.simplefilter("ignore", ResourceWarning)
        witness.tries(notifier, crash)
        gc.collect()
    assert witness.saw_no_secret()


@pytest.mark.parametrize("kind", ["slack", "discord", "webhook over TLS", "apprise host", "apprise slack"])
def test_when_a_certificate_is_not_trusted(kind, untrusted_cloud, crash, witness):
    witness.tries(HTTP[kind](untrusted_cloud.port), crash)
    assert witness.saw_no_secret()


@pytest.mark.parametrize("kind", MAIL)
def test_when_a_mail_server_refuses_the_login(kind, smtp, crash, witness):
    witness.tries(MAIL[kind](smtp.port), crash)
    assert witness.saw_no_secret()


def test_when_a_mail_server_repeats_them(open_smtp, crash, witness):
    open_smtp.refuse["b@example.com"] = f"550 {ECHO}"
    witness.tries(EmailNotifier("127.0.0.1", open_smtp.port, None, None, *TO, use_tls=False), crash)
    knowing = EmailNotifier("127.0.0.1", open_smtp.port, "trader", SECRET, *TO, use_tls=False)
    assert "***" in knowing._redact(ECHO)
    assert not {SECRET, ENCODED} & set(knowing._redact(ECHO).split())


def test_when_all_goes_well(endpoint, cloud, crash, witness, caplog, capfd):
    for kind, build in HTTP.items():
        if kind != "apprise host":  # a name that the certificate does not have
            cloud.answer(200, b"ok")
            assert build(endpoint.port).attempt(crash).ok, kind
    assert SECRET not in caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("slack", {"webhook_url": f"https://hooks.slack.com/services/T1/{SECRET}"}),
        ("discord", {"webhook_url": f"https://discord.com/hooks/{SECRET}"}),
        ("webhook", {"webhook_url": f"https://user:{SECRET}@:99999999/{SECRET}"}),
        ("webhook", {"webhook_url": "https://example.com", "headers": {"X-Token": f"{SECRET}\n"}}),
        ("apprise", {"url": SECRET}),
        ("slack", {"webhook_url": "x", SECRET[:6]: 1} | {"token": SECRET}),
        (
            "email",
            dict(zip(("smtp_host", "smtp_port", "username", "password"), ("h", 25, None, SECRET), strict=True))
            | {"from_email": TO[0], "to_emails": TO[1]},
        ),
    ],
)
def test_when_settings_are_refused(kind, given):
    with pytest.raises(ValueError, match=r".") as refused:
        build_notifier(kind, given)
    assert SECRET not in "".join(traceback.format_exception(refused.value))


def test_when_a_notifier_of_ones_own_raises(crash, caplog):
    class Pager(Notifier):
        def send(self, message: NotificationMessage) -> bool:
            raise ConnectionError(f"cannot reach https://user:{SECRET}@pager.example.com/{SECRET}?key={SECRET}")

    assert Pager().notify(crash) is False
    assert SECRET not in caplog.text + Pager().attempt(crash).detail
    assert "https://pager.example.com/***" in caplog.text


def test_the_logs_are_left_as_they_were(endpoint, crash):
    names = ("apprise", "urllib3", "urllib3.connectionpool")
    before = [(list(logging.getLogger(name).filters), logging.getLogger(name).level) for name in names]
    WebhookNotifier(f"http://127.0.0.1:{endpoint.port}/{SECRET}").send(crash)
    ConsoleNotifier().send(crash)
    assert [(logging.getLogger(name).filters, logging.getLogger(name).level) for name in names] == before
