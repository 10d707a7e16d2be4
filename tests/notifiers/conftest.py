"""Real services on loopback: an HTTP endpoint, the cloud over verified TLS, an SMTP server.

Slack's and Discord's plugins are used as they are: a CONNECT proxy leads every host to one TLS server whose
certificate comes from a private CA, and both are named by the environment variables that requests obeys.
"""

import json
import logging
import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from notifiers import AlertLevel, NotificationMessage, delivery

PATIENCE = 10.0
"""Seconds until a socket of the rig gives up; never reached unless something is broken."""


@dataclass
class Request:
    host: str
    path: str
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Service:
    """An HTTP service: what it was sent, and what it will answer; ``ok`` when nothing else was arranged."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.answers.append(Answer(status, body, {name.replace("_", "-"): text for name, text in headers.items()}))

    @property
    def request(self) -> Request:
        (request,) = self.requests
        return request

    def reset(self) -> None:
        self.requests.clear()
        self.answers.clear()


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = False  # so that server_close() waits for them and no socket is left open
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that hangs up is what some tests are about


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def http_handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            service.requests.append(Request(self.headers["Host"], self.path, dict(self.headers), body))
            answer = service.answers.pop(0) if service.answers else Answer()
            self.send_response_only(answer.status)
            for name, text in answer.headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST

        def log_message(self, *args: object) -> None:
            pass

    return Handler


def proxy_handler(port: int) -> type[socketserver.StreamRequestHandler]:
    class Proxy(socketserver.StreamRequestHandler):
        timeout = PATIENCE

        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as upstream:
                self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                self.relay(upstream)

        def relay(self, upstream: socket.socket) -> None:
            peers = {self.request: upstream, upstream: self.request}
            while readable := select.select(list(peers), [], [], PATIENCE)[0]:
                for end in readable:
                    data = end.recv(65_536)
                    while isinstance(end, ssl.SSLSocket) and end.pending():
                        data += end.recv(end.pending())
                    if not data:
                        return
                    peers[end].sendall(data)

    return Proxy


def relay_handler(port: int) -> type[socketserver.BaseRequestHandler]:
    """What a proxy does after its greeting; behind TLS it makes any server one that speaks TLS from the start."""

    class Relay(proxy_handler(port)):  # type: ignore[misc]
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as upstream:
                self.relay(upstream)

    return Relay


class Dripping(socketserver.BaseRequestHandler):
    """Answers a byte now and then, and never ends by itself: only when the client hangs up."""

    beginning = b""
    drop = b"."

    def handle(self) -> None:
        self.request.sendall(self.beginning)
        self.request.settimeout(0.02)
        while True:
            with suppress(TimeoutError):
                if not self.request.recv(65_536):
                    return
            self.request.sendall(self.drop)


class Silent(socketserver.BaseRequestHandler):
    """Listens, and never answers."""

    def handle(self) -> None:
        while self.request.recv(65_536):
            pass


@pytest.fixture
def serve() -> Iterator[Callable[[type[socketserver.BaseRequestHandler]], int]]:
    """Serves connections with a handler of one's own, and says on which port."""
    with ExitStack() as stack:
        yield lambda handler: stack.enter_context(serving(Server(("127.0.0.1", 0), handler)))


@pytest.fixture
def drip(serve: Callable[[type[socketserver.BaseRequestHandler]], int]) -> Callable[[bytes, bytes], int]:
    """Serves a beginning, and then the same drop again and again."""
    return lambda beginning, drop: serve(type("Drip", (Dripping,), {"beginning": beginning, "drop": drop}))


