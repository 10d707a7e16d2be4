"""How far something is that takes long, for somebody who waits for it."""

import sys
from types import TracebackType

import click

__all__ = ["Progress"]

WIPE = "\r\x1b[K"


class Progress:
    """A bar on stderr; none where nobody looks.

    :param length: of the whole.
    :param wanted: whether it takes so long that a bar is worth having.
    """

    def __init__(self, length: int, label: str, *, wanted: bool = True) -> None:
        shown = wanted and sys.stderr.isatty()
        self._bar = click.progressbar(length=length, label=label, file=sys.stderr) if shown else None

    def __enter__(self) -> "Progress":
        if self._bar is not None:
            self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.__exit__(kind, error, trace)

    def reach(self, position: int) -> None:
        """So much of the whole is done."""
        if self._bar is not None and position > self._bar.pos:
            self._bar.update(position - self._bar.pos)

    def make_room(self) -> None:
        """A line is about to be printed on the same terminal; the bar comes back with the next step."""
        if self._bar is not None:
            click.echo(WIPE, nl=False, err=True)
