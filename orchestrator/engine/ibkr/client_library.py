"""The one home of the client library: ib_async where that is installed, ib_insync otherwise.

Of the library its socket client, its decoder and its requests are used. Its picture of orders is not: it takes
informational codes for cancellations. Whatever it hears is handed to a :class:`Listener` first.
"""

import logging
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

from orchestrator.engine.interface import EngineError
from orchestrator.engine.support import IBKR_LIBRARIES, NO_IBKR_LIBRARY

__all__ = ["Listener", "library", "new_client", "request_error"]

logger = logging.getLogger(__name__)

LONGEST_REQUEST = 30
"""Seconds that a request of the library may take where nobody gave it a deadline."""

HEARD = (
    "nextValidId",
    "openOrder",
    "orderStatus",
    "completedOrder",
    "execDetails",
    "commissionReport",
    "updateAccountValue",
    "position",
    "marketDataType",
)
"""The messages that a listener hears as well as the library."""

TAKEN = ("priceSizeTick", "tickSize", "tickString", "tickSnapshotEnd")
"""Those that the listener hears instead of it: prices are not kept twice."""


class Listener(Protocol):
    def hear(self, message: str, *facts: Any) -> None:
        """A message of the gateway, under the library's name for it and with its arguments; must not raise."""

    def hear_error(self, request: int, code: int, text: str) -> bool:
        """A code of the gateway; whether it is dealt with, and the library need not know."""


_loaded: list[ModuleType] = []


def library() -> ModuleType:
    """The module; a thread that uses it has an event loop set, which must be before the first call.

    :raises EngineError: none is installed.
    """
    if not _loaded:
        _loaded.append(_import())
    return _loaded[0]


def _import() -> ModuleType:
    for name in IBKR_LIBRARIES:
        try:
            found = import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            continue
        _speak_once(name)
        return found
    raise EngineError(NO_IBKR_LIBRARY)


def _speak_once(name: str) -> None:
    """Everything that matters is logged here, in our words. What the library can't make out stays an error."""
    logging.getLogger(name).setLevel(logging.CRITICAL)
    for sound in (f"{name}.Decoder", "eventkit.event"):
        logging.getLogger(sound).setLevel(logging.ERROR)


def new_client(listener: Listener) -> Any:
    """A client that is not connected, and tells the listener what it hears."""
    client = library().IB()
    client.RaiseRequestErrors, client.RequestTimeout = True, LONGEST_REQUEST
    wrapper = client.wrapper
    for name in HEARD:
        setattr(wrapper, name, _both(name, listener, getattr(wrapper, name)))
    for name in TAKEN:
        setattr(wrapper, name, _alone(name, listener))
    wrapper.error = _errors(listener, wrapper.error)
    return client


def _both(name: str, listener: Listener, original: Callable[..., None]) -> Callable[..., None]:
    def heard(*facts: Any) -> None:
        listener.hear(name, *facts)
        original(*facts)

    return heard


def _alone(name: str, listener: Listener) -> Callable[..., None]:
    def heard(*facts: Any) -> None:
        listener.hear(name, *facts)

    return heard


def _errors(listener: Listener, original: Callable[..., None]) -> Callable[..., None]:
    def heard(request: int, code: int, text: str, *more: Any) -> None:
        if not listener.hear_error(request, code, text):
            original(request, code, text, *more)

    return heard


def request_error(error: BaseException) -> tuple[int, str] | None:
    """Code and text of the gateway's answer to a request, if that is what was raised."""
    code, text = getattr(error, "code", None), getattr(error, "message", None)
    return (code, text) if isinstance(code, int) and isinstance(text, str) else None
