import socket
import socketserver
import struct
import traceback
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from notifiers import AlertLevel, Attempt, NotificationMessage, WebhookNotifier


def test_the_message_is_posted_as_json(endpoint, crash):
    url = f"http://trader:p%40ss@127.0.0.1:{endpoint.port}/hooks/a%20b?key=1&key=2&flag"
    assert WebhookNotifier(url, headers={"X-Token": "sesame-7", "X-Number": 5}).attempt(crash) == Attempt(ok=True)
    request = endpoint.request
    assert request.json == crash.to_dict()
    assert request.path == "/hooks/a%20b?key=1&key=2&flag"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Token"] == "sesame-7"
    assert request.headers["X-Number"] == "5"
    assert request.headers["Authorization"] == "Basic dHJhZGVyOnBAc3M="


def test_a_header_of_ones_own_replaces_ours(endpoint, crash):
    headers = {"content-type": "application/vnd.trader+json", "User-Agent": "trader"}
    assert WebhookNotifier(f"http://127.0.0.1:{endpoint.port}", headers=headers).send(crash)
    assert endpoint.request.headers["content-type"] == "application/vnd.trader+json"
    assert endpoint.request.headers["User-Agent"] == "trader"


@pytest.mark.parametrize(
    "message",
    [
        NotificationMessage("", ""),
        NotificationMessage("  T ", "\n  indented\n\n"),
        NotificationMessage("t" * 300, "x" * 100_000),
        NotificationMessage("T", "# markdown <b>&amp; & html</b> {{app_title}} @everyone\n\tindented"),
        NotificationMessage("خسارة 10٪ 📉", "NUL \x00, half a character \ud83d, \x1b[31mred"),
        NotificationMessage(
            "T", "text", AlertLevel.CRITICAL, datetime(2026, 1, 2, tzinfo=UTC), {"title": 1, "message": 2}
        ),
        NotificationMessage(
            "T",
            "",
            metadata={"delivery": "3f2a91c7", "price": Decimal("1.10"), "rate": float("nan"), "nested": {"a": [1]}},
        ),
    ],
)
def test_exactly_the_message_is_posted(endpoint, message):
    assert WebhookNotifier(f"http://127.0.0.1:{endpoint.port}").attempt(message) == Attempt(ok=True)
    assert endpoint.request.json == message.to_dict()


def test_https_is_verified(cloud, crash):
    assert WebhookNotifier("https://localhost/hook").send(crash)
    assert (cloud.request.host, cloud.request.path) == ("localhost", "/hook")


def test_an_unknown_certificate_is_refused(untrusted_cloud, crash):
    attempt = WebhookNotifier("https://localhost/hook").attempt(crash)
    assert "certificate verify failed" in attempt.detail
    assert untrusted_cloud.requests == []


@pytest.mark.parametrize(
    ("status", "body", "headers", "attempt"),
    [
        (500, b"out of\n  tune", {}, Attempt(False, "HTTP 500 Internal Server Error: out of tune")),
        (503, b"<html>...", {"Content_Type": "text/html"}, Attempt(False, "HTTP 503 Service Unavailable")),
        (502, b"\n<?xml?>", {}, Attempt(False, "HTTP 502 Bad Gateway")),
        (302, b"", {"Location": "/elsewhere"}, Attempt(False, "HTTP 302 Found")),
        (308, b"", {"Location": "/elsewhere"}, Attempt(False, "HTTP 308 Permanent Redirect", permanent=True)),
        (429, b"slow", {"Retry_After": "7"}, Attempt(False, "HTTP 429 Too Many Requests: slow", 7.0)),
        (503, b"", {"Retry_After": "-1"}, Attempt(False, "HTTP 503 Service Unavailable", 0.0)),
        (503, b"", {"Retry_After": "inf"}, Attempt(False, "HTTP 503 Service Unavailable")),
        (503, b"", {"Retry_After": "soon"}, Attempt(False, "HTTP 503 Service Unavailable")),
        (503, b"", {"Retry_After": "31536000"}, Attempt(False, "HTTP 503 Service Unavailable", 3_600.0)),
    ],
)
def test_the_answer_tells_why_it_failed(endpoint, crash, status, body, headers, attempt):
    endpoint.answer(status, body, **headers)
    assert WebhookNotifier(f"http://127.0.0.1:{endpoint.port}/hook").attempt(crash) == attempt
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        *[(status, True) for status in (301, 308, 400, 401, 403, 404, 405, 407, 410, 413, 415, 422)],
        *[(status, False) for status in (302, 307, 408, 409, 423, 425, 429, 500, 502, 503, 504)],
    ],
)
def test_what_a_retry_will_not_mend_is_permanent(endpoint, crash, status, permanent):
    endpoint.answer(status)
    attempt = WebhookNotifier(f"http://127.0.0.1:{endpoint.port}").attempt(crash)
    assert (attempt.ok, attempt.permanent) == (False, permanent)


