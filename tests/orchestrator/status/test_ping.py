"""The dead-man ping: it is sent while all is well, holds up nothing, tells of trouble once, and keeps its address."""

import ssl
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from orchestrator.alerts.alarms import Alarms
from orchestrator.status.ping import DEADLINE, Ping, fetch

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
SECRET = "s3cr3t-uuid"


class Service:
    """What a dead-man service was asked, and what it answers."""

    def __init__(self, port, scheme="http"):
        self.status, self.asked, self.url = 200, [], f"{scheme}://localhost:{port}/{SECRET}"


@contextmanager
def serving(certificate=None):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            service.asked.append((self.path, dict(self.headers)))
            self.send_response(service.status)
            if service.status == 302:
                self.send_header("Location", "/moved")
                service.status = 200
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("localhost", 0), Handler)
    service = Service(server.server_port, "http" if certificate is None else "https")
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def service():
    with serving() as service:
        yield service


# --- one try ---


def test_address_is_fetched_with_its_password_in_a_header(service):
    assert fetch(service.url.replace("localhost", "me:p%40ss@localhost") + "?a=1#part") == (True, "", False)
    path, headers = service.asked[0]
    assert path == f"/{SECRET}?a=1"
    assert headers["User-Agent"] == "trading-orchestrator"
    assert headers["Authorization"] == "Basic bWU6cEBzcw=="


def test_redirect_is_followed(service):
    service.status = 302
    assert fetch(service.url)[0]
    assert [path for path, _ in service.asked] == [f"/{SECRET}", "/moved"]


def test_redirect_is_not_followed_with_the_password(service):
    service.status = 302
    assert fetch(service.url.replace("localhost", "me:pass@localhost"))[0]
    assert ["Authorization" in headers for _, headers in service.asked] == [True, False]


@pytest.mark.parametrize(("status", "again"), [(404, False), (410, False), (429, True), (500, True), (503, True)])
def test_refusal_says_its_status_and_is_tried_again_if_that_may_help(service, status, again):
    service.status = status
    assert fetch(service.url) == (False, f"HTTP {status}", again)


def test_certificate_is_checked(monkeypatch, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with serving(authority.issue_cert("localhost")) as service:
        ok, detail, again = fetch(service.url)
        assert (ok, again) == (False, True)
        assert "ertificate" in detail
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert fetch(service.url) == (True, "", False)


def test_failure_does_not_show_the_address(dead_port):
    urls = [f"http://127.0.0.1:{dead_port}/{SECRET}", f"http://127.0.0.1:99999999/{SECRET}", f"http://[{SECRET}"]
    for url in urls:
        ok, detail, _ = fetch(url)
        assert not ok
        assert detail
        assert SECRET not in detail


@pytest.fixture
def dead_port():
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return server.server_port


# --- one after the other ---


class Started:
    """A ping that is under way until the test says how it ended."""

    def __init__(self, receiver, url):
        self.receiver, self.url, self.killed, self.closed = receiver, url, False, False

    def end(self, code=0, **said):
        if said:
            self.receiver.receive(said, NOW)
        self.receiver.ended(code, NOW)

    def kill(self):
        self.killed = True

    def close(self):
        self.closed = True


class Rig:
    def __init__(self):
        self.url, self.at, self.started, self.told, self.broken = "http://x/", 0.0, [], [], None
        self.open = set()
        self.ping = Ping(lambda: self.url, self.start, Alarms(self.put, self.open.__contains__), lambda: self.at)

    def start(self, receiver, url):
        if self.broken is not None:
            raise self.broken
        self.started.append(Started(receiver, url))
        return self.started[-1]

    def put(self, message, topic, *, key=None, closes=None):
        self.told.append((message.level.value, topic, message.title, message.message))
        self.open.add(key)
        self.open.discard(closes)

    def beat(self, ailment=""):
        self.ping.beat(ailment, NOW)

    def titles(self):
        return [(level, title) for level, _, title, _ in self.told]


@pytest.fixture
def rig():
    return Rig()


def test_no_address_no_ping(rig):
    rig.url = None
    rig.beat()
    assert (rig.started, rig.ping.step()) == ([], None)


def test_pings_do_not_pile_up(rig):
    for _ in range(3):
        rig.beat()
    assert len(rig.started) == 1
    rig.started[0].end(ok=True)
    rig.beat()
    assert len(rig.started) == 2
    assert rig.told == []


def test_ping_is_withheld_while_something_is_wrong(rig, caplog):
    caplog.set_level("INFO")
    for ailment in ("trading is interrupted", "trading is interrupted", ""):
        rig.beat(ailment)
    assert len(rig.started) == 1
    assert [record.message for record in caplog.records] == [
        "pings are withheld: trading is interrupted",
        "pings go on",
    ]


def test_ping_that_takes_too_long_is_ended(rig):
    rig.beat()
    assert rig.ping.step() == DEADLINE
    rig.at = DEADLINE
    assert rig.ping.step() is None
    assert rig.started[0].killed
    rig.started[0].end(code=-9)
    level, topic, title, text = rig.told[0]
    assert (level, topic, title) == ("warning", "heartbeat", "Ping failed")
    assert text.startswith("no answer within 40 s. ")


def test_failures_are_told_of_once_and_that_it_is_over(rig):
    for said in ({"ok": False, "detail": "HTTP 500"}, {"ok": False, "detail": "HTTP 404"}, {"ok": True}, {"ok": True}):
        rig.beat()
        rig.started[-1].end(**said)
    assert rig.titles() == [("warning", "Ping failed"), ("info", "Ping arrives again")]
    assert rig.told[0][3].startswith("HTTP 500. ")


def test_process_that_dies_or_cannot_be_started_is_a_failure(rig):
    rig.beat()
    rig.started[-1].end(code=1)
    rig.open.clear()
    rig.broken = BlockingIOError(11, "Resource temporarily unavailable")
    rig.beat()
    assert [text.partition(".")[0] for *_, text in rig.told] == [
        "exit code 1",
        "no process can be started for it: Resource temporarily unavailable",
    ]


def test_address_of_a_new_config_is_taken(rig):
    rig.beat()
    rig.started[0].end(ok=True)
    rig.url = "http://y/"
    rig.beat()
    assert rig.started[-1].url == "http://y/"


def test_one_under_way_goes_with_the_daemon(rig):
    rig.beat()
    rig.ping.close()
    assert rig.started[0].closed


# --- the daemon ---


def test_daemon_pings_at_each_heartbeat_and_its_trouble_is_told(desk, service):
    desk.configure(
        schedule={"calendar": "NYSE", "auto_start": False, "jobs": {"heartbeat": {"interval": "1s"}}},
        health={"ping_url": service.url},
        notifications={"alert_levels": ["info", "warning", "critical"]},
    )
    daemon = desk.start()
    desk.wait_for(lambda: service.asked, "the first ping")
    service.status = 404
    desk.wait_for(lambda: desk.alerts("warning"), "its failure is told of")
    service.status = 200
    desk.wait_for(lambda: desk.alerts("info"), "its recovery is told of")
    assert [row["title"] for row in desk.alerts("warning")] == ["Ping failed"]
    assert [row["title"] for row in desk.alerts("info")] == ["Ping arrives again"]
    assert SECRET not in daemon.log
    assert SECRET not in desk.run("config", "show").stdout
    assert SECRET not in str(desk.alerts())
