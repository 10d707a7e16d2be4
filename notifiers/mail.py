"""E-mail over SMTP."""

import logging
import re
from collections.abc import Sequence

from notifiers.base import Attempt
from notifiers.delivery import ONE_REQUEST, Parcel, RemoteNotifier, quoted
from notifiers.message import AlertLevel, NotificationMessage
from notifiers.plain import compose, headline

__all__ = ["EmailNotifier"]

logger = logging.getLogger(__name__)

SMTPS_PORT = 465
ATOM = r"[A-Za-z0-9!#$%&*/=?^_`{|}~-]+"
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?"
ADDRESS = re.compile(
    rf"{ATOM}(?:\.{ATOM})*(?:\+{ATOM}(?:\.{ATOM})*)?"
    rf"@(?:(?:{LABEL}\.)+[A-Za-z0-9][A-Za-z0-9_-]*[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9_-]{{4,}}[A-Za-z0-9])"
)
"""What Apprise reads as an address: all others it would drop, or misread and send to somebody else."""
NAME = re.compile(r"[^:<>'\"\r\n]*")


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
        if not (f"{username or ''}{password or ''}").isascii():
            raise ValueError("username and password must be ASCII: Python's SMTP client can't send others")
        self.smtp_host, self.smtp_port, self.use_tls = smtp_host, smtp_port, use_tls
        self.username, self.password = username, password
        self.from_email, self._sender = from_email, _sender(from_email)
        self.to_emails = tuple(_address(each) for each in to_emails)
        super().__init__([password, f"\0{username}\0{password}" if password else None], enabled, min_level)

    def parcel(self, message: NotificationMessage) -> Parcel:
        from notifiers.letter import Letter  # with all of `email`, for those who write mails

        mode = "ssl" if self.smtp_port == SMTPS_PORT else "starttls" if self.use_tls else "insecure"
        service = {
            "schema": "mailto" if mode == "insecure" else "mailtos",
            "host": quoted(self.smtp_host),
            "smtp_host": self.smtp_host,
            "port": self.smtp_port,
            "secure_mode": mode,
            "user": quoted(self.username),
            "password": quoted(self.password),
            "from_addr": self._sender[1],
            "targets": list(self.to_emails),
            **ONE_REQUEST,
        }
        letter = Letter(message, *self._sender)
        return Parcel(service, headline(message), compose(message), message.level, letter=letter)

    def attempt(self, message: NotificationMessage) -> Attempt:
        """One connection, and a mail to each recipient."""
        attempt = super().attempt(message)
        if attempt.ok and attempt.detail:
            logger.warning("%s delivered, but not to all: %s", self, attempt.detail)
        return Attempt(ok=True) if attempt.ok else attempt


def _address(text: str) -> str:
    _, address = _parsed(text)
    if not ADDRESS.fullmatch(address):
        raise ValueError(f"not an e-mail address that can be sent to: {text!r}")
    return address


def _sender(text: str) -> tuple[str, str]:
    """Name and address."""
    name, address = _parsed(text)
    if not ADDRESS.fullmatch(address) or not NAME.fullmatch(name):
        raise ValueError(f"not a sender's address: {text!r}; use name@example.com or Name <name@example.com>")
    return name, address


def _parsed(text: str) -> tuple[str, str]:
    from email.utils import parseaddr

    return parseaddr(str(text))
