"""A text in which some options say something else: as somebody edits a file by hand, right or wrong."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from orchestrator.config.documents import format_of, refuse
from orchestrator.config.editing.place import EDITORS
from orchestrator.config.editing.text_tree import CannotEdit

__all__ = ["with_options"]


def with_options(text: str, suffix: str, name: str, options: Mapping[str, Any]) -> str:
    """The text with these options changed, and all else as it is; nothing is checked.

    :param options: plain values by dotted key.
    :raises ConfigError: the text can't be read, or is written in a way that is not edited.
    """
    read, edit = EDITORS[format_of(suffix, name)]()
    target: dict[str, Any] = deepcopy(read(text, name).data) or {}
    for key, value in options.items():
        *sections, last = key.split(".")
        inner = target
        for section in sections:
            inner = _section(inner, section)
        inner[last] = value
    try:
        return edit(text, target)
    except CannotEdit:
        refuse(name, f"{', '.join(options)} can't be changed in place", "write the file in a plainer way")


def _section(holder: dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(holder.get(name), dict):
        holder[name] = {}
    inner: dict[str, Any] = holder[name]
    return inner
