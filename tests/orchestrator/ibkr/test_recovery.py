"""What is found after an interruption: each kind of loss, and what is done about it."""

import pytest
from gateway import Cut, ack, fill, invalid, reject, silence

from orchestrator.engine.ibkr.ledger import Ledger, Number
from orchestrator.engine.ibkr.splits import split_ratio
from orchestrator.store import Store


@pytest.fixture
def single(rig):
    rig.config.strategy.symbols = ["AAPL"]
    return rig


def lose_order(direction, fields):
    if direction == "in" and fields[0] == "3":
        raise Cut


def reconnect(rig):
    rig.until(lambda: not rig.ready)
    rig.advance(1)
    rig.until(lambda: rig.ready)


def test_an_order_that_was_lost_on_its_way_is_sent_under_the_same_number(single, gateway):
    single.start()
    gateway.trap = lose_order
    single.engine.rebalance("0935")
    single.until(lambda: not single.ready)
    number = Ledger(single.store)
    number.load(set(single.records()))
    gateway.trap = lambda *_: None
    single.advance(1)
    single.until(lambda: single.status("AAPL") == "Filled")
    ref = single.sent_refs()[0]
    assert len(gateway.placed) == 1
    assert gateway.placed[0].order_id == number.number(ref).order_id
    assert [status for _, status in single.statuses()] == ["Submitted", "Pending", "Submitted", "Filled"]


def test_an_order_that_was_lost_is_sent_by_the_next_process_too(single, gateway):
    single.start()
    gateway.trap = lose_order
    single.engine.rebalance("0935")
    single.until(lambda: not single.ready)
    gateway.trap = lambda *_: None
    single.start()
    single.until(lambda: single.status("AAPL") == "Filled")
    assert len(gateway.placed) == 1


def test_an_order_that_was_lost_is_not_sent_in_another_session(single, gateway):
    single.start()
    gateway.trap = lose_order
    single.engine.rebalance("0935")
    single.until(lambda: not single.ready)
    gateway.trap = lambda *_: None
    yesterday = single.record("AAPL").order_ref
    single.at("2026-11-25T09:35")
    single.start()
    single.pass_time(5)
    assert gateway.placed == []
    record = single.journal.find(yesterday)
    assert record.status.value == "Cancelled"


@pytest.mark.parametrize("fate", [fill(), ack, silence, reject("no money"), invalid("no such price")])
@pytest.mark.parametrize("anew", [False, True])
def test_an_order_of_which_the_answer_was_lost_is_not_sent_again(single, gateway, fate, anew):
    """It has arrived, and then the connection broke before anything came back."""

    def arrive_and_break(gateway, order):
        for session in gateway.sessions:
            session.abort()
        fate(gateway, order)

    gateway.fate = arrive_and_break
    single.start().rebalance("0935")
    single.until(lambda: not single.ready)
    gateway.fate = fill()
    if anew:
        single.start()
    else:
        single.advance(1)
    single.until(lambda: single.ready)
    single.pass_time(15)
    assert len(gateway.placed) == 1
    expected = {"Filled": "Filled", "Submitted": "Submitted", "Inactive": "Error"}[gateway.brokerage.orders[0].status]
    assert single.status("AAPL") == expected
    if fate.__qualname__.startswith("reject"):
        assert single.record("AAPL").error_message == "no money"


def test_an_order_that_arrived_and_is_forgotten_is_told_and_not_sent_again(single, gateway):
    """Some gateways forget after a restart what was completed before it."""

    def arrive_and_break(gateway, order):
        order.status = "Cancelled"
        for session in gateway.sessions:
            session.abort()

    gateway.fate = arrive_and_break
    single.start().rebalance("0935")
    single.until(lambda: not single.ready)
    gateway.brokerage.forgets_completed = True
    single.advance(1)
    single.until(lambda: single.status("AAPL") == "Error")
    assert "it has reached the broker, which tells nothing of it any more" in single.record("AAPL").error_message
    assert len(gateway.placed) == 1


