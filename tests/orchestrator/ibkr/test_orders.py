"""Orders, from the decision to the gateway and back."""

import pytest
from gateway import ack, fill, inform, invalid, partial, reject, silence
from ib_wire import Placed

from orchestrator.engine import EngineError, Order, OrderStatus, Strategy


class Once(Strategy):
    """Gives these orders at the first look."""

    def __init__(self, *orders):
        self.orders = list(orders)

    def on_data(self, timestamp, data):
        orders, self.orders = self.orders, []
        return orders


@pytest.fixture
def single(rig):
    """One purchase of 49 AAPL a decision."""
    rig.config.strategy.symbols = ["AAPL"]
    return rig


def test_a_decision_is_sent_filled_and_booked(rig, gateway):
    rig.start()
    assert rig.engine.rebalance("0935") == "decision 0935: 2 orders"
    rig.until(lambda: rig.status("MSFT") == "Filled" and rig.status("AAPL") == "Filled")
    assert sorted(rig.sent_refs()) == ["20261124-equal_weight-AAPL-0935", "20261124-equal_weight-MSFT-0935"]
    placed = gateway.placed[0]
    assert (placed.tif, placed.account, placed.order_type, placed.action) == ("DAY", "DU123456", "MKT", "BUY")
    assert {(event.symbol, event.quantity, event.commission) for event in rig.fills()} == {
        ("AAPL", 49.0, 1.0),
        ("MSFT", 199.0, 1.0),
    }
    assert {symbol: each.quantity for symbol, each in rig.broker.positions().items()} == {"AAPL": 49.0, "MSFT": 199.0}
    assert rig.broker.cash() == 100_000 - 49 * 200 - 199 * 50 - 2
    assert rig.record("AAPL").perm_id is not None
    assert rig.alerts("warning", "critical") == []


def test_partial_fills_are_booked_one_by_one(single, gateway):
    gateway.fate = partial(10, 20)
    single.start().rebalance("0935")
    single.until(lambda: len(single.fills()) == 2)
    assert single.status("AAPL") == "PartiallyFilled"
    gateway.execute(gateway.order(single.sent_refs()[0]), 19, 201.0)
    single.until(lambda: single.status("AAPL") == "Filled")
    record = single.record("AAPL")
    assert [each.quantity for each in record.fills] == [10, 20, 19]
    assert record.avg_fill_price == pytest.approx((30 * 200 + 19 * 201) / 49)
    assert len(single.sent_refs()) == 1


def test_a_rejection_is_told_in_the_brokers_words_and_not_sent_again(single, gateway):
    gateway.fate = reject("Order rejected - reason: YOUR ORDER IS NOT ACCEPTED")
    single.start().rebalance("0935")
    single.until(lambda: single.status("AAPL") == "Error")
    assert single.record("AAPL").error_message == "Order rejected - reason: YOUR ORDER IS NOT ACCEPTED"
    single.pass_time(30)
    assert len(gateway.placed) == 1
    assert len(single.alerts("warning", "critical")) == 1


def test_numbers_of_orders_and_of_requests_are_never_the_same(rig, gateway):
    """What is said of an order would be taken for something that is said of a price."""
    gateway.fate = reject("no")
    rig.start()
    gateway.drop()
    gateway.requests.clear()
    rig.until(lambda: not rig.ready)
    rig.advance(1)
    rig.until(lambda: rig.ready)
    rig.engine.rebalance("0935")
    rig.until(lambda: rig.status("AAPL") == "Error" and rig.status("MSFT") == "Error")
    requests = {int(fields[2]) for fields in gateway.requests if fields[0] in {"1", "7", "9"}}
    requests |= {int(fields[1]) for fields in gateway.requests if fields[0] == "20"}
    assert requests.isdisjoint(placed.order_id for placed in gateway.placed)


def test_an_order_that_the_gateway_itself_refuses_gets_no_status_and_is_asked_for(single, gateway):
    gateway.fate = invalid("The price does not conform to the minimum price variation for this contract.")
    single.start().rebalance("0935")
    single.settle()
    assert single.status("AAPL") == "Submitted"  # an error alone ends nothing
    single.advance(3)
    single.until(lambda: single.status("AAPL") == "Error")
    assert single.record("AAPL").error_message.startswith("The price does not conform")
    single.pass_time(30)
    assert len(gateway.placed) == 1


@pytest.mark.parametrize("code", [10349, 399, 2109, 404, 105])
def test_a_code_that_only_informs_ends_no_order(single, gateway, code):
    gateway.fate = inform(code, "Order TIF was set to DAY based on order preset.")
    single.start().rebalance("0935")
    single.until(lambda: single.sent_refs() and single.status("AAPL") == "Submitted")
    single.pass_time(20)
    assert single.status("AAPL") == "Submitted"
    gateway.execute(gateway.order(single.sent_refs()[0]), 49)
    single.until(lambda: single.status("AAPL") == "Filled")
    assert ("AAPL", "Cancelled") not in single.statuses()


