"""The rule on alerts: none is lost."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select

from notifiers import AlertLevel
from orchestrator.alerts.delivery import DIGESTED, MOVED, REPEATS, TOLD
from orchestrator.alerts.rescue import channel_key
from orchestrator.events import Alerted, FaultEnded, FaultInjected
from orchestrator.rehearsal.invariants.rule import Hearing, Rule, Turn
from orchestrator.store import Store, alerts, deliveries

__all__ = ["AlertsArrive"]

EXPIRY = timedelta(hours=24)
"""An alert that is not critical may be given up when it is older."""

PATIENCE = timedelta(hours=5)
"""What no fault holds up may be pending for so long: it is told at the end of a window, which grows to four hours."""

COLLAPSED = (REPEATS, TOLD, DIGESTED, MOVED)

Row = Mapping[str, Any]

DELIVERIES = select(deliveries).where(deliveries.c.alert_id == bindparam("alert"))
DELIVERY = select(deliveries).where(deliveries.c.id == bindparam("delivery"))


@dataclass(slots=True, eq=False)
class Raised:
    """An alert that was raised, and the channels that it is to reach; `row` is the store's, None before it is found."""

    event: Alerted
    targets: Collection[str]
    row: Row | None = None

    def missing(self, reached: Collection[str]) -> list[str]:
        """Channels that it is to reach and does not. The end of a matter goes to those that heard of the beginning, and
        what is said of a channel goes not to that one."""
        if self.row is None or self.row["closes"]:
            return []
        return sorted(name for name in set(self.targets) - set(reached) if self.row["key"] != channel_key(name))


@dataclass(frozen=True, slots=True)
class Post:
    """What the rule reads.

    :param store: the daemon's, with nothing waiting to be written.
    :param arrived: ids of the deliveries that have arrived at a channel.
    """

    store: Store
    arrived: Collection[str]

    def rows(self, alert: str) -> list[Row]:
        return self.store.rows(DELIVERIES.params(alert=alert))

    def row(self, delivery: str) -> Row | None:
        found = self.store.rows(DELIVERY.params(delivery=delivery))
        return found[0] if found else None


class AlertsArrive(Rule):
    """Each alert arrives at every channel that it is routed to, or another delivery tells it there, or it waits for a
    channel that is out; and it is given up only when it is old and not critical.

    :param targets: the channels that an alert of this level and topic goes to by the config in force now.
    :param post: what has arrived.
    """

    name = "alerts_arrive"

    def __init__(self, targets: Callable[[AlertLevel, str], Collection[str]], post: Callable[[], Post]) -> None:
        self._targets, self._post = targets, post
        self._raised: list[Raised] = []
        self.excused_until: datetime | None = None
        """Alerts raised until then may be missing: the daemon was killed while the store could not be written."""
        self.troubled_at: datetime | None = None
        """When something last stood in the way of deliveries."""

    def hearing(self) -> Hearing:
        return {Alerted: self._alerted, FaultInjected: self._trouble, FaultEnded: self._trouble}

    def _trouble(self, event: FaultInjected | FaultEnded) -> str:
        """A fault of any kind may hold up what is on its way."""
        self.troubled_at = event.at
        return ""

    def _alerted(self, event: Alerted) -> str:
        self._raised.append(Raised(event, tuple(self._targets(event.level, event.topic))))
        return ""

    def end(self, turn: Turn) -> list[str]:
        post = self._post()
        self._find(post)
        wrong, waiting = [], []
        for raised in self._raised:
            complaint, settled = self._judge(raised, post, turn.at)
            wrong += [f"alert {raised.event.title!r} of {raised.event.at.isoformat()} {complaint}"] if complaint else []
            waiting += [] if complaint or settled else [raised]
        self._raised = waiting
        return wrong

    # --- finding rows ---

    def _find(self, post: Post) -> None:
        """The rows that are new, given to what was raised in the same words at the same time."""
        rows = post.store.rows(select(alerts).order_by(alerts.c.at, alerts.c.id).where(alerts.c.at >= self._oldest()))
        taken = {raised.row["id"] for raised in self._raised if raised.row is not None}
        free: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            if row["id"] not in taken:
                free.setdefault((row["at"], row["level"], row["topic"], row["title"]), []).append(row)
        for raised in (each for each in self._raised if each.row is None):
            event = raised.event
            found = free.get((event.at, event.level.value, event.topic, event.title))
            if found:
                raised.row = found.pop(0)

    def _oldest(self) -> datetime:
        return min((raised.event.at for raised in self._raised), default=datetime.max.replace(tzinfo=UTC))

    # --- judging ---

    def _judge(self, raised: Raised, post: Post, now: datetime) -> tuple[str, bool]:
        """What is wrong with it, and whether it is settled."""
        if raised.row is None:
            excused = self.excused_until is not None and raised.event.at <= self.excused_until
            return ("" if excused else "is not in the store"), excused
        rows = post.rows(raised.row["id"])
        if missing := raised.missing([row["channel"] for row in rows]):
            return f"goes to {', '.join(missing)}, and has no delivery there", True
        verdicts = [self._stands(raised, row, post, now) for row in rows]
        complaint = next((complaint for complaint, _ in verdicts if complaint), "")
        return complaint, all(settled for _, settled in verdicts)

    def _stands(self, raised: Raised, row: Row, post: Post, now: datetime, hops: int = 0) -> tuple[str, bool]:
        """The same for one delivery, or for the one that tells it too."""
        channel, age = row["channel"], now - raised.event.at
        match row["state"]:
            case "sent":
                arrived = channel == "console" or row["id"] in post.arrived
                return ("" if arrived else f"is called sent, and never arrived at {channel}"), True
            case "collapsed":
                return self._collapsed(raised, row, post, now, hops)
            case "expired":
                return self._expired(raised, row, age), True
        untroubled = self.troubled_at is None or now - self.troubled_at > PATIENCE
        if age > PATIENCE and untroubled:
            return f"still waits for {channel} after {age}, and nothing is in its way", False
        return "", False

    def _collapsed(self, raised: Raised, row: Row, post: Post, now: datetime, hops: int) -> tuple[str, bool]:
        why = next((each for each in COLLAPSED if row["last_error"].startswith(each)), None)
        teller = None if why is None else post.row(row["last_error"].removeprefix(why))
        if teller is None or hops > 10:
            return f"is told at {row['channel']} by no delivery ({row['last_error']!r})", True
        return self._stands(raised, teller, post, now, hops + 1)

    @staticmethod
    def _expired(raised: Raised, row: Row, age: timedelta) -> str:
        left = "not in the config" in row["last_error"]
        if raised.event.level is AlertLevel.CRITICAL:
            return f"is critical, and was given up at {row['channel']}"
        return "" if left or age >= EXPIRY else f"was given up at {row['channel']} after {age}"
