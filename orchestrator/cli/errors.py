"""Errors as a user gets them, and the exit codes.

::

    0 ok   1 failed   2 usage   3 config invalid   4 no daemon
    5 store owned by another daemon   6 refused by a guard rail
"""

import json
import logging
from typing import Any

import click
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.config import ConfigError, TradingConfig
from orchestrator.control import NoAnswer
from orchestrator.lock import StoreOwned
from orchestrator.store import StoreError

__all__ = ["Failed", "NoDaemon", "Refused", "refuse_unsupported", "report"]


class Failed(click.ClickException):
    """The command could not do its work."""

    exit_code = 1


class NoDaemon(click.ClickException):
    """There is no daemon to talk to."""

    exit_code = 4

    def __init__(self, store: object) -> None:
        super().__init__(f"no daemon is running on {store}; start one with: orchestrator start")


class Refused(click.ClickException):
    """A guard rail says no."""

    exit_code = 6


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


CODES: list[tuple[type[BaseException], int]] = [
    (ConfigError, 3),
    (FileNotFoundError, 3),
    (IsADirectoryError, 3),
    (StoreOwned, 5),
]

EXPECTED = (ConfigError, OSError, StoreOwned, StoreError, NoAnswer, SQLAlchemyError, ValueError)


def report(error: Exception, as_json: bool) -> int:
    """Say what went wrong, and return the exit code."""
    if isinstance(error, click.ClickException):
        code, text = error.exit_code, error.format_message()
        if "No such option" in text and "--config" in text:
            text += "; it goes before the command: orchestrator --config my.yaml start"
    else:
        code = next((code for kind, code in CODES if isinstance(error, kind)), 1)
        text = _text(error)
    if as_json:
        click.echo(json.dumps({"error": {"code": code, "message": text, "details": _details(error)}}))
    elif text.startswith("Usage: "):  # no error but the help, for a group without a command
        click.echo(text, err=True)
    else:
        click.echo("\n".join(f"error: {line}" for line in text.splitlines()), err=True)
    return code


def _text(error: Exception) -> str:
    if isinstance(error, SQLAlchemyError):
        return f"the store: {getattr(error, 'orig', error)}"
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
