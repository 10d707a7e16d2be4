"""How a command ended, in the one number that its caller gets."""

from enum import IntEnum

__all__ = ["FINAL", "MEANINGS", "ExitCode"]


class ExitCode(IntEnum):
    """The exit codes of every command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CONFIG_INVALID = 3
    NO_DAEMON = 4
    STORE_OWNED = 5
    REFUSED = 6
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "ok",
    ExitCode.FAILED: "failed",
    ExitCode.USAGE: "usage: no such command, option or value",
    ExitCode.CONFIG_INVALID: "the config is wrong, or is not there",
    ExitCode.NO_DAEMON: "no daemon is running",
    ExitCode.STORE_OWNED: "another daemon owns the store",
    ExitCode.REFUSED: "refused by a guard rail",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C",
}

FINAL = (ExitCode.OK, ExitCode.USAGE, ExitCode.CONFIG_INVALID, ExitCode.STORE_OWNED, ExitCode.REFUSED)
"""Codes of ``orchestrator start`` after which a service manager must not start it again: it was stopped as asked, or
only a human can mend what is wrong. After any other, and after a signal, it is to be started again."""
