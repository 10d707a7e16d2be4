"""Is everything well? Looked at by the health check, answered in words."""

from orchestrator.states import EngineState
from orchestrator.supervisor import EngineSupervisor

__all__ = ["problems"]


def problems(supervisor: EngineSupervisor, wanted: bool, free_mb: float, min_free_mb: float, waiting: str) -> list[str]:
    """What is wrong, each with what is known of it; empty if all is well.

    :param waiting: why history can't be written, if so.
    """
    found = []
    if wanted and supervisor.state is not EngineState.RUNNING:
        reason = f": {supervisor.reason}" if supervisor.reason else ""
        found.append(f"the engine should run and is {supervisor.state}{reason}")
    beat = supervisor.beat
    if supervisor.state is EngineState.RUNNING and beat is not None and not beat.connected:
        found.append("the engine is not connected to its broker")
    if free_mb < min_free_mb:
        found.append(f"{free_mb:.0f} MB of disk are free, less than health.min_free_disk_mb {min_free_mb:g}")
    if waiting:
        found.append(f"the store can't be written: {waiting}")
    return found
