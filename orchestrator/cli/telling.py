"""Errors as a user gets them: in words, and as one of the exit codes."""

import json
import logging
import sqlite3
from typing import Any

import click
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from orchestrator.cli.meant import usage_text
from orchestrator.config import ConfigError
from orchestrator.control import NoAnswer, RequestRefused
from orchestrator.exit_codes import ExitCode
from orchestrator.lock import StoreOwned
from orchestrator.store import StoreError
from orchestrator.store.errors import cause, is_damage, remedy

__all__ = ["code_of", "report"]

CODES: list[tuple[type[BaseException], ExitCode]] = [
    (ConfigError, ExitCode.CONFIG_INVALID),
    (FileNotFoundError, ExitCode.CONFIG_INVALID),
    (IsADirectoryError, ExitCode.CONFIG_INVALID),
    (StoreOwned, ExitCode.STORE_OWNED),
    (RequestRefused, ExitCode.REFUSED),
]

EXPECTED = (ConfigError, OSError, StoreOwned, StoreError, NoAnswer, ValueError)


def code_of(error: BaseException) -> ExitCode:
    """The exit code that names the kind of an error."""
    if isinstance(error, click.ClickException):
        return ExitCode(error.exit_code)
    return next((code for kind, code in CODES if isinstance(error, kind)), ExitCode.FAILED)


def report(error: Exception, as_json: bool) -> ExitCode:
    """Say what went wrong, and return the exit code."""
    code = code_of(error)
    text = _text(error)
    if as_json:
        click.echo(json.dumps({"error": {"code": code, "message": text, "details": _details(error)}}))
    elif text.startswith("Usage: "):  # no error but the help, for a group without a command
        click.echo(text, err=True)
    else:
        click.echo("\n".join(f"error: {line}" for line in text.splitlines()), err=True)
    return code


def _text(error: Exception) -> str:
    if isinstance(error, click.UsageError):
        return usage_text(error)
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, DatabaseError | sqlite3.Error):
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
