"""By which a line of the log is found again: the session, the engine's run, the job and its run, the alert.

Whoever does something on behalf of one of these says so for as long as it lasts; every line of the log that is written
meanwhile, by whatever module, carries it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["FIELDS", "about", "carried"]

FIELDS = ("session", "engine_run", "job", "job_run", "alert")

_carried: ContextVar[Mapping[str, str]] = ContextVar("carried", default={})  # noqa: B039 - nobody writes into it


@contextmanager
def about(**names: str) -> Iterator[None]:
    """Have what is logged in the block carry these, besides what it carries anyway. An empty name is left out."""
    token = _carried.set({**_carried.get(), **{field: name for field, name in names.items() if name}})
    try:
        yield
    finally:
        _carried.reset(token)


def carried() -> Mapping[str, str]:
    """What a line that is logged now carries."""
    return _carried.get()
