"""Is everything well? Looked at by the health check, answered in words."""

from datetime import datetime

from orchestrator.config import HealthConfig
from orchestrator.states import EngineState
from orchestrator.supervision.supervisor import EngineSupervisor

__all__ = ["data_age", "problems"]


def problems(supervisor: EngineSupervisor, config: HealthConfig, *, wanted: bool, free_mb: float) -> list[str]:
    """What is wrong, each with what is known of it; empty if all is well."""
    found = []
    if wanted and supervisor.reason:  # also while it is started again: that is not well before it runs
        found.append(f"the engine should run and does not: {supervisor.reason}")
    beat = supervisor.beat
    if supervisor.state is EngineState.RUNNING and beat is not None and not beat.connected:
        found.append("the engine is not connected to its broker")
    age = data_age(supervisor)
    if age is not None and age > config.max_data_age:
        found.append(
            f"the engine's last price is {age:.0f} s old, more than health.max_data_age {config.max_data_age:g}"
        )
    if free_mb < config.min_free_disk_mb:
        found.append(
            f"{free_mb:.0f} MB of disk are free, less than health.min_free_disk_mb {config.min_free_disk_mb:g}"
        )
    return found


def data_age(supervisor: EngineSupervisor) -> float | None:
    """Seconds since the running engine had a price; None if it does not say (``last_data_at`` in its progress).

    Reckoned from its last beat: a machine that has slept, or was given another time, makes no price older.
    """
    beat, heard_on, silence = supervisor.beat, supervisor.pulse.heard_on, supervisor.beat_age()
    at = None if beat is None else beat.progress.get("last_data_at")
    if heard_on is None or silence is None or not isinstance(at, str):
        return None
    return (heard_on - datetime.fromisoformat(at)).total_seconds() + silence
