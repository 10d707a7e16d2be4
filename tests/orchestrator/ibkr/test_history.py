"""Daily bars: asked with patience, kept, mended, and waited for."""

import csv

import pytest
from ib_wire import frame

from orchestrator.engine.ibkr.pacing import AT_ONCE, IN_WINDOW, PENALTY, WINDOW, Pacer

DAYS = ["20260820", "20261116", "20261117", "20261118", "20261119", "20261120", "20261123"]


def asked(gateway):
    """Symbol and duration of each request for bars."""
    return [(fields[3], fields[17]) for fields in gateway.requests if fields[0] == "20"]


def give_bars(gateway, symbol, closes):
    rows = zip(DAYS[-len(closes) :], closes, strict=True)
    gateway.brokerage.bars[symbol] = [(day, close, close, close, close, 1000.0) for day, close in rows]


@pytest.fixture
def single(rig, gateway):
    rig.config.strategy.symbols = ["AAPL"]
    give_bars(gateway, "AAPL", [150.0, 160.0, 165.0, 170.0, 175.0, 180.0, 190.0])
    return rig


def kept(rig):
    with open(rig.folder / "cache" / "ibkr" / "daily" / "AAPL.csv", newline="") as file:
        return {row["date"]: float(row["close"]) for row in csv.DictReader(file)}


def past(rig, text):
    rig_time = rig.clock.now()
    found = rig.engine._prices.price("AAPL", at_new_york(text))
    assert rig_time == rig.clock.now()
    return None if found is None else found.value


def at_new_york(text):
    from datetime import datetime
    from zoneinfo import ZoneInfo

    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York"))


def test_the_past_is_asked_once_and_kept(single, gateway):
    single.start()
    assert asked(gateway) == [("AAPL", "2 Y")]
    assert past(single, "2026-11-20T16:00") == 180.0
    assert past(single, "2026-11-20T12:00") == 175.0
    assert past(single, "2026-11-22T12:00") == 180.0
    assert past(single, "2026-08-19T12:00") is None
    single.start()
    assert asked(gateway) == [("AAPL", "2 Y")]
    assert past(single, "2026-11-20T16:00") == 180.0


def test_only_what_is_missing_is_asked_on_the_next_day(single, gateway):
    single.start()
    single.at("2026-11-25T09:35")
    gateway.brokerage.bars["AAPL"].append(("20261124", 191.0, 191.0, 191.0, 191.0, 1.0))
    single.start()
    assert asked(gateway)[1:] == [("AAPL", "6 D")]
    assert kept(single)["2026-11-24"] == 191.0


def test_the_bar_of_a_day_that_is_not_over_is_not_kept(single, gateway):
    gateway.brokerage.bars["AAPL"].append(("20261124", 999.0, 999.0, 999.0, 999.0, 1.0))
    single.start()
    assert "2026-11-24" not in kept(single)
    assert past(single, "2026-11-24T09:00") == 190.0


def test_after_a_split_all_is_asked_again(single, gateway):
    single.start()
    single.at("2026-11-25T09:35")
    give_bars(gateway, "AAPL", [15.0, 16.0, 16.5, 17.0, 17.5, 18.0, 19.0])
    gateway.brokerage.bars["AAPL"].append(("20261124", 19.1, 19.1, 19.1, 19.1, 1.0))
    single.start()
    assert asked(gateway)[1:] == [("AAPL", "6 D"), ("AAPL", "2 Y")]
    assert past(single, "2026-11-20T16:00") == 18.0


HEADER = "date,open,high,low,close,volume\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "date,open\nnonsense",
        "\0" * 300,
        HEADER + "2026-11-23,1,1,1,nan,1\n",
        HEADER + "2026-11-23,1,1,1,-1,1\n",
        HEADER + "2026-11-23,1,1,1,1,1\n2026-11-20,1,1,1,1,1\n",
        HEADER + "2026-11-23,1,1,1,1,1\n2026-11-2",
        "2026-11-20,1,1,1,1,1\n2026-11-23,1,1,1,1,1\n",
    ],
)
def test_a_file_that_is_damaged_is_said_and_made_anew(single, gateway, caplog, text):
    single.start()
    path = single.folder / "cache" / "ibkr" / "daily" / "AAPL.csv"
    path.write_text(text)
    single.start()
    assert "AAPL.csv can't be read and is made anew" in caplog.text
    assert asked(gateway) == [("AAPL", "2 Y")] * 2
    assert kept(single)["2026-11-23"] == 190.0


