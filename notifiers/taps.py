"""Where the libraries under Apprise report what they do for an attempt; for everybody else they work as ever.

None of the three has a hook for this, and Apprise makes its sessions, connections and sockets anew each time.
"""

import functools
import importlib
import socket
from typing import Any

from notifiers.deadline import watched
from notifiers.transcript import current

__all__ = ["tap"]


@functools.cache
def tap() -> None:
    """Put the taps in place, once."""
    _tap_sockets()
    _tap_requests()
    _tap_smtp()


def _tap_sockets() -> None:
    """A connection belongs to the deadline of the context that opens it."""
    sockets: Any = socket.socket
    connect = sockets.connect

    @functools.wraps(connect)
    def reporting(self: socket.socket, address: Any) -> None:
        watched(self)
        connect(self, address)

    sockets.connect = reporting


def _tap_requests() -> None:
    """The last answer is kept, for its words and headers; being asked to slow down ends the attempt."""
    requests: Any = importlib.import_module("requests")
    send = requests.Session.send

    @functools.wraps(send)
    def reporting(session: Any, request: Any, **kwargs: Any) -> Any:
        transcript = current()
        if transcript is None:
            return send(session, request, **kwargs)
        transcript.answer = None
        transcript.answer = send(session, request, **kwargs)
        if transcript.answer.status_code == requests.codes.too_many_requests:
            # Apprise's Discord would sleep and post again; an error ends the attempt in every service.
            raise requests.RequestException("too many requests")
        return transcript.answer

    requests.Session.send = reporting


def _tap_smtp() -> None:
    """Our own letter is sent, if there is one, and who got it is noted."""
    smtp: Any = importlib.import_module("smtplib").SMTP
    sendmail = smtp.sendmail

    @functools.wraps(sendmail)
    def reporting(self: Any, from_addr: str, to_addrs: Any, msg: Any, *args: Any, **kwargs: Any) -> Any:
        transcript = current()
        if transcript is None or transcript.letter is None:
            return sendmail(self, from_addr, to_addrs, msg, *args, **kwargs)
        recipient = to_addrs[0]
        refused = sendmail(self, from_addr, [recipient], transcript.letter(recipient), *args, **kwargs)
        transcript.delivered.append(recipient)
        return refused

    smtp.sendmail = reporting
