"""Interrupted anywhere and taken up again: as many orders reach the gateway as were intended, each under its own name
once, and in the end journal, account and gateway agree.

A decision of four orders is made, of which one is filled, one is filled in three parts, one is refused, and one rests.
What interrupts it comes before each single message, in both directions, or at each commit.
"""

import pytest
from gateway import Cut, Gateway, ack, fill, partial, reject
from sqlalchemy import event

FATES = {"AAPL": fill(), "MSFT": partial(50, 60, None), "IBM": reject("no"), "GOOG": ack}
ENDS = {"AAPL": "Filled", "MSFT": "Filled", "IBM": "Error", "GOOG": "Submitted"}


class Killed(SystemExit):
    """The end of the process: nothing below catches it, not even an event loop."""


@pytest.fixture
def field(make_rig, tmp_path, gateway, monkeypatch):
    """Makes the place of an interruption anew: another database, another state of the gateway."""
    monkeypatch.setattr("orchestrator.engine.ibkr.connection.FIRST_PAUSE", 0.01)
    count = 0

    def make():
        nonlocal count
        count += 1
        prepare(gateway)
        folder = tmp_path / str(count)
        folder.mkdir()
        rig = make_rig(folder)
        rig.config.strategy.symbols = list(FATES)
        rig.config.data.cache_enabled = False
        return rig

    return make


def prepare(gateway: Gateway):
    gateway.brokerage = type(gateway.brokerage)()
    gateway.placed, gateway.requests, gateway.trap = [], [], lambda *_: None
    for symbol in FATES:
        gateway.brokerage.list_stock(symbol, 100.0)
        gateway.brokerage.bars[symbol] = [(f"202611{day:02d}", 1.0, 1.0, 1.0, 1.0, 1.0) for day in (20, 23)]
    gateway.fates = dict(FATES)


def finish(rig):
    """Go on until the decision is made and executed, however often the connection has to be made anew."""

    def done():
        rig.advance(0.02 if rig.ready else 1)
        return rig.ready and {record.symbol: record.status.value for record in rig.records().values()} == ENDS

    rig.until(done, "the decision is executed")
    rig.settle()  # an order that counts as sent may have been lost with the connection
    rig.until(done, "the decision is executed")


def check(rig):
    gateway, records = rig.gateway, rig.records()
    assert sorted(rig.sent_refs()) == sorted(records)
    assert len({placed.order_id for placed in gateway.placed}) == len(records)
    filled = {record.symbol: record.filled_quantity for record in records.values() if record.filled_quantity}
    there = {symbol: held for symbol, (held, _) in gateway.brokerage.positions["DU123456"].items()}
    assert filled == there == {symbol: each.quantity for symbol, each in rig.broker.positions().items()}
    assert len(rig.journal.fills()) == len(gateway.brokerage.executions) == 4
    assert {each.fill_id for each in rig.journal.fills()} == {
        each.exec_id.rpartition(".")[0] for each in gateway.brokerage.executions
    }
    for record in records.values():
        assert record.filled_quantity == sum(each.quantity for each in record.fills)


def decide(rig):
    rig.engine.rebalance("0935")


ALIKE = frozenset({"in 1", "in 9", "in 20", "out 1", "out 6", "out 10", "out 17", "out 52", "out 58"})
"""Messages of contracts, prices, history and the account's values: one of each kind stands for the others."""


def places(rig):
    """The numbers of the messages before which an interruption is tried: of all that go to and fro when none comes."""
    seen = []
    rig.gateway.trap = lambda direction, fields: seen.append(f"{direction} {fields[0]}")
    rig.start()
    decide(rig)
    finish(rig)
    rig.settle()
    rig.gateway.trap = lambda *_: None
    check(rig)
    rig.kill()
    return [number for number, kind in enumerate(seen, 1) if kind not in ALIKE or kind not in seen[: number - 1]]


class AtMessage:
    """Does something before the message of this number, once."""

    def __init__(self, number, action):
        self.number, self.action, self.seen = number, action, 0

    def __call__(self, direction, fields):
        self.seen += 1
        if self.seen == self.number:
            self.action()


def cut():
    raise Cut


def test_a_connection_that_breaks_before_any_message(field):
    numbers = places(field())
    for number in numbers:
        rig = field()
        rig.gateway.trap = AtMessage(number, cut)
        rig.start()
        decide(rig)
        finish(rig)
        check(rig)
        rig.kill()
    print(f"{len(numbers)} broken connections")
    assert len(numbers) > 50


def test_an_engine_that_is_killed_at_any_commit(field):
    killed = 0
    for number in range(1, 200):
        rig = field()
        rig.build()
        commits = 0

        def commit(_, limit=number):
            nonlocal commits
            commits += 1
            if commits == limit:
                raise Killed

        event.listen(rig.store.engine, "commit", commit)
        try:
            rig.engine.connect()
            rig.engine.start(rig.config.strategy.symbols)
            decide(rig)
            finish(rig)
        except Killed:
            killed += 1
        else:
            break
        finally:
            event.remove(rig.store.engine, "commit", commit)
        rig.start()
        decide(rig)
        finish(rig)
        check(rig)
        rig.kill()
    print(f"{killed} engines killed at a commit")
    assert killed >= 15
