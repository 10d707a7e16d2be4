"""By which a line of the log is found again: the session, the engine's run, the job and its run, the alert.

Whoever does something on behalf of one of these says so for as long as it lasts; every line of the log that is written
meanwhile, by whatever module, carries it.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from datetime import datetime

__all__ = ["FIELDS", "about", "carried"]

FIELDS = ("session", "engine_run", "job", "job_run", "alert")

Name = str | datetime | Callable[[], str]


class about:
    """Have what is logged in the block carry these names, besides what it carries anyway.

    It is entered at every turn and for every job, and nearly always left without a line: it only remembers, and a name
    that is a function is asked for when a line is written. An empty name is left out.
    """

    __slots__ = ("_token", "around", "names")

    def __init__(self, **names: Name) -> None:
        self.names = names

    def __enter__(self) -> None:
        self.around = _carried.get()
        self._token: Token[about | None] = _carried.set(self)

    def __exit__(self, *_: object) -> None:
        _carried.reset(self._token)


_carried: ContextVar[about | None] = ContextVar("carried", default=None)


def carried() -> Mapping[str, str]:
    """What a line that is logged now carries; a time as ISO 8601."""
    found: dict[str, str] = {}
    block = _carried.get()
    while block is not None:
        inner, found = found, {field: text for field, name in block.names.items() if (text := _text(name))}
        found |= inner
        block = block.around
    return found


def _text(name: Name) -> str:
    if isinstance(name, str):
        return name
    return name.isoformat() if isinstance(name, datetime) else name()