def test_an_order_that_was_sent_under_another_client_id_is_found(single, gateway):
    gateway.fate = ack
    single.start().rebalance("0935")
    single.until(lambda: single.sent_refs() and single.status("AAPL") == "Submitted")
    single.config.broker.client_id = 8
    single.start()
    single.pass_time(3)
    assert single.status("AAPL") == "Submitted"
    assert len(gateway.placed) == 1
    gateway.execute(gateway.brokerage.orders[0], 49)
    gateway.drop()
    reconnect(single)
    single.until(lambda: single.status("AAPL") == "Filled")


def test_an_order_is_found_by_its_name_where_the_ledger_is_gone(single, gateway):
    gateway.fate = ack
    single.start().rebalance("0935")
    single.until(lambda: single.sent_refs() and single.status("AAPL") == "Submitted")
    single.store.write_meta("ibkr_orders", {"orders": {}, "highest": {}})
    single.start()
    single.pass_time(3)
    assert single.status("AAPL") == "Submitted"
    single.cancel_purchases()
    single.until(lambda: single.status("AAPL") == "Cancelled")
    assert len(gateway.placed) == 1


def test_what_was_cancelled_while_nobody_listened_is_told_with_its_reason(single, gateway):
    gateway.fate = ack
    single.start().rebalance("0935")
    single.until(lambda: single.sent_refs() and single.status("AAPL") == "Submitted")
    single.kill()
    gateway.cancel(gateway.brokerage.orders[0], "Cancelled by Trader")
    single.start()
    single.until(lambda: single.status("AAPL") == "Cancelled")
    assert single.record("AAPL").error_message == "Cancelled by Trader"


def test_a_cancel_that_could_not_be_sent_is_sent_on_return(single, gateway):
    gateway.fate = ack
    single.start().rebalance("0935")
    single.until(lambda: single.sent_refs() and single.status("AAPL") == "Submitted")
    gateway.drop()
    single.until(lambda: not single.ready)
    single.cancel_purchases()
    single.advance(1)
    single.until(lambda: single.status("AAPL") == "Cancelled")
    assert gateway.brokerage.orders[0].status == "Cancelled"


def test_an_order_that_never_arrived_and_is_not_wanted_any_more_is_cancelled(single, gateway):
    single.start()
    gateway.trap = lose_order
    single.engine.rebalance("0935")
    single.until(lambda: not single.ready)
    gateway.trap = lambda *_: None
    single.cancel_purchases()
    single.advance(1)
    single.until(lambda: single.status("AAPL") == "Cancelled")
    single.pass_time(5)
    assert gateway.placed == []


def test_numbers_are_not_given_twice_after_a_restart_that_forgot_them(rig, gateway):
    """The gateway counts again from where it has seen orders; a lost order keeps its number, others get new ones."""
    rig.config.strategy.symbols = ["AAPL", "MSFT"]
    rig.start()

    def lose_second(direction, fields):
        if direction == "in" and fields[0] == "3" and gateway.placed:
            raise Cut

    gateway.trap = lose_second
    rig.engine.rebalance("0935")
    rig.until(lambda: not rig.ready)
    gateway.trap = lambda *_: None
    gateway.restart()
    rig.advance(1)
    rig.until(lambda: len(rig.sent_refs()) == 2)
    rig.until(lambda: rig.status("MSFT") == "Filled" and rig.status("AAPL") == "Filled")
    assert len({placed.order_id for placed in gateway.placed}) == 2


def test_an_order_that_a_hanging_gateway_reads_late_is_not_sent_twice(single, gateway, monkeypatch):
    """It is in the old connection, which the gateway has not noticed to be over; until then the client id is taken."""
    monkeypatch.setattr("orchestrator.engine.ibkr.connection.HANDSHAKE", 1.0)
    single.start()
    old = gateway.sessions[0]
    gateway.do(old.hang)
    single.engine.rebalance("0935")
    single.settle()
    single.advance(30)
    single.settle()
    single.advance(10)
    single.until(lambda: not single.ready)
    for _ in range(3):
        single.advance(5)
        single.settle()
        single.until(lambda: single.connection._work is None)
        assert not single.ready
    assert "client id 7 is in use" in single.connection.trouble
    assert gateway.placed == []
    gateway.do(old.go_on)
    single.advance(30)
    single.until(lambda: single.status("AAPL") == "Filled")
    single.pass_time(5)
    assert len(gateway.placed) == 1


