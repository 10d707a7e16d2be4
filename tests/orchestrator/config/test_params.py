"""What the strategy does not take is told when the config is checked, and nothing of the user's is run for it."""

import inspect
import textwrap

import pytest

from orchestrator.config import ConfigError
from orchestrator.config.params import BUILT_IN
from orchestrator.config.signatures import Signature, signature_of
from orchestrator.config.source import ConfigSource
from orchestrator.engine import strategy

MODULE = """
raise SystemExit("the check must not run this")
from orchestrator.engine import Strategy
import orchestrator.engine as engine
from base import Slow as Patient, Made, Meta
from base import Thing as Slow, Other as Thing
from dataclasses import dataclass

class Plain(Strategy):
    def __init__(self, lookback: int, *rest, speed=1, name): ...

class Own(Plain): ...
class Bare(Strategy):
    def target_weights(self, timestamp, data): ...
class Derived(Patient): ...
class Placed(Strategy):
    def __init__(self, first, /, second=2): ...
class Anything(Strategy):
    def __init__(self, **params): ...
class Passed(engine.Strategy): ...
class Mixed(Patient, Strategy): ...
class OfMetaclass(Strategy, metaclass=type): ...
class Remade(Made): ...
class New(Strategy):
    def __new__(cls, a): ...
class Conditional(Strategy):
    if engine:
        def __init__(self, a): ...
class Overloaded(Strategy):
    @engine.decorated
    def __init__(self, a): ...
class Assigned(Strategy):
    __init__ = engine.init
class Twice(Strategy): ...
Twice = dataclass(Twice)
@dataclass
class Data(Strategy):
    lookback: int = 1
class Selfish(Selfish): ...
class OverMade(Made):
    def __init__(self, a): ...
class OverMeta(Meta):
    def __init__(self, a): ...
class Elsewhere(Thing): ...
"""

PATCHED = """
class Attribute:
    def __init__(self, a): ...
Attribute.__init__ = print
"""

SET = """
class Called:
    def __init__(self, a): ...
setattr(Called, "__init__", print)
"""

