"""Why the state is what it is, in words."""

from orchestrator.operator import Operator
from orchestrator.states import EngineState
from orchestrator.supervision.supervisor import EngineSupervisor

__all__ = ["cause"]


def cause(
    supervisor: EngineSupervisor, operator: Operator, *, wanted: bool, stopping: bool, trading: bool, market: str
) -> str:
    """What has just changed the state: the first of these that holds.

    :param wanted: whether the engine ought to run.
    :param stopping: whether the daemon goes down.
    :param trading: whether the market is open.
    :param market: the news of the market, in words; empty if there is none since the last turn.
    """
    failed = f"engine failed: {supervisor.reason}"
    halted = operator.halted
    halt = "" if halted is None else f"halted: {halted['reason']}"
    causes = (
        (supervisor.refused, f"the engine is not started: {supervisor.refused}"),
        (supervisor.state is EngineState.FATAL, f"{failed}; given up"),
        (supervisor.state is EngineState.BACKOFF, f"{failed}; {supervisor.outlook()}"),
        (wanted and supervisor.reason, f"{failed}; it is ended and started again"),
        (halt and trading and not stopping, halt),
        (market, market),
        (stopping, "the daemon stops"),
        (halt, halt),
        (operator.wish() == "stop", "the operator has stopped the engine"),
    )
    return next((text for holds, text in causes if holds), f"engine {supervisor.state}")
