"""How a time and a JSON value are kept in a column."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Text
from sqlalchemy.types import TypeDecorator, UserDefinedType

__all__ = ["Document", "Instant", "instant_text"]


class Instant(UserDefinedType[datetime]):
    """An aware datetime, kept as ISO 8601 text in UTC: sortable, and readable with any tool."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "VARCHAR(32)"

    def bind_processor(self, dialect: object) -> Callable[[datetime | None], str | None]:
        return instant_text

    def result_processor(self, dialect: object, coltype: object) -> Callable[[str | None], datetime | None]:
        return _time


def instant_text(value: datetime | None) -> str | None:
    """A time as the column has it; ValueError if it is naive."""
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError(f"a stored time is aware, not {value!r}")
    return _utc_text(value if value.tzinfo is UTC else value.astimezone(UTC))


@lru_cache(maxsize=64)
def _utc_text(value: datetime) -> str:
    """Of a time in UTC, where equal times read alike; the rows of a turn carry the same few."""
    return value.isoformat(timespec="microseconds")


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


class Document(TypeDecorator[Any]):
    """A JSON value as text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: object) -> str:
        return json.dumps(value, separators=(",", ":"), sort_keys=True)

    def process_result_value(self, value: Any, dialect: object) -> Any:
        return None if value is None else json.loads(value)
