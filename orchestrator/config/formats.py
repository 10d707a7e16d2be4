"""The shapes that text in the configuration may have, each with the words for what has not that shape."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

__all__ = ["Format", "nearest"]


@dataclass(frozen=True)
class Format:
    """A shape of text. An error reads: "'x' is not <noun>; <remedy>".

    :param nearest: for a text without the shape, the one that was probably meant, if any.
    """

    noun: str
    remedy: str
    accepts: Callable[[str], bool]
    nearest: Callable[[str], str | None] = lambda _: None

    def remedy_for(self, value: object) -> str:
        close = self.nearest(value) if isinstance(value, str) else None
        return f"write {close}" if close else self.remedy


def nearest(text: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant: of those spelled much like the text, the one that begins most like it."""
    from difflib import get_close_matches

    folded = text.casefold()
    by_folded = {word.casefold(): word for word in known}
    close = get_close_matches(folded, by_folded, n=3, cutoff=0.7)
    return by_folded[max(close, key=lambda word: _same_letters(word, folded))] if close else None


def _same_letters(one: str, other: str) -> int:
    """How many letters two words have in common from the start."""
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return len(list(pairs))


def pattern(noun: str, remedy: str, regex: str) -> Format:
    compiled = re.compile(regex, re.ASCII)
    return Format(noun, remedy, lambda text: compiled.fullmatch(text) is not None)


def name_or_target(*names: str) -> Format:
    """One of our own names, or the import string of the user's class."""
    return Format(
        f"{', '.join(names)} or an import string",
        f'write {", ".join(names)} or "package.module:Class"',
        lambda text: text in names or TARGET.fullmatch(text) is not None,
        lambda text: nearest(text, names),
    )


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
    path = text.removeprefix("sqlite:///").partition("?")[0]
    return text.startswith("sqlite:///") and path not in ("", "/", ":memory:")


CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")

VERSION = pattern("a version", 'write digits and dots in quotes, such as "1.0.0"', r"\d+(\.\d+)*")
SYMBOL = pattern("a symbol", "write a ticker such as AAPL or BRK.B", r"[A-Za-z0-9^][A-Za-z0-9.^=/_: -]{0,31}(?<! )")
HOST = pattern("a host", "write a name or an address such as 127.0.0.1", r"[^\s/@]+")
ACCOUNT = pattern("an account", "write it as the broker shows it, such as DU1234567", r"[A-Za-z0-9_-]+")
PLACE = pattern("a path", "write the path of a file or folder", r"[^\s\0]([^\0\r\n]*[^\s\0])?")
EMAIL = pattern("an e-mail address", "write one such as trader@example.com", r"[^@\s]+@[^@\s]+")
NAME = pattern("a name", "write letters, digits, '_' and '-'", r"[A-Za-z0-9][A-Za-z0-9_-]*")
SLACK_CHANNEL = pattern("a Slack channel", 'write it in quotes, such as "#alerts"', r"[#@]?[^\s#@]+")
APPRISE_URL = pattern("an Apprise URL", "write one such as ntfy://topic", r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
HTTP_URL = Format("a web address", "write one such as https://example.com/path", _reads(_http_url))
SQLITE_URL = Format("a database this version can use", "write sqlite:///FILE, or null for the default", _sqlite_url)
WINDOW = Format("a window of time", 'write "HH:MM-HH:MM", such as "23:45-00:45"', _window)
MOMENT = Format("a time with its offset", "write one such as 2026-11-24T09:30:00-05:00", _reads(_moment))
TIMEZONE = Format(
    "a known time zone",
    "write an IANA name such as America/New_York",
    _reads(ZoneInfo),
    lambda text: nearest(text, available_timezones()),
)
STRATEGY = name_or_target("equal_weight", "buy_and_hold", "momentum")
BROKER = name_or_target("paper", "ibkr")
ENGINE = name_or_target("builtin")