def test_a_long_answer_is_cut_but_no_secret_in_two(endpoint, crash):
    for length in range(340, 400):
        endpoint.answer(500, b"x" * length + b" sesame-open-7 " + b"y" * 400)
        detail = WebhookNotifier(f"http://127.0.0.1:{endpoint.port}/sesame-open-7").attempt(crash).detail
        assert len(detail) <= 400
        assert "sesa" not in detail


def test_a_date_to_come_back_counts_from_the_services_own_clock(endpoint, crash):
    endpoint.answer(503, Retry_After="Fri, 31 Dec 2100 00:01:30 GMT", Date="Fri, 31 Dec 2100 00:00:00 GMT")
    attempt = WebhookNotifier(f"http://127.0.0.1:{endpoint.port}").attempt(crash)
    assert attempt.retry_after == 90.0
    endpoint.answer(503, Retry_After="Fri, 31 Dec 2100 00:01:30 GMT")
    assert WebhookNotifier(f"http://127.0.0.1:{endpoint.port}").attempt(crash).retry_after is None


def test_nobody_listens(unused_port, crash):
    attempt = WebhookNotifier(f"http://127.0.0.1:{unused_port}/hooks/sesame").attempt(crash)
    assert attempt == Attempt(False, f"127.0.0.1:{unused_port}: Connection refused")


def test_the_host_is_not_known(crash):
    attempt = WebhookNotifier("http://nowhere.invalid/hooks/sesame").attempt(crash)
    assert "nowhere.invalid" in attempt.detail
    assert (attempt.ok, attempt.permanent) == (False, False)


def test_an_answer_that_does_not_come_is_not_waited_for(crash, silent_port, hurry):
    hurry(0.1, 10)
    attempt = WebhookNotifier(f"http://127.0.0.1:{silent_port}/hook").attempt(crash)
    assert attempt == Attempt(False, f"127.0.0.1:{silent_port}: Read timed out. (read timeout=0.1)")


@pytest.mark.parametrize(
    "beginning",
    [b"HTTP/1.1 200 OK\r\nX-Drip: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"],
    ids=["headers", "body"],
)
def test_an_answer_that_drips_for_ever_is_cut_off(crash, drip, hurry, beginning):
    hurry(5, 0.2)
    attempt = WebhookNotifier(f"http://127.0.0.1:{drip(beginning, b'.')}/hook").attempt(crash)
    assert attempt == Attempt(False, "no complete answer within 0.2 s")


class Resetting(socketserver.BaseRequestHandler):
    """Reads the request to its end, and resets the connection."""

    def handle(self):
        request = b""
        while not request.endswith(b"}"):
            request += self.request.recv(65_536)
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.request.close()


def test_the_connection_is_reset(crash, serve):
    attempt = WebhookNotifier(f"http://127.0.0.1:{serve(Resetting)}/hook").attempt(crash)
    assert attempt == Attempt(False, "Connection reset by peer")


class Hanging(socketserver.BaseRequestHandler):
    """Hangs up without a word."""

    def handle(self):
        self.request.recv(65_536)


def test_the_connection_is_closed(crash, serve):
    attempt = WebhookNotifier(f"http://127.0.0.1:{serve(Hanging)}/hook").attempt(crash)
    assert attempt.detail == "Remote end closed connection without response"


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"X-Token": "sesame\r\nX-Other: 1"}, "the value of the HTTP header X-Token can't be sent"),
        ({"X-Token": "sesam€"}, "one line of Latin-1"),
        ({"X-Token": " sesame"}, "can't be sent"),
        ({"X Token": "sesame"}, "not the name of an HTTP header: 'X Token'"),
        ({"": "sesame"}, "not the name of an HTTP header"),
    ],
)
def test_headers_that_cannot_be_sent_are_refused_without_being_shown(headers, said):
    with pytest.raises(ValueError, match=said) as refused:
        WebhookNotifier("https://example.com", headers=headers)
    assert "sesam" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/sesame",
        "https:///sesame",
        "sesame",
        "http://host:99999/sesame",
        "http://u:sesame@host:none",
        "http://[::1/sesame",
    ],
)
def test_other_urls_are_refused_without_being_shown(url):
    with pytest.raises(ValueError, match="not a webhook URL") as refused:
        WebhookNotifier(url)
    assert "sesame" not in "".join(traceback.format_exception(refused.value))
