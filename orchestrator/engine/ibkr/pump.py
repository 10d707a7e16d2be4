"""Runs the library's event loop for moments: everything that is ready, and then back."""

import asyncio
from collections.abc import Coroutine
from typing import Any

__all__ = ["Pump"]

PASSES = 8
"""Turns of the event loop in one of ours: an answer goes from the socket to whoever awaits it in fewer."""

CLEANING = 1.0
"""Seconds for work that was cancelled."""


class Pump:
    """An event loop of one's own, in the thread that pumps it."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._alarm: asyncio.Future[None] | None = None

    def prepare(self) -> None:
        """Set the loop as the thread's: the library looks for it there, even while it is imported."""
        asyncio.set_event_loop(self._ours())

    def _ours(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        self.prepare()
        return self._ours()

    def turn(self) -> None:
        """Do what is ready. Waits for nothing."""
        loop = self.loop
        for _ in range(PASSES):
            loop.call_soon(loop.stop)
            loop.run_forever()

    def start(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Begin work that goes on in later turns."""
        return self.loop.create_task(work)

    def wait(self, task: "asyncio.Future[Any]", seconds: float) -> bool:
        """Go on until the task is done, or somebody wakes, or for so long; whether it is done."""
        if not task.done() and seconds > 0:
            self._alarm = self.loop.create_future()
            both = {task, self._alarm}
            self.loop.run_until_complete(asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED))
            self._alarm.cancel()
            self._alarm = None
        return task.done()

    def wake(self) -> None:
        """End :meth:`wait`: there is something to look at."""
        if self._alarm is not None and not self._alarm.done():
            self._alarm.set_result(None)

    def pause(self, seconds: float) -> None:
        """Let everything go on for so long."""
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def time(self) -> float:
        """Elapsed seconds, as the loop counts them."""
        return self.loop.time()

    def end(self, *tasks: "asyncio.Task[Any]") -> None:
        """Cancel work, and give it a moment to clean up after itself. What it still raises is nobody's business."""
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks, timeout=CLEANING))
        for task in tasks:
            if task.done() and not task.cancelled():
                task.exception()

    def close(self) -> None:
        """End what still goes on, and free the loop's descriptors."""
        if self._loop is None:
            return
        self.end(*asyncio.all_tasks(self._loop))
        self.turn()
        self._loop.close()
        asyncio.set_event_loop(None)
        self._loop = None
