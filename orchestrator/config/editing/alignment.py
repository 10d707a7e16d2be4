"""What stays, changes, comes and goes between two lists; and when two values are the same."""

import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

__all__ = ["aligned", "same"]

Pair = tuple[int | None, int | None]


def same(one: Any, other: Any) -> bool:
    """Whether two values of plain data are equal. Unlike for ``==``, true is not 1; but 1.0 is."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def aligned(old: Sequence[Any], new: Sequence[Any]) -> Iterator[Pair]:
    """The indexes of two lists, side by side and in order.

    Both where an item stays or is changed, None and an index where one is new, an index and None where one is gone.
    """
    from difflib import SequenceMatcher

    words = [json.dumps(item, sort_keys=True) for item in old], [json.dumps(item, sort_keys=True) for item in new]
    for _, start, end, new_start, new_end in SequenceMatcher(None, *words, autojunk=False).get_opcodes():
        yield from zip_longest(range(start, end), range(new_start, new_end))
