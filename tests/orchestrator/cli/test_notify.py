"""orchestrator notify test: what each service said, what to do about it, and which alerts come there."""

import json
import socket
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from orchestrator.alerts.channels import Channel
from orchestrator.alerts.remedies import remedy
from orchestrator.cli.notify import notify


@pytest.fixture
def command(workplace):
    """Runs ``notify test`` with these lines under ``notifications``."""

    def run(notifications, *words):
        workplace.configure(f"broker: {{broker_type: paper}}\nnotifications: {{{notifications}}}\n")
        return workplace.run(notify, "test", *words)

    return run


@pytest.fixture
def service():
    """An HTTP service that answers ``/404/...`` with 404 and so on; its address, and what it was sent."""
    sent = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = b"said the service"
            self.send_response(int(self.path.split("/")[1]))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}", sent
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def silent():
    """The address of a service that takes a connection and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def webhook(address, scheme="http"):
    return f"webhook_url: '{scheme}://{address}/topsecret'"


def test_channel_that_works_is_said_to_have_sent(command, service):
    address, sent = service
    done = command(f"channels: [webhook], webhook_url: 'http://{address}/200/topsecret'", "--level", "critical")
    assert (done.code, done.out, done.err) == (0, "webhook: sent\n  gets warning, critical\n", "")
    (message,) = sent
    assert (message["title"], message["level"], message["metadata"]) == (
        "Test message",
        "critical",
        {"channel": "webhook"},
    )
    assert message["timestamp"][-6:] in {"-05:00", "-04:00"}, "exchange time"


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        (
            "404",
            ["HTTP 404 Not Found: said the service", "nothing is at that address: check notifications.webhook_url"],
        ),
        (
            "401",
            [
                "HTTP 401 Unauthorized: said the service",
                "the service wants other credentials: check notifications.webhook_url and its headers",
            ],
        ),
        (
            "503",
            [
                "HTTP 503 Service Unavailable: said the service",
                "the service has trouble of its own: try again later",
            ],
        ),
        (
            "302",
            [
                "HTTP 302 Found: said the service",
                "redirects are not followed: write the address that it leads to into notifications.webhook_url",
            ],
        ),
        ("422", ["HTTP 422 Unprocessable Entity: said the service"]),
    ],
)
def test_refusal_is_told_in_the_service_s_words_and_with_a_remedy(command, service, path, lines):
    address, _ = service
    done = command(f"channels: [webhook], webhook_url: 'http://{address}/{path}/topsecret'")
    assert done.code == 1
    failed, *rest = done.out.splitlines()
    assert [failed.removeprefix("webhook: failed: "), *map(str.strip, rest)] == [*lines, "gets warning, critical"]
    assert "topsecret" not in done.out + done.err


def test_tls_where_none_is_spoken(command, service):
    address, _ = service
    done = command(f"channels: [webhook], {webhook(address, 'https')}")
    assert done.code == 1
    assert "no TLS is spoken there: check http or https in notifications.webhook_url" in done.out


def test_channel_that_hangs_holds_up_no_other(command, service, silent):
    address, sent = service
    apprise = f"apprise: {{hung: 'json://{silent}/topsecret', stuck: 'json://{silent}/topsecret'}}"
    config = f"channels: [hung, console, stuck, webhook], webhook_url: 'http://{address}/200', {apprise}"
    assert command(config, "webhook").code == 0, "and Apprise is loaded"
    done = command(config, "--timeout", "2")
    assert done.code == 1
    results = [line for line in done.out.splitlines() if ": " in line and not line.startswith(" ")]
    assert sorted(results) == [
        "console: sent",
        "hung: failed: no answer within 2 s",
        "stuck: failed: no answer within 2 s",
        "webhook: sent",
    ]
    assert results[2:] == ["hung: failed: no answer within 2 s", "stuck: failed: no answer within 2 s"]
    assert "  nothing answered in time: check notifications.apprise.hung, and that no firewall" in done.out
    assert len(sent) == 2


def test_results_as_json_are_in_the_order_of_the_config(command, service):
    address, _ = service
    config = f"channels: [webhook, console], webhook_url: 'http://{address}/410/topsecret'"
    done = command(config, "--json")
    assert (done.code, done.document) == (
        1,
        [
            {
                "channel": "webhook",
                "ok": False,
                "detail": "HTTP 410 Gone: said the service",
                "remedy": "nothing is at that address: check notifications.webhook_url",
                "gets": [{"levels": ["warning", "critical"], "topics": [], "quiet_hours": None}],
            },
            {
                "channel": "console",
                "ok": True,
                "detail": "",
                "remedy": None,
                "gets": [{"levels": ["warning", "critical"], "topics": [], "quiet_hours": None}],
            },
        ],
    )
    assert "[INFO] Test message" in done.err, "what the console prints is not mixed into the document"


def test_one_channel_is_tried_alone(command, service):
    address, sent = service
    config = f"channels: [console, webhook], webhook_url: 'http://{address}/200/topsecret'"
    assert "webhook" not in command(config, "console").out
    assert sent == []
    done = command(config, "slack")
    assert (done.code, done.out) == (1, "")
    assert "no channel 'slack' is configured; these are: console, webhook" in done.err


def test_test_is_sent_though_notifications_are_off(command):
    done = command("enabled: false, channels: [console]")
    assert done.code == 0
    assert done.out.endswith("console: sent\n  gets no alert\n")
    assert done.err == "note: notifications.enabled is false, so the daemon sends nothing\n"


def test_channel_that_is_off_may_lack_its_settings(command):
    done = command("enabled: false, channels: [slack]")
    assert done.code == 1
    assert done.out.startswith("slack: failed: not a Slack webhook URL: None; one looks like https://hooks.slack.com/")


def test_no_channel_at_all(command):
    done = command("channels: []")
    assert (done.code, done.out) == (1, "")
    assert "no channel is configured: name some in notifications.channels" in done.err


ROUTES = """\
channels: [console], alert_levels: [info, critical], routes: [
    {levels: [critical], topics: [engine, risk], channels: [console]},
    {topics: [heartbeat], quiet_hours: '22:00-07:00', channels: [console]}]"""


def test_routes_by_which_alerts_come_are_shown(command):
    lines = command(ROUTES).out.splitlines()
    assert lines[-3:] == [
        "console: sent",
        "  gets critical about engine, risk",
        "  gets info, critical about heartbeat; held back 22:00-07:00, unless critical",
    ]
    assert command(ROUTES, "--json").document[0]["gets"] == [
        {"levels": ["critical"], "topics": ["engine", "risk"], "quiet_hours": None},
        {"levels": ["info", "critical"], "topics": ["heartbeat"], "quiet_hours": "22:00-07:00"},
    ]


@pytest.mark.parametrize(
    ("kind", "detail", "start"),
    [
        ("slack", "HTTP 404 Not Found: no_service", "there is no such webhook (any more): make a new one there, and "),
        ("discord", 'HTTP 401 Unauthorized: {"message": "Invalid Webhook Token"}', "there is no such webhook (any"),
        ("slack", "HTTP 429 Too Many Requests", "too many messages in a short time"),
        (
            "slack",
            "Failed to resolve 'hooks.slack.com' ([Errno -2] Name or service not known)",
            "there is no such host",
        ),
        ("slack", "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "its TLS certificate is not trusted"),
        ("email", "certificate verify failed: unable to get local issuer certificate", "its TLS certificate is not"),
        (
            "email",
            "535 5.7.8 Authentication credentials invalid",
            "the server refuses the login: check notif",
        ),
        ("email", "STARTTLS extension not supported by server.", "the server speaks TLS in another way on that port"),
        (
            "email",
            "trader@example.com: 550 no such user",
            "the server refuses an address: check notif",
        ),
        (
            "email",
            "[Errno 111] Connection refused",
            "nothing listens there: check notifications.smtp_host and",
        ),
        ("webhook", "HTTPSConnectionPool: Read timed out. (read timeout=10)", "nothing answered in time"),
        ("webhook", "[Errno 101] Network is unreachable", "this machine has no way there"),
        ("apprise", "HTTP 403 Forbidden", "the service wants other credentials: check notifications.apprise.phone"),
        ("apprise", "Apprise gave no reason", ""),
        ("console", "HTTP 404", ""),
    ],
    ids=lambda value: value[:24],
)
def test_remedy_fits_the_kind_and_names_the_setting(kind, detail, start):
    found = remedy(Channel("phone", kind, {}), detail)
    assert found.startswith(start)
    assert bool(found) == bool(start)
    assert "{" not in found
