"""The dead-man ping: while all is well, a web address is fetched at each heartbeat.

A service elsewhere (healthchecks.io, Uptime Kuma, ...) raises the alarm when the pings stay away: when the daemon, its
machine or its network is gone, nobody here could. The daemon that is not well keeps silent, too. Each ping is a child
process of its own with a deadline, so that neither a slow service nor a slow name server can hold up the loop.
"""

import base64
import logging
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from calendars import SystemClock
from orchestrator.alerts.alarms import Alarms
from orchestrator.inbox import Inbox
from orchestrator.processes.child import Child, Receiver, module_environment, python_module
from orchestrator.processes.parent import Parent
from orchestrator.schedule.runner import Process

__all__ = ["Ping", "PingProcess"]

logger = logging.getLogger("orchestrator")

DEADLINE = 40.0
"""Seconds that a ping has, with its further tries."""

TRIES, TRY_TIMEOUT, PAUSE = 3, 10.0, timedelta(seconds=3)
"""Seconds that the service has for each try, and the rest before the next: one lost packet is no failure."""

Start = Callable[[Receiver, str], Process]
"""Starts a ping of an address; raises OSError."""


class Ping:
    """At most one ping is under way; what comes of it is told once, and that it is over.

    :param url: the address of now; None for no pings.
    """

    def __init__(
        self, url: Callable[[], str | None], start: Start, alarms: Alarms, monotonic: Callable[[], float]
    ) -> None:
        self._url, self._start, self._alarms, self._monotonic = url, start, alarms, monotonic
        self._process: Process | None = None
        self._deadline = 0.0
        self._said: Mapping[str, Any] = {}
        self._withheld = ""

    def beat(self, ailment: str, now: datetime) -> None:
        """Ping, if all is well and nothing is under way.

        :param ailment: what is not well; empty if all is.
        """
        url = self._url()
        if url is None:
            return
        if ailment != self._withheld:
            self._withheld = ailment
            logger.info("pings are withheld: %s", ailment) if ailment else logger.info("pings go on")
        if not ailment and self._process is None:
            self._begin(url, now)

    def _begin(self, url: str, now: datetime) -> None:
        self._said, self._deadline = {}, self._monotonic() + DEADLINE
        try:
            self._process = self._start(self, url)
        except OSError as error:
            self._alarms.ping_failed(f"no process can be started for it: {error.strerror}", now)

    def step(self) -> float | None:
        """End one that takes too long; returns the seconds until that is to be done."""
        if self._process is None:
            return None
        left = self._deadline - self._monotonic()
        if left <= 0:
            self._process.kill()
            return None
        return left

    def receive(self, message: Any, now: datetime) -> None:
        if isinstance(message, Mapping):
            self._said = message

    def ended(self, code: int, now: datetime) -> None:
        self._process = None
        if self._said.get("ok") is True:
            self._alarms.ping_arrived(now)
        else:
            late = f"no answer within {DEADLINE:g} s"
            self._alarms.ping_failed(str(self._said.get("detail") or (late if code < 0 else f"exit code {code}")), now)

    def close(self) -> None:
        """Let go of one that is under way."""
        process, self._process = self._process, None
        if process is not None:
            process.close()


class PingProcess(Child):
    """One ping. The address, which is a secret, goes over the pipe and not into the command line."""

    def __init__(self, inbox: Inbox, receiver: Receiver, url: str) -> None:
        super().__init__(inbox, receiver, python_module("orchestrator.status.ping", "{fd}"), env=module_environment())
        self.send({"url": url})


# --- the child's side ---


def fetch(url: str) -> tuple[bool, str, bool]:
    """Try once: whether the service said yes; else why not, without a word of the address; whether it may yet."""
    try:
        with urllib.request.build_opener().open(_request(url), timeout=TRY_TIMEOUT):
            return True, "", False
    except urllib.error.HTTPError as error:
        with error:
            return False, f"HTTP {error.code}", error.code >= 500 or error.code == 429
    except urllib.error.URLError as error:
        reason = error.reason
        return False, str(getattr(reason, "strerror", None) or type(reason).__name__), True
    except OSError as error:
        return False, str(error.strerror or error or type(error).__name__), True
    except Exception as error:  # noqa: BLE001 - its text may show the address
        return False, f"{type(error).__name__}: check health.ping_url", False


def _request(url: str) -> urllib.request.Request:
    """A GET, with the user and password that the address may have in a header, for its own host only."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(parts._replace(netloc=host, fragment="").geturl())
    request.add_header("User-Agent", "trading-orchestrator")
    if user:
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(unquote(user).encode()).decode()}")
    return request


def main(arguments: list[str]) -> int:
    """Fetch the address that the parent gives. `arguments`: the message descriptor."""
    inbox, clock = Inbox(), SystemClock()
    parent = Parent(inbox, int(arguments[0]))
    url = parent.first_command()["url"]
    for attempt in range(TRIES):
        ok, detail, again = fetch(url)
        if ok or not again or attempt == TRIES - 1:
            break
        clock.wait(inbox, clock.now() + PAUSE)
    parent.send({"ok": ok, "detail": detail})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
