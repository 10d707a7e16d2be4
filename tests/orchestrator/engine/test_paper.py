"""The paper broker fills at the price of the moment, and remembers by the journal alone."""

from datetime import timedelta

import pytest

from calendars import VirtualClock
from orchestrator.engine import Action, OrderRecord, OrderStatus, OrderType, Position
from orchestrator.engine.bars import CsvPrices
from orchestrator.engine.broker import BrokerError, OrderReport
from orchestrator.engine.journal import Journal, order_ref
from orchestrator.engine.paper import PaperBroker

SESSION = "2012-11-23"
HEADER = "date,open,high,low,close,volume\n"


class Desk:
    """A broker, and what an engine does with it. The price is 100 at 09:30, 90 at 10:40, 120 at 11:50, 110 at 13:00."""

    def __init__(self, store, folder, calendar, at, cash=10_000.0):
        (folder / "X.csv").write_text(HEADER + "2012-11-21,80,80,80,80,1\n2012-11-23,100,120,90,110,1\n", "utf-8")
        self.prices = CsvPrices(folder, calendar)
        self.prices.watch(["X"])
        self.journal, self.cash, self.clock = Journal(store), cash, VirtualClock(at)
        self.restart()

    def restart(self):
        self.broker = PaperBroker(self.journal, self.prices, self.cash, slippage=0.001, commission=0.002)
        self.broker.connect()

    def order(self, action, quantity, limit=None, name="0935"):
        now = self.clock.now()
        kind = OrderType.MARKET if limit is None else OrderType.LIMIT
        ref = order_ref(SESSION, "s", "X", name)
        record = OrderRecord(
            ref, SESSION, "s", name, "X", Action(action), quantity, now, now, order_type=kind, limit_price=limit
        )
        self.journal.intend([record])
        self.broker.submit(record, now)
        record.status = OrderStatus.SUBMITTED
        self.journal.save(record)
        return record

    def step(self):
        return self.broker.step(self.clock.now())

    def write_down(self, fill):
        self.journal.add_fill(self.journal.find(fill.order_ref), fill)


@pytest.fixture
def desk(store, tmp_path, calendar, new_york):
    return Desk(store, tmp_path, calendar, new_york("2012-11-23T09:30"))


def test_a_purchase_pays_price_slippage_and_commission(desk):
    desk.order("BUY", 10)
    [fill] = desk.step()
    assert (fill.price, fill.commission, fill.quantity) == (100.1, 2.002, 10)
    assert desk.broker.cash() == pytest.approx(10_000 - 1001 - 2.002)
    assert desk.broker.positions() == {"X": Position("X", 10, 100.1)}


def test_a_sale_gets_less_by_slippage_and_commission(desk):
    desk.order("BUY", 10)
    desk.step()
    desk.order("SELL", 10, name="0936")
    [fill] = desk.step()
    assert (fill.price, fill.commission) == (99.9, 1.998)
    assert desk.broker.positions() == {}


def test_an_order_fills_once(desk):
    desk.order("BUY", 10)
    assert len(desk.step()) == 1
    assert desk.step() == []


@pytest.mark.parametrize(
    ("action", "limit", "minutes_to_fill", "price"),
    [("BUY", 95.0, 35, 95.0), ("BUY", 101.0, 0, 100.1), ("BUY", 100.0, 0, 100.0), ("BUY", 89.9, None, None)],
)
def test_a_limit_purchase_fills_at_its_limit_or_better(desk, minutes, action, limit, minutes_to_fill, price):
    desk.order(action, 10, limit)
    fills = []
    for minute in range(210):
        fills += [(minute, fill.price) for fill in desk.step()]
        desk.clock.advance(minutes(1))
    assert fills == ([] if price is None else [(minutes_to_fill, price)])


def test_a_limit_sale_waits_for_its_price(desk, minutes):
    desk.order("BUY", 10)
    desk.step()
    desk.order("SELL", 10, limit=119.9, name="0936")
    assert desk.step() == []
    desk.clock.advance(minutes(140))
    [fill] = desk.step()
    assert fill.price == 119.9


def test_without_a_fresh_price_nothing_fills(desk, new_york):
    desk.clock = VirtualClock(new_york("2012-11-23T09:29"))
    desk.order("BUY", 10)
    assert desk.step() == []
    desk.clock.advance(timedelta(minutes=1))
    assert len(desk.step()) == 1


def test_more_than_the_cash_is_not_spent(desk):
    record = desk.order("BUY", 100)
    assert desk.step() == [
        OrderReport(record.order_ref, OrderStatus.ERROR, "it costs 10030.02, and there is 10000.00 in cash")
    ]
    assert desk.broker.cash() == 10_000
    assert desk.step() == []


def test_more_than_is_held_is_not_sold(desk):
    record = desk.order("SELL", 5)
    assert desk.step() == [OrderReport(record.order_ref, OrderStatus.ERROR, "0 X are held, so 5 can't be sold")]


def test_fractions_and_second_orders_of_a_name_are_refused(desk):
    with pytest.raises(BrokerError, match="only whole shares"):
        desk.order("BUY", 1.5)
    record = desk.order("BUY", 1, name="0936")
    with pytest.raises(BrokerError, match="there is an order 20121123-s-X-0936 already"):
        desk.broker.submit(record, desk.clock.now())


def test_a_cancelled_order_is_reported_and_never_fills(desk):
    record = desk.order("BUY", 10)
    desk.broker.cancel(record.order_ref, desk.clock.now())
    assert desk.broker.open_orders() == set()
    assert desk.step() == [OrderReport(record.order_ref, OrderStatus.CANCELLED)]
    assert desk.step() == []


def test_to_cancel_what_is_not_open_does_nothing(desk):
    desk.broker.cancel("nothing", desk.clock.now())
    assert desk.step() == []


def test_account_and_resting_orders_survive_a_restart(desk, minutes):
    desk.order("BUY", 10)
    desk.write_down(desk.step()[0])
    resting = desk.order("BUY", 5, limit=91.0, name="0936")
    cash = desk.broker.cash()
    desk.restart()
    assert desk.broker.open_orders() == {resting.order_ref}
    assert (desk.broker.cash(), desk.broker.positions()) == (cash, {"X": Position("X", 10, 100.1)})
    desk.clock.advance(minutes(70))
    [fill] = desk.step()
    assert (fill.order_ref, fill.price) == (resting.order_ref, 90.09)


def test_a_fill_that_was_not_written_down_did_not_happen(desk):
    desk.order("BUY", 10)
    [lost] = desk.step()
    desk.restart()
    assert desk.broker.cash() == 10_000
    assert desk.step() == [lost]
