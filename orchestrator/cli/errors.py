"""Errors as a user gets them: in words, and as one of the exit codes."""

import json
import logging
from typing import Any

import click
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from orchestrator.config import ConfigError, TradingConfig
from orchestrator.control import NoAnswer, RequestRefused
from orchestrator.exit_codes import ExitCode
from orchestrator.lock import StoreOwned
from orchestrator.store import StoreError
from orchestrator.store.errors import cause, is_damage, remedy

__all__ = ["Failed", "NoDaemon", "NothingHalted", "Refused", "code_of", "guard_money", "refuse_unsupported", "report"]


class Failed(click.ClickException):
    """The command could not do its work."""

    exit_code = ExitCode.FAILED


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


CODES: list[tuple[type[BaseException], ExitCode]] = [
    (ConfigError, ExitCode.CONFIG_INVALID),
    (FileNotFoundError, ExitCode.CONFIG_INVALID),
    (IsADirectoryError, ExitCode.CONFIG_INVALID),
    (StoreOwned, ExitCode.STORE_OWNED),
    (RequestRefused, ExitCode.REFUSED),
]

EXPECTED = (ConfigError, OSError, StoreOwned, StoreError, NoAnswer, SQLAlchemyError, ValueError)


def code_of(error: BaseException) -> ExitCode:
    """The exit code that names the kind of an error."""
    if isinstance(error, click.ClickException):
        return ExitCode(error.exit_code)
    return next((code for kind, code in CODES if isinstance(error, kind)), ExitCode.FAILED)


def report(error: Exception, as_json: bool) -> ExitCode:
    """Say what went wrong, and return the exit code."""
    code = code_of(error)
    if isinstance(error, click.ClickException):
        text = error.format_message()
        if "No such option" in text and "--config" in text:
            text += "; it goes before the command: orchestrator --config my.yaml start"
    else:
        text = _text(error)
    if as_json:
        click.echo(json.dumps({"error": {"code": code, "message": text, "details": _details(error)}}))
    elif text.startswith("Usage: "):  # no error but the help, for a group without a command
        click.echo(text, err=True)
    else:
        click.echo("\n".join(f"error: {line}" for line in text.splitlines()), err=True)
    return code


def _text(error: Exception) -> str:
    if isinstance(error, DatabaseError):
        return f"the store: {cause(error)}; {remedy(error)}" if is_damage(error) else f"the store: {cause(error)}"
    if isinstance(error, SQLAlchemyError):
        return f"the store: {error}"
    if isinstance(error, EXPECTED):
        return str(error)
    logging.getLogger("orchestrator").debug("unexpected", exc_info=error)
    return f"unexpected {type(error).__name__}: {error} (run it again with -v for the traceback, and report it)"


def _details(error: Exception) -> list[dict[str, Any]]:
    if not isinstance(error, ConfigError):
        return []
    return [
        {
            "file": problem.file,
            "line": problem.line,
            "column": problem.column,
            "path": problem.path,
            "message": problem.message,
            "remedy": problem.remedy,
        }
        for problem in error.problems
    ]