def test_an_order_is_not_sent_again_where_the_gateway_has_forgotten_everything(single, gateway):
    """A gateway in a fresh container counts from 1 again: what it does not know may have reached another one."""
    single.start().rebalance("0935")
    single.until(lambda: single.status("AAPL") == "Filled")
    single.at("2026-11-25T09:35")
    single.config.strategy.symbols = ["MSFT"]

    def arrive_and_break(gateway, order):
        order.status = "Cancelled"
        for session in gateway.sessions:
            session.abort()

    gateway.fate = arrive_and_break
    single.start().rebalance("0935")
    single.until(lambda: not single.ready)
    sent = len(gateway.placed)
    gateway.brokerage.forgets_completed = True
    gateway.brokerage.used_ids.clear()
    gateway.fate = fill()
    single.advance(1)
    single.until(lambda: single.ready)
    single.pass_time(15)
    lost = [each for each in single.records().values() if each.status.value == "Error"]
    assert len(lost) == 1
    assert "it can't be told whether it has reached the broker" in lost[0].error_message
    assert [placed.order_ref for placed in gateway.placed[:sent]].count(lost[0].order_ref) == 1
    assert lost[0].order_ref not in [placed.order_ref for placed in gateway.placed[sent:]]


@pytest.mark.parametrize(("fate", "end"), [(fill(), "Filled"), (ack, "Submitted"), (reject("no money"), "Error")])
def test_a_decision_that_is_made_again_on_a_new_journal_sends_nothing_twice(single, gateway, fate, end):
    """The database was lost, or an old copy of it was put in its place; the broker has not forgotten."""
    gateway.fate = fate
    single.start().rebalance("0935")
    single.until(lambda: single.status("AAPL") == end)
    single.settle()
    single.kill()
    for path in single.folder.glob("orchestrator.db*"):
        path.unlink()
    single.start().rebalance("0935")
    single.until(lambda: single.ready and single.status("AAPL") == end)
    single.pass_time(15)
    assert single.status("AAPL") == end
    assert len(gateway.placed) == 1
    assert len(single.journal.fills()) == len(gateway.brokerage.executions)


def test_shares_that_were_sold_by_hand_are_not_sold_again(single, gateway):
    """Not even while something else is under way: on a margin account it would be a short sale."""
    single.start().rebalance("0935")
    single.until(lambda: single.status("AAPL") == "Filled")
    gateway.brokerage.list_stock("MSFT", 50.0)
    gateway.fate = ack
    single.pass_time(11)
    gateway.brokerage.positions["DU123456"]["AAPL"] = (9.0, 200.0)
    gateway.do(gateway.tell_account, "DU123456")
    single.settle()
    single.engine._trader.sell_all("halt", single.engine._enter(single.clock.now()), single.clock.now())
    single.until(lambda: single.status("AAPL") == "Error")
    assert single.record("AAPL").error_message == (
        "DU123456 holds 9 AAPL, and 49 are to be sold: nothing is sold short"
    )
    assert [placed.action for placed in gateway.placed] == ["BUY"]


def test_fewer_shares_in_the_account_than_were_bought_is_a_matter_for_a_human(single, gateway):
    single.start().rebalance("0935")
    single.until(lambda: single.status("AAPL") == "Filled")
    gateway.brokerage.positions["DU123456"]["AAPL"] = (9.0, 200.0)  # sold by hand
    gateway.do(gateway.tell_account, "DU123456")
    single.pass_time(9)
    assert single.broker.positions()["AAPL"].quantity == 49  # a position may come later than its execution
    assert single.alerts("critical") == []
    single.pass_time(20)
    assert single.broker.positions()["AAPL"].quantity == 9
    assert single.alerts("critical") == ["The account holds less than was bought"]


