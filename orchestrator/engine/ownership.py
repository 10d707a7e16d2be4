"""Whose the journal is. What one account has bought must not be sold by another, and its peak is no other's loss."""

from sqlalchemy import Connection, delete, func, select

from orchestrator.breaker import TRIP
from orchestrator.engine.account import Account
from orchestrator.engine.interface import EngineRefused
from orchestrator.engine.journal import Journal
from orchestrator.engine.watch import PEAK
from orchestrator.store import WRITE_META, Store, meta, orders

__all__ = ["PAPER", "take_over"]

PAPER = "paper"
"""The account of the paper broker."""

OWNER = "account"
"""Key in ``meta``."""

ITS_OWN = (PEAK, TRIP)
"""Keys in ``meta`` whose values are an account's own; those of another are kept under ``KEY:ACCOUNT``."""


def take_over(store: Store, journal: Journal, account: str) -> bool:
    """Make the journal this account's; whether it was another's before.

    :raises EngineRefused: the other one's positions or orders are in it.
    """
    owner = store.read_meta(OWNER) or (PAPER if _has_orders(store) else None)
    if owner not in {None, account}:
        _require_empty(journal, owner, account)
    if store.read_meta(OWNER) == account:
        return False
    with store.engine.begin() as connection:
        for key in ITS_OWN if owner not in {None, account} else ():
            _move(connection, key, f"{key}:{owner}")
            _move(connection, f"{key}:{account}", key)
        connection.execute(WRITE_META, {"key": OWNER, "value": account})
    return owner not in {None, account}


def _has_orders(store: Store) -> bool:
    """Before accounts were written down there was only the paper one."""
    with store.reader.connect() as connection:
        return bool(connection.execute(select(func.count()).select_from(orders)).scalar())


def _require_empty(journal: Journal, owner: str, account: str) -> None:
    positions = Account.of(0.0, journal.fills(), journal.splits()).positions.values()
    found = [f"{each.quantity:g} {each.symbol}" for each in positions]
    found += [f"the order {record.order_ref}" for record in journal.open_orders()]
    if found:
        raise EngineRefused(
            f"the journal is that of account {owner} and has {', '.join(found)}; it can't be that of account {account} "
            "as well: nothing is traded. Give each account a state_dir of its own."
        )


def _move(connection: Connection, old: str, new: str) -> None:
    value = connection.execute(select(meta.c.value).where(meta.c.key == old)).scalar()
    if value is not None:
        connection.execute(WRITE_META, {"key": new, "value": value})
        connection.execute(delete(meta).where(meta.c.key == old))
