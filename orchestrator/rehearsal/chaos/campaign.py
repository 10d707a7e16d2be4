"""Runs cases under watch, until one fails."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from calendars import MarketCalendar
from orchestrator.events import Event, InvariantBroken
from orchestrator.rehearsal.chaos.case import WEEK, Case, draw_case
from orchestrator.rehearsal.chaos.shrinking import shrink
from orchestrator.rehearsal.rehearsal import Rehearsal
from orchestrator.rehearsal.scenario import write_scenario
from orchestrator.store import StoreError

__all__ = ["Campaign", "Failure"]


@dataclass(frozen=True)
class Failure:
    """How a case failed.

    :param rule: the first invariant that was broken, or ``raised`` if the daemon could not go on.
    :param broken: the event, if it was an invariant.
    """

    case: Case
    rule: str
    detail: str
    broken: InvariantBroken | None = None


class Campaign:
    """Random cases in a range of days.

    :param config_path: None for the embedded defaults.
    :param seed: of the cases; the same seed draws the same ones.
    :param days: of one case.
    """

    def __init__(
        self,
        config_path: Path | None,
        start: date,
        end: date,
        seed: int,
        calendar: MarketCalendar,
        days: int = WEEK,
    ) -> None:
        self._config_path, self._start, self._end, self._days = config_path, start, end, days
        self.seed, self.calendar = seed, calendar

    def case(self, number: int) -> Case:
        return draw_case(self.seed, number, self._start, self._end, self.calendar, self._days)

    def run(self, case: Case) -> Failure | None:
        """Run a case; None if nothing was broken.

        :raises StoreError: the rehearsal's own database was removed, so the case says nothing about the daemon.
        """
        broken: list[InvariantBroken] = []

        def listen(event: Event) -> None:
            if isinstance(event, InvariantBroken):
                broken.append(event)

        try:
            Rehearsal(self._config_path, case.start, case.end, None, listen, case.scenario).run()
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever ends a daemon is what is looked for
            return Failure(case, "raised", f"{type(error).__name__}: {error}")
        return Failure(case, broken[0].name, broken[0].detail, broken[0]) if broken else None

    def shrink(self, failure: Failure, tried: Callable[[Case], None] = lambda _: None, most: int = 100) -> Failure:
        """The smallest case that was found to break the same rule.

        :param tried: told of each case that is tried.
        :param most: cases that are tried.
        """
        found = {repr(failure.case): failure}

        def fails(case: Case) -> bool:
            tried(case)
            again = self.run(case)
            if again is None or again.rule != failure.rule:
                return False
            found[repr(case)] = again
            return True

        return found[repr(shrink(failure.case, fails, self.calendar, most))]

    def document(self, failure: Failure, command: str) -> str:
        """A scenario file that shows the failure, with what it shows and how to run it in comments."""
        told = [f"# {line}" for line in (f"{failure.rule}: {failure.detail}", f"Run it with: {command}")]
        return "\n".join([*told, write_scenario(failure.case.scenario, self.calendar)])
