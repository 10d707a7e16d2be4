"""The terminal that a command writes to, if it is one."""

import os
import shutil
import sys

import click

from notifiers.text import clean

__all__ = ["fit", "one_line", "painted", "redraw", "shortened", "width"]

CUT = "…"

COLOURS = {"trading": "green", "running": "green", "error": "red", "fatal": "red", "HALTED": "red", "backoff": "yellow"}
"""Of the words that matter at a glance."""


def width() -> int | None:
    """Columns of the terminal; None where the output goes into a file or another program."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def fit(text: str) -> str:
    """Lines that are too long for the terminal, cut; unchanged where it is none."""
    columns = width()
    return text if columns is None else "\n".join(shortened(line, columns) for line in text.splitlines())


def shortened(text: str, columns: int) -> str:
    """A text of so many columns at most."""
    plain = click.unstyle(text)
    return text if len(plain) <= columns else plain[: max(0, columns - 1)] + CUT


def painted(word: str) -> str:
    """A word that matters, in its colour on a terminal that has colours, unless NO_COLOR says that none are wanted."""
    wanted = _is_screen() and not os.environ.get("NO_COLOR")
    return click.style(word, fg=COLOURS[word], bold=True) if wanted and word in COLOURS else word


def redraw(text: str) -> bool:
    """Show a text in the place of all that is on the terminal; False, and nothing is shown, where that can't be."""
    if not _is_screen():
        return False
    rows = shutil.get_terminal_size().lines
    shown = fit(text).splitlines()[: max(1, rows - 1)]
    click.echo("\x1b[H\x1b[2J" + "\n".join(shown), color=True)
    return True


def _is_screen() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def one_line(text: str) -> str:
    """A text for the cell of a table: on one line, and without what a terminal would obey."""
    return " ".join(clean(text).split())
