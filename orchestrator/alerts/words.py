"""Figures and lengths of time in the text of alerts."""

import re

__all__ = ["masked", "span"]

_FIGURES = re.compile(r"\d+")
UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def masked(text: str) -> str:
    """`text` with its figures made alike: what grows from time to time ("180 s old") is not another complaint."""
    return _FIGURES.sub("#", text)


def span(seconds: float) -> str:
    """``12 min``, ``2 h 5 min``, ``3 s``: the two greatest units, and no seconds beside minutes."""
    rest = max(0, round(seconds))
    rest -= rest % 60 if rest >= 60 else 0
    parts = []
    for unit, size in UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
