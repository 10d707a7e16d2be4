"""From a text to a config: read, check, build, check together. Everything that is wrong is said at once."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path as FilePath
from typing import Any, NoReturn

from orchestrator.config.documents import Document, format_of, refuse
from orchestrator.config.errors import ConfigError, Finding, Mark, overlaps, shown
from orchestrator.config.model import TradingConfig
from orchestrator.config.plain import build

__all__ = ["from_dict", "load_file", "load_leniently", "load_text", "read_text"]


def load_text(text: str, suffix: str = ".yaml", name: str = "config") -> TradingConfig:
    """Read a config. An empty text is the defaults.

    :param suffix: ``.yaml``, ``.yml``, ``.toml`` or ``.json``.
    :param name: of the file, as errors show it.
    :raises ConfigError: with everything that is wrong.
    """
    return _interpreted(READERS[format_of(suffix, name)](text.removeprefix("\ufeff"), name))


def load_file(path: str | FilePath) -> TradingConfig:
    """Read a config file; its suffix says in which format it is.

    :raises FileNotFoundError: saying how to make one.
    :raises ConfigError: with everything that is wrong.
    """
    path = FilePath(path)
    format_of(path.suffix, str(path))
    return load_text(read_text(path), path.suffix, str(path))


def load_leniently(path: str | FilePath) -> tuple[TradingConfig, ConfigError | None]:
    """A config file as far as it can be read, and what is wrong with it: for commands that must work all the same.

    What is wrong has its default; jobs that are wrong are left out.

    :raises FileNotFoundError: saying how to make one.
    """
    try:
        return load_file(path), None
    except ConfigError as error:
        return _as_far_as_possible(FilePath(path), error), error


def _as_far_as_possible(path: FilePath, error: ConfigError) -> TradingConfig:
    from orchestrator.config.rules import drop_wrong_schedule

    try:
        document = READERS[format_of(path.suffix, str(path))](read_text(path).removeprefix("\ufeff"), str(path))
    except ConfigError:
        return _only_places(read_text(path))
    data = document.data if isinstance(document.data, Mapping) else {}
    broken = [*document.broken, *(finding.path for finding in [*document.findings, *_schema_findings(document)])]
    config: TradingConfig = build(TradingConfig, data, broken)
    drop_wrong_schedule(config)
    return config


PLACE = re.compile(r"""^(state_dir|store_url)\s*[:=]\s*["']?([^"'#\s][^"'#\n]*?)["']?\s*(?:#.*)?$""", re.MULTILINE)


def _only_places(text: str) -> TradingConfig:
    """Of a text that can't be read, at least where the store is."""
    config = TradingConfig()
    for name, value in PLACE.findall(text):
        if value not in {"null", "~"}:
            setattr(config, name, value)
    return config


def from_dict(data: Mapping[str, Any], name: str = "config") -> TradingConfig:
    """A config from plain data, such as :func:`~orchestrator.config.plain.to_dict` gives.

    :raises ConfigError: with everything that is wrong.
    """
    return _interpreted(Document(name, data))


def read_text(path: FilePath) -> str:
    """The text of a file that must be there and be UTF-8.

    :raises FileNotFoundError: saying how to make one.
    :raises ConfigError: for bytes that are no text.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"no config file {path}; write one with: orchestrator config init {path}") from None
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        _refuse_encoding(content, error, str(path))


def _refuse_encoding(content: bytes, error: UnicodeDecodeError, name: str) -> NoReturn:
    before = content[: error.start]
    mark = Mark(before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
    refuse(name, f"the byte 0x{content[error.start]:02x} is not UTF-8", "save the file as UTF-8", mark)


def _interpreted(document: Document) -> TradingConfig:
    """The config that a document describes.

    Options that are wrong by themselves have their defaults while the rules between options are asked, and
    the rules that read one of them are not asked: nothing is said that may be untrue of the corrected text.
    """
    from orchestrator.config.rules import rule_findings

    found = [*document.findings, *_schema_findings(document)]
    broken = [*document.broken, *(finding.path for finding in found)]
    data = document.data if isinstance(document.data, Mapping) else {}
    config: TradingConfig = build(TradingConfig, data, broken)
    found += rule_findings(config, broken)
    if found:
        raise ConfigError(document.problems(found))
    return config


def _schema_findings(document: Document) -> list[Finding]:
    """What is wrong with single options, leaving out those whose value could not even be read."""
    from orchestrator.config.schema import findings

    if document.data is None:
        return []
    if not isinstance(document.data, Mapping):
        message = f"{shown(document.data)} is not a config"
        return [Finding((), shown(document.data), message, "write options as key: value lines")]
    return [
        finding
        for finding in findings(document.data)
        if not any(overlaps(finding.path, path) for path in document.broken)
    ]


def _read_yaml(text: str, name: str) -> Document:
    from orchestrator.config import yaml_text

    return yaml_text.read(text, name)


def _read_toml(text: str, name: str) -> Document:
    from orchestrator.config import toml_text

    return toml_text.read(text, name)


def _read_json(text: str, name: str) -> Document:
    from orchestrator.config import json_text

    return json_text.read(text, name)


READERS: Mapping[str, Callable[[str, str], Document]] = {
    "yaml": _read_yaml,
    "toml": _read_toml,
    "json": _read_json,
}
"""By format. Each brings in its library only when it is used."""