def test_an_unknown_code_makes_an_order_doubtful_and_not_dead(single, gateway):
    gateway.fate = ack
    single.start().rebalance("0935")
    single.until(lambda: single.sent_refs() and single.status("AAPL") == "Submitted")
    gateway.do(gateway.say, 10999, "Something that nobody has heard of.", gateway.order(single.sent_refs()[0]))
    single.settle()
    asked = len(gateway.requests)
    single.pass_time(4)
    assert ["16", "1"] in gateway.requests[asked:]
    assert single.status("AAPL") == "Submitted"


def test_an_order_of_which_nothing_is_heard_is_asked_for(single, gateway):
    gateway.fate = silence
    single.start().rebalance("0935")
    single.pass_time(12)
    assert single.status("AAPL") == "Submitted"
    assert len(gateway.placed) == 1
    gateway.execute(gateway.order(single.sent_refs()[0]), 49)
    single.until(lambda: single.status("AAPL") == "Filled")


def test_a_cancel_is_asked_for_and_told_by_the_broker(single, gateway):
    gateway.fate = partial(10)
    single.start().rebalance("0935")
    single.until(lambda: single.status("AAPL") == "PartiallyFilled")
    single.cancel_purchases()
    assert single.status("AAPL") == "PartiallyFilled"
    single.until(lambda: single.status("AAPL") == "Cancelled")
    assert gateway.order(single.sent_refs()[0]).status == "Cancelled"
    assert single.record("AAPL").filled_quantity == 10


def test_a_cancel_that_comes_too_late_changes_nothing(single, gateway):
    gateway.fate = ack
    single.start().rebalance("0935")
    single.until(lambda: single.sent_refs() and single.status("AAPL") == "Submitted")
    order = gateway.order(single.sent_refs()[0])

    def fill_first(direction, fields):
        if direction == "in" and fields[0] == "4":
            gateway._execute(order, 49, None)

    gateway.trap = fill_first
    single.cancel_purchases()
    single.pass_time(5)
    assert single.status("AAPL") == "Filled"


def test_what_the_broker_cancels_itself_is_told_with_its_reason(single, gateway):
    gateway.fate = ack
    single.start().rebalance("0935")
    single.until(lambda: single.sent_refs() and single.status("AAPL") == "Submitted")
    gateway.cancel(gateway.order(single.sent_refs()[0]), "margin")
    single.until(lambda: single.status("AAPL") == "Cancelled")
    assert "margin" in single.record("AAPL").error_message


def test_an_end_that_is_told_while_everything_is_asked_is_not_forgotten(single, gateway):
    """The list of open orders was true when it was told."""
    gateway.fate = ack
    single.start().rebalance("0935")
    single.until(lambda: single.sent_refs() and single.status("AAPL") == "Submitted")
    order = gateway.order(single.sent_refs()[0])

    def cancel_first(direction, fields):
        if direction == "in" and fields[0] == "99" and order.status != "Cancelled":
            order.status = "Cancelled"
            gateway.tell_status(order)

    gateway.trap = cancel_first
    single.connection.ask_again("somebody wants to know")
    single.until(lambda: not single.ready)
    single.until(lambda: single.ready)
    single.settle()
    assert order.status == "Cancelled"
    assert single.status("AAPL") == "Cancelled"


def test_the_end_is_told_after_the_executions_before_it(single, gateway):
    """The status may overtake the execution on its way."""

    def cancelled_first(gateway, order):
        ack(gateway, order)
        execution = gateway.brokerage.execute(order, 10, 200.0, gateway.now())
        order.status = "Cancelled"
        gateway.tell_status(order)
        gateway.tell_execution(execution)

    gateway.fate = cancelled_first
    single.start().rebalance("0935")
    single.until(lambda: single.status("AAPL") == "Cancelled")
    assert [status for _, status in single.statuses()] == ["Submitted", "PartiallyFilled", "Cancelled"]


def test_a_fill_that_is_only_told_by_a_status_is_asked_for(single, gateway):
    def told_by_status(gateway, order):
        ack(gateway, order)
        gateway.brokerage.execute(order, 49, 200.0, gateway.now())
        gateway.tell_status(order)

    gateway.fate = told_by_status
    single.start().rebalance("0935")
    single.settle()
    assert single.status("AAPL") == "Submitted"
    single.advance(3)
    single.until(lambda: single.status("AAPL") == "Filled")
    assert len(single.fills()) == 1


