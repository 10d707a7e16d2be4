"""What keeps the connection from being there, in words that say what to do."""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Endpoint", "closed", "handshake_trouble", "id_in_use", "outdated", "read_only"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the gateway is, and who we are there."""

    host: str
    port: int
    client_id: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def _refused(at: Endpoint) -> str:
    return (
        f"nobody answers on {at}: is TWS or Gateway running on {at}? is API access enabled "
        "(Configure, API, Settings: Enable ActiveX and Socket Clients), with this port?"
    )


def _silent(at: Endpoint) -> str:
    return (
        f"{at} takes the connection and says nothing: is somebody logged in there, or does a dialog wait for an "
        "answer? is this machine among its trusted IPs?"
    )


def closed(at: Endpoint) -> str:
    return f"{at} closed the connection before it was ready: is this machine among its trusted IPs?"


def id_in_use(at: Endpoint) -> str:
    return (
        f"client id {at.client_id} is in use on {at}: either another program is connected with it, and then "
        "broker.client_id must be another one, or the gateway has not noticed yet that our last connection is over"
    )


def read_only(at: Endpoint) -> str:
    return (
        f"{at} takes no orders: its API is read-only. Untick Read-Only API there (Configure, API, Settings); for "
        "prices only, set broker.broker_type: paper and data.primary_source: ibkr"
    )


def outdated(at: Endpoint, text: str) -> str:
    return f"{at} can't be talked with before it is brought up to date: {text}"


WORDS: tuple[tuple[type[BaseException], Callable[[Endpoint], str]], ...] = (
    (ConnectionRefusedError, _refused),
    (TimeoutError, _silent),
    (ConnectionError, closed),
)
"""In this order; ConnectionRefusedError is a ConnectionError."""


def handshake_trouble(error: BaseException, at: Endpoint) -> str:
    """Why a handshake has failed."""
    for kind, words in WORDS:
        if isinstance(error, kind):
            return words(at)
    return f"{at} can't be reached: {type(error).__name__}: {error}"
