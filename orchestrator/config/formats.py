"""The shapes that text in the configuration may have, each with the words for what has not that shape."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

__all__ = ["Format", "nearest"]


@dataclass(frozen=True)
class Format:
    """A shape of text. An error reads: "'x' is not <noun>; <remedy>".

    :param nearest: for a text without the shape, the one that was probably meant, if any.
    :param regex: of the whole text, where one says it, as JSON Schema reads it too; it may let a little more through.
    :param names: texts with a meaning of their own.
    """

    noun: str
    remedy: str
    accepts: Callable[[str], bool]
    nearest: Callable[[str], str | None] = lambda _: None
    regex: str = ""
    names: tuple[str, ...] = ()

    def remedy_for(self, value: object) -> str:
        close = self.nearest(value) if isinstance(value, str) else None
        return f"write {close}" if close else self.remedy


def nearest(text: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant; difflib is brought in where something is mistyped only."""
    from jobs import values

    return values.nearest(text, known, likeness=0.7)


def pattern(noun: str, remedy: str, regex: str, nearest: Callable[[str], str | None] = lambda _: None) -> Format:
    compiled = re.compile(regex, re.ASCII)
    return Format(noun, remedy, lambda text: compiled.fullmatch(text) is not None, nearest, regex)


def name_or_target(*names: str) -> Format:
    """One of our own names, or the import string of the user's class."""
    return Format(
        f"{', '.join(names)} or an import string",
        f'write {", ".join(names)} or "package.module:Class"',
        lambda text: text in names or _is_target(text),
        lambda text: nearest(text, names) or _dotted_class(text),
        TARGET,
        names,
    )


def _is_target(text: str) -> bool:
    module, _, name = text.partition(":")
    return all(word.isidentifier() for word in (*module.split("."), name))


def _dotted_class(text: str) -> str | None:
    """The import string of a class that was written as ``module.Class``, or with the file of its module."""
    module, _, name = text.rpartition(":") if ":" in text else text.rpartition(".")
    target = f"{module.removesuffix('.py').replace('/', '.')}:{name}"
    return f'"{target}"' if name[:1].isupper() and _is_target(target) else None


def _bare_host(text: str) -> str | None:
    """The host of an address that was written with its scheme or its port."""
    found = re.fullmatch(r"(?:\w+://)?([^\s/@:]+)(?::\d+)?/?", text)
    return found[1] if found else None


def _usual_window(text: str) -> str | None:
    """A window whose times were written with fewer digits, or with a word between them."""
    hour = r"(\d{1,2})(?::(\d\d))?"
    found = re.fullmatch(rf"{hour}\s*(?:-|\u2013|to)\s*{hour}", text.strip(), re.ASCII)
    if found is None:
        return None
    first, first_minute, last, last_minute = (int(part or 0) for part in found.groups())
    usual = f"{first:02}:{first_minute:02}-{last:02}:{last_minute:02}"
    return f'"{usual}"' if _window(usual) else None


def _meant_zone(text: str) -> str | None:
    from jobs.values import meant_zone

    return meant_zone(text)


def _reads(parse: Callable[[str], object]) -> Callable[[str], bool]:
    """Whether a parser accepts a text."""

    def accepts(text: str) -> bool:
        try:
            return bool(parse(text))
        except (ValueError, LookupError, OSError):
            return False

    return accepts


def _moment(text: str) -> bool:
    return datetime.fromisoformat(text).tzinfo is not None


def _window(text: str) -> bool:
    start, _, end = text.partition("-")
    return bool(CLOCK_TIME.fullmatch(start) and CLOCK_TIME.fullmatch(end)) and start != end


def _http_url(text: str) -> bool:
    url = urlsplit(text)
    return url.scheme in ("http", "https") and bool(url.hostname) and not re.search(r"\s", text)


def _sqlite_url(text: str) -> bool:
    path = text.removeprefix("sqlite:///")
    return text.startswith("sqlite:///") and "?" not in path and path not in ("", "/", ":memory:")


CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
WORD = r"[^\s:./\\-]+"
TARGET = rf"{WORD}(\.{WORD})*:{WORD}"

VERSION = pattern("a version", 'write digits and dots in quotes, such as "1.0.0"', r"\d+(\.\d+)*")
SYMBOL = pattern("a symbol", "write a ticker such as AAPL or BRK.B", r"[A-Za-z0-9^][A-Za-z0-9.^=/_: -]{0,31}(?<! )")
HOST = pattern(
    "a host",
    "write a name or an address such as 127.0.0.1",
    r"[^\s/@:]+|[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f.:]*",  # the second is IPv6
    _bare_host,
)
ACCOUNT = pattern("an account", "write it as the broker shows it, such as DU1234567", r"[A-Za-z0-9_-]+")
PLACE = pattern("a path", "write the path of a file or folder", r"[^\s\0]([^\0\r\n]*[^\s\0])?")
EMAIL = pattern("an e-mail address", "write one such as trader@example.com", r"[^@\s]+@[^@\s]+")
NAME = pattern("a name", "write letters, digits, '_' and '-'", r"[A-Za-z0-9][A-Za-z0-9_-]*")
SLACK_CHANNEL = pattern("a Slack channel", 'write it in quotes, such as "#alerts"', r"[#@]?[^\s#@]+")
APPRISE_URL = pattern("an Apprise URL", "write one such as ntfy://topic", r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
LOG_FILE = pattern("a path", 'write the path of a file, or "" for none', r"([^\s\0]([^\0\r\n]*[^\s\0])?)?")
HTTP_URL = Format(
    "a web address", "write one such as https://example.com/path", _reads(_http_url), regex=r"https?://[^\s/]\S*"
)
SQLITE_URL = Format(
    "a database this version can use",
    "write sqlite:///FILE, without ?options behind it, or null for the default",
    _sqlite_url,
    regex=r"sqlite:///[^?]+",
)
WINDOW = Format(
    "a window of time",
    'write "HH:MM-HH:MM", such as "23:45-00:45"',
    _window,
    _usual_window,
    rf"{CLOCK_TIME.pattern}-{CLOCK_TIME.pattern}",
)
MOMENT = Format("a time with its offset", "write one such as 2026-11-24T09:30:00-05:00", _reads(_moment))
TIMEZONE = Format(
    "a known time zone",
    "write an IANA name such as America/New_York",
    _reads(ZoneInfo),
    _meant_zone,
)
STRATEGY = name_or_target("equal_weight", "buy_and_hold", "momentum")
BROKER = name_or_target("paper", "ibkr")
ENGINE = name_or_target("builtin")
