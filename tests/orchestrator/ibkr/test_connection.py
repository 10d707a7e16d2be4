"""The connection: how it begins, how it is lost, what is said about it, and how it comes back."""

import logging

import pytest
from gateway import Cut, ack

from orchestrator.engine import EngineError

REFUSED = "is TWS or Gateway running on 127.0.0.1:"


@pytest.fixture
def hasty(rig):
    """There is time for one attempt only."""
    rig.config.engine.start_timeout = 1.0
    rig.build()
    return rig


def why_not(rig):
    with pytest.raises(EngineError) as raised:
        rig.engine.connect()
    return str(raised.value)


def asked(gateway, number):
    """How often this was asked for; an end of a subscription does not count."""
    return sum(1 for fields in gateway.requests if fields[0] == str(number) and fields[:3] != ["6", "2", "0"])


# --- beginning ---


def test_a_refused_connection_is_said_plainly(hasty, gateway):
    gateway.refuse()
    text = why_not(hasty)
    assert f"{REFUSED}{gateway.port}? is API access enabled" in text


def test_a_refused_connection_is_tried_again(rig, gateway, caplog):
    gateway.refuse()
    caplog.set_level(logging.WARNING, "orchestrator.engine.ibkr.connection")

    class Opener(logging.Handler):
        def emit(self, record):
            if "no connection" in record.getMessage() and gateway._server is None:
                gateway.listen()

    opener = Opener()
    logging.getLogger("orchestrator.engine.ibkr.connection").addHandler(opener)
    try:
        rig.start()
    finally:
        logging.getLogger("orchestrator.engine.ibkr.connection").removeHandler(opener)
    assert rig.ready


def test_a_client_id_in_use_is_said_plainly(hasty, gateway):
    gateway.held_ids = {7}
    assert f"client id 7 is in use on 127.0.0.1:{gateway.port}" in why_not(hasty)


def test_a_client_id_in_use_is_tried_again(rig, gateway):
    """A gateway may hold the id of a connection that is over for seconds."""
    gateway.held_ids = {7}

    def give_up_soon(direction, fields):
        if direction == "out" and fields[:4] == ["4", "2", "-1", "326"]:
            gateway.held_ids = set()

    gateway.trap = give_up_soon
    rig.start()
    assert rig.ready


def test_a_gateway_that_says_nothing_is_said_plainly(hasty, gateway):
    gateway.mute = {71}
    text = why_not(hasty)
    assert f"127.0.0.1:{gateway.port}" in text


def test_a_gateway_that_closes_the_handshake_is_said_plainly(hasty, gateway):
    def cut(direction, fields):
        if direction == "in" and fields[0] == "71":
            raise Cut

    gateway.trap = cut
    assert "closed the connection before it was ready: is this machine among its trusted IPs?" in why_not(hasty)


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (61, "the positions"),
        (16, "the open orders"),
        (99, "the completed orders"),
        (7, "the executions"),
        (6, "the account's values"),
        (49, "the time"),
        (9, "the contracts"),
    ],
)
def test_each_answer_is_required(rig, gateway, number, what, monkeypatch):
    monkeypatch.setattr("orchestrator.engine.ibkr.connection.ANSWER", 0.2)
    rig.config.engine.start_timeout = 2.0
    gateway.mute = {number}
    rig.build()
    rig.engine._prices.watch(["AAPL"])
    assert f"did not tell {what} within 0.2 s" in why_not(rig)
    assert gateway.placed == []


def test_a_read_only_gateway_is_said_plainly(hasty, gateway):
    def read_only(direction, fields):
        if direction == "in" and fields[0] == "16":
            text = "Error validating request.-'bO' : cause - The API interface is currently in Read-Only mode."
            gateway.sessions[0].error(-1, 321, text)

    gateway.trap = read_only
    gateway.mute = {16}
    hasty.config.engine.start_timeout = 20.0
    hasty.build()
    assert "Untick Read-Only API there" in why_not(hasty)


def test_a_gateway_that_must_be_brought_up_to_date_is_not_tried_again(rig, gateway):
    gateway.greeting = [(503, "The TWS is out of date and must be upgraded.")]
    rig.build()
    assert "can't be talked with before it is brought up to date: The TWS is out of date" in why_not(rig)


@pytest.mark.parametrize("version", [170, 176, 177, 178])
def test_each_version_of_the_protocol_is_understood(rig, gateway, version):
    gateway.version = version
    rig.start().rebalance("0935")
    rig.until(lambda: rig.status("MSFT") == "Filled" and rig.status("AAPL") == "Filled")
    rig.start()
    rig.settle()
    assert rig.status("AAPL") == "Filled"


# --- loss and return ---