@pytest.fixture
def silent_port(serve: Callable[[type[socketserver.BaseRequestHandler]], int]) -> int:
    return serve(Silent)


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="session")
def tls(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("hooks.slack.com", "discord.com", "localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def _endpoint() -> Iterator[Service]:
    service = Service()
    with serving(Server(("127.0.0.1", 0), http_handler(service))) as service.port:
        yield service


@pytest.fixture(scope="session")
def _cloud(tls: ssl.SSLContext) -> Iterator[Service]:
    service = Service()
    server = Server(("127.0.0.1", 0), http_handler(service))
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    with serving(server) as port, serving(Server(("127.0.0.1", 0), proxy_handler(port))) as service.port:
        yield service


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "CURL_CA_BUNDLE",
        "REQUESTS_CA_BUNDLE",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def endpoint(_endpoint: Service) -> Service:
    """A plain HTTP service."""
    _endpoint.reset()
    return _endpoint


@pytest.fixture
def untrusted_cloud(_cloud: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Every HTTPS host, behind a proxy, with a certificate nobody knows."""
    _cloud.reset()
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{_cloud.port}")
    return _cloud


@pytest.fixture
def cloud(untrusted_cloud: Service, ca_file: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Every HTTPS host, with a certificate that is verified."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))
    return untrusted_cloud


@dataclass
class Mail:
    recipients: list[str]
    login: str | None
    encrypted: bool
    content: EmailMessage

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    def _part(self, kind: str) -> str:
        return self.content.get_body((kind,)).get_content().replace("\r\n", "\n").rstrip("\n")


@dataclass
class MailServer:
    """An SMTP server that knows one user; `refuse` says what it answers to an address, or to ``DATA``."""

    port: int
    mails: list[Mail] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        session.user = data.login.decode()
        known = (data.login, data.password) == (b"trader", b"s3cr%74/et word")
        return AuthResult(success=known, handled=False)

    async def handle_MAIL(self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if answer := self.refuse.get(address):
            return answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if answer := self.refuse.get(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        content = message_from_bytes(envelope.content, policy=default)
        user = getattr(session, "user", None)
        self.mails.append(Mail(envelope.rcpt_tos, user, session.ssl is not None, content))
        return self.refuse.get("DATA", "250 OK")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def mail_server(**options: Any) -> Iterator[MailServer]:
    server = MailServer(free_port())
    controller = Controller(
        server, hostname="127.0.0.1", port=server.port, authenticator=server.authenticate, **options
    )
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


@pytest.fixture(autouse=True)
def _no_server_log(monkeypatch: pytest.MonkeyPatch) -> None:
    # The mail server writes down what it was sent and what it answered; only the sender's logs are judged.
    monkeypatch.setattr(logging.getLogger("mail.log"), "disabled", True)


@pytest.fixture
def smtp(tls: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """Takes mail from its user only, after STARTTLS."""
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    with mail_server(tls_context=tls, require_starttls=True, auth_required=True) as server:
        yield server


@pytest.fixture
def smtps(tls: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """Speaks TLS from the start."""
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    with mail_server(auth_require_tls=False) as server:
        outside = Server(("127.0.0.1", 0), relay_handler(server.port))
        outside.socket = tls.wrap_socket(outside.socket, server_side=True)
        with serving(outside) as server.port:
            yield server


@pytest.fixture
def open_smtp() -> Iterator[MailServer]:
    """Takes mail from anybody, unencrypted."""
    with mail_server(auth_require_tls=False) as server:
        yield server


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, float], None]:
    """Sets the seconds to wait for a read, and for the whole attempt."""

    def set_patience(read: float, whole: float) -> None:
        monkeypatch.setitem(delivery.ONE_REQUEST, "rto", read)
        monkeypatch.setattr(delivery, "DEADLINE", whole)

    return set_patience


@pytest.fixture
def unused_port() -> int:
    return free_port()


NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture
def crash() -> NotificationMessage:
    """An alert of the kind that matters, with texts that try to ring every bell."""
    return NotificationMessage(
        "Engine crashed <!channel>",
        "exit code -11, ask <@U024BE7LH> or @everyone; see https://example.com/max_risk\nmax_position is *safe*",
        AlertLevel.CRITICAL,
        datetime(2026, 11, 27, 10, 5, 3, tzinfo=NEW_YORK),
        {"symbol": "AAPL", "quantity": 100, "price": 150.0, "restarts": None},
    )
