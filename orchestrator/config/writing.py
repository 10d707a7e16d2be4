"""From a config to the text of a file."""

from collections.abc import Callable, Mapping

from orchestrator.config.documents import format_of
from orchestrator.config.model import TradingConfig
from orchestrator.config.plain import as_written, set_options

__all__ = ["to_text"]


def to_text(config: TradingConfig, suffix: str = ".yaml", name: str = "config") -> str:
    """The text of a file with this config in it: references in their places, in YAML the doc of each option beside it.

    :param suffix: ``.yaml``, ``.yml``, ``.toml`` or ``.json``.
    :param name: of the file, as errors show it.
    :raises ConfigError: for another suffix, or for what the format cannot hold.
    """
    return WRITERS[format_of(suffix, name)](config, name)


def _yaml(config: TradingConfig, name: str) -> str:
    from orchestrator.config.template import commented_yaml

    return commented_yaml(config)


def _toml(config: TradingConfig, name: str) -> str:
    from orchestrator.config import toml_text

    return toml_text.write(set_options(config), name)


def _json(config: TradingConfig, name: str) -> str:
    from orchestrator.config import json_text

    return json_text.write(as_written(config))


WRITERS: Mapping[str, Callable[[TradingConfig, str], str]] = {"yaml": _yaml, "toml": _toml, "json": _json}
