"""What a command refuses or fails at, each with its exit code."""

from collections.abc import Iterable

import click

from orchestrator.cli.meant import did_you_mean
from orchestrator.config import TradingConfig
from orchestrator.exit_codes import ExitCode

__all__ = ["Failed", "NoDaemon", "NothingHalted", "Refused", "Unknown", "guard_money", "refuse_unsupported"]


class Failed(click.ClickException):
    """The command could not do its work."""

    exit_code = ExitCode.FAILED


class Unknown(Failed):
    """A word names nothing that there is.

    :param text: says so.
    """

    def __init__(self, text: str, word: str, known: Iterable[str]) -> None:
        words = sorted(known)
        super().__init__(f"{text}; {did_you_mean(word, words) or 'these are: ' + ', '.join(words)}")


class NoDaemon(click.ClickException):
    """There is no daemon to talk to."""

    exit_code = ExitCode.NO_DAEMON

    def __init__(self, store: object) -> None:
        super().__init__(f"no daemon is running on {store}; start one with: orchestrator start")


class NothingHalted(click.ClickException):
    """There is no daemon to halt, and nothing in which the next one would find the halt for sure."""

    exit_code = ExitCode.NO_DAEMON

    def __init__(self, store: object, config: object) -> None:
        super().__init__(
            f"NOTHING IS HALTED: no daemon has ever run on {store}, which is the store by {config}; "
            "name the config of the one that is meant: orchestrator --config PATH halt ..."
        )


class Refused(click.ClickException):
    """A guard rail says no."""

    exit_code = ExitCode.REFUSED


def guard_money(config: TradingConfig, live: bool, command: str) -> None:
    """Real money needs two signs: ``mode: live`` in the config, and ``--live`` with the command."""
    if config.mode == "live" and not live:
        raise Refused(f"mode is live: real money; if you mean it, write: orchestrator {command} --live")
    if live and config.mode != "live":
        raise Refused("--live goes with mode: live, and the config says mode: paper")


def refuse_unsupported(config: TradingConfig, *, rehearsal: bool = False) -> None:
    """Start nothing that could not be carried out here.

    :param rehearsal: nothing real is connected to, so no library for it is needed.
    """
    from orchestrator.engine.support import check_supported, missing_library

    if config.engine.target != "builtin":
        return
    reason = check_supported(config) or (None if rehearsal else missing_library(config))
    if reason is not None:
        raise Refused(reason)
