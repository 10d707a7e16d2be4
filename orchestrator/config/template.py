"""The complete YAML file of a config, each option with its doc as a comment.

``orchestrator config init`` writes it, and so does a save. The shipped files are made so, too::

    python -m orchestrator.config.template paper > config/config.paper.yaml
    python -m orchestrator.config.template live > config/config.live.yaml
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from orchestrator.config.editing.yaml_writing import entry
from orchestrator.config.model import BrokerConfig, NotificationConfig, TradingConfig, embedded_defaults
from orchestrator.config.options import is_section, option_of, readable, types_of
from orchestrator.config.plain import as_written, to_dict

__all__ = ["commented_data", "commented_yaml", "live_template", "paper_template"]

HEADER = """\
# Configuration of the trading orchestrator. Every option is here, and what is left out has its default.
# Times are exchange time. After an edit: orchestrator config validate
"""
LIVE_HEADER = """\
# Configuration of the trading orchestrator for REAL MONEY. What is left out has its default.
#
# Before the first start
#   1. see the same strategy and limits work on paper for a while: config.paper.yaml
#   2. set, in the environment of the daemon (or put ${file:/run/secrets/NAME} in their places below):
#        IBKR_ACCOUNT        the account that may be traded, as the broker shows it, such as U1234567
#        SLACK_WEBHOOK_URL   where alerts go, https://hooks.slack.com/services/...
#   3. have TWS running on port 7496; for the Gateway write port: 4001 and use_gateway: true
#   4. go through strategy: and risk:
#   5. orchestrator --config config.live.yaml config validate
#
# Then, and no other way: orchestrator --config config.live.yaml start --live
# Its state is apart from that of paper trading: see state_dir.
# Times are exchange time. After an edit: orchestrator --config config.live.yaml config validate
"""
COMMENT_COLUMN = 40
WIDEST_COMMENT_COLUMN = 60


def paper_template() -> str:
    """The file that a beginner starts from: the defaults, with the paper broker."""
    return commented_yaml(embedded_defaults())


def live_template() -> str:
    """The file for real money: the account and where alerts go are references, whose values are outside of it."""
    broker = BrokerConfig(port=7496, account_number="${IBKR_ACCOUNT}", paper_trading=False)
    said = NotificationConfig(channels=["console", "slack"], slack_webhook_url="${SLACK_WEBHOOK_URL}")
    config = TradingConfig(mode="live", broker=broker, notifications=said, state_dir=".orchestrator-live")
    return commented_data(to_dict(config), LIVE_HEADER)


def commented_yaml(config: TradingConfig) -> str:
    """The whole config as YAML, which reads back as an equal config."""
    return commented_data(as_written(config))


def commented_data(data: Mapping[str, Any], header: str = HEADER) -> str:
    """All options as YAML: as they are to be written, or as they are to be shown."""
    return header + "".join(_blocks(data))


def _blocks(data: Mapping[str, Any]) -> Iterator[str]:
    """The sections, and what stands at the top between them, with an empty line before each."""
    after_section = True
    types = types_of(TradingConfig)
    for each in fields(TradingConfig):
        doc, inner = option_of(each).doc, types[each.name]
        if is_section(inner):
            lines = [f"{each.name}:  # {doc}", *_options(each.name, inner, data[each.name])]
        else:
            lines = [*_option(each.name, data[each.name], doc, "")]
        yield ("\n" if after_section or is_section(inner) else "") + "\n".join(lines) + "\n"
        after_section = is_section(inner)


def _options(section: str, kind: type, data: Mapping[str, Any]) -> Iterator[str]:
    for each in fields(kind):
        option, value = option_of(each), data[each.name]
        yield from _option(each.name, readable(option, value), option.doc, "  ")
        if not value:
            yield from (f"  #   {line}" for line in option.example.splitlines())


def _option(name: str, value: Any, doc: str, indent: str) -> Iterator[str]:
    first, *rest = entry(name, value, indent)
    column = COMMENT_COLUMN if len(first) < COMMENT_COLUMN - 1 else WIDEST_COMMENT_COLUMN
    yield f"{first:<{column - 2}}  # {doc}"
    yield from rest


TEMPLATES: Mapping[str, Callable[[], str]] = {"paper": paper_template, "live": live_template}


if __name__ == "__main__":
    print(TEMPLATES[sys.argv[1]](), end="")
