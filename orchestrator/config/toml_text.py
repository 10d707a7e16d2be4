"""TOML: read by the standard library, places found by a scan of the lines, written by the few lines below."""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Any, NoReturn

from orchestrator.config.documents import Document, refuse
from orchestrator.config.errors import ConfigError, Finding, Mark, Path

__all__ = ["plain", "read", "write"]

WORD = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
KEY = rf"{WORD}(?:\s*\.\s*{WORD})*"
TABLE = re.compile(rf"\s*(?P<open>\[\[?)\s*(?P<key>{KEY})\s*\]")
ENTRY = re.compile(rf"\s*(?P<key>{KEY})\s*=\s*")
PLACE = re.compile(r"(?P<words>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)")
TWICE = re.compile(r"Cannot declare \((.*)\) twice")
ANYTHING = re.compile("")
HINTS = (
    ("Invalid value", re.compile(r"(?:True|False)\b"), "write true or false in small letters"),
    ("Invalid value", re.compile(r"(?:null|None|~)"), "leave the option out, as TOML has no null"),
    ("Invalid value", re.compile(r"\S"), "put text in quotes"),
    ("Invalid value", ANYTHING, "write a value behind the equals sign"),
    ("Expected '=' after a key", ANYTHING, "write key = value"),
    ("Illegal character '\\n'", ANYTHING, "close the quotes"),
    ("Unterminated string", ANYTHING, "close the quotes"),
    ("Expected newline", re.compile(r"\d"), "write the number without leading zeros"),
    ("twice", ANYTHING, "put its options together"),
    ("Cannot overwrite a value", ANYTHING, "it stands here twice: remove one of the two"),
)
"""By a part of the parser's own words and by what follows: what is probably to be done."""
BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def read(text: str, name: str) -> Document:
    """Read a TOML text. Dates and times become text, as in YAML.

    :raises ConfigError: if it is not TOML.
    """
    document = Document(name, values={(): Mark(1, 1)})
    try:
        document.data = plain(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        _refuse_syntax(error, text, name)
    except RecursionError:
        refuse(name, "nested too deeply", "flatten it")
    except ValueError:
        refuse(name, "a number has too many digits", "write fewer")
    for path, key, value in _places(text):
        if _leads_somewhere(document.data, path):
            document.keys.setdefault(path, key)
            document.values.setdefault(path, value)
    return document


def _refuse_syntax(error: tomllib.TOMLDecodeError, text: str, name: str) -> NoReturn:
    match = PLACE.fullmatch(str(error))
    words = match["words"] if match else str(error)
    end = Mark(text.count("\n") + 1, len(text) - text.rfind("\n"))
    mark = Mark(int(match["line"]), int(match["column"])) if match and match["line"] else end
    if twice := TWICE.fullmatch(words):
        table = ".".join(re.findall("'([^']*)'", twice[1]))
        words = f"the table [{table}] stands here twice"
    refuse(name, f"not valid TOML: {words}", _hint(text, words, mark), mark)


def _hint(text: str, words: str, mark: Mark) -> str:
    """What is probably to be done, by the parser's words and by what stands where it stopped."""
    rest = text.split("\n")[mark.line - 1][mark.column - 1 :]
    return next((remedy for part, pattern, remedy in HINTS if part in words and pattern.match(rest)), "")


def plain(value: Any) -> Any:
    """What TOML has read, with dates and times as text."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, date | datetime | time) else value


def _places(text: str) -> Iterator[tuple[Path, Mark, Mark]]:
    """Paths with the places of key and value, of each line that looks like ``[table]`` or ``key = value``."""
    table: Path = ()
    seen: Counter[Path] = Counter()
    for number, line in _outside_long_texts(text):
        if head := TABLE.match(line):
            table = _path(head["key"])
            if head["open"] == "[[":
                seen[table] += 1
                table = (*table, seen[table] - 1)
            yield table, Mark(number, head.start("key") + 1), Mark(number, head.start("key") + 1)
        elif entry := ENTRY.match(line):
            path = (*table, *_path(entry["key"]))
            yield path, Mark(number, entry.start("key") + 1), Mark(number, entry.end() + 1)


def _outside_long_texts(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, without those inside of a text of several lines."""
    quotes = None
    for number, line in enumerate(text.split("\n"), start=1):
        if quotes is None:
            yield number, line
            quotes = next((each for each in ('"""', "'''") if line.count(each) % 2), None)
        elif quotes in line:
            quotes = None


def _path(key: str) -> Path:
    return tuple(_unquoted(word) for word in re.findall(WORD, key))


def _unquoted(word: str) -> str:
    if word.startswith('"'):
        return str(json.loads(word, strict=False))
    return word.strip("'")


def _leads_somewhere(data: Any, path: Path) -> bool:
    """Whether a path is in the data: a line inside a long text may look like an entry."""
    for step in path:
        found = step in data if isinstance(data, dict) else isinstance(data, list) and step in range(len(data))
        if not found:
            return False
        data = data[step]
    return True


def write(data: Mapping[str, Any], name: str) -> str:
    """Plain data as TOML.

    :raises ConfigError: for a null, which TOML has not.
    """
    nulls = [Finding(path, None, "TOML has no null", "leave it out") for path in _nulls(data, ())]
    if nulls:
        raise ConfigError(Document(name).problems(nulls))
    return "\n\n".join(_tables(data, ())) + "\n"


def _nulls(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, dict | list):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _nulls(inner, (*path, step))
    elif value is None:
        yield path


def _tables(data: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """The entries of a table under its header, then the tables in it."""
    inner = {key: value for key, value in data.items() if isinstance(value, dict)}
    lines = [f"{_key(key)} = {_value(value)}" for key, value in data.items() if key not in inner]
    head = [f"[{'.'.join(_key(word) for word in path)}]"] if path and (lines or not inner) else []
    if head or lines:
        yield "\n".join(head + lines)
    for key, table in inner.items():
        yield from _tables(table, (*path, key))


def _value(value: Any) -> str:
    if isinstance(value, dict):
        entries = (f"{_key(key)} = {_value(inner)}" for key, inner in value.items())
        return "{" + ", ".join(entries) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(inner) for inner in value) + "]"
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _key(key: str) -> str:
    return key if BARE.fullmatch(key) else _quoted(key)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