def test_a_lost_connection_is_replaced_and_everything_asked_again(rig, gateway):
    gateway.fate = ack
    rig.start().rebalance("0935")
    rig.until(lambda: len(rig.sent_refs()) == 2 and rig.status("AAPL") == "Submitted")
    counts = {number: asked(gateway, number) for number in (61, 16, 99, 7, 6)}
    gateway.drop()
    rig.until(lambda: not rig.ready)
    for order in gateway.brokerage.orders:
        gateway.execute(order, order.remaining)
    rig.advance(1)
    rig.until(lambda: rig.ready)
    rig.settle()
    for number, before in counts.items():
        assert asked(gateway, number) == before + 1
    assert (rig.status("AAPL"), rig.status("MSFT")) == ("Filled", "Filled")
    assert len(gateway.placed) == 2
    assert rig.alerts("warning", "critical") == []  # it was gone for a second


def test_where_that_is_not_wanted_a_lost_connection_is_the_end(rig, gateway):
    rig.config.data.enable_reconnect = False
    rig.start()
    gateway.drop()
    with pytest.raises(EngineError, match=r"closed the connection; data.enable_reconnect is false"):
        rig.until(lambda: not rig.ready)


def test_pauses_between_attempts_grow_and_end_with_success(rig, gateway, caplog):
    caplog.set_level(logging.WARNING, "orchestrator.engine.ibkr.connection")
    rig.start()
    gateway.refuse()
    gateway.drop()
    rig.until(lambda: not rig.ready)
    failed = []
    for second in range(1, 70):
        rig.advance(1)
        before = len(caplog.records)
        rig.settle()
        rig.until(lambda: rig.connection._work is None)
        if len(caplog.records) > before:
            failed.append(second)
    assert failed == [1, 3, 7, 15, 31, 61]
    gateway.listen()
    rig.advance(30)
    rig.until(lambda: rig.ready)
    assert rig.connection._pause == 1


def test_an_open_socket_that_is_silent_is_noticed(rig, gateway):
    rig.start()
    gateway.deaf = True
    rig.advance(30)
    rig.settle()
    assert rig.ready
    rig.advance(9)
    rig.settle()
    assert rig.ready
    rig.advance(1)
    rig.settle()
    assert not rig.ready
    assert "is silent: it has not told the time within 10 s" in rig.connection.trouble
    gateway.deaf = False
    gateway.drop()
    rig.advance(1)
    rig.until(lambda: rig.ready)


def test_a_gateway_that_answers_is_asked_every_half_minute(rig, gateway):
    rig.start()
    before = asked(gateway, 49)
    rig.pass_time(95)
    assert asked(gateway, 49) - before == 3
    assert rig.ready


def test_nothing_is_sent_while_ibs_servers_are_away(rig, gateway):
    rig.start()
    gateway.say_to_all(1100, "Connectivity between IB and Trader Workstation has been lost.")
    rig.until(lambda: not rig.ready)
    assert rig.engine.rebalance("0935") == "decision 0935 waits for the broker"
    rig.pass_time(5)
    assert gateway.placed == []
    assert len(gateway.sessions) == 1  # the socket is kept
    counts = asked(gateway, 1), asked(gateway, 16)
    gateway.say_to_all(1102, "Connectivity between IB and Trader Workstation has been restored - data maintained.")
    rig.until(lambda: len(gateway.placed) == 2)
    assert (asked(gateway, 1), asked(gateway, 16)) == (counts[0], counts[1] + 1)


def test_what_was_decided_before_ibs_servers_went_away_waits(rig, gateway):
    rig.config.risk.max_orders_per_minute = 1
    rig.start().rebalance("0935")
    rig.until(lambda: len(gateway.placed) == 1)
    gateway.say_to_all(2110)
    rig.until(lambda: not rig.ready)
    rig.pass_time(70)
    assert len(gateway.placed) == 1
    gateway.say_to_all(1102)
    rig.until(lambda: len(gateway.placed) == 2)


def test_data_that_was_lost_is_subscribed_to_again(rig, gateway):
    rig.start()
    gateway.say_to_all(1100)
    rig.until(lambda: not rig.ready)
    before = asked(gateway, 1)
    gateway.say_to_all(1101, "Connectivity between IB and Trader Workstation has been restored - data lost.")
    rig.until(lambda: rig.ready)
    rig.settle()
    assert asked(gateway, 1) - before == 2


def test_servers_that_go_and_come_while_everything_is_asked_make_it_asked_again(rig, gateway):
    rig.start()
    before = asked(gateway, 16)

    def flicker(direction, fields):
        if direction == "in" and fields[0] == "7":
            gateway.trap = lambda *_: None
            for code in (1100, 1102):
                gateway.sessions[0].error(-1, code, "")

    gateway.trap = flicker
    gateway.drop()
    rig.until(lambda: not rig.ready)
    rig.advance(1)
    rig.until(lambda: rig.ready)
    assert asked(gateway, 16) - before == 2


def test_servers_that_are_away_for_long_are_told(rig, gateway):
    rig.start()
    gateway.say_to_all(1100)
    rig.pass_time(20)
    assert rig.alerts("warning") == ["The connection to the broker is lost"]
    gateway.say_to_all(1102)
    rig.until(lambda: rig.ready)
    assert rig.alerts("info") == ["The connection to the broker is back"]


def test_asking_again_is_no_loss(rig, gateway):
    rig.start()
    gateway.mute = {16}
    rig.connection.ask_again("somebody wants to know")
    rig.pass_time(2)
    assert not rig.ready
    assert rig.alerts() == []


