"""The journal keeps each order once and each fill once."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.engine import Action, Fill, OrderRecord, OrderStatus, OrderType
from orchestrator.engine.journal import Journal, order_ref
from orchestrator.engine.records import Split
from orchestrator.news import STRIKE_OFF

NOW = datetime(2012, 11, 23, 14, 35, tzinfo=UTC)
SESSION = "2012-11-23"


def record(symbol="AAPL", decision="0935", session=SESSION, **more):
    ref = order_ref(session, "equal_weight", symbol, decision)
    return OrderRecord(ref, session, "equal_weight", decision, symbol, Action.BUY, 10.0, NOW, NOW, **more)


def fill(number=1, quantity=10.0, ref="20121123-equal_weight-AAPL-0935"):
    return Fill(f"{ref}-{number}", ref, "AAPL", Action.BUY, quantity, 100.0, 1.0, NOW)


@pytest.fixture
def journal(store):
    return Journal(store)


def test_an_order_has_a_readable_name():
    assert order_ref(SESSION, "equal_weight", "AAPL", "0935") == "20121123-equal_weight-AAPL-0935"


def test_an_intent_comes_back_as_it_was_written(journal):
    intent = record(order_type=OrderType.LIMIT, limit_price=99.5)
    journal.intend([intent])
    assert journal.open_orders() == [intent]
    assert intent.order_id == 1


def test_an_order_that_is_known_is_not_new(journal):
    journal.intend([record()])
    again = journal.intend([record(), record("IBM")])
    assert [each.symbol for each in again] == ["IBM"]
    assert [each.order_id for each in journal.open_orders()] == [1, 2]


def test_a_decision_is_written_with_its_orders_or_not_at_all(journal):
    journal.intend([record()], SESSION, "0935")
    bad = record("IBM", "1030")
    bad.symbol = None
    with pytest.raises(Exception, match=r"orders\.symbol"):
        journal.intend([record("MSFT", "1030"), bad], SESSION, "1030")
    assert journal.decisions(SESSION) == ["0935"]
    assert [each.symbol for each in journal.open_orders()] == ["AAPL"]


def test_a_decision_without_orders_is_a_decision(journal):
    journal.intend([], SESSION, "0935")
    journal.intend([], SESSION, "1200")
    assert journal.decisions(SESSION) == ["0935", "1200"]


def test_decisions_are_those_of_the_session(journal):
    journal.intend([], "2012-11-21", "0935")
    assert journal.decisions(SESSION) == []
    journal.intend([], SESSION, "0935")
    assert journal.decisions(SESSION) == ["0935"]


def test_a_fill_counts_once(journal):
    order = record()
    journal.intend([order])
    assert journal.add_fill(order, fill(1, 4.0))
    assert not journal.add_fill(order, fill(1, 4.0))
    [found] = journal.open_orders()
    assert (found.filled_quantity, found.status, found.fills) == (4.0, OrderStatus.PARTIALLY_FILLED, [fill(1, 4.0)])


def test_a_filled_order_is_no_longer_open(journal):
    order = record()
    journal.intend([order])
    journal.add_fill(order, fill())
    assert journal.open_orders() == []
    assert journal.find(order.order_ref) == order
    assert journal.orders(SESSION) == [order]


def test_only_sent_orders_count_as_sent(journal):
    sent, intent = record(), record("IBM")
    journal.intend([sent, intent])
    sent.status = OrderStatus.SUBMITTED
    journal.save(sent)
    assert journal.sent_since(NOW) == [NOW]
    assert journal.sent_since(NOW + timedelta(seconds=1)) == []


def test_an_unknown_order_is_not_found(journal):
    assert journal.find("20121123-equal_weight-AAPL-0935") is None


def test_fills_of_one_moment_are_in_the_order_in_which_they_were_written(journal):
    first, second = record("Z"), record("A")
    journal.intend([first, second])
    for order in (first, second):
        journal.add_fill(order, fill(1, ref=order.order_ref))
    assert [each.order_ref for each in journal.fills()] == [first.order_ref, second.order_ref]


def test_splits_come_back_as_they_were_written(journal, store):
    splits = [Split("AAPL", NOW, 7.0, 92.7), Split("IBM", NOW + timedelta(days=1), 0.1, 90.0)]
    for split in splits:
        journal.add_split(split)
    assert Journal(store).splits() == splits


# --- what has been told ---


def strike_off(store, news):
    with store.engine.begin() as connection:
        connection.execute(STRIKE_OFF, {"told": news})


def test_a_fill_is_untold_until_it_is_struck_off(journal, store):
    order = record()
    journal.intend([order])
    journal.add_fill(order, fill(1, 4.0))
    journal.add_fill(order, fill(2, 6.0))
    first, second = Journal(store).untold()
    assert [news.fill.fill_id[-2:] for news in (first, second)] == ["-1", "-2"]
    strike_off(store, first.name)
    assert Journal(store).untold() == [second]
    strike_off(store, second.name)
    strike_off(store, second.name)
    assert Journal(store).untold() == []


def test_an_order_that_ended_without_a_fill_is_untold(journal, store):
    order, other = record(), record("IBM")
    journal.intend([order, other])
    order.status = OrderStatus.SUBMITTED
    journal.save(order)
    assert Journal(store).untold() == []
    order.status = OrderStatus.ERROR
    journal.save(order)
    [(name, found, news)] = Journal(store).untold()
    assert name == f"{order.order_ref} Error"
    assert (found.order_ref, found.status, news) == (order.order_ref, OrderStatus.ERROR, None)


def test_news_of_an_earlier_run_is_not_forgotten_for_that_of_this_one(journal, store):
    order = record()
    journal.intend([order])
    journal.add_fill(order, fill(1, 4.0))
    again = Journal(store)
    again.add_fill(again.find(order.order_ref), fill(2, 6.0))
    assert len(Journal(store).untold()) == 2
