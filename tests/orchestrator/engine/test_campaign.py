"""Killed again and again, at every place where a kill could hurt, the engine loses nothing and does nothing twice."""

import random
from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event

from calendars import VirtualClock
from orchestrator.engine import Action, Fill, Order, OrderRecord, OrderStatus, Strategy
from orchestrator.engine.broker import OrderReport
from orchestrator.engine.builtin import BuiltinEngine
from orchestrator.engine.clearing import Clearance
from orchestrator.engine.journal import Journal, order_ref
from orchestrator.engine.orders import OrderHandler
from orchestrator.events import NewsTold
from orchestrator.news import STRIKE_OFF
from orchestrator.store import Store

NEW_YORK = ZoneInfo("America/New_York")
DAYS = ("2012-11-26", "2012-11-27", "2012-11-28")


class Killed(BaseException):
    """The end of the process: nothing below catches it."""


class Fuse:
    """Kills at the points that it is given. Before a commit the change is lost, after it it is kept; and a kill may
    come before an order or an event is handed over, or after."""

    def __init__(self, kills=()):
        self.kills, self.points, self.killed = set(kills), 0, 0

    def pass_by(self):
        self.points += 1
        if self.points in self.kills:
            self.killed += 1
            raise Killed

    def guard(self, function):
        def guarded(*arguments):
            self.pass_by()
            answer = function(*arguments)
            self.pass_by()
            return answer

        return guarded

    def commit(self, connection):
        if not connection.get_execution_options().get("read_only"):
            self.pass_by()
            connection.connection.dbapi_connection.commit()
            self.pass_by()


class Busy(Strategy):
    """Changes its mind every day, and gives orders of every kind; what it does depends on the time alone."""

    def target_weights(self, timestamp, data):
        wanted = {26: {"A": 0.1, "B": 0.1}, 27: {"B": 0.08, "C": 0.1}, 28: {"A": 0.1, "B": 0.08, "C": 0.05}}
        return wanted[timestamp.day]

    def on_data(self, timestamp, data):
        orders = {
            "1550": [Order("A", "BUY", 9, "LIMIT", data["A"].value * 0.99), Order("C", "BUY", 3)],
            "1630": [Order("B", "SELL", 5, "STOP", stop_price=data["B"].value * 0.995), Order("A", "BUY", 1)],
            "1710": [Order("C", "SELL", 400), Order("B", "BUY", 2, "LIMIT", 1.0)],
        }
        return orders.get(f"{timestamp:%H%M}", [])


class Life:
    """The days of an engine that is killed whenever the fuse burns, and begun anew on the same store at once."""

    def __init__(self, rig, fuse):
        self.rig, self.fuse = rig, fuse
        self.store = Store("sqlite://").open()
        event.listen(self.store.engine, "commit", fuse.commit)
        self.clock, self.events, self.engine = VirtualClock(at(DAYS[0], "09:30")), [], None

    def live(self):
        for day in DAYS:
            self.clock = VirtualClock(at(day, "09:30"))
            self.begin()
            while self.clock.now() < at(day, "16:00"):
                self.survive(self.turn)
                self.clock.advance(timedelta(minutes=20))
            self.survive(self.end)
        return self

    def turn(self):
        now = self.clock.now()
        self.engine.step(now)
        if f"{now:%H%M}" == "1510":
            self.engine.rebalance("1010")

    def end(self):
        self.engine.stop()

    def survive(self, action):
        while True:
            try:
                return action()
            except Killed:
                self.begin()

    def begin(self):
        while True:
            try:
                return self.start()
            except Killed:
                continue

    def start(self):
        rig = self.rig
        emit = self.fuse.guard(self.hear)
        self.engine = BuiltinEngine(rig.config, self.store, rig.calendar, rig.folder, self.clock, emit)
        broker = self.engine._broker
        broker.submit = self.fuse.guard(broker.submit)
        self.engine.add_strategy(Busy())
        self.engine.connect()
        self.engine.start(rig.config.strategy.symbols)

    def hear(self, told):
        """As the daemon does: what has been taken is struck off."""
        self.events.append(told)
        if isinstance(told, NewsTold):
            strike_off(self.store, told.news)

    def outcome(self):
        """Orders and fills as the journal has them, and the account that is left."""
        journal = Journal(self.store)
        orders = [(each.order_ref, each.status, each.filled_quantity) for day in DAYS for each in journal.orders(day)]
        fills = [(each.fill_id, each.quantity, each.price, each.at) for each in journal.fills()]
        broker = self.engine._broker
        return orders, fills, broker.cash(), broker.positions()

    def told(self):
        return Counter(each.fill_id for each in self.events if type(each).__name__ == "OrderFilled")


