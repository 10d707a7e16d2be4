"""The process that delivers alerts, and the daemon's end of it.

Notification services are slow, and their libraries large: both stay out of the daemon. The courier makes one attempt
for each delivery it is handed and says how it went; when to try again is the outbox's business. Each channel has a
thread, so that a service that hangs delays no other.
"""

import math
import queue
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from notifiers import MemoryNotifier, NotificationMessage, build_notifier
from orchestrator.inbox import Inbox
from orchestrator.processes.child import Child, Receiver, Said, module_environment, python_module
from orchestrator.processes.parent import Parent

__all__ = ["Courier", "CourierProcess", "MemoryCourier", "Outcome"]

LONGEST_DETAIL = 400
"""Characters."""

LONGEST_REST = 86_400
"""Seconds that a service can ask for; what is made of it is the outbox's business."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended.

    :param detail: why it failed, in the service's own words.
    :param retry_after: seconds the service asked to be left alone; None when it did not say.
    :param permanent: to try the same again is of no use until somebody changes something.
    """

    id: str
    ok: bool
    detail: str = ""
    retry_after: float | None = None
    permanent: bool = False

    @classmethod
    def read(cls, said: Any) -> "Outcome | None":
        """The outcome in something that a courier said; None if there is none in it."""
        if not isinstance(said, Mapping) or not isinstance(said.get("id"), str) or not isinstance(said.get("ok"), bool):
            return None
        detail = str(said.get("detail") or ("" if said["ok"] else "not delivered"))[:LONGEST_DETAIL]
        return cls(said["id"], said["ok"], detail, _seconds(said.get("retry_after")), said.get("permanent") is True)


def _seconds(value: Any) -> float | None:
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return float(min(value, LONGEST_REST)) if numeric and 0 < value < math.inf else None


class Courier(Protocol):
    """Who makes the attempts. Each :class:`Outcome` goes to its receiver, as a mapping."""

    def send(self, delivery: Mapping[str, Any]) -> None:
        """Attempt ``{id, channel, kind, settings, message}``; never blocks, never raises."""

    def close(self) -> None:
        """Drop what is under way."""


class CourierProcess:
    """A courier in a child process, started with its first delivery."""

    def __init__(self, inbox: Inbox, receiver: Receiver) -> None:
        self._inbox, self._receiver = inbox, receiver
        self._run: _Run | None = None

    def send(self, delivery: Mapping[str, Any]) -> None:
        try:
            if self._run is None:
                self._run = _Run(self, self._inbox)
            self._run.child.send(delivery)
        except OSError as error:
            outcome = {"id": delivery["id"], "ok": False, "detail": f"the courier can't be started: {error}"}
            self._inbox.put(Said(self._receiver, outcome))

    def close(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.child.close()

    def heard(self, run: "_Run", message: Any, now: datetime) -> None:
        if run is self._run:
            self._receiver.receive(message, now)

    def over(self, run: "_Run", code: int, now: datetime) -> None:
        if run is self._run:
            self._run = None
            self._receiver.ended(code, now)


class _Run:
    """One courier process; what a closed one still says is heard no more."""

    def __init__(self, courier: CourierProcess, inbox: Inbox) -> None:
        self._courier = courier
        self.child = Child(inbox, self, python_module("orchestrator.alerts.courier", "{fd}"), env=module_environment())
        self.child.send({"hello": "courier"})

    def receive(self, message: Any, now: datetime) -> None:
        self._courier.heard(self, message, now)

    def ended(self, code: int, now: datetime) -> None:
        self._courier.over(self, code, now)


class MemoryCourier:
    """Delivers at once into a MemoryNotifier; for simulations and tests."""

    def __init__(self, inbox: Inbox, receiver: Receiver, notifier: MemoryNotifier) -> None:
        self._inbox, self._receiver, self.notifier = inbox, receiver, notifier

    def send(self, delivery: Mapping[str, Any]) -> None:
        self.notifier.notify(NotificationMessage.from_dict(delivery["message"]))
        self._inbox.put(Said(self._receiver, {"id": delivery["id"], "ok": True, "detail": ""}))

    def close(self) -> None:
        """Nothing is under way: deliveries are instant."""


def attempt(delivery: Mapping[str, Any]) -> dict[str, Any]:
    """Deliver once; the outcome says what the service said."""
    try:
        notifier = build_notifier(delivery["kind"], delivery["settings"])
    except ValueError as error:  # its text shows no secret
        return {"id": delivery["id"], "ok": False, "detail": str(error), "permanent": True}
    try:
        result = notifier.attempt(NotificationMessage.from_dict(delivery["message"]))
    except Exception as error:  # noqa: BLE001 - whatever a service's plugin raises is this delivery's failure only
        detail = f"{type(error).__name__} in the {delivery['kind']} channel"
        return {"id": delivery["id"], "ok": False, "detail": detail}
    return {
        "id": delivery["id"],
        "ok": result.ok,
        "detail": result.detail,
        "retry_after": result.retry_after,
        "permanent": result.permanent,
    }


class _Desk:
    """The courier's side: a queue and a thread for each channel."""

    def __init__(self, parent: Parent) -> None:
        self._parent = parent
        self._queues: dict[str, queue.SimpleQueue[Mapping[str, Any]]] = {}

    def take(self, delivery: Mapping[str, Any]) -> None:
        channel = delivery["channel"]
        if channel not in self._queues:
            self._queues[channel] = queue.SimpleQueue()
            threading.Thread(target=self._work, args=(channel,), name=channel, daemon=True).start()
        self._queues[channel].put(delivery)

    def _work(self, channel: str) -> None:
        while True:
            self._parent.send(attempt(self._queues[channel].get()))


def main(arguments: list[str]) -> int:
    """Serve until the parent is gone. `arguments`: the message descriptor."""
    inbox = Inbox()
    parent = Parent(inbox, int(arguments[0]))
    parent.first_command()
    desk = _Desk(parent)
    while True:
        inbox.wait(3600)
        for delivery in inbox.drain():
            desk.take(delivery)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
