"""By which a line of the log is found again: the session, the engine's run, the job and its run, the alert.

Whoever does something on behalf of one of these says so for as long as it lasts; every line of the log that is written
meanwhile, by whatever module, carries it.
"""

from collections.abc import Mapping
from contextvars import ContextVar, Token
from datetime import datetime
from typing import NamedTuple

__all__ = ["FIELDS", "about", "carried"]

FIELDS = ("session", "engine_run", "job", "job_run", "alert")


class About(NamedTuple):
    """What a block is about, and what that around it is about."""

    names: Mapping[str, str | datetime]
    around: "About | None"


_carried: ContextVar[About | None] = ContextVar("carried", default=None)


class _Block:
    """Entered at every turn and for every job, and nearly always left without a line: it only remembers."""

    __slots__ = ("_names", "_token")

    def __init__(self, names: Mapping[str, str | datetime]) -> None:
        self._names = names

    def __enter__(self) -> None:
        self._token: Token[About | None] = _carried.set(About(self._names, _carried.get()))

    def __exit__(self, *_: object) -> None:
        _carried.reset(self._token)


def about(**names: str | datetime) -> _Block:
    """Have what is logged in the block carry these, besides what it carries anyway. An empty name is left out."""
    return _Block(names)


def carried() -> Mapping[str, str]:
    """What a line that is logged now carries; a time as ISO 8601."""
    found: dict[str, str] = {}
    block = _carried.get()
    while block is not None:
        found = {field: _text(name) for field, name in block.names.items() if name} | found
        block = block.around
    return found


def _text(name: str | datetime) -> str:
    return name.isoformat() if isinstance(name, datetime) else name
