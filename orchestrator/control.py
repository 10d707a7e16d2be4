"""How commands reach the daemon: a row in the store and a signal; the answer comes in the same row.

No port is opened, and whoever may write the store may command. The signal (SIGCONT, which hurts no process that does
not expect it) only shortens the wait: the daemon looks at the table every few seconds anyway.
"""

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from calendars import Clock
from orchestrator.inbox import Inbox
from orchestrator.lock import Owner
from orchestrator.store import Store, requests

__all__ = ["LOOK_EVERY", "REFUSED", "WAKE", "NoAnswer", "Request", "RequestRefused", "answer", "ask", "unanswered"]

WAKE = signal.SIGCONT
LOOK_EVERY = timedelta(seconds=5)
REFUSED = "refused"
"""The key of an answer that is no failure but a refusal."""

STALE = timedelta(minutes=1)
"""A request that is older was put by somebody who has long given up; it is not carried out any more."""


class NoAnswer(Exception):
    """The daemon did not answer in time, or could not do it."""


class RequestRefused(NoAnswer):
    """The daemon could do it, and does not, to keep the operator from harm."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks of the daemon."""

    id: int
    at: datetime
    kind: str
    args: Mapping[str, Any]


def ask(store: Store, clock: Clock, owner: Owner, kind: str, args: Mapping[str, Any], timeout: float) -> Any:
    """Ask the daemon and wait for its answer.

    :param timeout: seconds.
    :raises RequestRefused: a guard rail says no.
    :raises NoAnswer: it did not answer, or could not do it; the text says which.
    """
    with store.engine.begin() as connection:
        row = insert(requests).values(at=clock.now(), kind=kind, args=dict(args))
        key = connection.execute(row).inserted_primary_key
    request_id = key[0] if key else 0
    if owner.here:
        with suppress(ProcessLookupError):  # it has just ended, and will not answer
            os.kill(owner.pid, WAKE)
    inbox, deadline = Inbox(), clock.monotonic() + timeout
    try:
        while clock.monotonic() < deadline:
            answered = store.rows(select(requests).where(requests.c.id == request_id))[0]
            if answered["answered_at"] is not None:
                return _unpack(answered)
            clock.wait(inbox, clock.now() + timedelta(milliseconds=50))
    finally:
        inbox.close()
    raise NoAnswer(f"process {owner.pid} did not answer within {timeout:g} s")


def _unpack(row: Mapping[str, Any]) -> Any:
    if row["ok"]:
        return row["answer"]
    answered = row["answer"]
    if isinstance(answered, Mapping):
        raise RequestRefused(answered[REFUSED])
    raise NoAnswer(str(answered))


def last_request(store: Store) -> int:
    """The id of the last request that was ever put; 0 if none was. Raises SQLAlchemyError."""
    with store.reader.connect() as connection:
        return connection.execute(select(func.max(requests.c.id))).scalar() or 0


def unanswered(store: Store, now: datetime, started_at: datetime, last_before: int | None = None) -> list[Request]:
    """What waits for an answer, oldest first; nothing while the store can't be read.

    :param started_at: of the daemon; what was put before that was meant for an earlier one.
    :param last_before: the id of the last request that there was then; what came after it was put since, whatever the
        clock has said of it.
    """
    since = requests.c.at > started_at
    if last_before is not None:
        since |= requests.c.id > last_before
    waiting = requests.c.answered_at.is_(None), requests.c.at > now - STALE, since
    query = select(requests).where(*waiting).order_by(requests.c.id)
    try:
        return [Request(row["id"], row["at"], row["kind"], row["args"]) for row in store.rows(query)]
    except SQLAlchemyError:
        return []  # the next look is in a few seconds; whoever asked is told if it takes too long


def answer(store: Store, request: Request, now: datetime, ok: bool, text: Any) -> None:
    """Answer a request; raises SQLAlchemyError if the store can't be written."""
    change = update(requests).where(requests.c.id == request.id).values(answered_at=now, ok=int(ok), answer=text)
    with store.engine.begin() as connection:
        connection.execute(change)
