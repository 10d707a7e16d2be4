"""The page about the config, with a table of every option, from the options themselves.

After a change::

    python -m orchestrator.config.manual > docs/config.rst
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from types import NoneType
from typing import Any, get_args, get_origin

from orchestrator.config.editing.yaml_writing import flow
from orchestrator.config.errors import Path, dotted
from orchestrator.config.model import NotificationConfig, RouteConfig, TradingConfig
from orchestrator.config.options import Apply, is_section, option_of, readable, types_of

__all__ = ["reference_page"]

PROSE = """\
Configuration
=============

One file says what is traded, by which limits, when, and who is told. ``orchestrator config init`` writes a complete
one with a comment on every option; what is left out has its default. ``orchestrator config validate`` says everything
that is wrong with it at once: file, line, column, option, value, and what would be right.

.. contents::
   :local:

The file
--------

It is YAML (``.yaml``, ``.yml``), TOML (``.toml``) or JSON (``.json``), by its suffix. It is the first of: what
``orchestrator --config PATH`` names, ``$ORCHESTRATOR_CONFIG``, ``./config.paper.yaml``,
``./config/config.paper.yaml``; without any the defaults are used, with the paper broker.

YAML is read strictly, so that a value is what it looks like: ``9:30``, ``on``, ``no``, ``010`` and ``2026-07-02`` are
text (only ``true`` and ``false`` are true and false, ``null``, ``~`` and nothing are null), a key may stand once, and
aliases, tags and merge keys are refused. In TOML, which has no null, an option is null if it is left out.

An editor completes and checks it by the JSON Schema that ``orchestrator config schema`` prints. With YAML's language
server this line at the top of the file is enough::

   # yaml-language-server: $schema=config.schema.json

Paths are relative to the folder of the file; ``~`` is the home of whoever runs the daemon. Modules of yours
(``strategy.name``, ``engine.target``, ``run:`` of a job) are looked for there, too.

A length of time is a number of seconds, or text such as ``90s``, ``5m``, ``1h30m`` or ``2d``. A time of the day is
``HH:MM``, exchange time.

Secrets
-------

Any value may be, or hold, a reference, so that a secret need not stand in the file:

``${NAME}``
   an environment variable of the daemon, which must be set and not empty.

``${NAME:-default}``
   the same, or what stands behind ``:-`` where it is not.

``${file:/run/secrets/slack}``
   what a file says, without the line's end; a relative path starts in the folder of the config. The file is looked at
   whenever the config is, and what is new in it is taken up like an edit.

