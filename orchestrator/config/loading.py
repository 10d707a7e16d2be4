"""From a text to a config: read, check, build, check together. Everything that is wrong is said at once."""

import errno
import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path as FilePath
from typing import Any, NoReturn

from orchestrator.config.documents import Document, format_of, refuse
from orchestrator.config.errors import ConfigError, Finding, Mark, Path, overlaps, shown
from orchestrator.config.model import TradingConfig
from orchestrator.config.plain import build
from orchestrator.config.references import Surroundings, Unresolvable, resolve
from orchestrator.config.resolution import JOBS, command_findings, from_references, resolve_document, value_at

__all__ = ["folder_of", "from_dict", "load_file", "load_leniently", "load_text", "read_document", "read_text"]

Check = Callable[[TradingConfig, Sequence[Path]], list[Finding]]
"""Of a config and the paths of options that are wrong by themselves, and have their defaults in it."""


def load_text(
    text: str,
    suffix: str = ".yaml",
    name: str = "config",
    *,
    base_dir: FilePath | None = None,
    environ: Mapping[str, str] | None = None,
    also: Check | None = None,
) -> TradingConfig:
    """Read a config. An empty text is the defaults.

    :param suffix: ``.yaml``, ``.yml``, ``.toml`` or ``.json``.
    :param name: of the file, as errors show it.
    :param base_dir: where the relative paths of references start; the working directory if not given.
    :param environ: where their variables are looked up; the environment of the process if not given.
    :param also: what else may be wrong with a config.
    :raises ConfigError: with everything that is wrong.
    """
    surroundings = _surroundings(base_dir, environ)
    return _interpreted(_resolved(text, suffix, name, surroundings), surroundings, also)


def load_file(
    path: str | FilePath, *, base_dir: FilePath | None = None, environ: Mapping[str, str] | None = None
) -> TradingConfig:
    """Read a config file; its suffix says in which format it is.

    :param base_dir: as of `load_text`; the file's folder if not given.
    :param environ: as of `load_text`.
    :raises FileNotFoundError: saying how to make one.
    :raises ConfigError: with everything that is wrong.
    """
    path = FilePath(path)
    format_of(path.suffix, str(path))
    folder = base_dir or folder_of(path)
    return load_text(read_text(path), path.suffix, str(path), base_dir=folder, environ=environ)


def load_leniently(
    path: str | FilePath, *, environ: Mapping[str, str] | None = None
) -> tuple[TradingConfig, ConfigError | None]:
    """A config file as far as it can be read, and what is wrong with it: for commands that must work all the same.

    What is wrong, and a reference that has no value, has its default; jobs that are wrong are left out.

    :param environ: as of `load_text`.
    :raises FileNotFoundError: saying how to make one.
    """
    path = FilePath(path)
    try:
        return load_file(path, environ=environ), None
    except ConfigError as error:
        text = _content(path).decode(errors="replace")
        return interpret_leniently(text, path.suffix, str(path), folder_of(path), environ=environ), error


def _surroundings(base_dir: FilePath | None, environ: Mapping[str, str] | None) -> Surroundings:
    return Surroundings(base_dir or FilePath(), os.environ if environ is None else environ)


def read_document(text: str, suffix: str, name: str) -> Document:
    """Plain data, and where in the text it stands, whatever it means.

    :param suffix, name: as of `load_text`.
    :raises ConfigError: for a text that can't be read at all.
    """
    return READERS[format_of(suffix, name)](text.removeprefix("\ufeff"), name)


def _resolved(text: str, suffix: str, name: str, surroundings: Surroundings) -> Document:
    document = read_document(text, suffix, name)
    resolve_document(document, surroundings)
    return document


def interpret_leniently(
    text: str, suffix: str, name: str, base_dir: FilePath | None, *, environ: Mapping[str, str] | None = None
) -> TradingConfig:
    """A text as far as it means a config; parameters as of `load_text`."""
    from orchestrator.config.rules import drop_wrong_schedule

    surroundings = _surroundings(base_dir, environ)
    try:
        document = _resolved(text, suffix, name, surroundings)
    except ConfigError:
        return _only_places(text, surroundings)
    data = document.data if isinstance(document.data, Mapping) else {}
    broken = [*document.broken, *(finding.path for finding in [*document.findings, *_schema_findings(document)])]
    config: TradingConfig = build(TradingConfig, *_without_broken_jobs(data, broken))
    drop_wrong_schedule(config)
    return config


