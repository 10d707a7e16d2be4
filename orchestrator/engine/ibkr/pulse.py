"""Whether the gateway is alive: a half-open connection is noticed in no other way than by asking it."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

from orchestrator.engine.ibkr.pump import Pump

__all__ = ["PULSE_ANSWER", "Pulse"]

PULSE = 30.0
"""Seconds between two looks."""

PULSE_ANSWER = 10.0

LAST_ANSWER = 2.0
"""Seconds for the gateway to have read everything before the connection is closed."""


class Pulse:
    """Asks for the time; all moments in seconds of the monotonic clock."""

    def __init__(self, pump: Pump) -> None:
        self._pump = pump
        self._question: asyncio.Task[Any] | None = None
        self._due = 0.0

    def begin(self, at: float) -> None:
        """It has just answered."""
        self._due = at + PULSE

    def is_silent(self, client: Any, at: float) -> bool:
        """Ask if it is time to; whether an answer is overdue."""
        if self._question is not None and self._question.done():
            self._question, self._due = None, at + PULSE
        elif self._question is None and at >= self._due:
            self._question = self._pump.start(_quietly(client.reqCurrentTimeAsync()))
            self._due = at + PULSE_ANSWER
        return self._question is not None and at >= self._due

    def finish(self, client: Any) -> None:
        """Let the gateway read what was sent. Messages are read in order: who answers a last question has read all
        before it. A socket that is closed while something comes in may take with it what went out."""
        if self._question is not None:  # its answer would be taken for that of the last one
            self._pump.wait(self._question, LAST_ANSWER)
        last = self._pump.start(_quietly(client.reqCurrentTimeAsync()))
        if not self._pump.wait(last, LAST_ANSWER):
            self._pump.end(last)

    def end(self) -> None:
        if self._question is not None:
            self._pump.end(self._question)
            self._question = None


async def _quietly(answer: Awaitable[Any]) -> None:
    """Only that it comes matters: if the connection ends, that is told in another way."""
    with suppress(ConnectionError):
        await answer
