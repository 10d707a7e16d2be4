"""What may go wrong in a rehearsal: scenarios, and the machine on which they come true."""

from orchestrator.rehearsal.scenario.document import parse_scenario, read_scenario
from orchestrator.rehearsal.scenario.faults import FAULTS, FaultKind, Lasts, Parameter
from orchestrator.rehearsal.scenario.plan import Injection, plan, without_occasion
from orchestrator.rehearsal.scenario.values import AtRandom, EachSession, Every, Fault, Once, Scenario, When
from orchestrator.rehearsal.scenario.writing import write_scenario

__all__ = [
    "FAULTS",
    "AtRandom",
    "EachSession",
    "Every",
    "Fault",
    "FaultKind",
    "Injection",
    "Lasts",
    "Once",
    "Parameter",
    "Scenario",
    "When",
    "parse_scenario",
    "plan",
    "read_scenario",
    "without_occasion",
    "write_scenario",
]