def test_a_folder_that_can_not_be_written_costs_nothing_today(single, gateway, caplog):
    (single.folder / "cache").write_text("a file where the folder should be")
    single.start()
    assert "can't be written" in caplog.text
    assert past(single, "2026-11-20T16:00") == 180.0


def test_a_bar_without_a_price_is_left_out(single, gateway):
    gateway.brokerage.bars["AAPL"][-1] = ("20261123", -1.0, -1.0, -1.0, -1.0, 0.0)
    single.start()
    assert past(single, "2026-11-23T16:30") == 180.0


def test_nothing_is_kept_where_that_is_not_wanted(single, gateway):
    single.config.data.cache_enabled = False
    single.start()
    assert not (single.folder / "cache").exists()
    assert past(single, "2026-11-20T16:00") == 180.0


def test_a_symbol_without_a_history_is_given_up_and_the_rest_goes_on(single, gateway):
    del gateway.brokerage.bars["AAPL"]
    single.start()
    single.pass_time(3)
    assert len(asked(gateway)) == 3
    assert single.alerts("warning") == ["There is no history of AAPL"]
    assert single.engine._prices.loading == ""
    single.engine.rebalance("0935")
    single.until(lambda: single.status("AAPL") == "Filled")


def test_a_last_bar_that_is_not_there_yet_is_not_asked_for_all_the_time(single, gateway):
    gateway.brokerage.bars["AAPL"].pop()
    single.start()
    single.pass_time(60)
    assert len(asked(gateway)) == 1


def test_a_decision_waits_for_the_history(single, gateway, monkeypatch):
    """A strategy that looks back must not take what is not here yet for something that is not there."""
    monkeypatch.setattr("orchestrator.engine.ibkr.build.SHARE_OF_START", 0.02)
    gateway.mute = {20}
    single.config.strategy.name = "momentum"
    single.start()
    assert single.engine.rebalance("0935") == "decision 0935 waits for the history of AAPL"
    single.pass_time(3)
    assert gateway.placed == []
    request = next(int(fields[1]) for fields in gateway.requests if fields[0] == "20")
    rows = [value for day, *numbers in gateway.brokerage.bars["AAPL"] for value in (day, *numbers, numbers[-1], 1)]
    gateway.do(gateway.sessions[0].write, frame(17, request, "", "", len(DAYS), *rows))
    single.until(lambda: single.status("AAPL") == "Filled" if single.records() else False)


def test_what_was_asked_on_a_lost_connection_is_asked_again(single, gateway, monkeypatch):
    monkeypatch.setattr("orchestrator.engine.ibkr.build.SHARE_OF_START", 0.02)
    gateway.mute = {20}
    single.start()
    gateway.mute = set()
    gateway.drop()
    single.until(lambda: not single.ready)
    single.advance(1)
    single.until(lambda: single.ready and not single.engine._prices.loading)
    assert past(single, "2026-11-20T16:00") == 180.0


def test_momentum_looks_back_through_it(rig, gateway):
    rig.config.strategy.name = "momentum"
    rig.config.strategy.params = {"lookback_days": 90}
    give_bars(gateway, "AAPL", [150.0, 160.0, 165.0, 170.0, 175.0, 180.0, 190.0])  # now 200: has risen
    give_bars(gateway, "MSFT", [90.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0])  # now 50: has fallen
    rig.start().rebalance("0935")
    rig.until(lambda: rig.records() and rig.status("AAPL") == "Filled")
    assert {placed.symbol for placed in gateway.placed} == {"AAPL"}


# --- pacing ---


class Time:
    now = 0.0

    def __call__(self):
        return self.now


def test_no_more_than_so_many_at_once():
    pacer = Pacer(Time())
    assert [pacer.begin() for _ in range(AT_ONCE + 1)] == [True] * AT_ONCE + [False]
    pacer.end()
    assert pacer.begin()


def test_no_more_than_so_many_in_ten_minutes():
    time = Time()
    pacer = Pacer(time)
    for _ in range(IN_WINDOW):
        assert pacer.begin()
        pacer.end()
        time.now += 1
    assert not pacer.begin()
    time.now = WINDOW
    assert pacer.begin()


def test_a_violation_is_followed_by_a_rest():
    time = Time()
    pacer = Pacer(time)
    pacer.punish()
    assert not pacer.begin()
    time.now = PENALTY
    assert pacer.begin()
