"""The text of a file that is to say another config: with as little changed as can be, and always read again."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.config.documents import Document, format_of, refuse
from orchestrator.config.editing.alignment import same
from orchestrator.config.editing.merging import agree, merged
from orchestrator.config.editing.text_tree import CannotEdit
from orchestrator.config.errors import ConfigError
from orchestrator.config.loading import load_text
from orchestrator.config.model import TradingConfig
from orchestrator.config.writing import to_text

__all__ = ["Place", "edited", "written"]

BOM = "\ufeff"

Read = Callable[[str, str], Document]
Edit = Callable[[str, Mapping[str, Any]], str]


@dataclass(frozen=True)
class Place:
    """Where a text is: what it means depends on that.

    :param name: of the file, as errors show it.
    :param folder: where the relative paths of references start.
    """

    name: str
    suffix: str
    folder: Path

    def read(self, text: str) -> TradingConfig:
        """What a text means; raises ConfigError with everything that is wrong with it."""
        return load_text(text, self.suffix, self.name, base_dir=self.folder)


def written(config: TradingConfig, place: Place) -> str:
    """A complete text.

    :raises ConfigError: for what the format cannot hold.
    """
    text = to_text(config, place.suffix, place.name)
    if not _says(text, config, place):
        refuse(place.name, "there is a value in the config that would not be read again as it is", "write it otherwise")
    return text


def edited(text: str, old: TradingConfig, new: TradingConfig, place: Place) -> str:
    """The text with what differs between two configs changed, and all else as it is, to the byte.

    Where it cannot be done value by value, whole sections are written anew; where that cannot be done, all of it.

    :param old: what the text says.
    :raises ConfigError: for what the format cannot hold.
    """
    for attempt in _attempts(text, old, new, place):
        try:
            result = attempt()
        except CannotEdit:
            continue
        if _says(result, new, place):
            return result
    return written(new, place)


def _attempts(text: str, old: TradingConfig, new: TradingConfig, place: Place) -> Iterator[Callable[[], str]]:
    """From the finest to the coarsest."""
    kind = format_of(place.suffix, place.name)
    read, edit = EDITORS[kind]()
    body = text.removeprefix(BOM)
    mark, raw = text[: len(text) - len(body)], read(body, place.name).data or {}
    target = merged(raw, old, new, nulls=kind != "toml")
    rest = {key: value for key, value in raw.items() if key in target and same(value, target[key])}
    yield lambda: mark + edit(body, target)
    yield lambda: mark + edit(edit(body, rest), target)


def _says(text: str, config: TradingConfig, place: Place) -> bool:
    try:
        return agree(place.read(text), config)
    except ConfigError:
        return False


def _yaml() -> tuple[Read, Edit]:
    from orchestrator.config import yaml_text
    from orchestrator.config.editing import yaml_edit

    return yaml_text.read, yaml_edit.edit


def _toml() -> tuple[Read, Edit]:
    from orchestrator.config import toml_text
    from orchestrator.config.editing import toml_edit

    return toml_text.read, toml_edit.edit


def _json() -> tuple[Read, Edit]:
    from orchestrator.config import json_text
    from orchestrator.config.editing import json_edit

    return json_text.read, json_edit.edit


EDITORS: Mapping[str, Callable[[], tuple[Read, Edit]]] = {"yaml": _yaml, "toml": _toml, "json": _json}
"""By format. Each brings in its library only when it is used."""
