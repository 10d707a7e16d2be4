"""What must always hold, whatever happens to the daemon: watched while a simulation runs."""

from orchestrator.invariants.alerts import AlertsArrive
from orchestrator.invariants.engine import EngineInHours, HaltHolds, StateIsDerived, TradesAgain
from orchestrator.invariants.fires import FiresByRule
from orchestrator.invariants.money import AccountIsFills, OrdersOnce
from orchestrator.invariants.rule import Rule, Turn
from orchestrator.invariants.trail import Trail
from orchestrator.invariants.watch import Invariants

__all__ = [
    "AccountIsFills",
    "AlertsArrive",
    "EngineInHours",
    "FiresByRule",
    "HaltHolds",
    "Invariants",
    "OrdersOnce",
    "Rule",
    "StateIsDerived",
    "Trail",
    "TradesAgain",
    "Turn",
]
