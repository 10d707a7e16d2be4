"""What a check found."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from orchestrator.doctor.patient import Patient

__all__ = ["Finding", "Look", "Result", "fail", "ok", "warn"]

Result = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's.

    :param remedy: what to do; empty if nothing need be done.
    """

    check: str
    result: Result
    detail: str
    remedy: str = ""

    def document(self) -> dict[str, str]:
        """JSON-ready."""
        return asdict(self)


Look = Callable[[Patient], Iterable[Finding]]
"""A check: looks at one thing, and changes nothing. What it raises is a finding, too."""


def ok(check: str, detail: str) -> Finding:
    return Finding(check, "ok", detail)


def warn(check: str, detail: str, remedy: str) -> Finding:
    """It works, and something may be wrong with it."""
    return Finding(check, "warn", detail, remedy)


def fail(check: str, detail: str, remedy: str) -> Finding:
    """It does not work, or soon will not."""
    return Finding(check, "fail", detail, remedy)