``$${``
   the text ``${`` itself.

In the ``command`` of a job references are resolved when the job runs; its other keys take no file.

A config that is saved has its references as they were written, and so has every version that is kept. The options
marked *secret* below are shown as ``***`` wherever a config is shown, compared or complained of. ``config validate``
warns if others than the owner can read a file with a secret in it.

When an edit takes effect
-------------------------

The daemon looks at the file every minute (the job ``config_reload``) and on SIGHUP, and takes an edit up once the file
has rested for two seconds, as an editor may write it in two steps; ``orchestrator config reload`` has it taken up at
once. An edit is taken up as a whole or not at all: if anything is wrong with it, the config that is in force stays, and
you are told once. A file that is emptied, or gone, is not taken for the defaults. Jobs that the edit does not touch
keep their next run.

``orchestrator config plan`` says beforehand what an edit would change, and when. In the tables below,

at once
   is with the reload;

engine start
   is the next start of the engine: at the next open, or with ``orchestrator engine restart``;

daemon start
   is the next start of the daemon. An edit of ``mode``, ``state_dir`` or ``store_url`` is refused as a whole while the
   daemon runs: paper does not become live under it, and no command would find it by another store.

Versions
--------

Every config that was in force is kept, with when it came, from whom and why. ``orchestrator config history`` lists
them, ``orchestrator config diff`` compares two, ``orchestrator config rollback`` puts one back into the file and has
the daemon take it up.

With ``engine.auto_rollback`` an edit after which the engine does not start within its restarts is taken back by itself:
the daemon goes on with the last config under which it did, over restarts too, and tells you. The file still holds the
edit then; it is taken up again when you change it, or at once by ``orchestrator config reload``.

Routes
------

Without ``notifications.routes`` every channel gets every alert of ``alert_levels``. A channel that a route names gets
only what one of its routes lets through; any other channel goes on getting everything. A route lets through what is of
one of its ``levels`` and of one of its ``topics``; what is not given is not asked. In its ``quiet_hours`` it holds back
what it lets through until they end, unless that is critical:

.. code-block:: yaml

   notifications:
     channels: [console, slack, phone]
     slack_webhook_url: ${SLACK_WEBHOOK}
     apprise: {phone: "ntfy://my-topic"}
     routes:
       - {levels: [critical], channels: [phone]}
       - {topics: [order, risk], quiet_hours: "22:00-07:00", channels: [slack]}

Here the console gets everything, the phone what is critical, and Slack what is about orders and risk, at seven what
came in the night.

Options
-------

Jobs have a page of their own: `jobs <jobs.rst>`_.
"""

WHEN: Mapping[Apply, str] = {"now": "at once", "engine": "engine start", "daemon": "daemon start"}
NOUNS: Mapping[Any, str] = {int: "whole number", float: "number", str: "text", bool: "true or false", Any: "any value"}
TABLE_HEAD = """\
.. list-table::
   :header-rows: 1
   :widths: 22 24 16 10 28

   * - option
     - what it may be
     - default
     - effect
     - what it says
"""
MARKUP = re.compile(r"[\\*`|]|_(?!\w)")


def reference_page() -> str:
    """All of ``docs/config.rst``."""
    return "\n".join([PROSE, *_tables()])


def _tables() -> Iterator[str]:
    """What stands at the top, the sections, and what an entry of `routes` holds."""
    yield _table("At the top", "", TradingConfig, ())
    for each in fields(TradingConfig):
        kind = types_of(TradingConfig)[each.name]
        if is_section(kind):
            yield _table(each.name, option_of(each).doc, kind, (each.name,))
        if kind is NotificationConfig:
            yield _table("An entry of notifications.routes", "", RouteConfig, ())


def _table(heading: str, about: str, kind: type, at: Path) -> str:
    """The options of a section, under a heading."""
    names = [name for name, inner in types_of(kind).items() if not is_section(inner)]
    intro = [f"{about[0].upper()}{about[1:]}.", ""] if about else []
    rows = "".join(_row(kind, name, at) for name in names)
    return "\n".join([heading, "~" * len(heading), "", *intro, TABLE_HEAD + rows])


def _row(kind: type, name: str, at: Path) -> str:
    option = option_of(next(each for each in fields(kind) if each.name == name))
    path = (*at, name)
    cells = (
        f"``{dotted(path)}``",
        _may_be(types_of(kind)[name], option.rules) + (" (*secret*)" if option.secret else ""),
        f"``{flow(readable(option, getattr(kind(), name)))}``",
        WHEN[option.apply],
        MARKUP.sub(r"\\\g<0>", option.doc),
    )
    return "   * - " + "     - ".join(f"{cell}\n" for cell in cells)


def _may_be(kind: Any, rules: Mapping[str, Any]) -> str:
    """The type of an option and its limits, in words."""
    inner = get_args(kind)
    if NoneType in inner:
        return f"{_may_be(inner[0], rules)}, or null"
    if get_origin(kind) is list:
        each = "as below" if is_section(inner[0]) else _may_be(inner[0], rules.get("schema", {}))
        return f"list, each {each}"
    if get_origin(kind) is dict:
        return (
            "mapping" if inner[1] is Any else f"mapping, each value {_may_be(inner[1], rules.get('valuesrules', {}))}"
        )
    if "allowed" in rules:
        return _either(f"``{word}``" for word in rules["allowed"])
    if "format" in rules:
        return str(rules["format"].noun)
    return ", ".join(["duration" if "duration" in rules else NOUNS[kind], *_limits(rules)])


def _limits(rules: Mapping[str, Any]) -> list[str]:
    low, high = rules.get("min"), rules.get("max")
    if low is not None and high is not None:
        return [f"{low} to {high}"]
    limits = (("above", rules.get("above")), ("at least", low), ("at most", high))
    return [f"{words} {limit}" for words, limit in limits if limit is not None]


def _either(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


if __name__ == "__main__":
    print(reference_page(), end="")