def test_farm_messages_are_no_alarm(rig, gateway):
    rig.start()
    for code in (2103, 2105, 2107, 2108, 2119, 2104):
        gateway.say_to_all(code, "Market data farm connection is something:usfarm")
    rig.settle()
    assert rig.ready
    assert rig.alerts() == []
    assert rig.engine.progress()["broker"]["farms"] == {"usfarm": "ok", "ushmds": "ok", "secdefnj": "ok"}


def test_a_gateway_that_moves_away_is_followed_to_its_return(rig, gateway):
    rig.start()
    gateway.say_to_all(1300, "Socket port has been reset and this connection is being dropped.")
    rig.until(lambda: not rig.ready)
    rig.advance(1)
    rig.until(lambda: rig.ready)


# --- maintenance windows ---


@pytest.fixture
def night(make_rig, tmp_path):
    """A market that never closes, just before the gateway's window from 23:45 to 00:45 in New York."""
    rig = make_rig(tmp_path, "2026-11-24T23:44")
    rig.config.schedule.calendar = "ALWAYS"
    rig.config.broker.maintenance_windows = ["04:45-05:45"]  # that market's time is UTC
    return rig


def test_a_restart_inside_a_window_is_no_alarm(night, gateway):
    night.start()
    night.at("2026-11-24T23:50")
    gateway.refuse()
    gateway.drop()
    night.until(lambda: not night.ready)
    night.pass_time(20)
    gateway.listen()
    night.advance(30)
    night.until(lambda: night.ready)
    assert night.alerts() == []


def test_a_window_that_is_outlived_is_told_once(night, gateway):
    night.start()
    night.at("2026-11-24T23:50")
    gateway.refuse()
    gateway.drop()
    night.until(lambda: not night.ready)
    night.at("2026-11-25T00:44:50")
    night.pass_time(5)
    assert night.alerts() == []
    night.at("2026-11-25T00:45")
    night.pass_time(50)
    assert night.alerts() == ["The gateway has not come back"]
    assert night.alerts("critical")
    gateway.listen()
    night.advance(30)
    night.until(lambda: night.ready)
    assert night.alerts("info") == ["The connection to the broker is back"]


def test_a_loss_outside_of_a_window_is_told_soon_and_once(night, gateway):
    night.start()
    gateway.refuse()
    gateway.drop()
    night.until(lambda: not night.ready)
    night.pass_time(14)
    assert night.alerts() == []
    night.pass_time(20)
    assert night.alerts() == ["The connection to the broker is lost"]
    night.at("2026-11-25T00:46")
    night.pass_time(2)
    assert night.alerts() == ["The connection to the broker is lost"]


def test_an_engine_that_starts_in_a_window_waits_for_the_gateway(night, gateway):
    night.at("2026-11-24T23:50")
    gateway.refuse()
    night.start()
    night.pass_time(5)
    assert not night.ready
    assert night.engine.progress()["steps"] > 5
    assert night.engine.rebalance("2350") == "decision 2350 waits for the broker"
    gateway.listen()
    night.advance(30)
    night.until(lambda: len(gateway.placed) == 2)
    assert night.alerts("critical", "warning") == []


# --- leaving ---


def test_what_was_sent_before_leaving_reaches_the_gateway(rig, gateway):
    gateway.fate = ack
    rig.start().rebalance("0935")
    rig.stop()
    assert len(gateway.placed) == 2


def test_a_gateway_that_says_nothing_more_is_left_all_the_same(rig, gateway, monkeypatch):
    monkeypatch.setattr("orchestrator.engine.ibkr.pulse.LAST_ANSWER", 0.1)
    rig.start()
    gateway.deaf = True
    rig.stop()
    rig.wait_for(lambda: gateway.sessions == [], "it has left")


def test_a_library_that_can_not_make_out_a_message_is_told_once(rig, gateway):
    rig.start()
    for _ in range(2):
        gateway.do(lambda: [session.send(4711, "what", "is", "this") for session in gateway.sessions])
    rig.settle()
    assert rig.alerts("warning") == ["The client library could not make out a message"]
    assert rig.ready


def test_servers_that_are_away_at_the_start_are_waited_for_on_one_connection(rig, gateway):
    """A second connection would find the client id in use, by ourselves."""
    gateway.greeting = [(1100, "Connectivity between IB and TWS has been lost.")]
    rig.build()
    connected = []

    def come_back(direction, fields):
        connected.append(len(gateway.sessions))
        if direction == "in" and fields[0] == "49" and len(connected) < 100:  # the last question, so just before ready
            gateway._loop.call_later(0.2, gateway.say_to_all, 1102)

    gateway.trap = come_back
    rig.engine.connect()
    assert rig.ready
    assert max(connected) == 1


def test_servers_that_stay_away_at_the_start_are_said_plainly(hasty, gateway):
    gateway.greeting = [(1100, "Connectivity between IB and TWS has been lost.")]
    hasty.config.engine.start_timeout = 4.0
    assert "has lost the connection to IB's servers" in why_not(hasty)
