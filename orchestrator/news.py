"""What an engine tells of its orders, taken once.

The engine notes each piece of news as untold in the transaction that writes down the fill, or the order's end, and
every engine tells first of all what it finds noted. The daemon strikes a note off in the transaction that writes the
alert. So whoever is killed, and whenever: an alert that is on record is not made again, and any other is.
"""

from sqlalchemy import bindparam, delete

from orchestrator.history import History
from orchestrator.store import untold

__all__ = ["STRIKE_OFF", "News"]

STRIKE_OFF = delete(untold).where(untold.c.news == bindparam("told"))

REMEMBERED = 1000
"""Pieces of news that are known for a while after they were told: the store may have been locked since."""


class News:
    """The daemon's part."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._taken: dict[tuple[str, str], None] = {}

    def is_new(self, news: str, title: str) -> bool:
        """Whether this alert about a piece of news has not been made by this daemon; from now on it has.

        :param news: its name; empty for what is not noted, and always new.
        """
        if not news:
            return True
        if (news, title) in self._taken:
            return False
        self._taken[news, title] = None
        if len(self._taken) > REMEMBERED:
            del self._taken[next(iter(self._taken))]
        self.told(news)
        return True

    def told(self, news: str) -> None:
        """Nothing more comes of this piece of news."""
        self._history.add(STRIKE_OFF, {"told": news})
