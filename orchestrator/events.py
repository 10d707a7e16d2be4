"""What happened: frozen facts in the past tense.

The engine tells its events to the daemon, as JSON lines when it lives in a process of its own; the daemon publishes
its events to whoever listens (history, notifications, a simulation's timeline). A listener cannot hurt the publisher.
"""

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from jobs import JobRun
from notifiers import AlertLevel
from orchestrator.states import OrchestratorState

__all__ = [
    "AlertRaised",
    "Alerted",
    "BreakerTripped",
    "ConfigApplied",
    "DaemonMoved",
    "EngineBeat",
    "EngineEvent",
    "EngineFailed",
    "EngineLogged",
    "EngineMoved",
    "EngineReady",
    "EngineStopped",
    "EquityMarked",
    "Event",
    "FaultEnded",
    "FaultInjected",
    "InvariantBroken",
    "JobRan",
    "NewsTold",
    "OrderFilled",
    "OrderUpdated",
    "StateChanged",
    "Traded",
    "decode",
    "encode",
]


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """What an engine tells; every field is JSON-ready. Times are ISO 8601 text with offset."""


@dataclass(frozen=True, slots=True)
class EngineReady(EngineEvent):
    """Connected, reconciled, started."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class EngineBeat(EngineEvent):
    """The engine's own loop came round."""

    connected: bool
    progress: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineFailed(EngineEvent):
    """It cannot go on; the process ends after this.

    `kind` is crash; unreachable, where its broker is not there; or refused, where a guard rail says no.
    """

    reason: str
    kind: str = "crash"


@dataclass(frozen=True, slots=True)
class EngineStopped(EngineEvent):
    """Stopped as it was told to; `unfinished` says what it was told before and has not done."""

    unfinished: str = ""


@dataclass(frozen=True, slots=True)
class EngineLogged(EngineEvent):
    """A line for the daemon's log."""

    level: int
    logger: str
    text: str


@dataclass(frozen=True, slots=True)
class OrderUpdated(EngineEvent):
    order_ref: str
    symbol: str
    action: str
    quantity: float
    status: str
    at: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OrderFilled(EngineEvent):
    order_ref: str
    fill_id: str
    symbol: str
    action: str
    quantity: float
    price: float
    commission: float
    at: str


@dataclass(frozen=True, slots=True)
class EquityMarked(EngineEvent):
    """The account's value; `positions` as in ``status``: symbol, quantity, avg_price, price."""

    at: str
    equity: float
    cash: float
    drawdown: float
    positions: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class AlertRaised(EngineEvent):
    """Something that a human should hear; `level` is an AlertLevel's value."""

    level: str
    topic: str
    title: str
    message: str
    metadata: dict[str, Any] = field(default_factory=dict)
    news: str = ""
    """Names what it is about, if the engine tells that again until it hears no more of it."""


@dataclass(frozen=True, slots=True)
class NewsTold(EngineEvent):
    """All that comes of this piece of news has been told before this."""

    news: str


@dataclass(frozen=True, slots=True)
class BreakerTripped(EngineEvent):
    """The circuit breaker has tripped, and the daemon is to halt. `at` names the trip: one that is told again is the
    same.

    :param drawdown: the loss from the peak as a fraction of it, like `threshold`; None where it is not known.
    :param flatten: whether all positions are to be sold.
    """

    at: str
    reason: str
    drawdown: float | None = None
    threshold: float | None = None
    flatten: bool = False


@dataclass(frozen=True, slots=True)
class StateChanged:
    at: datetime
    old: OrchestratorState
    new: OrchestratorState
    cause: str


@dataclass(frozen=True, slots=True)
class EngineMoved:
    """`action` is start, ready, stop, crash, hang, restart, kill, fatal or refused; `run` names the engine's run."""

    at: datetime
    action: str
    run: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class JobRan:
    at: datetime
    run: JobRun


@dataclass(frozen=True, slots=True)
class Alerted:
    """An alert went into the outbox."""

    at: datetime
    level: AlertLevel
    topic: str
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class Traded:
    """An order, fill or equity event of the engine, at the daemon's time."""

    at: datetime
    event: OrderUpdated | OrderFilled | EquityMarked


@dataclass(frozen=True, slots=True)
class ConfigApplied:
    at: datetime
    changes: list[str]


@dataclass(frozen=True, slots=True)
class DaemonMoved:
    """In a rehearsal: the daemon itself. `action` is start, kill or exit."""

    at: datetime
    action: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FaultInjected:
    """In a rehearsal: something was made to go wrong.

    :param parameters: of the fault, JSON-ready.
    :param lasts: seconds, if it goes on for a while.
    :param detail: why it did nothing, if so.
    """

    at: datetime
    fault: str
    parameters: dict[str, Any] = field(default_factory=dict)
    lasts: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FaultEnded:
    """In a rehearsal: it is over."""

    at: datetime
    fault: str


@dataclass(frozen=True, slots=True)
class InvariantBroken:
    """In a rehearsal: something that must always hold does not; `trail` is what led to it, oldest first."""

    at: datetime
    name: str
    detail: str
    trail: "tuple[Event, ...]" = ()


Event = (
    StateChanged
    | EngineMoved
    | JobRan
    | Alerted
    | Traded
    | ConfigApplied
    | DaemonMoved
    | FaultInjected
    | FaultEnded
    | InvariantBroken
)

WIRE: dict[str, type[EngineEvent]] = {
    kind.__name__: kind
    for kind in (
        EngineReady,
        EngineBeat,
        EngineFailed,
        EngineStopped,
        EngineLogged,
        OrderUpdated,
        OrderFilled,
        EquityMarked,
        AlertRaised,
        NewsTold,
        BreakerTripped,
    )
}


FIELDS = {kind: tuple(each.name for each in fields(kind)) for kind in WIRE.values()}


def encode(event: EngineEvent) -> dict[str, Any]:
    """A message that shares nothing with the engine, which goes on changing its positions and its progress."""
    return {"event": type(event).__name__, **{name: _copied(getattr(event, name)) for name in FIELDS[type(event)]}}


def _copied(value: Any) -> Any:
    """Of what JSON has; several times as fast as deepcopy, or asdict."""
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list | tuple) else value


def decode(message: dict[str, Any]) -> EngineEvent:
    """The event in a message from the engine; ValueError if there is none."""
    kind = WIRE.get(str(message.get("event")))
    if kind is None:
        raise ValueError(f"no such event: {message.get('event')!r}")
    known = FIELDS[kind]
    try:
        return kind(**{key: value for key, value in message.items() if key in known})
    except TypeError as error:
        raise ValueError(f"{kind.__name__}: {error}") from error