BASE = """
class Slow:
    def __init__(self, patience=3): ...
class Made:
    def __init_subclass__(cls): ...
class Meta(metaclass=type): ...
class Thing:
    def __init__(self, wrong): ...
class Other:
    def __init__(self, right): ...
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.py").write_text(MODULE)
    (tmp_path / "base.py").write_text(BASE)
    (tmp_path / "patched.py").write_text(PATCHED)
    (tmp_path / "put.py").write_text(SET)
    return tmp_path


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_table_of_built_in_strategies_is_what_they_take(name):
    assert set(BUILT_IN) == set(strategy.BUILT_IN)
    parameters = inspect.signature(strategy.BUILT_IN[name]).parameters
    assert list(BUILT_IN[name]) == list(parameters)
    assert all(each.default is not inspect.Parameter.empty for each in parameters.values())


@pytest.mark.parametrize(
    ("name", "takes"),
    [
        ("Plain", Signature(("lookback", "speed", "name"), ("lookback", "name"))),
        ("Own", Signature(("lookback", "speed", "name"), ("lookback", "name"))),
        ("Bare", Signature()),
        ("Derived", Signature(("patience",))),
        ("Placed", Signature(("second",))),
        ("Elsewhere", Signature(("right",), ("right",))),
    ],
)
def test_a_constructor_is_read_where_it_is_written(name, takes, folder):
    assert signature_of("mine", name, folder) == takes


@pytest.mark.parametrize(
    "name",
    [
        *("Anything", "Passed", "Mixed", "OfMetaclass", "Remade", "New", "Conditional", "Overloaded", "Assigned"),
        *("Twice", "Data", "Selfish", "Absent", "OverMade", "OverMeta"),
    ],
)
def test_nothing_is_said_of_a_class_whose_text_does_not_tell(name, folder):
    assert signature_of("mine", name, folder) is None


@pytest.mark.parametrize(("module", "name"), [("patched", "Attribute"), ("put", "Called")])
def test_nothing_is_said_of_a_class_that_its_module_patches(module, name, folder):
    assert signature_of(module, name, folder) is None


def test_a_class_is_followed_through_packages(tmp_path):
    files = {
        "desk/__init__.py": "from .fast import Fast\n",
        "desk/fast.py": "from .parts.base import Base\nclass Fast(Base): ...\n",
        "desk/parts/__init__.py": "",
        "desk/parts/base.py": "from ..root import Root as Base\n",
        "desk/root.py": "class Root:\n    def __init__(self, pace): ...\n",
        "desk/round.py": "from .again import Round\n",
        "desk/again.py": "from .round import Round\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert signature_of("desk", "Fast", tmp_path) == Signature(("pace",), ("pace",))
    assert signature_of("desk.round", "Round", tmp_path) is None


def problems(folder, text):
    """What is wrong with a config file in a folder."""
    path = folder / "config.yaml"
    path.write_text(textwrap.dedent(text))
    try:
        ConfigSource(path).load()
    except ConfigError as error:
        return [str(problem).removeprefix(f"{path}:") for problem in error.problems]
    return []


def test_a_mistyped_parameter_is_told_with_its_line_and_what_was_meant(folder):
    text = """\
    broker: {broker_type: paper}
    strategy:
      name: "mine:Plain"
      params:
        lokback: 20
        name: slow
        colour: red
    """
    assert problems(folder, text) == [
        "4:3: strategy.params: strategy mine:Plain needs lookback, which has no default; "
        "write lookback under strategy.params",
        "5:5: strategy.params.lokback: strategy mine:Plain takes no 'lokback'; did you mean lookback?",
        "7:5: strategy.params.colour: strategy mine:Plain takes no 'colour'; it takes lookback, speed, name",
    ]
    assert problems(folder, 'strategy: {name: "mine:Bare", params: {a: 1}}') == [
        "1:40: strategy.params.a: strategy mine:Bare takes no 'a'; it takes none; leave it out"
    ]
    assert problems(folder, 'strategy: {name: "mine:Plain", params: {lookback: 1, name: x}}') == []
    assert problems(folder, 'strategy: {name: "mine:Anything", params: {a: 1}}') == []


def test_a_strategy_that_is_not_found_is_not_asked_what_it_takes(folder):
    (said,) = problems(folder, 'strategy: {name: "mine:Plane", params: {a: 1}}')
    assert "write Plain" in said
    (said,) = problems(folder, 'strategy: {name: "mine:Bare", params: {"a": "${UNSET_HERE}"}}')
    assert "UNSET_HERE is not set" in said


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ("{lookback: 3}", "lookback: strategy momentum takes no 'lookback'; did you mean lookback_days?"),
        ("{lookback_days: 0}", "lookback_days: 0 is not above 0; write a number above 0 and at most 36500"),
        ("{lookback_days: '30'}", "lookback_days: '30' is not a number; write 30 without quotes"),
        ("{lookback_days: '${X}'}", "lookback_days: the value of ${X} is not a number; "),
        ("{lookback_days: null}", "lookback_days: null is not a number; "),
        ("{lookback_days: [3]}", "lookback_days: a list is not a number; "),
    ],
)
def test_the_params_of_a_built_in_strategy_are_checked(params, problem, tmp_path, monkeypatch):
    monkeypatch.setenv("X", "many7391")
    (said,) = problems(tmp_path, f"strategy: {{name: momentum, params: {params}}}")
    assert f"strategy.params.{problem}" in said
    assert "7391" not in said


def test_what_a_foreign_engine_makes_of_the_params_is_its_own_business(folder):
    (folder / "desk.py").write_text("class Engine: ...\n")
    assert problems(folder, 'engine: {target: "desk:Engine"}\nstrategy: {params: {anything: 1}}') == []
    assert problems(folder, 'engine: {target: "desk:Engine"}\nstrategy: {name: "mine:Bare", params: {a: 1}}') == []
    assert problems(folder, "strategy: {name: momentum, params: {lookback_days: 20}}") == []
