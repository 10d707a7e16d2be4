"""What holds for every channel that delivers through Apprise."""

import logging
import os
import smtplib
import socketserver
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import requests

from notifiers import (
    AppriseNotifier,
    Attempt,
    DiscordNotifier,
    EmailNotifier,
    NotificationMessage,
    SlackNotifier,
    WebhookNotifier,
    delivery,
)

SLACK = "https://hooks.slack.com/services/T024BE7LD/B0G9QF9GZ/x7Kd93jf0sQpLm2"
DISCORD = "https://discord.com/api/webhooks/1134567890/aB3-dE"


def test_apprises_log_is_left_as_it_was(endpoint, crash, monkeypatch):
    notifier = WebhookNotifier(f"http://127.0.0.1:{endpoint.port}")
    notifier.send(crash)
    log = logging.getLogger("apprise")
    monkeypatch.setattr(log, "propagate", True)
    log.setLevel(logging.ERROR)
    before = (log.level, log.propagate, list(log.handlers), list(log.filters))
    try:
        notifier.send(crash)
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
    assert failed.detail == "Connection refused"
    assert logging.getLogger("apprise").propagate is propagated


def test_requests_of_others_are_none_of_our_business(endpoint, crash):
    WebhookNotifier(f"http://127.0.0.1:{endpoint.port}").send(crash)
    endpoint.answer(429, b"limited")
    assert requests.post(f"http://127.0.0.1:{endpoint.port}", data="x").status_code == 429


def test_mails_of_others_are_none_of_our_business(open_smtp, crash):
    """Not even those that are sent through Apprise by an URL."""
    mailer = EmailNotifier("127.0.0.1", open_smtp.port, None, None, "a@example.com", ["b@example.com"], use_tls=False)
    assert mailer.send(crash)
    with smtplib.SMTP("127.0.0.1", open_smtp.port) as client:
        client.sendmail("x@example.com", ["y@example.com"], "Subject: own\r\n\r\ntext")
    assert AppriseNotifier(
        f"mailto://127.0.0.1:{open_smtp.port}?from=c@example.com&to=d@example.com&mode=insecure"
    ).send(crash)
    assert [mail.content["Subject"] for mail in open_smtp.mails[1:]] == [
        "own",
        "[CRITICAL] Engine crashed <!\u2060channel>",
    ]


def test_an_error_that_is_being_handled_outside_is_not_ours(endpoint, unused_port, crash):
    """An alert is often sent because something was raised."""
    endpoint.answer(500, b"oops")
    try:
        raise ValueError("of somebody else")
    except ValueError:
        failed = WebhookNotifier(f"http://127.0.0.1:{endpoint.port}").attempt(crash)
        refused = WebhookNotifier(f"http://127.0.0.1:{unused_port}").attempt(crash)
        unknown = AppriseNotifier("nosuch://host").attempt(crash)
    assert failed == Attempt(False, "HTTP 500 Internal Server Error: oops")
    assert refused == Attempt(False, f"127.0.0.1:{unused_port}: Connection refused")
    assert "somebody else" not in unknown.detail


def test_attempt_and_send_agree(endpoint, crash):
    notifier = WebhookNotifier(f"http://127.0.0.1:{endpoint.port}")
    endpoint.answer(500)
    assert notifier.send(crash) is False
    assert notifier.send(crash) is True
    assert notifier.notify(NotificationMessage("T", "text")) is True


@pytest.mark.parametrize("url", [SLACK, DISCORD])
def test_where_there_is_no_file_in_memory_a_temporary_one_will_do(cloud, crash, monkeypatch, url):
    monkeypatch.delattr("os.memfd_create", raising=False)
    assert (SlackNotifier if "slack" in url else DiscordNotifier)(url).attempt(crash) == Attempt(ok=True)
    assert "Engine crashed" in cloud.request.body


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="files in memory are Linux's")
def test_a_full_disk_can_be_told_of(cloud, monkeypatch):
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    monkeypatch.setattr("tempfile.NamedTemporaryFile", full)
    message = NotificationMessage("Disk full", "No space left on device", "critical")
    assert SlackNotifier(SLACK).attempt(message) == Attempt(ok=True)
    assert DiscordNotifier(DISCORD).attempt(message) == Attempt(ok=True)


LEFT_BEHIND = """
import os, threading
from notifiers import NotificationMessage, SlackNotifier, WebhookNotifier
message = NotificationMessage("T", "text")
notifiers = [SlackNotifier("{slack}"), WebhookNotifier("http://127.0.0.1:{port}"), WebhookNotifier("http://127.0.0.1:{refused}")]
results = [notifier.attempt(message).ok for notifier in notifiers]
before = os.listdir("/dev/fd")
for notifier in notifiers * 3:
    notifier.attempt(message)
print(results, os.listdir("/dev/fd") == before, threading.active_count())
"""


def test_no_thread_and_no_file_is_left_behind(endpoint, cloud, unused_port):
    """In a process of its own: the servers of the tests have threads and sockets as well."""
    script = LEFT_BEHIND.format(slack=SLACK, port=endpoint.port, refused=unused_port)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[True, True, False] True 1\n"


def test_a_service_that_drips_is_hung_up_on(serve, crash, hurry):
    """It is not only given up: the connection ends."""
    hurry(5, 0.2)
    gone = threading.Event()

    class Drip(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            self.request.settimeout(0.02)
            data = b"-"
            while data:
                with suppress(TimeoutError):
                    data = self.request.recv(65_536)
                    continue
                self.request.sendall(b".")
            gone.set()

    attempt = WebhookNotifier(f"http://127.0.0.1:{serve(Drip)}").attempt(crash)
    assert attempt == Attempt(False, "no complete answer within 0.2 s")
    assert gone.wait(10)


@pytest.mark.parametrize(
    "notifier",
    [
        SlackNotifier(SLACK),
        DiscordNotifier(DISCORD),
        WebhookNotifier("http://127.0.0.1"),
        EmailNotifier("127.0.0.1", 25, None, None, "a@example.com", ["b@example.com"]),
    ],
    ids=lambda notifier: type(notifier).__name__,
)
def test_a_dead_service_costs_no_more_than_ten_seconds_to_connect_and_each_read(notifier, crash):
    service = notifier.parcel(crash).service
    assert (service["cto"], service["rto"], service["redirect"]) == (10, 10, False)
    assert delivery.DEADLINE == 30
