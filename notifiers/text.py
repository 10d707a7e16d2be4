"""Cleaning text, and cutting it to a length without spoiling it.

Lengths are in UTF-16 code units. Some services count those, others characters, of which there are never more.
"""

import re
import unicodedata
from collections.abc import Callable

__all__ = ["CUT_MARK", "clean", "cut", "fitted", "one_line", "shortened", "size"]

CUT_MARK = " […]"
"""Stands where text was cut off."""

GAP_MARK = "\n[… {:,} characters left out …]\n"
GAP_ROOM = len(GAP_MARK) + len("1,000,000,000")

LONGEST_WORD = 40
"""Characters that are given up rather than to cut a word in two."""

SHADES = tuple("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")

_UNPRINTABLE = re.compile(
    "\x1b\\[[0-9;?]*[ -/]*[@-~]"  # what terminals are told
    "|\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)"
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
    "|[\u202d\u202e]"  # these draw all that follows from the other end
)
_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")


def clean(text: str) -> str:
    """`text` without terminal sequences and control characters, its lines ended by line feeds."""
    return _UNPRINTABLE.sub("", _BREAKS.sub("\n", text))


def one_line(text: str) -> str:
    """`text` cleaned, with a space for each run of blanks and line ends."""
    return " ".join(clean(text).split())


def size(text: str) -> int:
    """The length of `text` in UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int) -> str:
    """At most `limit` of the beginning of `text`, ending between words and with a mark if it was cut."""
    if size(text) <= limit:
        return text
    room = limit - len(CUT_MARK)
    return _beginning(text, room) + CUT_MARK if room > 0 else text[: _index(text, max(limit, 0))]


def shortened(text: str, limit: int) -> str:
    """At most `limit` of `text`: its beginning and its end, since a traceback says what is wrong in its last line."""
    half = (limit - GAP_ROOM) // 2
    if size(text) <= limit or half < LONGEST_WORD:
        return cut(text, limit)
    beginning, end = _beginning(text, half), _end(text, half)
    return beginning + GAP_MARK.format(len(text) - len(beginning) - len(end)) + end


def fitted(text: str, limit: int, escape: Callable[[str], str], shorten: Callable[[str, int], str] = shortened) -> str:
    """`text` escaped, of at most `limit` after that; it is shortened before, so that no escape is cut in two."""
    room = limit
    while size(escaped := escape(shorten(text, room))) > limit:
        room = min(room - 1, room * limit // size(escaped))
    return escaped


def _beginning(text: str, limit: int) -> str:
    at = _index(text, limit)
    beginning, rest = text[:at], text[at:]
    if rest[:1].isspace() or beginning[-1:].isspace():
        return beginning.rstrip()
    words = beginning.rsplit(maxsplit=1)
    if len(words) == 2 and len(words[1]) <= LONGEST_WORD:
        return words[0]
    return text[: _between_characters(text, at, -1)]


def _end(text: str, limit: int) -> str:
    at = len(text) - _index(text[::-1], limit)
    rest, end = text[:at], text[at:]
    if rest[-1:].isspace() or end[:1].isspace():
        return end.lstrip()
    words = end.split(maxsplit=1)
    if len(words) == 2 and len(words[0]) <= LONGEST_WORD:
        return words[1]
    return text[_between_characters(text, at, 1) :]


def _index(text: str, limit: int) -> int:
    """How many characters of `text` are at most `limit` long."""
    return len(text.encode("utf-16-le", "surrogatepass")[: 2 * limit].decode("utf-16-le", "ignore"))


def _between_characters(text: str, at: int, step: int) -> int:
    """`at`, or the next place in the direction of `step` where nothing that is drawn as one would be cut in two."""
    for place in range(at, at + step * LONGEST_WORD, step):
        if not (_joins(text[place - 1 : place]) or _extends(text[place : place + 1])):
            return place
    return at


def _joins(character: str) -> bool:
    return character == "\u200d"


def _extends(character: str) -> bool:
    """Whether it changes the character before it: accents, variations, shades of skin."""
    return _joins(character) or unicodedata.category(character or " ") in ("Mn", "Me") or character in SHADES