def test_shares_that_are_not_the_strategys_are_told_of_once(single, gateway):
    """They may be the user's own, or what an order that was lost has bought."""
    title = "The account holds shares that are not the strategy's"
    gateway.brokerage.positions["DU123456"]["AAPL"] = (100.0, 150.0)
    single.start()
    single.pass_time(12)
    assert single.alerts("warning") == [title]
    single.start()
    single.pass_time(12)
    single.engine.rebalance("0935")
    single.until(lambda: single.status("AAPL") == "Filled")
    single.pass_time(12)
    assert single.alerts("warning") == [title]
    gateway.brokerage.positions["DU123456"]["AAPL"] = (159.0, 150.0)
    gateway.do(gateway.tell_account, "DU123456")
    single.pass_time(12)
    assert single.alerts("warning") == [title] * 2
    text = [event.message for event in single.events if getattr(event, "title", "") == title][-1]
    assert text.startswith("DU123456 holds 110 AAPL that this journal has not bought.")


def test_the_ledger_outlives_the_process_and_forgets_what_is_over(tmp_path):
    with Store(f"sqlite:///{tmp_path}/orchestrator.db") as store:
        ledger = Ledger(store)
        ledger.load(set())
        ledger.give("a", Number(7, 10), 3)
        ledger.give("b", Number(7, 12), 3)
        ledger.give("c", Number(8, 3), 3)
        again = Ledger(store)
        again.load({"a", "c"})
        assert again.number("a") == Number(7, 10)
        assert again.number("b") is None
        assert again.ref(Number(8, 3)) == "c"
        assert (again.highest(7), again.highest(8), again.highest(9)) == (12, 3, 0)
        again.give("a", Number(7, 20), 3)
        assert again.ref(Number(7, 10)) is None


def test_a_count_that_somebody_has_reset_tells_nothing(tmp_path):
    with Store(f"sqlite:///{tmp_path}/orchestrator.db") as store:
        ledger = Ledger(store)
        ledger.load(set())
        ledger.give("a", Number(7, 10), 9)
        again = Ledger(store)
        again.load({"a"})
        assert [again.arrived(Number(7, 10), next_id) for next_id in (9, 10, 11)] == [False, False, True]
        assert again.arrived(Number(7, 10), 1) is None
        again.seen(Number(7, 10))
        assert again.arrived(Number(7, 10), 10) is None


def test_shares_that_were_split_overnight_are_no_loss(single, gateway):
    single.start().rebalance("0935")
    single.until(lambda: single.status("AAPL") == "Filled")
    single.stop()
    single.engine = None
    single.store.close()
    gateway.brokerage.positions["DU123456"]["AAPL"] = (98.0, 100.02)
    gateway.brokerage.prices["AAPL"] = 100.0
    single.at("2026-11-25T09:35")
    single.start()
    single.pass_time(15)
    position = single.broker.positions()["AAPL"]
    assert (position.quantity, position.avg_price) == (98, pytest.approx(100, rel=1e-3))
    assert len(gateway.placed) == 1  # no stop loss
    assert [each.ratio for each in single.journal.splits()] == [2.0]
    single.start()
    single.pass_time(3)
    assert single.broker.positions()["AAPL"].quantity == 98


@pytest.mark.parametrize(
    ("there", "average", "ratio"),
    [
        (40, 50.0, 4),
        (1, 2000.0, 0.1),
        (10, 200.0, None),  # nothing has changed
        (10, 50.0, None),
        (20, 200.0, None),  # as many were bought by hand, at the same price
        (15, 190.0, None),
        (0, 0.0, None),  # sold by hand
        (15, 133.4, 1.5),
    ],
)
def test_a_split_is_told_by_what_the_shares_have_cost(there, average, ratio):
    assert split_ratio(10, 200.0, there, average) == ratio
