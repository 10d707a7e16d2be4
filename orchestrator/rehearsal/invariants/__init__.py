"""What must always hold, whatever happens to the daemon: watched while a simulation runs."""

from orchestrator.rehearsal.invariants.alerts import AlertsArrive
from orchestrator.rehearsal.invariants.engine import EngineInHours, HaltHolds, StateIsDerived, TradesAgain
from orchestrator.rehearsal.invariants.fires import FiresByRule
from orchestrator.rehearsal.invariants.money import AccountIsFills, OrdersOnce
from orchestrator.rehearsal.invariants.rule import Rule, Turn
from orchestrator.rehearsal.invariants.trail import Trail
from orchestrator.rehearsal.invariants.watch import Invariants

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
