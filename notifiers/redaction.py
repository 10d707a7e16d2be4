"""Keeping secrets out of what is logged, shown and stored."""

import json
import logging
import re
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote

__all__ = ["MASK", "Redactor", "RedactingFilter", "describe", "matched", "shown"]

MASK = "***"

SHORTEST = 3
"""Characters. Masking a shorter secret would only garble the text and confirm the guess."""

_URL = re.compile(r"\b([a-z][a-z0-9+.-]*://)(?:[^\s/?#@'\"]*@)?([^\s/?#'\"<>()]*)([/?#][^\s'\"<>()]*)?", re.IGNORECASE)
_PATH = re.compile(r"(?<=with url: )\S+")


class Redactor:
    """Masks given secrets wherever they stand in a text, also as quoted for a URL or for JSON, or in base64."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= SHORTEST}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def __repr__(self) -> str:
        return "<Redactor>"


class RedactingFilter(logging.Filter):
    """On a logger: every record that passes is redacted before any handler sees it."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._redact(record.getMessage()), ()
        return True


def describe(error: BaseException) -> str:
    """An error whose secrets are not known: URLs in it lose credentials, path and query."""
    text = _PATH.sub(MASK, _URL.sub(_masked, str(error)))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def shown(url: object) -> str:
    """What may be shown of a URL that is or holds a secret: ``'https://example.com/***'``."""
    if not url:
        return repr(url)
    match = _URL.fullmatch(str(url))
    return repr(_masked(match) if match else MASK)


def matched(pattern: re.Pattern[str], url: object, what: str, example: str) -> re.Match[str]:
    """The match of a whole URL, or a ValueError that does not show it."""
    match = pattern.fullmatch(str(url).strip())
    if not match:
        raise ValueError(f"not {what}: {shown(url)}; one looks like {example}")
    return match


def _masked(match: re.Match[str]) -> str:
    scheme, host, rest = match.groups()
    return f"{scheme}{host}/{MASK}" if rest and rest != "/" else f"{scheme}{host}{rest or ''}"


def _forms(secret: str) -> set[str]:
    plain = unquote(secret)
    return {
        secret,
        plain,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        b64encode(secret.encode("utf-8", "replace")).decode(),
        b64encode(plain.encode("utf-8", "replace")).decode(),  # as HTTP and SMTP send a login
    }
