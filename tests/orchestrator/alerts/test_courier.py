"""The process that delivers: one attempt for each delivery, and what came of it."""

import json
import os
import random
import signal
import socket
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from calendars import SystemClock
from notifiers import AlertLevel, MemoryNotifier, NotificationMessage
from orchestrator.alerts.courier import CourierProcess, MemoryCourier, Outcome, attempt
from orchestrator.alerts.outbox import Outbox
from orchestrator.alerts.pace import Pace
from orchestrator.config import NotificationConfig
from orchestrator.history import History
from orchestrator.inbox import Inbox

PATIENCE = 30.0


def parcel(kind="webhook", **settings):
    message = NotificationMessage("Trading interrupted", "text", AlertLevel.CRITICAL).to_dict()
    return {"id": "d-1", "channel": kind, "kind": kind, "settings": settings, "message": message}


# --- one attempt ---


def test_settings_that_no_notifier_takes_are_a_failure_for_good_without_their_secrets():
    outcome = Outcome.read(attempt(parcel("slack", webhook_url="https://hooks.slack.com/wrong/SECRET", channel=None)))
    assert (outcome.ok, outcome.permanent) == (False, True)
    assert "Slack webhook" in outcome.detail
    assert "SECRET" not in outcome.detail


def test_message_that_is_none_is_a_failure_of_its_delivery_only():
    broken = parcel("webhook", webhook_url="http://127.0.0.1:9/hook", headers={}) | {"message": {"title": "no text"}}
    outcome = Outcome.read(attempt(broken))
    assert (outcome.ok, outcome.permanent, outcome.detail) == (False, False, "KeyError in the webhook channel")


def test_what_the_service_says_comes_back(hook):
    outcome = Outcome.read(attempt(parcel(webhook_url=f"{hook.url}?status=429", headers={})))
    assert (outcome.ok, outcome.retry_after, outcome.permanent) == (False, 7.0, False)
    outcome = Outcome.read(attempt(parcel(webhook_url=f"{hook.url}?status=410", headers={})))
    assert (outcome.ok, outcome.permanent) == (False, True)
    assert outcome.detail.endswith("Gone")
    assert Outcome.read(attempt(parcel(webhook_url=hook.url, headers={}))) == Outcome("d-1", ok=True)


def test_memory_courier_delivers_at_once_and_says_so():
    inbox, heard = Inbox(), []

    class Receiver:
        def receive(self, message, now):
            heard.append(Outcome.read(message))

        def ended(self, code, now):
            raise AssertionError("it has no process")

    courier = MemoryCourier(inbox, Receiver(), MemoryNotifier())
    courier.send(parcel())
    for said in inbox.drain():
        said.handle(None)
    inbox.close()
    assert heard == [Outcome("d-1", ok=True)]
    assert [message.title for message in courier.notifier.messages] == ["Trading interrupted"]


# --- the process ---


class Hook:
    """A webhook on the loopback interface; it answers with the status that its query asks for, or 204."""

    def __init__(self):
        self.titles, hook = [], self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                hook.titles.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["title"])
                self.send_response(int(self.path.partition("status=")[2] or 204))
                self.send_header("Retry-After", "7")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def hook():
    hook = Hook()
    yield hook
    hook.close()


class Live:
    """An outbox with a real courier, in a loop as the daemon's."""

    def __init__(self, store, config, pace):
        self.clock, self.inbox, self.history, self.couriers = SystemClock(), Inbox(), History(store), []
        self.outbox = Outbox(config, self.history, self._courier, self.clock.monotonic, random.Random(), pace=pace)

    def _courier(self, outbox):
        self.courier = CourierProcess(self.inbox, outbox)
        return self.courier

    def pid(self):
        return None if self.courier._run is None else self.courier._run.child.pid

    def put(self, title):
        self.outbox.put(NotificationMessage(title, "text", AlertLevel.WARNING, self.clock.now()), "engine")

    def run_until(self, fact):
        deadline = self.clock.monotonic() + PATIENCE
        while not fact():
            assert self.clock.monotonic() < deadline, "it never happened"
            now = self.clock.now()
            for message in self.inbox.drain():
                message.handle(now)
            self.history.flush()
            wait = self.outbox.step(now)
            self.inbox.wait(0.05 if wait is None else min(wait, 0.05))

    def close(self):
        self.outbox.close()
        self.inbox.close()


@pytest.fixture
def live(store):
    with ExitStack() as stack:

        def make(config, pace):
            made = Live(store, config, pace)
            stack.callback(made.close)
            return made

        yield make


def config_for(hook, **more):
    return NotificationConfig(channels=["webhook", *more.get("apprise", {})], webhook_url=hook.url, **more)


def test_courier_comes_with_the_first_alert_and_goes_when_it_is_idle(live, hook):
    daemon = live(config_for(hook), Pace(idle=0.1))
    daemon.run_until(lambda: True)
    assert daemon.pid() is None
    daemon.put("one")
    daemon.run_until(lambda: hook.titles)
    daemon.run_until(lambda: daemon.pid() is None)
    daemon.put("two")
    daemon.run_until(lambda: hook.titles == ["one", "two"])


def test_killed_courier_is_started_again_and_what_it_had_is_sent(live, hook):
    daemon = live(config_for(hook), Pace(first_wait=0.01))
    daemon.put("one")
    daemon.run_until(lambda: daemon.pid() is not None)
    first = daemon.pid()
    os.kill(first, signal.SIGKILL)
    daemon.run_until(lambda: daemon.outbox.counts()["pending"] == 0)
    assert hook.titles[-1:] == ["one"]
    assert daemon.pid() not in {None, first}


def test_stuck_service_gets_its_courier_killed_and_delays_no_other(live, hook):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections, and says nothing
        stuck = {"stuck": f"json://127.0.0.1:{silent.getsockname()[1]}/"}
        daemon = live(config_for(hook, apprise=stuck), Pace(deadline=3.0, first_wait=60.0))
        daemon.put("one")
        daemon.run_until(lambda: daemon.pid() is not None)
        first = daemon.pid()
        daemon.run_until(lambda: hook.titles == ["one"])
        daemon.run_until(lambda: daemon.outbox.counts()["failed"] == 1)
        assert daemon.outbox.counts()["channels"]["stuck"]["last_error"] == "no answer within 3 s"
        assert daemon.pid() is None
        daemon.put("two")
        daemon.run_until(lambda: hook.titles == ["one", "two"])
        assert daemon.pid() not in {None, first}


def test_courier_that_cannot_be_started_is_a_failed_attempt(live, hook, monkeypatch):
    daemon = live(config_for(hook), Pace(first_wait=0.01))
    monkeypatch.setattr("sys.executable", "/no/such/python")
    daemon.put("one")
    daemon.run_until(lambda: daemon.outbox.counts()["failed"] == 1)
    error = daemon.outbox.counts()["channels"]["webhook"]["last_error"]
    assert error.startswith("the courier can't be started: ")
    monkeypatch.undo()
    daemon.run_until(lambda: hook.titles == ["one"])
