"""A courier whose channels may be down."""

from collections.abc import Mapping
from typing import Any

from notifiers import MemoryNotifier
from orchestrator.alerts.courier import MemoryCourier
from orchestrator.inbox import Inbox
from orchestrator.processes.child import Receiver, Said
from orchestrator.rehearsal.scenario.troubles import Troubles

__all__ = ["FaultyCourier"]


class FaultyCourier(MemoryCourier):
    def __init__(self, inbox: Inbox, receiver: Receiver, notifier: MemoryNotifier, troubles: Troubles) -> None:
        super().__init__(inbox, receiver, notifier)
        self._troubles = troubles

    def send(self, delivery: Mapping[str, Any]) -> None:
        if any(
            each.parameters["channel"] in {None, delivery["channel"]} for each in self._troubles.all("channel_outage")
        ):
            outcome = {"id": delivery["id"], "ok": False, "detail": "connection refused"}
            self._inbox.put(Said(self._receiver, outcome))
        else:
            super().send(delivery)
