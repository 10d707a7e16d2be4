"""A message as an e-mail: plain text, the same as HTML, and headers by which mail programs treat it well."""

import re
from collections.abc import Iterator
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from html import escape
from typing import Any

from notifiers.facts import facts, moment
from notifiers.message import AlertLevel, NotificationMessage
from notifiers.plain import LONGEST, compose, headline
from notifiers.text import clean, cut, shortened

__all__ = ["Letter"]

LONGEST_SUBJECT = 200
COLOURS = {AlertLevel.INFO: "#2b7bb9", AlertLevel.WARNING: "#d9780f", AlertLevel.CRITICAL: "#c81e3a"}

HEADERS = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
URGENT = {"X-Priority": "1", "Importance": "high"}

PAGE = """\
<html><body style="margin:0;padding:16px;font:15px/1.45 -apple-system,'Segoe UI',Roboto,Arial,sans-serif;color:#222">
<div dir="auto" style="max-width:640px;border-left:4px solid {colour};padding:2px 0 2px 14px">
<div style="font-size:18px;font-weight:600;color:{colour}">{headline}</div>
{parts}
<div style="color:#777;font-size:12px;margin-top:14px">{moment}</div>
</div>
</body></html>
"""
TEXT = '<div dir="auto" style="margin-top:10px;white-space:pre-wrap;overflow-wrap:anywhere{font}">{text}</div>'
CODE_FONT = ";font-family:ui-monospace,Consolas,monospace;font-size:13px"
TABLE = '<table style="margin-top:12px;border-collapse:collapse;font-size:14px">\n{rows}\n</table>'
ROW = (
    '<tr><td style="padding:2px 18px 2px 0;color:#777;vertical-align:top;white-space:nowrap">{name}</td>'
    '<td style="padding:2px 0;white-space:pre-wrap;overflow-wrap:anywhere">{value}</td></tr>'
)


class Letter:
    """The mail for a message, a copy for each recipient.

    All copies have one Message-ID. If the message carries the id of its delivery it is made of that, so that the same
    delivery sent twice is the same mail, and shown once.
    """

    def __init__(self, message: NotificationMessage, sender_name: str, sender: str) -> None:
        self._name, self._address = sender_name, sender
        domain = sender.rpartition("@")[2]
        delivery = re.sub(r"[^A-Za-z0-9._-]", "-", message.delivery or "")[:100].strip(".")
        self._id = f"<{delivery}@{domain}>" if delivery else make_msgid(domain=domain)
        self._message, self._date = message, formatdate(localtime=True)

    def __call__(self, recipient: str) -> bytes:
        """The mail as it goes over the wire, in ASCII."""
        mail = EmailMessage(SMTP.clone(cte_type="7bit"))
        for name, value in self._headers(recipient).items():
            mail[name] = value
        mail.set_content(compose(self._message))
        mail.add_alternative(_page(self._message), subtype="html")
        return mail.as_bytes()

    def _headers(self, recipient: str) -> dict[str, Any]:
        urgent = URGENT if self._message.level is AlertLevel.CRITICAL else {}
        return {
            "Subject": cut(headline(self._message), LONGEST_SUBJECT),
            "From": Address(self._name, addr_spec=self._address),
            "To": Address(addr_spec=recipient),
            "Date": self._date,
            "Message-ID": self._id,
            **HEADERS,
            **urgent,
        }


def _page(message: NotificationMessage) -> str:
    return PAGE.format(
        colour=COLOURS[message.level],
        headline=escape(headline(message)),
        parts="\n".join(_parts(message)),
        moment=escape(moment(message.timestamp)),
    )


def _parts(message: NotificationMessage) -> Iterator[str]:
    if text := shortened(clean(message.message).strip("\n"), LONGEST):
        yield TEXT.format(text=escape(text), font=CODE_FONT if _is_code(text) else "")
    if rows := [ROW.format(name=escape(fact.name), value=escape(fact.value)) for fact in facts(message)]:
        yield TABLE.format(rows="\n".join(rows))


def _is_code(text: str) -> bool:
    """Whether columns matter in it, as in a traceback."""
    return bool(re.search(r"^(?: {2,}|\t)\S", text, re.MULTILINE))
