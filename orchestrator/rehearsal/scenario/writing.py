"""A scenario as the text of a file."""

from collections.abc import Iterator, Mapping
from typing import Any

from calendars import MarketCalendar
from orchestrator.config.editing.yaml_writing import flow
from orchestrator.rehearsal.scenario import occasions
from orchestrator.rehearsal.scenario.faults import FAULTS
from orchestrator.rehearsal.scenario.shapes import DURATION
from orchestrator.rehearsal.scenario.values import ANY, Fault, Scenario

__all__ = ["plain_fault", "plain_parameters", "write_scenario"]


def write_scenario(scenario: Scenario, calendar: MarketCalendar) -> str:
    """YAML that reads back as an equal scenario."""
    seed = [] if scenario.seed is None else [f"seed: {scenario.seed}"]
    entries = [f"  - {flow(plain_fault(fault, calendar))}" for fault in scenario.faults]
    faults = ["faults:", *entries] if entries else ["faults: []"]
    return "\n".join([*seed, *faults, ""])


def plain_fault(fault: Fault, calendar: MarketCalendar) -> dict[str, Any]:
    """An entry of a scenario file, as plain data."""
    when = occasions.written(fault.when, calendar.exchange_timezone)
    lasts = {} if fault.lasts is None else {"for": DURATION.write(fault.lasts)}
    during = {} if fault.during == ANY else {"during": fault.during}
    return {**when, "fault": fault.kind, **lasts, **dict(_plain(fault.kind, fault.parameters)), **during}


def plain_parameters(kind: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a fault as plain data; those that have no value are left out."""
    return dict(_plain(kind, {name: value for name, value in parameters.items() if value not in (None, ())}))


def _plain(kind: str, parameters: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for parameter in FAULTS[kind].parameters:
        if parameter.name in parameters:
            yield parameter.name, parameter.shape.write(parameters[parameter.name])