def strike_off(store, news):
    with store.engine.begin() as connection:
        connection.execute(STRIKE_OFF, {"told": news})


def at(day, time):
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=NEW_YORK)


@pytest.fixture(scope="module")
def market(new_rig, tmp_path_factory):
    """Thin enough for orders to fill in parts; A is split on the second day, B falls on the third."""
    rig = new_rig(tmp_path_factory.mktemp("market"))
    rig.bars(
        A=["2012-11-26,70,71,68,69,975000", "2012-11-27,10,10.1,9.8,10,6000000", "2012-11-28,10,10.3,9.9,10.2,6000000"],
        B=["2012-11-26,20,20.4,19.6,20,900000", "2012-11-27,20,20.5,19.7,20.1,900000", "2012-11-28,20,20,17,17,900000"],
        C=["2012-11-26,30,31,29,30,585000", "2012-11-27,30,31,29,30,585000", "2012-11-28,30,31,29,30,585000"],
    )
    (rig.folder / "splits.csv").write_text("symbol,date,ratio\nA,2012-11-27,7\n", encoding="utf-8")
    return rig


def check_books(life):
    """What must hold whatever has happened."""
    orders, fills, cash, positions = life.outcome()
    journal = Journal(life.store)
    assert len({fill_id for fill_id, *_ in fills}) == len(fills)
    by_order = Counter()
    for fill in journal.fills():
        by_order[fill.order_ref] += fill.quantity
    assert {ref: quantity for ref, _, quantity in orders if quantity} == dict(by_order)
    assert all(status.value in {"Filled", "Cancelled", "Error"} for _, status, _ in orders)
    spent = sum(fill.signed_quantity * fill.price + fill.commission for fill in journal.fills())
    assert cash == pytest.approx(life.rig.config.broker.starting_cash - spent, abs=0.01)
    held = Counter()
    for fill in sorted(journal.fills(), key=lambda fill: fill.at):
        split = 7 if fill.symbol == "A" and fill.at < at("2012-11-27", "09:30") else 1
        held[fill.symbol] += fill.signed_quantity * split
    assert {symbol: each.quantity for symbol, each in positions.items()} == {s: q for s, q in held.items() if q}
    assert set(life.told()) == {fill_id for fill_id, *_ in fills}


@pytest.fixture(scope="module")
def undisturbed(market):
    """What each of the lives is compared with."""
    return Life(market, Fuse()).live()


def test_the_days_have_everything_in_them(undisturbed):
    check_books(undisturbed)
    orders, fills, *_ = undisturbed.outcome()
    assert {status.value for _, status, _ in orders} == {"Filled", "Cancelled"}
    assert len(fills) > len(orders)
    assert any("stop_loss" in ref for ref, *_ in orders)
    assert any(each.title == "Split: A" for each in undisturbed.events if type(each).__name__ == "AlertRaised")
    assert set(undisturbed.told().values()) == {1}
    assert undisturbed.fuse.points > 300


def test_the_same_days_are_the_same_to_the_byte(market, undisturbed):
    assert Life(market, Fuse()).live().events == undisturbed.events


@pytest.mark.parametrize("part", range(4))
def test_a_kill_anywhere_changes_nothing_in_the_end(market, undisturbed, part):
    """One kill in each life, at every eighteenth of the points; in four parts."""
    for point in range(1 + 18 * part, undisturbed.fuse.points + 1, 72):
        life = Life(market, Fuse({point})).live()
        assert life.fuse.killed == 1
        assert life.outcome() == undisturbed.outcome(), f"killed at point {point}"
        check_books(life)
        assert sum(life.told().values()) <= len(life.told()) + 1  # twice only what was being told


