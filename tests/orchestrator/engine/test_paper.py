"""The paper broker fills at the price of the moment, and remembers by the journal alone."""

from datetime import timedelta

import pytest

from calendars import VirtualClock
from orchestrator.engine import Action, OrderRecord, OrderStatus, OrderType, Position
from orchestrator.engine.broker import BrokerError, OrderReport
from orchestrator.engine.journal import Journal, order_ref
from orchestrator.engine.paper import PaperBroker
from orchestrator.engine.replay import CsvPrices

SESSION = "2012-11-23"
HEADER = "date,open,high,low,close,volume\n"


class Desk:
    """A broker, and what an engine does with it. The price is 100 at 09:30, 90 at 10:40, 120 at 11:50, 110 at 13:00."""

    def __init__(self, store, folder, calendar, at, cash=10_000.0):
        self.folder, self.calendar = folder, calendar
        self.journal, self.cash, self.clock = Journal(store), cash, VirtualClock(at)
        self.trade("")

    def trade(self, volume):
        """So many shares are traded on the day, if it is known."""
        rows = f"2012-11-21,80,80,80,80,\n2012-11-23,100,120,90,110,{volume}\n"
        (self.folder / "X.csv").write_text(HEADER + rows, "utf-8")
        self.prices = CsvPrices(self.folder, self.calendar)
        self.prices.watch(["X"])
        self.restart()

    def restart(self):
        self.broker = PaperBroker(self.journal, self.prices, self.cash, slippage=0.001, commission=0.002)
        self.broker.connect()

    def order(self, action, quantity, limit=None, name="0935", stop=None, symbol="X"):
        now = self.clock.now()
        kind = OrderType.LIMIT if limit else OrderType.STOP if stop else OrderType.MARKET
        ref = order_ref(SESSION, "s", symbol, name)
        record = OrderRecord(
            ref, SESSION, "s", name, symbol, Action(action), quantity, now, now, kind, limit_price=limit or stop
        )
        self.journal.intend([record])
        self.broker.submit(record, now)
        record.status = OrderStatus.SUBMITTED
        self.journal.save(record)
        return record

    def step(self):
        return self.broker.step(self.clock.now())

    def watch(self, minutes):
        """Step once a minute, for so many; the minutes and fills."""
        found = []
        for minute in range(minutes):
            found += [(minute, fill) for fill in self.step()]
            self.clock.advance(timedelta(minutes=1))
        return found

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
    assert desk.broker.orders() == {}
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
    assert desk.broker.orders() == {resting.order_ref: OrderStatus.SUBMITTED}
    assert (desk.broker.cash(), desk.broker.positions()) == (cash, {"X": Position("X", 10, 100.1)})
    desk.clock.advance(minutes(70))
    [fill] = desk.step()
    assert (fill.order_ref, fill.price) == (resting.order_ref, 91.0)  # it was there on the way


def test_a_fill_that_was_not_written_down_did_not_happen(desk):
    desk.order("BUY", 10)
    [lost] = desk.step()
    desk.restart()
    assert desk.broker.cash() == 10_000
    assert desk.step() == [lost]


# --- prices on the way from one look to the next ---


def test_a_limit_that_was_reached_between_two_looks_fills_at_the_limit(desk, minutes):
    desk.order("BUY", 10, limit=92.0)
    desk.clock.advance(minutes(100))  # down to 90, and up again to 102.86
    [fill] = desk.step()
    assert fill.price == 92.0


def test_a_limit_that_was_reached_before_it_was_sent_does_not_fill(desk, minutes):
    desk.clock.advance(minutes(100))
    desk.order("BUY", 10, limit=92.0)
    assert [fill for _, fill in desk.watch(100)] == []


def test_a_limit_above_the_market_pays_the_market_and_never_more_than_the_limit(desk):
    desk.order("BUY", 10, limit=150.0)
    desk.order("BUY", 10, limit=100.02, name="0936")
    assert [fill.price for fill in desk.step()] == [100.1, 100.02]


def test_a_limit_sale_below_the_market_gets_the_market(desk):
    desk.order("BUY", 20)
    desk.step()
    desk.order("SELL", 10, limit=50.0, name="0936")
    desk.order("SELL", 10, limit=99.95, name="0937")
    assert [fill.price for fill in desk.step()] == [99.9, 99.95]


# --- stop orders ---


def test_a_stop_sale_is_triggered_when_the_price_falls_to_it_and_slips(desk):
    desk.order("BUY", 10)
    desk.step()
    desk.order("SELL", 10, stop=95.0, name="0936")
    [(minute, fill)] = desk.watch(200)
    assert (minute, fill.price) == (35, pytest.approx(95 * 0.999))


def test_a_stop_between_two_looks_fills_at_the_stop(desk, minutes):
    desk.order("BUY", 10)
    desk.step()
    desk.order("SELL", 10, stop=95.0, name="0936")
    desk.clock.advance(minutes(100))
    assert [fill.price for fill in desk.step()] == [pytest.approx(95 * 0.999)]


def test_a_stop_purchase_is_triggered_when_the_price_rises_to_it(desk):
    desk.order("BUY", 10, stop=110.0)
    [(minute, fill)] = desk.watch(200)
    assert (minute, fill.price) == (117, pytest.approx(110 * 1.001))


def test_a_stop_beyond_the_price_never_triggers(desk):
    desk.order("BUY", 10, stop=120.01)
    assert desk.watch(210) == []


