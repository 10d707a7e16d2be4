"""Whether the strategy takes what ``strategy.params`` holds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from orchestrator.config.errors import Finding, Path, overlaps, shown
from orchestrator.config.formats import nearest
from orchestrator.config.model import TradingConfig
from orchestrator.config.references import FromReference
from orchestrator.config.signatures import Signature, signature_of

__all__ = ["BUILT_IN", "wrong_params"]

PARAMS: Path = ("strategy", "params")
READ: tuple[Path, ...] = (PARAMS, ("strategy", "name"), ("engine", "target"))

BUILT_IN: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "equal_weight": {},
    "buy_and_hold": {},
    "momentum": {"lookback_days": {"type": "float", "above": 0, "max": 36_500}},
}
"""By strategy: the rules of each parameter. All of them have defaults."""


def wrong_params(config: TradingConfig, base_dir: FilePath, broken: Sequence[Path] = ()) -> list[Finding]:
    """What the strategy does not take, or lacks. Nothing is said of a class whose text does not tell what it takes.

    What a foreign engine makes of the params is its own business.

    :param broken: paths of options that are wrong by themselves, and have their defaults here.
    """
    if config.engine.target != "builtin" or any(overlaps(path, other) for path in READ for other in broken):
        return []
    name, params = config.strategy.name, config.strategy.params
    module, colon, cls = name.partition(":")
    if not colon:
        rules = BUILT_IN[name]
        return [*_unknown(config, Signature(tuple(rules))), *(_unfit(params, rules) if params else ())]
    takes = signature_of(module, cls, base_dir)
    return [] if takes is None else [*_unknown(config, takes), *_lacking(config, takes)]


def _unknown(config: TradingConfig, takes: Signature) -> Iterator[Finding]:
    for key in config.strategy.params:
        if key not in takes.names:
            message = f"{_subject(config)} takes no {shown(key)}"
            yield Finding((*PARAMS, key), key, message, _meant(key, takes.names), at_key=True)


def _lacking(config: TradingConfig, takes: Signature) -> Iterator[Finding]:
    for name in takes.required:
        if name not in config.strategy.params:
            message = f"{_subject(config)} needs {name}, which has no default"
            yield Finding(PARAMS, "a mapping", message, f"write {name} under strategy.params", at_key=True)


def _subject(config: TradingConfig) -> str:
    name = config.strategy.name
    return f"the strategy named by {shown(name)}" if isinstance(name, FromReference) else f"strategy {name}"


def _meant(key: str, known: Sequence[str]) -> str:
    close = nearest(key, known)
    if close:
        return f"did you mean {close}?"
    return f"it takes {', '.join(known)}" if known else "it takes none; leave it out"


def _unfit(params: Mapping[str, Any], rules: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """The values that break a rule, in the words for any other option."""
    from cerberus.schema import UnvalidatedSchema

    from orchestrator.config.messages import finding_for
    from orchestrator.config.validator import StrictValidator

    references: dict[Path, str] = {
        (key,): value.reference for key, value in params.items() if isinstance(value, FromReference)
    }
    validator = StrictValidator(UnvalidatedSchema(rules), allow_unknown=True)
    validator.validate(params, normalize=False)
    for error in validator._errors:
        found = finding_for(error, rules[error.document_path[0]], references)
        yield replace(found, path=(*PARAMS, *found.path))
