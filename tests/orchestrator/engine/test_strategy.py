"""Strategies: the built-in ones, and the loading of others."""

import sys
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.config import StrategyConfig
from orchestrator.engine import Account, Action, Context, Fill, Order, Position, Strategy, load_strategy
from orchestrator.engine.prices import Price
from orchestrator.engine.runner import StrategyError, StrategyRunner

NOW = datetime(2012, 11, 23, 14, 35, tzinfo=UTC)

MODULE = """
from orchestrator.engine import Strategy

class Mine(Strategy):
    def __init__(self, fast=1, slow=2):
        if fast >= slow:
            raise ValueError("fast must be below slow")
        self.fast, self.slow = fast, slow

class NoStrategy:
    pass

number = 3
"""


@pytest.fixture
def user_module(tmp_path, monkeypatch):
    (tmp_path / "users_strategies.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "broken_strategies.py").write_text("1 / 0\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield "users_strategies"
    sys.modules.pop("users_strategies", None)


def load(name, **params):
    return load_strategy(StrategyConfig(name=name, params=params))


def context(strategy, symbols=("A", "B", "C"), most=2, size=0.1, account=None, past=None):
    account = account or Account(1000.0)
    past = past or {}
    strategy.context = Context(symbols, most, size, account, lambda: 1000.0, lambda symbol, at: past.get(symbol))
    return strategy


def data(**values):
    return {symbol: Price(symbol, float(value), NOW) for symbol, value in values.items()}


def test_equal_weight_takes_the_first_symbols():
    strategy = context(load("equal_weight"))
    assert strategy.target_weights(NOW, data(A=1, B=1, C=1)) == {"A": 0.1, "B": 0.1}


def test_buy_and_hold_leaves_what_it_holds():
    strategy = context(load("buy_and_hold"), account=Account(0.0, {"A": Position("A", 30.0, 5.0)}))
    assert strategy.target_weights(NOW, data(A=10, B=1)) == {"A": 0.3, "B": 0.1}


def test_momentum_takes_what_has_risen_most():
    past = {"A": 10.0, "B": 10.0, "C": 10.0, "D": 10.0}
    strategy = context(load("momentum"), symbols=("A", "B", "C", "D", "E"), past=past)
    assert strategy.target_weights(NOW, data(A=9, B=11, C=13, D=12, E=99)) == {"C": 0.1, "D": 0.1}


def test_momentum_looks_back_as_far_as_it_is_told():
    asked = []
    strategy = load("momentum", lookback_days=20)
    strategy.context = Context(("A",), 1, 0.1, Account(0.0), lambda: 1.0, lambda symbol, at: asked.append(at))
    strategy.target_weights(NOW, data(A=1))
    assert asked == [NOW - timedelta(days=20)]


def test_a_class_of_the_user_is_loaded_with_its_params(user_module):
    strategy = load(f"{user_module}:Mine", slow=5)
    assert (strategy.fast, strategy.slow) == (1, 5)


@pytest.mark.parametrize(
    ("name", "params", "complaint"),
    [
        ("equal_wait", {}, r"strategy 'equal_wait' is not built in; there are equal_weight, buy_and_hold, momentum"),
        ("no_such_module:X", {}, r"module no_such_module can't be imported: ModuleNotFoundError"),
        ("broken_strategies:X", {}, r"module broken_strategies can't be imported: ZeroDivisionError: division"),
        ("users_strategies:Other", {}, r"module users_strategies has no class Other"),
        ("users_strategies:number", {}, r"module users_strategies has no class number"),
        ("users_strategies:NoStrategy", {}, r"is not derived from orchestrator.engine.Strategy"),
        ("users_strategies:Mine", {"fest": 1}, r"can't be made with params fest=1: TypeError: .*'fest'"),
        ("users_strategies:Mine", {"fast": 2}, r"params fast=2: ValueError: fast must be below slow"),
        ("momentum", {"lookback_days": 0}, r"lookback_days is 0; it must be positive"),
        ("equal_weight", {"x": 1}, r"strategy 'equal_weight' can't be made with params x=1"),
    ],
)
def test_what_can_not_be_loaded_is_said(user_module, name, params, complaint):
    with pytest.raises(ValueError, match=complaint):
        load(name, **params)


class Answers(Strategy):
    def __init__(self, answer):
        self.answer = answer

    def target_weights(self, timestamp, data):
        return self.answer

    def on_data(self, timestamp, data):
        return self.answer


def runner(answer):
    return StrategyRunner(Answers(answer), "mine")


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ([1], r"it returned \[1\], not a mapping"),
        ({"A": "much"}, "gives 'A' the weight 'much', not a number"),
        ({"A": float("nan")}, "gives 'A' the weight nan, not a number"),
        ({"A": True}, "gives 'A' the weight True, not a number"),
        ({3: 0.5}, "gives 3 the weight 0.5, not a number"),
    ],
)
def test_weights_that_are_none_are_an_error(answer, complaint):
    with pytest.raises(StrategyError, match="strategy mine failed in target_weights: it") as caught:
        runner(answer).weights(NOW, {})
    assert caught.match(complaint)


