"""What systemd is told of a service of ``Type=notify``: that it is up, how it is, and that its loop still turns.

The protocol is a datagram of ``KEY=value`` lines to the socket that ``NOTIFY_SOCKET`` names (sd_notify(3)).
"""

import logging
import os
import socket
from collections.abc import Mapping
from datetime import datetime, timedelta

__all__ = ["ServiceManager"]

logger = logging.getLogger("orchestrator")


class ServiceManager:
    """systemd, if it has started this process; otherwise nobody, and every word to it is lost.

    :param environ: where ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID`` are looked for.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._said, self._stopping = "", False
        self._watch_every = _interval(environ) if self._address else None

    def ready(self) -> None:
        """The daemon is up."""
        self._tell("READY=1")

    def stopping(self) -> None:
        """The daemon comes to an orderly end; said once."""
        if not self._stopping:
            self._stopping = True
            self._tell("STOPPING=1")

    def alive(self, status: str) -> None:
        """The loop has turned; `status` is one line for ``systemctl status``."""
        words = [] if status == self._said else [f"STATUS={status}"]
        words += ["WATCHDOG=1"] if self._watch_every is not None else []
        self._said = status
        self._tell(*words)

    def before(self, until: datetime, now: datetime) -> datetime:
        """When the loop must turn again: at `until`, or before if the next sign of life is due."""
        return until if self._watch_every is None else min(until, now + self._watch_every)

    def _tell(self, *words: str) -> None:
        if not self._address or not words:
            return
        name = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as messenger:
                messenger.setblocking(False)
                messenger.sendto("\n".join(words).encode(), name)
        except OSError as error:  # it misses a word; a watchdog that misses too many starts the daemon anew
            logger.warning("systemd can't be told %s: %s", words[0], error)


def _interval(environ: Mapping[str, str]) -> timedelta | None:
    """Half of the time in which systemd wants a sign of life; None if it wants none of this process."""
    wanted, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not wanted.isdigit() or int(wanted) == 0 or pid not in ("", str(os.getpid())):
        return None
    return timedelta(microseconds=int(wanted) / 2)
