"""Why an attempt failed, and whether another one may do better."""

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from notifiers.text import one_line

__all__ = ["Failure", "of_answer", "of_error"]

LONGEST_REST = 3_600.0
"""Seconds. However long a service asks to be left alone, it is tried again after that."""

PASSING = {408, 409, 421, 423, 425, 429}
"""HTTP statuses that blame the request, but may be gone with the next."""
MOVED = {301, 308}

_CONNECTION = re.compile(r"<?HTTPS?Connection(?:Pool)?\(host='([^']*)', port=(\d+)\)(?: at 0x\w+>)?")
_NOISE = re.compile(r"Failed to establish a new connection: |\[Errno -?\d+\] ")


@dataclass(frozen=True)
class Failure:
    """What an attempt's end tells.

    :param detail: in the words of the service, where it had some. It may hold secrets.
    :param retry_after: seconds.
    :param permanent: no retry will mend it.
    """

    detail: str
    retry_after: float | None = None
    permanent: bool = False


def of_answer(answer: Any) -> Failure:
    """From what requests calls a response."""
    line = f"HTTP {answer.status_code} {answer.reason}".rstrip()
    text = one_line(answer.content.decode("utf-8", "replace"))
    is_page = "html" in answer.headers.get("Content-Type", "") or text.startswith("<")
    detail = f"{line}: {text}" if text and not is_page else line
    return Failure(detail, _retry_after(answer), _is_final(answer.status_code))


def of_error(error: BaseException) -> Failure:
    """From what a library raised."""
    if isinstance(recipients := getattr(error, "recipients", None), dict):
        return _refusal(recipients)
    root = _root(error)
    code = getattr(root, "smtp_code", None)
    if isinstance(code, int) and code > 0:
        return Failure(f"{code} {_decoded(getattr(root, 'smtp_error', ''))}", permanent=code >= 500)
    text = _NOISE.sub("", _CONNECTION.sub(r"\1:\2", one_line(str(root))))
    return Failure(text or type(root).__name__, permanent=_is_mistake(error))


def _is_final(status: int) -> bool:
    return (400 <= status < 500 and status not in PASSING) or status in MOVED


def _refusal(recipients: dict[str, tuple[int, Any]]) -> Failure:
    refusals = [f"{address}: {code} {_decoded(text)}" for address, (code, text) in recipients.items()]
    return Failure("; ".join(refusals), permanent=all(code >= 500 for code, _ in recipients.values()))


def _decoded(text: bytes | str) -> str:
    return one_line(text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text))


def _is_mistake(error: BaseException) -> bool:
    """Whether the settings are wrong, and not the weather. A certificate that fails today may be renewed tomorrow."""
    from smtplib import SMTPNotSupportedError
    from ssl import SSLError

    return isinstance(error, SMTPNotSupportedError) or (
        isinstance(error, ValueError) and not isinstance(error, SSLError)
    )


def _root(error: BaseException) -> BaseException:
    """The error at the bottom: requests wraps urllib3's, which wraps the socket's."""
    for inner in (getattr(error, "reason", None), *reversed(error.args)):
        if isinstance(inner, BaseException):
            return _root(inner)
    return error


def _retry_after(answer: Any) -> float | None:
    """Seconds, from either form of the header, else from the answer; a date counts from the service's own clock."""
    value = answer.headers.get("Retry-After")
    if value is None and answer.status_code == 429:
        value = _in_body(answer.content)
    seconds = None if value is None else _number(value)
    if seconds is None and isinstance(value, str):
        seconds = _until(value, answer.headers.get("Date"))
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_REST)


def _in_body(content: bytes) -> Any:
    try:
        body = json.loads(content)
    except ValueError:
        return None
    return body.get("retry_after") if isinstance(body, dict) else None


def _number(value: Any) -> float | None:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if math.isfinite(seconds) else None


def _until(date: str, now: str | None) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        return (parsedate_to_datetime(date) - parsedate_to_datetime(now or "")).total_seconds()
    except (TypeError, ValueError):
        return None
