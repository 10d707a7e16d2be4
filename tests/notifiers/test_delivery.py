"""What holds for every channel."""

import logging
import socketserver
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from notifiers import (
    AppriseNotifier,
    DiscordNotifier,
    EmailNotifier,
    NotificationMessage,
    Notifier,
    SlackNotifier,
    WebhookNotifier,
)

SECRET = "sesame0123456789"

CHANNELS: dict[str, Callable[[int], Notifier]] = {
    "slack": lambda port: SlackNotifier(f"https://hooks.slack.com/services/T024BE7LD/B0G9QF9GZ/{SECRET}"),
    "discord": lambda port: DiscordNotifier(f"https://discord.com/api/webhooks/1134567890/{SECRET}"),
    "webhook url": lambda port: WebhookNotifier(f"http://u:{SECRET}@127.0.0.1:{port}/{SECRET}?key={SECRET}"),
    "webhook header": lambda port: WebhookNotifier(
        f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {SECRET}"}
    ),
    "email": lambda port: EmailNotifier("127.0.0.1", port, "trader", SECRET, "a@example.com", ["b@example.com"]),
    "apprise path": lambda port: AppriseNotifier(f"json://127.0.0.1:{port}/{SECRET}/"),
    "apprise host": lambda port: AppriseNotifier(f"ntfy://{SECRET}"),
    "apprise header": lambda port: AppriseNotifier(f"json://127.0.0.1:{port}/?+X-Token={SECRET}"),
}


@pytest.fixture(params=CHANNELS)
def channel(request: pytest.FixtureRequest) -> Callable[[int], Notifier]:
    return CHANNELS[request.param]


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(1)
    return caplog


@pytest.mark.parametrize("channel", [CHANNELS[name] for name in CHANNELS if name != "email"])
def test_secrets_are_shown_nowhere_when_the_service_echoes_them(
    channel, endpoint, cloud, crash, everything_logged, capfd
):
    for service in (endpoint, cloud):
        service.answer(403, f"bad token {SECRET} in /{SECRET}?key={SECRET}".encode())
    notifier = channel(endpoint.port)
    attempt = notifier.attempt(crash)
    notifier.notify(crash)
    assert not attempt.ok
    said = [
        attempt.detail,
        everything_logged.text,
        *capfd.readouterr(),
        repr(notifier),
        repr(notifier.parcel(crash)),
    ]
    assert not [text for text in said if SECRET in text]


def test_secrets_are_shown_nowhere_when_nobody_answers(
    channel, unused_port, crash, everything_logged, capfd, monkeypatch
):
    for name in ("HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port}")
    notifier = channel(unused_port)
    assert notifier.notify(crash) is False
    assert "Connection refused" in everything_logged.text
    assert SECRET not in everything_logged.text + "".join(capfd.readouterr())


def test_apprises_log_is_left_as_it_was(endpoint, crash, monkeypatch):
    log = logging.getLogger("apprise")
    monkeypatch.setattr(log, "propagate", True)
    log.setLevel(logging.ERROR)
    before = (log.level, log.propagate, list(log.handlers), list(log.filters))
    try:
        WebhookNotifier(f"http://127.0.0.1:{endpoint.port}").send(crash)
        assert (log.level, log.propagate, log.handlers, log.filters) == before
    finally:
        log.setLevel(logging.NOTSET)


def test_attempts_at_the_same_time_do_not_mix(serve, unused_port, crash):
    """One waits for its answer while another fails; afterwards Apprise's log is as it was."""
    reached, released = threading.Event(), threading.Event()

    class Late(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(65_536)
            reached.set()
            assert released.wait(10)
            self.request.sendall(b"HTTP/1.0 418 Teapot\r\n\r\nlate")

    propagated = logging.getLogger("apprise").propagate
    late = WebhookNotifier(f"http://127.0.0.1:{serve(Late)}")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(late.attempt, crash)
        assert reached.wait(10)
        failed = EmailNotifier("127.0.0.1", unused_port, None, None, "a@example.com", ["b@example.com"]).attempt(crash)
        assert logging.getLogger("apprise").propagate is False
        released.set()
    assert waiting.result().detail == "HTTP 418 Teapot: late"
    assert "Connection refused" in failed.detail
    assert "Teapot" not in failed.detail
    assert logging.getLogger("apprise").propagate is propagated


def test_requests_of_others_are_none_of_our_business(endpoint, crash):
    WebhookNotifier(f"http://127.0.0.1:{endpoint.port}").send(crash)
    endpoint.answer(429, b"limited")
    assert requests.post(f"http://127.0.0.1:{endpoint.port}", data="x").status_code == 429


def test_attempt_and_send_agree(endpoint, crash):
    notifier = WebhookNotifier(f"http://127.0.0.1:{endpoint.port}")
    endpoint.answer(500)
    assert notifier.send(crash) is False
    assert notifier.send(crash) is True
    assert notifier.notify(NotificationMessage("T", "text")) is True


def test_a_dead_service_costs_no_more_than_ten_seconds_to_connect_and_each_read(channel, crash):
    service = channel(80).parcel(crash).service
    if isinstance(service, dict):
        assert (service["cto"], service["rto"], service["redirect"]) == (10, 10, False)
