"""An alert, and its way to one channel."""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from notifiers import AlertLevel, NotificationMessage
from orchestrator.alerts.words import masked

if TYPE_CHECKING:
    from orchestrator.alerts.noise import Streak

__all__ = ["DIGESTED", "MOVED", "REPEATS", "TOLD", "Alert", "Delivery", "identity", "is_matter", "key_of"]

REPEATS, TOLD, DIGESTED, MOVED = "repeats delivery ", "told by delivery ", "in digest ", "moved to delivery "
"""Before the id of another delivery, in the `last_error` of one that is collapsed: the other one says it too.

Of those that repeat it, it says how many they are, in the words of the last; a digest has a line for each; the end of a
matter makes a last repetition needless; and what waited for a channel that is gone moves to another.
"""

LONGEST_KEY = 200


@dataclass(slots=True, eq=False)
class Alert:
    """Something said once.

    :param key: what the matter is called, see :func:`key_of`.
    :param urgency: the level by which it is treated: its own, or for the end of a matter that of its beginning.
    :param same: what it has in common with those that say the same, see :func:`identity`.
    :param stands: the state of its delivery by channel, as in the store.
    :param counted: the alerts that it repeats and whose count it has raised.
    """

    id: str
    message: NotificationMessage
    topic: str
    key: str
    urgency: AlertLevel
    same: Hashable | None = None
    stands: dict[str, str] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Delivery:
    """One alert on its way to one channel, and with it what was said again before it went.

    :param place: its order among those of its channel.
    :param born: monotonic time from which its age counts.
    :param handed: it was with the courier, or may have been with an earlier one: it may have arrived as it is, and is
        never changed any more.
    :param follows: it tells again what this channel has heard before.
    :param said: how many alerts it stands for; one that follows counts those that went before too.
    :param stubborn: the channel refused it again and again, and it lets the others go first.
    """

    id: str
    channel: str
    alert: Alert
    born: float
    place: int = 0
    attempts: int = 0
    last_error: str = ""
    handed: bool = False
    digest: bool = False
    follows: bool = False
    said: int = 1
    since: datetime | None = None
    last: NotificationMessage | None = None
    stubborn: bool = False
    first_failed: float | None = None
    streak: "Streak | None" = None

    @property
    def urgent(self) -> bool:
        return self.alert.urgency is AlertLevel.CRITICAL

    def expired(self, monotonic: float, expiry: float) -> bool:
        """Whether it is too old to be sent, which what is critical never is."""
        return not self.urgent and monotonic - self.born > expiry

    def absorb(self, message: NotificationMessage) -> None:
        """Stand for one more, which is said in the newest words."""
        self.said += 1
        self.last = message

    def message(self, zone: tzinfo) -> NotificationMessage:
        """What is sent: the alert's own message, or the newest one of several with their number and span."""
        first, last = self.alert.message, self.last or self.alert.message
        if self.said == 1:
            return first
        since = (self.since or first.timestamp).astimezone(zone)
        until = last.timestamp.astimezone(zone)
        text = last.message if last.title == first.title else f"{last.title}: {last.message}"
        return replace(
            last,
            title=f"x {self.said}: {first.title}" if self.follows else f"{first.title} (x {self.said})",
            message=f"{text}\nSaid {self.said} times since {_moment(since, until)}.".strip(),
            level=first.level,
        )


def _moment(at: datetime, seen_from: datetime) -> str:
    return f"{at:%H:%M:%S}" if at.date() == seen_from.date() else f"{at:%d %b %H:%M:%S}"


def key_of(given: str | None, topic: str, title: str) -> str:
    """The key of an alert: alerts of one key are one matter.

    A given one has no blank in it. Where none is given it is made of topic and title, with their figures masked, and
    has one: such an alert is a fact by itself, of which nobody will say that it is over.
    """
    key = "_".join(given.split()) if given else f"{topic}: {masked(title)}"
    return key[:LONGEST_KEY]


def is_matter(key: str) -> bool:
    """Whether the key was given."""
    return key != "" and " " not in key


def identity(message: NotificationMessage, topic: str, key: str) -> Hashable | None:
    """What an alert that says the same again has in common with it; None for one that is always told.

    The same key and level, or the same words and facts to the letter. What is INFO and has no key, such as the filling
    of an order, is a fact of its own even then.
    """
    if is_matter(key):
        return key, message.level
    if message.level is AlertLevel.INFO:
        return None
    return topic, message.title, message.message, str(message.to_dict()["metadata"]), message.level
