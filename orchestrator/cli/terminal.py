"""The terminal that a command writes to, if it is one."""

import shutil
import sys

from notifiers.text import clean

__all__ = ["fit", "one_line"]

CUT = "…"


def fit(text: str) -> str:
    """Lines that are too long for the terminal, cut; unchanged where they go into a file or another program."""
    if not sys.stdout.isatty():
        return text
    width = shutil.get_terminal_size().columns
    return "\n".join(line if len(line) <= width else line[: width - 1] + CUT for line in text.splitlines())


def one_line(text: str) -> str:
    """A text for the cell of a table: on one line, and without what a terminal would obey."""
    return " ".join(clean(text).split())
