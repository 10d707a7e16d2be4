"""Signals, taken over for as long as the daemon runs and given back after."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

__all__ = ["captured_signals"]


@contextmanager
def captured_signals(handlers: Mapping[signal.Signals, Callable[[], None]]) -> Iterator[None]:
    """Call a handler for each of these signals. Does nothing outside the main thread, where Python allows none.

    Handlers only put a message into the inbox: they run between any two instructions of the loop.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in handlers}
    for number, handler in handlers.items():
        signal.signal(number, _without_arguments(handler))
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _without_arguments(handler: Callable[[], None]) -> Callable[[int, FrameType | None], None]:
    return lambda _number, _frame: handler()
