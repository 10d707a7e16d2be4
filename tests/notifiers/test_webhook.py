import socket
import socketserver
import struct
import traceback

import pytest

from notifiers import Attempt, NotificationMessage, WebhookNotifier


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


@pytest.mark.parametrize("text", ["", "x" * 100_000, "# markdown <b>&amp; & html</b>\n\tindented"])
def test_the_text_is_posted_whole(endpoint, text):
    message = NotificationMessage("t" * 300, text)
    assert WebhookNotifier(f"http://127.0.0.1:{endpoint.port}").send(message)
    assert endpoint.request.json == message.to_dict()


def test_https_is_verified(cloud, crash):
    assert WebhookNotifier("https://localhost/hook").send(crash)
    assert (cloud.request.host, cloud.request.path) == ("localhost", "/hook")


@pytest.mark.parametrize(
    ("status", "body", "headers", "attempt"),
    [
        (500, b"out of\n  tune", {}, Attempt(False, "HTTP 500 Internal Server Error: out of tune")),
        (503, b"<html>...", {"Content_Type": "text/html"}, Attempt(False, "HTTP 503 Service Unavailable")),
        (302, b"", {"Location": "/elsewhere"}, Attempt(False, "HTTP 302 Found")),
        (429, b"slow", {"Retry_After": "7"}, Attempt(False, "HTTP 429 Too Many Requests: slow", 7.0)),
        (503, b"", {"Retry_After": "-1"}, Attempt(False, "HTTP 503 Service Unavailable", 0.0)),
        (503, b"", {"Retry_After": "inf"}, Attempt(False, "HTTP 503 Service Unavailable")),
        (503, b"", {"Retry_After": "soon"}, Attempt(False, "HTTP 503 Service Unavailable")),
    ],
)
def test_the_answer_tells_why_it_failed(endpoint, crash, status, body, headers, attempt):
    endpoint.answer(status, body, **headers)
    assert WebhookNotifier(f"http://127.0.0.1:{endpoint.port}/hook").attempt(crash) == attempt
    assert len(endpoint.requests) == 1


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
    assert "Connection refused" in attempt.detail
    assert f"port={unused_port}" in attempt.detail
    assert "sesame" not in attempt.detail


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
    assert not attempt.ok
    assert "Connection reset by peer" in attempt.detail


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
