"""E-mail over SMTP."""

import logging
import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from notifiers.base import Attempt
from notifiers.delivery import ONE_REQUEST, Parcel, RemoteNotifier, deliver
from notifiers.message import AlertLevel, NotificationMessage
from notifiers.text import compose, headline

__all__ = ["EmailNotifier"]

logger = logging.getLogger(__name__)

SMTPS_PORT = 465
LOCAL_PART = r"[A-Za-z0-9.!#$%&*/=?^_`{|}~+-]+"
"""What Apprise reads as one; it would misread an apostrophe, and send to somebody else."""
ADDRESS = re.compile(LOCAL_PART + r"@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
NAME = re.compile(r"[^:<>'\"\r\n]*")
REFUSED = re.compile(r"\{'[^']+': (?P<code>\d{3}) (?P<reason>.*?)\}")
HEADERS = {"Auto-Submitted": "auto-generated"}
URGENT = HEADERS | {"X-Priority": "1", "Importance": "high"}


class Refusal(NamedTuple):
    """What the server said to one recipient's address."""

    recipient: str
    code: int
    reason: str

    @property
    def final(self) -> bool:
        return self.code >= 500


class EmailNotifier(RemoteNotifier):
    """Sends a mail to each recipient.

    A recipient refused for good (5xx) does not hold back the others: if they got theirs the attempt is ok and
    the refusal is logged, since to try again would only send them the same once more.

    :param smtp_port: on 465 TLS is spoken from the start; on others `use_tls` asks for STARTTLS.
    :param username: together with `password`; both None for a server that asks for neither.
    """

    def __init__(
        self,
        smtp_host: str,
        smtp_port: int,
        username: str | None,
        password: str | None,
        from_email: str,
        to_emails: Sequence[str],
        use_tls: bool = True,
        enabled: bool = True,
        min_level: AlertLevel | str = AlertLevel.INFO,
    ) -> None:
        if not smtp_host:
            raise ValueError("smtp_host is empty")
        if not isinstance(smtp_port, int) or not 0 < smtp_port < 65_536:
            raise ValueError(f"smtp_port must be in 1..65535, not {smtp_port!r}")
        if bool(username) != bool(password):
            raise ValueError("username and password go together: give both or neither")
        if isinstance(to_emails, str) or not to_emails:
            raise ValueError(f"to_emails must be a list of at least one address, not {to_emails!r}")
        self.smtp_host, self.smtp_port, self.use_tls = smtp_host, smtp_port, use_tls
        self.username, self.password = username, password
        self.from_email = _sender(from_email)
        self.to_emails = tuple(_address(each) for each in to_emails)
        super().__init__([password], enabled, min_level)

    def parcel(self, message: NotificationMessage) -> Parcel:
        return self._addressed(message, self.to_emails)

    def _addressed(self, message: NotificationMessage, recipients: Sequence[str]) -> Parcel:
        mode = "ssl" if self.smtp_port == SMTPS_PORT else "starttls" if self.use_tls else "insecure"
        service = {
            "schema": "mailto" if mode == "insecure" else "mailtos",
            "host": quote(self.smtp_host, safe=""),
            "smtp_host": self.smtp_host,
            "port": self.smtp_port,
            "secure_mode": mode,
            "user": quote(self.username or "", safe=""),
            "password": quote(self.password or "", safe=""),
            "from_addr": self.from_email,
            "targets": list(recipients),
            "headers": URGENT if message.level is AlertLevel.CRITICAL else HEADERS,
            **ONE_REQUEST,
        }
        return Parcel(service, headline(message), compose(message), message.level)

    def attempt(self, message: NotificationMessage) -> Attempt:
        """One connection for each recipient; the first trouble that is not about a recipient ends it."""
        refusals = []
        for recipient in self.to_emails:
            attempt = deliver(self._addressed(message, [recipient]), self._redact)
            if refusal := REFUSED.search(attempt.detail):
                refusals.append(Refusal(recipient, int(refusal["code"]), refusal["reason"]))
            elif not attempt.ok:
                return attempt
        return self._summed_up(refusals)

    def _summed_up(self, refusals: Sequence[Refusal]) -> Attempt:
        detail = "; ".join(f"{each.recipient}: {each.code} {each.reason}" for each in refusals)
        if len(refusals) == len(self.to_emails) or not all(each.final for each in refusals):
            return Attempt(ok=False, detail=detail)
        if refusals:
            logger.warning("%s delivered, but not to all: %s", self, detail)
        return Attempt(ok=True)


def _address(text: str) -> str:
    _, address = _parsed(text)
    if not ADDRESS.fullmatch(address):
        raise ValueError(f"not an e-mail address that can be sent to: {text!r}")
    return address


def _sender(text: str) -> str:
    name, address = _parsed(text)
    if not ADDRESS.fullmatch(address) or not NAME.fullmatch(name):
        raise ValueError(f"not a sender's address: {text!r}; use name@example.com or Name <name@example.com>")
    return f"{name} <{address}>" if name else address


def _parsed(text: str) -> tuple[str, str]:
    # Only here: it takes a third of the time of importing this package.
    from email.utils import parseaddr

    return parseaddr(str(text))
