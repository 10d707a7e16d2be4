"""What was probably meant by a word that is mistyped: a command, an option, a choice, a name."""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

import click

from orchestrator.config.formats import nearest

__all__ = ["did_you_mean", "usage_text"]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The question, if one of the known words was probably meant; or else nothing."""
    close = nearest(word, known)
    return f"did you mean {close}?" if close else ""


class Slip(NamedTuple):
    """A kind of mistake on the command line.

    :param pattern: of click's message, with the word in it.
    :param known: the words of which one was meant.
    """

    pattern: re.Pattern[str]
    known: Callable[[click.UsageError], Iterable[str]]


def usage_text(error: click.UsageError) -> str:
    """What is wrong with a command line, and what was probably meant."""
    text = error.format_message() if isinstance(error, click.BadParameter) else error.message
    for slip in SLIPS:
        if (found := slip.pattern.match(error.message)) is not None:
            hint = _goes_before(error, found[1]) or did_you_mean(found[1], slip.known(error))
            return f"{text.rstrip('.')}; {hint}" if hint else text
    return error.format_message()


def _goes_before(error: click.UsageError, word: str) -> str:
    """Where an option belongs that is one of the whole program's."""
    root = None if error.ctx is None else error.ctx.find_root()
    if root is None or root is error.ctx or word not in _options_of(root):
        return ""
    return f"it goes before the command: orchestrator {EXAMPLES.get(word, word)} start"


EXAMPLES = {"--config": "--config my.yaml"}


def _options_of(context: click.Context) -> list[str]:
    return [word for option in context.command.get_params(context) for word in (*option.opts, *option.secondary_opts)]


def _options(error: click.UsageError) -> list[str]:
    return [] if error.ctx is None else [word for word in _options_of(error.ctx) if word.startswith("--")]


def _commands(error: click.UsageError) -> list[str]:
    group = None if error.ctx is None else error.ctx.command
    return group.list_commands(error.ctx) if isinstance(group, click.Group) and error.ctx is not None else []


def _choices(error: click.UsageError) -> list[str]:
    kind = error.param.type if isinstance(error, click.BadParameter) and error.param is not None else None
    return list(map(str, kind.choices)) if isinstance(kind, click.Choice) else []


# click writes a word as repr does: in double quotation marks if there is an apostrophe in it.
SLIPS = (
    Slip(re.compile("No such command ['\"](.+)['\"]"), _commands),
    Slip(re.compile("No such option:? ['\"]?(-[^'\" ]+)['\"]?"), _options),
    Slip(re.compile("['\"](.+?)['\"] is not one of "), _choices),
)
