"""Is everything in order? Looks at all that the daemon stands on, and changes nothing of it."""

from orchestrator.doctor.checkup import Checkup
from orchestrator.doctor.findings import Finding
from orchestrator.doctor.patient import Patient

__all__ = ["Checkup", "Finding", "Patient"]
