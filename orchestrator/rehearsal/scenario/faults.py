"""The table of faults: what can go wrong in a scenario, with which parameters."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Any

from orchestrator.rehearsal.scenario.shapes import (
    DURATION,
    FACTOR,
    FLAG,
    MEGABYTES,
    OPTIONS,
    SHIFT,
    SYMBOLS,
    TEXT,
    Draw,
    Shape,
    drawn_duration,
)

__all__ = ["FAULTS", "REQUIRED", "FaultKind", "Lasts", "Parameter"]

REQUIRED = object()
"""The default of a parameter that must be given."""


class Lasts(Enum):
    """Whether a fault has the key `for`."""

    NEVER = auto()
    MAY = auto()
    MUST = auto()


@dataclass(frozen=True, slots=True)
class Parameter:
    """:param about: for the docs.
    :param default: as it is read; REQUIRED if there is none.
    :param draw: a value for a random scenario; without it that leaves the parameter out.
    """

    name: str
    shape: Shape
    about: str
    default: Any = REQUIRED
    draw: Draw | None = None

    @property
    def required(self) -> bool:
        return self.default is REQUIRED


@dataclass(frozen=True, slots=True)
class FaultKind:
    """:param about: what happens, in a sentence.
    :param until: what `for` is the time of, if it has it.
    :param spans: shortest and longest duration in a random scenario, in seconds.
    """

    name: str
    about: str
    parameters: tuple[Parameter, ...] = ()
    lasts: Lasts = Lasts.NEVER
    until: str = ""
    spans: tuple[float, float] = (5, 1800)

    def parameter(self, name: str) -> Parameter | None:
        return next((each for each in self.parameters if each.name == name), None)

    def complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters with the defaults of those that were not given."""
        defaults = {each.name: each.default for each in self.parameters if not each.required}
        return {**defaults, **given}

    def draw(self, rng: random.Random) -> tuple[timedelta | None, dict[str, Any]]:
        """A duration, if it has one, and parameters, for a random scenario."""
        lasting = self.lasts is Lasts.MUST or (self.lasts is Lasts.MAY and rng.random() < 0.5)
        lasts = drawn_duration(rng, *self.spans) if lasting else None
        return lasts, {each.name: each.draw(rng) for each in self.parameters if each.draw is not None}


EDITS: tuple[Mapping[str, Any], ...] = (
    {"risk.max_position_size": 0.05},
    {"risk.position_stop_loss": 0.02},
    {"strategy.symbols": ["AAPL", "MSFT", "IBM"]},
    {"engine.backoff_initial": 2},
    {"schedule.jobs": {"heartbeat": {"interval": "10m"}}},
    {"risk.max_position_size": "much"},
    {"strategy.name": "no_such_strategy"},
)
"""What a random operator may write, the last two by mistake."""

TABLE = (
    FaultKind("engine_crash", "The engine's process is killed."),
    FaultKind(
        "engine_hang",
        "The engine stops turning: it beats no more, obeys nothing, and must be killed.",
        lasts=Lasts.MAY,
        until="how long, after which it goes on by itself if it still lives; for good if not given",
        spans=(5, 120),
    ),
    FaultKind(
        "engine_refused",
        "An engine that is started can't connect: the connection is refused at once.",
        lasts=Lasts.MUST,
        until="how long every start fails",
    ),
    FaultKind(
        "strategy_exception",
        "The strategy raises an exception the next time it is called.",
        (Parameter("text", TEXT, "of the exception", "raised by the scenario"),),
        Lasts.MAY,
        "how long every call raises; only the next one if not given",
    ),
    FaultKind(
        "broker_disconnect",
        "The connection to the broker is lost: no orders, no news of orders; a new engine waits for it in vain.",
        lasts=Lasts.MUST,
        until="how long it stays away",
    ),
    FaultKind(
        "data_stall",
        "Prices stand still and grow old; nothing fills.",
        lasts=Lasts.MUST,
        until="how long",
    ),
    FaultKind(
        "price_shock",
        "Prices are multiplied from one moment to the next.",
        (
            Parameter("factor", FACTOR, "0.8 is a fall by a fifth", draw=lambda rng: round(rng.uniform(0.85, 1.15), 3)),
            Parameter("symbols", SYMBOLS, "whose; all if not given", ()),
        ),
        Lasts.MAY,
        "how long, after which they are what they were; for good if not given",
    ),
    FaultKind(
        "database_locked",
        "Another program holds the database's write lock. Whoever writes waits for as long as the real one would.",
        lasts=Lasts.MUST,
        until="how long it is held",
        spans=(1, 120),
    ),
    FaultKind(
        "database_error",
        "Every statement fails, reading ones too.",
        (Parameter("text", TEXT, "of the error", "disk I/O error"),),
        Lasts.MUST,
        "how long",
        (1, 300),
    ),
    FaultKind(
        "disk_full",
        "There is no room on the disk: what is written to the database fails.",
        (Parameter("free_disk_mb", MEGABYTES, "what is left", 0.0),),
        Lasts.MUST,
        "how long, until there is room again",
    ),
    FaultKind(
        "channel_outage",
        "Alerts can't be delivered.",
        (Parameter("channel", TEXT, "which; all if not given", None),),
        Lasts.MUST,
        "how long",
    ),
    FaultKind(
        "config_edit",
        "Somebody edits the config file.",
        (Parameter("set", OPTIONS, "what the file says then", draw=lambda rng: dict(rng.choice(EDITS))),),
        Lasts.MAY,
        "how long, after which the edit is undone; for good if not given",
    ),
    FaultKind(
        "config_broken",
        "Somebody saves a config file that can't be read.",
        (Parameter("text", TEXT, "all that is in it", "risk: {max_position_size: 0.1\n"),),
        Lasts.MAY,
        "how long, after which the file is what it was; for good if not given",
    ),
    FaultKind(
        "halt",
        "The operator halts trading.",
        (
            Parameter("reason", TEXT, "why", "rehearsed"),
            Parameter("flatten", FLAG, "sell all positions", False, lambda rng: rng.random() < 0.5),
        ),
        Lasts.MAY,
        "how long, after which the operator resumes it; until a resume if not given",
        (300, 14_400),
    ),
    FaultKind("resume", "The operator lifts the halt."),
    FaultKind(
        "clock_jump",
        "The machine's wall clock is set forward or back; the scenario goes on by the true time.",
        (
            Parameter(
                "by",
                SHIFT,
                "+1h, -90s",
                draw=lambda rng: rng.choice((1, -1)) * drawn_duration(rng, 2, 7200),
            ),
        ),
        Lasts.MAY,
        "how long, after which it is set right; for good if not given",
        (60, 7200),
    ),
    FaultKind(
        "host_sleep",
        "The machine is suspended: nothing runs, and the monotonic clock stands still, as on Linux.",
        lasts=Lasts.MUST,
        until="how long",
        spans=(10, 14_400),
    ),
    FaultKind(
        "daemon_kill",
        "The daemon is killed (kill -9) and with it the engine; what was not committed is lost. A service manager "
        "starts it again.",
        (
            Parameter(
                "down",
                DURATION,
                "until the new daemon starts",
                timedelta(seconds=10),
                lambda rng: drawn_duration(rng, 1, 900),
            ),
        ),
    ),
)

FAULTS: Mapping[str, FaultKind] = {each.name: each for each in TABLE}
"""By name, in the order of the docs."""