def test_no_weights_mean_no_change():
    assert runner(None).weights(NOW, {}) is None


def test_orders_that_are_none_are_an_error():
    with pytest.raises(StrategyError, match=r"mine failed in on_data: it returned 'BUY', not a list of Order"):
        runner(["BUY"]).orders(NOW, {})


@pytest.mark.parametrize("answer", [None, [], ()])
def test_no_orders_are_no_orders(answer):
    assert runner(answer).orders(NOW, {}) == []


def test_a_single_order_is_an_order():
    order = Order("A", "BUY", 1)
    assert runner(order).orders(NOW, {}) == [order]


def test_an_exception_names_strategy_hook_and_reason():
    class Fails(Strategy):
        def target_weights(self, timestamp, data):
            return data["A"]

    failing = StrategyRunner(Fails(), "mine")
    complaint = r"strategy mine failed in target_weights: KeyError: 'A' \(test_strategy.py line \d+\)$"
    with pytest.raises(StrategyError, match=complaint):
        failing.weights(NOW, {})


BROKEN = """
import json
from orchestrator.engine import Strategy

class Tenth(Strategy):
    def target_weights(self, timestamp, data):
        return self.tenth(len(data))

    def tenth(self, count):
        return 1 / count

    def on_data(self, timestamp, data):
        return json.loads("{")
"""


def test_an_exception_names_the_last_line_of_the_user_s_file(tmp_path, monkeypatch):
    (tmp_path / "desk_of_a_user.py").write_text(BROKEN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    tenth = StrategyRunner(load("desk_of_a_user:Tenth"), "desk_of_a_user:Tenth")
    with pytest.raises(StrategyError) as caught:
        tenth.weights(NOW, {})
    assert str(caught.value) == (
        "strategy desk_of_a_user:Tenth failed in target_weights: ZeroDivisionError: division by zero "
        "(desk_of_a_user.py line 10)"
    )
    with pytest.raises(StrategyError, match=r"failed in on_data: JSONDecodeError: .* \(desk_of_a_user.py line 13\)$"):
        tenth.orders(NOW, {})
    del sys.modules["desk_of_a_user"]


@pytest.mark.parametrize("hook", ["initialize", "target_weights", "on_data", "on_fill", "finalize"])
def test_an_exception_in_any_hook_is_a_failure(hook):
    def fail(*_):
        raise ZeroDivisionError("division by zero")

    runner = StrategyRunner(type("Broken", (Strategy,), {hook: fail})(), "mine")
    calls = {
        "initialize": lambda: runner.initialize(None),
        "target_weights": lambda: runner.weights(NOW, {}),
        "on_data": lambda: runner.orders(NOW, {}),
        "on_fill": lambda: runner.fill(Fill("f", "r", "A", Action.BUY, 1.0, 1.0, 0.0, NOW)),
        "finalize": runner.finalize,
    }
    with pytest.raises(StrategyError, match=rf"strategy mine failed in {hook}: ZeroDivisionError: division by zero"):
        calls[hook]()


def test_only_a_strategy_with_on_data_gives_orders():
    assert Answers(None).gives_orders
    assert not load("equal_weight").gives_orders
