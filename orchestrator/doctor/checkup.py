"""All checks, one after the other; none can end or hold up another."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from orchestrator.doctor import files, machine, outside, record
from orchestrator.doctor.findings import Finding, Look, fail, warn
from orchestrator.doctor.patient import Patient, Unreadable

__all__ = ["CHECKS", "Check", "Checkup"]


@dataclass(frozen=True, slots=True)
class Check:
    """A look, by its name, and the seconds that it has."""

    name: str
    look: Look
    seconds: float = 10.0


CHECKS: Sequence[Check] = (
    Check("config", files.config),
    Check("secrets", files.secrets),
    Check("targets", files.targets),
    Check("state folder", files.state_folder),
    Check("database", record.database, seconds=300.0),
    Check("disk", files.disk),
    Check("log", files.logs),
    Check("backups", files.backups),
    Check("clock", machine.clock),
    Check("time zones", machine.time_zones),
    Check("calendar", machine.calendar, seconds=30.0),
    Check("service manager", machine.service_manager),
    Check("daemon", record.daemon),
    Check("engine", record.engine),
    Check("jobs", record.jobs),
    Check("alerts", record.deliveries_made),
    Check("incidents", record.incidents_of_late),
)
"""In the order in which one would look oneself. The channels and the broker follow, which may take long."""

CHANNEL_SECONDS = 30.0
BROKER_SECONDS = 60.0


@dataclass
class Checkup:
    """Looks at everything, and hands out each finding as soon as it is there.

    :param checks: besides the channels and the broker.
    """

    patient: Patient
    checks: Sequence[Check] = CHECKS
    findings: list[Finding] = field(default_factory=list)

    def run(self) -> Iterator[Finding]:
        for check in self._all():
            for finding in _looked(check, self.patient):
                self.findings.append(finding)
                yield finding

    @property
    def failed(self) -> bool:
        """Whether anything that was found is a failure."""
        return any(finding.result == "fail" for finding in self.findings)

    def _all(self) -> Iterator[Check]:
        yield from self.checks
        for name, look in outside.looks_at_channels(self.patient):
            yield Check(name, look, CHANNEL_SECONDS)
        yield Check("broker", outside.broker, BROKER_SECONDS)


def _looked(check: Check, patient: Patient) -> list[Finding]:
    """What a check found, also if it raises or hangs."""
    found: list[Finding] = []
    # A daemon thread: one that hangs must not hold up the end of the process either.
    thread = threading.Thread(target=_look, args=(check, patient, found), daemon=True)
    thread.start()
    thread.join(check.seconds)
    if not thread.is_alive():
        return found
    late = f"there was no answer within {check.seconds:g} s"
    return [*found, fail(check.name, late, "look whether a disk or the network hangs")]


def _look(check: Check, patient: Patient, found: list[Finding]) -> None:
    try:
        found.extend(check.look(patient))
    except Unreadable as unreadable:
        found.append(warn(check.name, str(unreadable), "mend the database first"))
    except Exception as error:  # noqa: BLE001 - whatever is broken, the other checks go on
        found.append(fail(check.name, f"it can't be looked at: {_words(error)}", "mend what is said above first"))


def _words(error: Exception) -> str:
    return str(getattr(error, "orig", error)) or type(error).__name__