def _without_broken_jobs(data: Mapping[str, Any], broken: Sequence[Path]) -> tuple[Mapping[str, Any], list[Path]]:
    """The data without the jobs in which something is broken, so that the others stay; and what else is broken."""
    jobs = value_at(data, JOBS)
    inside = [path for path in broken if path[: len(JOBS)] == JOBS and len(path) > len(JOBS)]
    if not inside or not isinstance(jobs, Mapping):
        return data, list(broken)
    names = {path[len(JOBS)] for path in inside}
    sound = {name: job for name, job in jobs.items() if name not in names}
    return {**data, "schedule": {**data["schedule"], "jobs": sound}}, [path for path in broken if path not in inside]


MODE = re.compile(r"""^["']?mode["']?\s*[:=]\s*["']?(paper|live)\b""", re.MULTILINE)
PLACE = re.compile(r"""^(state_dir|store_url)\s*[:=]\s*["']?([^"'#\s][^"'#\n]*?)["']?\s*(?:#.*)?$""", re.MULTILINE)


def _only_places(text: str, surroundings: Surroundings) -> TradingConfig:
    """Of a text that can't be read, at least where the store is, and whether it means real money."""
    config = TradingConfig()
    if (mode := MODE.search(text)) is not None:
        config.mode = mode[1]
    for name, value in PLACE.findall(text):
        if value not in {"null", "~"}:
            with suppress(Unresolvable):  # the default stays, as for anything else that can't be read
                setattr(config, name, resolve(value, surroundings))
    return config


def from_dict(data: Mapping[str, Any], name: str = "config") -> TradingConfig:
    """A config from plain data, such as :func:`~orchestrator.config.plain.to_dict` gives.

    Texts are what they are: nothing in them is a reference, but in the commands of jobs.

    :raises ConfigError: with everything that is wrong.
    """
    references = {path: value.reference for path, value in from_references(data)}
    return _interpreted(Document(name, data, references=references), None)


def read_text(path: FilePath) -> str:
    """The text of a file that must be there and be UTF-8.

    :raises FileNotFoundError: saying how to make one.
    :raises IsADirectoryError: it is a folder.
    :raises ConfigError: for bytes that are no text, and for what is no file: a pipe would be waited for.
    """
    content = _content(path)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        _refuse_encoding(content, error, str(path))


def _content(path: FilePath) -> bytes:
    """The bytes of a file; raises as :func:`read_text`."""
    try:
        if stat.S_ISFIFO(path.stat().st_mode):
            refuse(str(path), "it is a pipe", "write the config into a file: it is read again and again")
        return path.read_bytes()
    except IsADirectoryError:
        raise IsADirectoryError(f"{path} is a folder; name the config file in it") from None
    except FileNotFoundError:
        raise FileNotFoundError(f"no config file {path}; write one with: orchestrator config init {path}") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            refuse(str(path), "it is a link that leads back to itself", "have it lead to a file")
        raise


def folder_of(path: FilePath) -> FilePath:
    """The folder of a config file, links followed, as far as they lead anywhere."""
    return FilePath(os.path.realpath(path)).parent


def _refuse_encoding(content: bytes, error: UnicodeDecodeError, name: str) -> NoReturn:
    before = content[: error.start]
    mark = Mark(before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
    refuse(name, f"the byte 0x{content[error.start]:02x} is not UTF-8", "save the file as UTF-8", mark)


def _interpreted(document: Document, surroundings: Surroundings | None, also: Check | None = None) -> TradingConfig:
    """The config that a document describes.

    Options that are wrong by themselves have their defaults while the rules between options are asked, and
    the rules that read one of them are not asked: nothing is said that may be untrue of the corrected text.

    :param surroundings: where the references in jobs' commands must have a value; None if that is not asked.
    """
    from orchestrator.config.rules import rule_findings
    from orchestrator.config.secrecy import without_values

    found = [*document.findings, *_schema_findings(document)]
    broken = [*document.broken, *(finding.path for finding in found)]
    data = document.data if isinstance(document.data, Mapping) else {}
    found += command_findings(data, surroundings)
    data, broken = _without_broken_jobs(data, broken)
    config: TradingConfig = build(TradingConfig, data, broken)
    found += without_values(rule_findings(config, broken), config)
    if also is not None:
        found += also(config, broken)
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
        for finding in findings(document.data, document.references)
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