def test_an_execution_waits_for_its_commission_but_not_for_ever(single, gateway):
    gateway.mute = {59}
    single.start().rebalance("0935")
    single.settle()
    assert single.fills() == []
    single.advance(5)
    single.until(single.fills)
    assert single.fills()[0].commission == 0
    assert single.status("AAPL") == "Filled"


def test_a_commission_that_comes_late_is_booked_once(single, gateway):
    gateway.mute = {59}
    single.start().rebalance("0935")
    single.pass_time(6)
    assert [each.commission for each in single.journal.fills()] == [0]
    gateway.mute = set()
    execution = gateway.brokerage.executions[0]
    gateway.do(lambda: [session.commission(execution) for session in gateway.sessions for _ in range(2)])
    single.until(lambda: [each.commission for each in single.journal.fills()] == [1.0])
    single.settle()
    assert (len(single.fills()), single.alerts("warning", "critical")) == (1, [])
    assert single.record("AAPL").status is OrderStatus.FILLED


def test_a_commission_that_nobody_heard_is_booked_by_the_next_process(single, gateway):
    gateway.mute = {59}
    single.start().rebalance("0935")
    single.pass_time(6)
    gateway.mute = set()
    single.start()
    single.until(lambda: [each.commission for each in single.journal.fills()] == [1.0])
    assert (len(single.fills()), single.alerts("warning", "critical")) == (1, [])


def test_a_correction_takes_the_place_of_its_execution(single, gateway):
    single.start().rebalance("0935")
    single.until(lambda: single.status("AAPL") == "Filled")
    gateway.correct(gateway.brokerage.executions[0], 49, 199.0)
    single.until(lambda: "The broker has corrected an execution" in single.alerts("warning"))
    record = single.record("AAPL")
    assert [(each.quantity, each.price) for each in record.fills] == [(49, 199.0)]
    assert (record.avg_fill_price, record.status) == (199.0, OrderStatus.FILLED)
    single.start()
    single.pass_time(3)
    assert [(each.quantity, each.price) for each in single.journal.fills()] == [(49, 199.0)]
    assert single.alerts().count("The broker has corrected an execution") == 1


def test_a_correction_of_an_order_that_still_works_is_not_written_over(single, gateway):
    gateway.fate = partial(10)
    single.start().rebalance("0935")
    single.until(lambda: single.status("AAPL") == "PartiallyFilled")
    gateway.correct(gateway.brokerage.executions[0], 10, 190.0)
    single.settle()
    gateway.execute(gateway.order(single.sent_refs()[0]), 39, 200.0)
    single.until(lambda: single.status("AAPL") == "Filled")
    assert single.record("AAPL").avg_fill_price == pytest.approx((10 * 190 + 39 * 200) / 49)


def test_orders_of_others_are_left_alone(rig, gateway):
    hand = Placed(0, -5, 1001, "AAPL", "SELL", 5.0, "LMT", 300.0, None, "GTC", "DU123456", "", False)
    other = Placed(3, 12, 1002, "MSFT", "BUY", 9.0, "MKT", None, None, "DAY", "DU123456", "somebody-else", False)
    gateway.brokerage.positions["DU123456"]["AAPL"] = (100.0, 150.0)
    for placed in (hand, other):
        order = gateway.brokerage.take(placed)
        gateway.brokerage.execute(order, 2, 50.0, rig.clock.now())
    rig.start().rebalance("0935")
    rig.until(lambda: rig.status("MSFT") == "Filled" and rig.status("AAPL") == "Filled")
    gateway.execute(gateway.brokerage.orders[0], 3, 300.0)
    rig.pass_time(5)
    assert [fields for fields in gateway.requests if fields[0] == "4"] == []
    assert {event.order_ref for event in rig.fills()} == set(rig.sent_refs())
    assert [order.status for order in gateway.brokerage.orders[:2]] == ["Filled", "Submitted"]
    assert {symbol: each.quantity for symbol, each in rig.broker.positions().items()} == {
        record.symbol: record.filled_quantity for record in rig.records().values()
    }


def test_a_number_of_ours_under_another_name_is_not_ours(single, gateway):
    """Somebody has reset the gateway's order ids: the next numbers have been used by us before."""
    single.start().rebalance("0935")
    single.until(lambda: single.status("AAPL") == "Filled")
    gateway.fate = ack
    stolen = gateway.placed[0]._replace(order_ref="somebody-else", quantity=7.0)
    single.build()
    gateway.brokerage.orders.clear()
    gateway.brokerage.executions.clear()
    order = gateway.brokerage.take(stolen)
    gateway.brokerage.execute(order, 3, 200.0, single.clock.now())
    single.engine.connect()
    single.engine.start(["AAPL"])
    single.pass_time(2)
    assert single.record("AAPL").filled_quantity == 49


