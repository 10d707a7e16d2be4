"""Whether shares have been split, judged by what they have cost: a split changes how many there are, and not that."""

__all__ = ["split_ratio"]

SAME = 0.01
"""Costs that differ by less than this fraction are the same: IB counts commissions in, and pays out fractions."""

LEAST = 0.05
"""A ratio nearer to 1 than this is no split."""


def split_ratio(quantity: float, average: float, there: float, average_there: float) -> float | None:
    """How many shares one has become; None if what is there can't be explained by a split.

    :param quantity, average: of the journal.
    :param there, average_there: of the account.
    """
    if min(quantity, average, there, average_there) <= 0 or abs(there / quantity - 1) < LEAST:
        return None
    cost = quantity * average
    return there / quantity if abs(there * average_there - cost) <= SAME * cost else None