def test_a_stop_that_the_price_is_beyond_already_fills_at_the_price(desk):
    desk.order("BUY", 10)
    desk.step()
    desk.order("SELL", 10, stop=130.0, name="0936")
    assert [fill.price for fill in desk.step()] == [99.9]


def test_a_gap_over_a_stop_fills_at_the_open(desk, new_york):
    """Sent before the open, when the last price was 80."""
    desk.clock = VirtualClock(new_york("2012-11-23T09:00"))
    desk.order("BUY", 10, stop=90.0)
    desk.order("BUY", 10, limit=105.0, name="0936")
    assert desk.step() == []
    desk.clock.advance(timedelta(minutes=31))
    assert [fill.price for fill in desk.step()] == [100.1, pytest.approx(99.857 * 1.001, abs=0.001)]


def test_a_triggered_stop_is_a_market_order_for_the_rest(desk):
    desk.trade(210 * 40)  # four shares a minute for us
    desk.order("BUY", 4)
    desk.watch(1)
    desk.order("BUY", 4, name="0936")
    desk.watch(1)
    desk.order("SELL", 6, stop=95.0, name="0937")
    found = desk.watch(200)
    assert [(minute, fill.quantity) for minute, fill in found] == [(33, 4), (34, 2)]
    assert found[1][1].price < found[0][1].price


def test_a_stop_that_was_triggered_before_a_kill_is_one_after_it(desk, minutes):
    desk.order("BUY", 10)
    desk.write_down(desk.step()[0])
    desk.order("SELL", 10, stop=95.0, name="0936")
    desk.clock.advance(minutes(40))
    [lost] = desk.step()
    desk.restart()
    desk.clock.advance(minutes(60))  # the price is above the stop again
    assert [fill.fill_id for fill in desk.step()] == [lost.fill_id]


# --- volume ---


def test_of_what_is_traded_in_a_minute_a_tenth_is_ours(desk):
    desk.trade(210 * 40)
    desk.order("BUY", 10)
    assert [(minute, fill.quantity, fill.fill_id[-2:]) for minute, fill in desk.watch(10)] == [
        (0, 4, "-1"),
        (1, 4, "-2"),
        (2, 2, "-3"),
    ]
    assert desk.broker.orders() == {}


def test_all_orders_of_a_symbol_share_the_minute(desk):
    desk.trade(210 * 40)
    desk.order("BUY", 3)
    desk.order("BUY", 3, name="0936")
    assert [fill.quantity for fill in desk.step()] == [3, 1]
    desk.clock.advance(timedelta(seconds=59))
    assert desk.step() == []
    desk.clock.advance(timedelta(seconds=1))
    assert [fill.quantity for fill in desk.step()] == [2]


def test_the_rest_of_an_order_and_of_the_minute_survive_a_restart(desk, minutes):
    desk.trade(210 * 40)
    record = desk.order("BUY", 10)
    desk.write_down(desk.step()[0])
    desk.restart()
    assert desk.step() == []
    desk.clock.advance(minutes(1))
    [fill] = desk.step()
    assert (fill.quantity, fill.fill_id) == (4, f"{record.order_ref}-2")


def test_a_limit_is_not_filled_after_a_restart_by_a_price_that_came_before_its_last_fill(desk, minutes):
    desk.trade(210 * 40)
    record = desk.order("BUY", 10, limit=91.0)
    desk.clock.advance(minutes(80))  # down to 90, and up again to 94.29
    [fill] = desk.step()
    assert fill.quantity == 4
    desk.write_down(fill)
    desk.restart()
    desk.clock.advance(minutes(1))
    assert desk.step() == []
    assert desk.journal.find(record.order_ref).remaining_quantity == 6


@pytest.mark.parametrize(("volume", "filled"), [(0, []), (5, [1, 1, 1]), ("", [3])])
def test_a_dead_market_fills_nothing_and_a_sleepy_one_a_share_a_minute(desk, volume, filled):
    desk.trade(volume)
    desk.order("BUY", 3)
    assert [fill.quantity for _, fill in desk.watch(5)] == filled


def test_a_stop_that_is_triggered_in_a_full_minute_stays_triggered(desk):
    desk.trade(210 * 40)
    desk.order("BUY", 4)
    desk.watch(34)
    desk.order("BUY", 4, name="0936")
    desk.order("SELL", 4, stop=95.5, name="0937")
    found = desk.watch(5)
    assert [(minute, fill.action, fill.quantity) for minute, fill in found] == [(0, "BUY", 4), (1, "SELL", 4)]


def test_a_purchase_that_runs_out_of_cash_ends_with_what_it_has(desk):
    desk.trade(210 * 400)
    record = desk.order("BUY", 120)
    *filled, (_, last) = desk.watch(10)
    assert [fill.quantity for _, fill in filled] == [40, 40]
    assert last.status is OrderStatus.CANCELLED
    assert last.order_ref == record.order_ref
    assert "in cash" in last.reason


# --- what is refused ---


def test_an_unknown_symbol_is_refused(desk):
    with pytest.raises(BrokerError, match="TSLA is not known here: it has no price"):
        desk.order("BUY", 1, symbol="TSLA")


@pytest.mark.parametrize("quantity", [0.0, -5.0])
def test_a_quantity_is_positive(desk, quantity):
    with pytest.raises(BrokerError, match="the quantity must be positive"):
        desk.order("BUY", quantity)