@pytest.mark.parametrize("seed", range(12))
def test_kill_upon_kill_changes_nothing_in_the_end(market, undisturbed, seed):
    rng = random.Random(seed)
    kills, point = set(), 0
    while point < 2000:
        point += rng.randint(1, 60)
        kills.add(point)
    life = Life(market, Fuse(kills)).live()
    assert life.fuse.killed >= 10
    assert life.outcome() == undisturbed.outcome()
    check_books(life)


# --- a broker that remembers by itself ---


class Remembering:
    """It takes each order once, fills it when it likes, and tells it once; what it told to the dead is lost to them."""

    def __init__(self, rng):
        self.rng, self.taken, self.left, self.ended = rng, {}, {}, {}
        self.executed, self.news = [], []

    def submit(self, record, now):
        assert record.order_ref not in self.taken, f"{record.order_ref} was sent twice"
        self.taken[record.order_ref] = record
        self.left[record.order_ref] = record.total_quantity

    def cancel(self, order_ref, now):
        if self.left.pop(order_ref, None) is not None:
            self.end(order_ref, OrderStatus.CANCELLED)

    def trade(self, now):
        for ref, left in list(self.left.items()):
            chance = self.rng.random()
            if chance < 0.05:
                del self.left[ref]
                self.end(ref, OrderStatus.CANCELLED)
            elif chance < 0.5:
                self.fill(self.taken[ref], min(left, self.rng.randint(1, 6)), now)

    def fill(self, record, quantity, now):
        number = sum(1 for each in self.executed if each.order_ref == record.order_ref)
        fill = Fill(f"{record.order_ref}-{number}", record.order_ref, "A", Action.BUY, quantity, 10.0, 0.0, now)
        self.executed.append(fill)
        self.news.append(fill)
        self.left[record.order_ref] -= quantity
        if not self.left[record.order_ref]:
            del self.left[record.order_ref]

    def end(self, ref, status):
        self.ended[ref] = status
        self.news.append(OrderReport(ref, status))

    def step(self, now):
        told, self.news = self.news, []
        return told

    def orders(self):
        return {**self.ended, **dict.fromkeys(self.left, OrderStatus.SUBMITTED)}

    def executions(self):
        return list(self.executed)


@pytest.mark.parametrize("seed", range(8))
def test_no_order_reaches_a_broker_twice_and_no_execution_is_lost_or_doubled(seed):
    rng, fuse, session = random.Random(seed), Fuse(), "2012-11-26"
    fuse.kills = {point for point in range(1, 2000) if rng.random() < 0.04}
    store, clock = Store("sqlite://").open(), VirtualClock(at(session, "10:00"))
    event.listen(store.engine, "commit", fuse.commit)
    broker, journal = Remembering(rng), None
    broker.submit = fuse.guard(broker.submit)
    decided, handler = 0, None

    def begin():
        nonlocal handler, journal
        journal = Journal(store)
        handler = OrderHandler(journal, broker, lambda order, *_: Clearance(order.quantity))
        handler.register_news_callback(lambda news: strike_off(store, news))
        handler.reconcile(session, clock.now())

    def decide():
        nonlocal decided
        ref = order_ref(session, "s", "A", f"{decided}")
        now = clock.now()
        handler.intend([OrderRecord(ref, session, "s", f"{decided}", "A", Action.BUY, 10.0, now, now)], session)
        decided += 1

    def survive(action):
        while True:
            try:
                if handler is None:
                    begin()
                return action()
            except Killed:
                forget()

    def forget():
        nonlocal handler
        handler = None

    for minute in range(30):
        if minute < 20:
            survive(decide)
        survive(lambda: handler.turn(clock.now()))
        broker.trade(clock.now())
        clock.advance(timedelta(minutes=1))
    forget()
    survive(lambda: handler.turn(clock.now()))
    assert fuse.killed >= 3
    assert len(broker.taken) == decided
    assert {fill.fill_id: fill.quantity for fill in journal.fills()} == {
        fill.fill_id: fill.quantity for fill in broker.executed
    }
    for record in journal.orders(session):
        filled = sum(fill.quantity for fill in broker.executed if fill.order_ref == record.order_ref)
        assert record.filled_quantity == filled
        assert record.is_open == (record.order_ref in broker.left)
