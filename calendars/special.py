"""A day on which the exchange does not keep its regular hours."""

from dataclasses import dataclass

from calendars.hours import Hours, shortened

__all__ = ["SpecialDay"]


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """Closed, or open with other hours; minutes after midnight, None for the regular time."""

    reason: str
    closed: bool = False
    open: int | None = None
    close: int | None = None

    def hours(self, regular: Hours) -> Hours:
        return shortened(regular, self.open, self.close)
