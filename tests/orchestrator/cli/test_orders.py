"""orchestrator orders: listed with their fills, and shown; from a store with rows, without, and from none."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from calendars import VirtualClock
from orchestrator.cli.orders import orders
from orchestrator.engine.journal import Journal
from orchestrator.engine.records import Action, Fill, OrderRecord, OrderStatus, OrderType

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 24, 16, 30, tzinfo=NEW_YORK)
MONDAY, TUESDAY = "2026-11-23", "2026-11-24"
KEYS = {
    "order_ref",
    "order_id",
    "perm_id",
    "symbol",
    "action",
    "order_type",
    "total_quantity",
    "filled_quantity",
    "remaining_quantity",
    "limit_price",
    "avg_fill_price",
    "status",
    "error_message",
    "submitted_at",
    "updated_at",
    "fills",
}


def listed(done):
    return [each["order_ref"] for each in done.document]


@pytest.fixture
def command(workplace):
    """Runs a command as at half past four on Tuesday 24 November 2026 in New York."""
    return lambda *words: workplace.run(orders, *words, clock=VirtualClock(NOW))


def record(ref, session, symbol, quantity, at, **more):
    return OrderRecord(
        ref, session, "equal_weight", "0935", symbol, more.pop("action", Action.BUY), quantity, at, at, **more
    )


@pytest.fixture
def filled(store):
    """As the engine writes it: bought on Monday, on Tuesday bought in two parts, refused, and waiting at a limit."""
    journal, monday = Journal(store), NOW - timedelta(days=1)
    old = record("20261123-equal_weight-AAPL-0935", MONDAY, "AAPL", 10.0, monday)
    parts = record("20261124-equal_weight-AAPL-0935", TUESDAY, "AAPL", 12.0, NOW - timedelta(hours=7))
    refused = record("20261124-equal_weight-MSFT-0935", TUESDAY, "MSFT", 5.0, NOW - timedelta(hours=6))
    resting = record(
        "20261124-equal_weight-MSFT-0936",
        TUESDAY,
        "MSFT",
        1500.0,
        NOW - timedelta(hours=5),
        action=Action.SELL,
        order_type=OrderType.LIMIT,
        limit_price=450.0,
        status=OrderStatus.SUBMITTED,
    )
    journal.intend([old, parts, refused, resting])
    journal.add_fill(old, fill("f1", old, 10.0, 187.5, monday))
    journal.add_fill(parts, fill("f2", parts, 7.0, 188.1234, NOW - timedelta(hours=7)))
    journal.add_fill(parts, fill("f3", parts, 5.0, 188.2, NOW - timedelta(hours=6, minutes=59)))
    refused.status, refused.error_message = OrderStatus.ERROR, "it costs 2,060.25,\nand there is 100.00 in cash"
    journal.save(refused)
    return store


def fill(key, order, quantity, price, at):
    return Fill(key, order.order_ref, order.symbol, order.action, quantity, price, 0.1234, at)


def test_orders_are_listed_newest_first(command, filled):
    done = command("list")
    assert (done.code, done.err) == (0, "")
    head, *rows = [[cell.strip() for cell in line.split("  ") if cell] for line in done.out.splitlines()]
    assert head == ["order", "type", "filled", "price", "status", "updated", "reason"]
    refused = "it costs 2,060.25, and there is 100.00 in cash"
    assert [row[0].removesuffix("-0935").removesuffix("-0936") for row in rows] == [
        "20261124-equal_weight-MSFT",
        "20261124-equal_weight-MSFT",
        "20261124-equal_weight-AAPL",
        "20261123-equal_weight-AAPL",
    ]
    assert [row[1:] for row in rows] == [
        ["SELL MSFT LIMIT", "0 of 1,500", "450.00", "Submitted", "Tue 24 Nov 11:30:00 EST", "-"],
        ["BUY MSFT MARKET", "0 of 5", "-", "Error", "Tue 24 Nov 10:30:00 EST", refused],
        ["BUY AAPL MARKET", "12 of 12", "188.16", "Filled", "Tue 24 Nov 09:31:00 EST", "-"],
        ["BUY AAPL MARKET", "10 of 10", "187.50", "Filled", "Mon 23 Nov 16:30:00 EST", "-"],
    ]


def test_list_as_json_has_its_keys_and_the_fills(command, filled):
    found = command("list", "--json").document
    assert all(set(each) >= KEYS for each in found)
    parts = found[2]
    assert (parts["status"], parts["total_quantity"], parts["filled_quantity"]) == ("Filled", 12.0, 12.0)
    assert (parts["remaining_quantity"], parts["limit_price"], parts["error_message"]) == (0.0, None, None)
    assert parts["submitted_at"] == "2026-11-24T09:30:00-05:00"
    assert parts["fills"] == [
        {"fill_id": "f2", "quantity": 7.0, "price": 188.1234, "commission": 0.1234, "at": "2026-11-24T09:30:00-05:00"},
        {"fill_id": "f3", "quantity": 5.0, "price": 188.2, "commission": 0.1234, "at": "2026-11-24T09:31:00-05:00"},
    ]
    assert found[0]["fills"] == []


@pytest.mark.parametrize(
    ("words", "refs"),
    [
        (["--session", MONDAY], ["20261123-equal_weight-AAPL-0935"]),
        (["--symbol", "aapl"], ["20261124-equal_weight-AAPL-0935", "20261123-equal_weight-AAPL-0935"]),
        (["--open"], ["20261124-equal_weight-MSFT-0936"]),
        (["--symbol", "AAPL", "--last", "1"], ["20261124-equal_weight-AAPL-0935"]),
        (["--session", TUESDAY, "--symbol", "GOOG"], []),
    ],
    ids=" ".join,
)
def test_list_is_narrowed_and_keeps_each_order_s_fills(command, filled, words, refs):
    done = command("list", *words, "--json")
    assert listed(done) == refs
    filled_shares = [sum(fill["quantity"] for fill in each["fills"]) for each in done.document]
    assert filled_shares == [each["filled_quantity"] for each in done.document]


def test_twenty_are_listed_and_of_a_session_all(command, store):
    many = [record(f"r{i:02}", TUESDAY, "AAPL", 1.0, NOW - timedelta(hours=1, minutes=-i)) for i in range(30)]
    Journal(store).intend(many)
    assert listed(command("list", "--json")) == [f"r{i:02}" for i in range(29, 9, -1)]
    assert len(listed(command("list", "--session", TUESDAY, "--json"))) == 30
    assert len(listed(command("list", "--open", "--json"))) == 30
    assert len(listed(command("list", "--open", "--last", "3", "--json"))) == 3


def test_order_is_shown_whole(command, filled):
    done = command("show", "20261124-equal_weight-AAPL")
    assert (done.code, done.err) == (0, "")
    shown = [line.split(maxsplit=1) for line in done.out.splitlines()]
    assert ["order_ref", "20261124-equal_weight-AAPL-0935"] in shown
    assert ["avg_fill_price", "188.155317"] in shown
    assert ["limit_price", "-"] in shown
    assert ["submitted_at", "Tue 24 Nov 09:30:00 EST"] in shown
    assert shown[-1] == ["fill", "Tue 24 Nov 09:31:00 EST: 5 at 188.2000, commission 0.1234, id f3"]
    document = command("show", "20261124-equal_weight-AAPL-0935", "--json").document
    assert (document["order_id"], len(document["fills"])) == (2, 2)


@pytest.mark.parametrize(
    ("ref", "text"),
    [
        ("20261124-equal_weight-GOOG", "no order '20261124-equal_weight-GOOG'; to see what there is: "),
        ("20261124-equal_weight-MSFT", "several orders begin with 20261124-equal_weight-MSFT, such as 20261124-equal"),
    ],
)
def test_what_is_no_single_order_is_refused(command, filled, ref, text):
    done = command("show", ref)
    assert (done.code, done.out) == (1, "")
    assert text in done.err


def test_nothing_to_list_is_said(command, store):
    assert command("list") == (0, "no orders\n", "")
    assert command("list", "--open") == (0, "no such orders\n", "")
    assert command("list", "--json").document == []


def test_store_that_is_not_there_is_said_and_not_made(command, workplace):
    done = command("list")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"no orders: no daemon has run on {workplace.store_path} yet\n"
    assert command("list", "--json").document == []
    assert command("show", "x").code == 1
    assert not workplace.store_path.exists()