def test_limit_orders_carry_their_price(rig, gateway):
    gateway.fate = ack
    rig.start(Once(Order("AAPL", "buy", 5, "limit", 190.0)))
    rig.until(rig.sent_refs)
    placed = gateway.placed[0]
    assert (placed.order_type, placed.limit_price, placed.quantity, placed.outside_rth) == ("LMT", 190.0, 5.0, False)


@pytest.mark.parametrize(("price", "sent"), [(189.99999999, 190.0), (190.004, 190.0), (0.12344, 0.1234)])
def test_prices_are_sent_in_ticks(rig, gateway, price, sent):
    gateway.fate = ack
    rig.start(Once(Order("AAPL", "buy", 5, "limit", price)))
    rig.until(rig.sent_refs)
    assert gateway.placed[0].limit_price == sent


def test_with_extended_hours_limit_orders_may_trade_in_them(rig, gateway):
    rig.config.schedule.enable_pre_market = True
    rig.start(Once(Order("AAPL", "buy", 5, "limit", 190.0), Order("MSFT", "buy", 5)))
    rig.until(lambda: len(rig.sent_refs()) == 2)
    assert {placed.symbol: placed.outside_rth for placed in gateway.placed} == {"AAPL": True, "MSFT": False}


def test_purchases_wait_for_the_money_of_the_sales(rig, gateway):
    rig.config.risk.min_cash_buffer = 0.0
    rig.start().rebalance("0935")
    rig.until(lambda: rig.status("MSFT") == "Filled" and rig.status("AAPL") == "Filled")
    gateway.brokerage.list_stock("IBM", 100.0)
    gateway.brokerage.bars["IBM"] = gateway.brokerage.bars["AAPL"]
    rig.config.strategy.symbols = ["IBM"]
    gateway.fate = ack
    rig.at("2026-11-25T09:35")
    rig.start().rebalance("0935")
    rig.until(lambda: len(rig.sent_refs()) == 4)
    rig.pass_time(3)
    assert {placed.symbol: placed.action for placed in gateway.placed[2:]} == {"AAPL": "SELL", "MSFT": "SELL"}
    gateway.fate = fill()
    for placed in gateway.placed[2:]:
        gateway.execute(gateway.order(placed.order_ref), placed.quantity)
    rig.until(lambda: rig.status("IBM") == "Filled")


def test_cash_is_not_spent_twice_before_the_account_is_told_anew(rig, gateway):
    """IB tells an execution at once, and the cash when it comes to it."""
    gateway.tell_account = lambda account: None
    rig.start()
    before = rig.broker.cash()
    rig.engine.rebalance("0935")
    rig.until(lambda: rig.status("MSFT") == "Filled" and rig.status("AAPL") == "Filled")
    assert rig.broker.cash() == before - 49 * 200 - 199 * 50
    gateway.do(lambda: [session.account_values("DU123456") for session in gateway.sessions])
    rig.settle()
    assert rig.broker.cash() == before - 49 * 200 - 199 * 50 - 2


def test_a_symbol_that_is_not_to_be_had_is_said_at_the_start(rig):
    rig.config.strategy.symbols = ["AAPL", "NOSUCH"]
    rig.build().connect()
    with pytest.raises(EngineError, match=r"IB knows no share NOSUCH in USD; take it out of strategy.symbols"):
        rig.engine.start(rig.config.strategy.symbols)


def test_a_symbol_that_means_two_shares_is_said_at_the_start(rig, gateway):
    gateway.brokerage.list_stock("AAPL", 1.0, con_id=5555)
    rig.build().connect()
    with pytest.raises(EngineError, match="IB knows 2 shares AAPL in USD: 1001 at NASDAQ, 5555 at NASDAQ"):
        rig.engine.start(rig.config.strategy.symbols)


def test_classes_of_shares_have_ibs_names_there_and_ours_here(single, gateway):
    gateway.brokerage.list_stock("BRK B", 400.0)
    gateway.brokerage.bars["BRK B"] = gateway.brokerage.bars["AAPL"]
    single.config.strategy.symbols = ["BRK.B"]
    single.start().rebalance("0935")
    single.until(lambda: single.status("BRK.B") == "Filled")
    assert gateway.placed[0].symbol == "BRK B"
    assert set(single.broker.positions()) == {"BRK.B"}
    single.pass_time(15)
    assert single.alerts("critical") == []


def test_a_cancel_that_is_asked_for_before_the_order_is_acknowledged_is_sent_then(single, gateway):
    gateway.fate = silence
    single.start().rebalance("0935")
    single.until(single.sent_refs)
    single.cancel_purchases()
    single.settle()
    gateway.do(gateway.tell_status, gateway.order(single.sent_refs()[0]))
    single.until(lambda: single.status("AAPL") == "Cancelled")
