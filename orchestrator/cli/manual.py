"""The page about the command line, from the commands themselves.

After a change::

    python -m orchestrator.cli.manual > docs/cli.rst
"""

from collections.abc import Iterator
from textwrap import fill

import click

from orchestrator.cli import cli
from orchestrator.config.manual import MARKUP
from orchestrator.exit_codes import MEANINGS

__all__ = ["commands", "reference_page"]

PROSE = """\
Command line
============

``orchestrator [OPTIONS] COMMAND``. Every command says what it does with ``--help``. Every command that lists or shows
takes ``--json``; what is in it is on `a page of its own <json.rst>`_.

.. contents::
   :local:
   :depth: 1

Exit codes
----------

A command that fails says why in one line on stderr, or, with ``--json``, as a document on stdout.

{codes}

The guard rails are those of `risk limits <risk.rst>`_ and `security <security.rst>`_.

Before the command
------------------
"""


def reference_page() -> str:
    """All of ``docs/cli.rst``."""
    codes = "\n".join(f"- **{code.value}**: {meaning}" for code, meaning in MEANINGS.items())
    return "\n".join([PROSE.format(codes=codes), *_options(_root()), *_sections()])


def commands(context: click.Context | None = None) -> Iterator[click.Context]:
    """The context of every command that does something, in the order of the help."""
    context = context or _root()
    if not isinstance(context.command, click.Group):
        yield context
        return
    for name in context.command.list_commands(context):
        command = context.command.get_command(context, name)
        if command is not None and not command.hidden:
            yield from commands(click.Context(command, info_name=name, parent=context))


def _root() -> click.Context:
    return click.Context(cli, info_name="orchestrator", **cli.context_settings)


def _sections() -> Iterator[str]:
    """A section for each command of the first level, and in it one for each below it."""
    section = None
    for context in commands():
        if context.parent is not None and context.parent.parent is not None and context.parent is not section:
            section = context.parent
            yield _heading(section.command_path, "-")
            yield from _description(section.command)
        yield _heading(context.command_path, "-" if context.parent is not section else "~")
        yield from _body(context)


def _heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"


def _body(context: click.Context) -> Iterator[str]:
    usage = " ".join([context.command_path, *context.command.collect_usage_pieces(context)])
    yield f"::\n\n   {usage}\n"
    yield from _description(context.command)
    yield from _options(context)


def _description(command: click.Command) -> Iterator[str]:
    """The help, with its examples set apart."""
    for paragraph in (command.help or "").split("\n\n"):
        text = " ".join(paragraph.split())
        if text.startswith("Example: "):
            yield from _example(text.removeprefix("Example: "))
        elif text:
            yield f"{_escaped(text)}\n"


def _example(text: str) -> Iterator[str]:
    lines = [each.removeprefix("then: ") for each in text.split(", ")] if ", then: " in text else [text]
    yield ".. code-block:: console\n"
    yield "".join(f"   $ {line}\n" for line in lines)


def _options(context: click.Context) -> Iterator[str]:
    for param in context.command.params:
        record = param.get_help_record(context)
        if record is not None:
            yield f"``{record[0]}``\n{_escaped(record[1], '   ')}\n"


def _escaped(text: str, indent: str = "") -> str:
    escaped = MARKUP.sub(r"\\\g<0>", text)
    return fill(escaped, 120, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


if __name__ == "__main__":
    print("\n".join(line.rstrip() for line in reference_page().splitlines()))
