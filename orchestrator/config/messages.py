"""The words for each way in which a value can break the rules of its option."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import NoneType
from typing import Any

from cerberus import errors as codes
from cerberus.errors import ValidationError

from orchestrator.config.errors import MASK, Finding, outline, shown
from orchestrator.config.formats import nearest
from orchestrator.config.model import TradingConfig, is_secret
from orchestrator.config.options import is_section, types_of
from orchestrator.config.validator import BAD_FORMAT, NOT_ABOVE, NOT_UNIQUE

__all__ = ["finding_for"]

Rules = Mapping[str, Any]

Words = Callable[[str, Any, Rules], tuple[str, str]]
"""Of a shown value, the value and the rules of its option: what is wrong, and what would be right."""

NOUNS = {
    "integer": "an integer",
    "float": "a number",
    "boolean": "true or false",
    "string": "text",
    "list": "a list",
    "dict": "a mapping",
}
TRUTH = {
    **dict.fromkeys(("on", "yes", "y", "true", "1"), "true"),
    **dict.fromkeys(("off", "no", "n", "false", "0"), "false"),
}
DURATIONS = "write seconds, or text such as 90s, 5m or 1h30m"


def finding_for(error: ValidationError, rules: Rules) -> Finding:
    """What one error of Cerberus says, in words.

    :param rules: of the option that it is about; for an unknown key, of the section it stands in.
    """
    path, value = tuple(error.document_path), error.value
    at_key = "keysrules" in error.schema_path
    if error.code == codes.UNKNOWN_FIELD.code:
        return Finding(path, path[-1], "there is no such option", _known(str(path[-1]), rules), at_key=True)
    if error.code == NOT_UNIQUE.code:
        path, value = (*path, error.info[0]), value[error.info[0]]
    if is_secret(path) and not at_key and not isinstance(value, NoneType | dict | list | tuple):
        value = MASK
    text = MASK if value is MASK else shown(value)
    message, remedy = WORDS[error.code](text, value, rules)
    return Finding(path, outline(value), message, remedy, at_key=at_key)


def _not_a(text: str, value: object, rules: Rules) -> tuple[str, str]:
    if isinstance(value, int | float) and "format" in rules and rules["format"].accepts(shown(value)):
        return f"{text} is not text", _quoted(value, rules)
    return f"{text} is not {_noun(rules)}", _remedy(rules, value)


def _not_allowed(text: str, value: object, rules: Rules) -> tuple[str, str]:
    close = nearest(value, rules["allowed"]) if isinstance(value, str) else None
    return (
        f"{text} is not one of {_listed(rules['allowed'])}",
        f"write {close}" if close else "choose one of these",
    )


def _empty(text: str, value: object, rules: Rules) -> tuple[str, str]:
    if rules["type"] == "list":
        return "the list is empty", "write at least one entry"
    return f"{text} is empty", "write some text"


def _too_much(text: str, value: float, rules: Rules) -> tuple[str, str]:
    percent = rules["max"] == 1 and 1 < value <= 100
    remedy = f"write {value / 100:g} for {value:g}%" if percent else _remedy(rules, value)
    return f"{text} is more than {rules['max']}", remedy


def _beyond(rule: str, words: str) -> Words:
    """What to say of a number beyond the limit that a rule sets."""
    return lambda text, value, rules: (f"{text} is {words} {rules[rule]}", _remedy(rules, value))


WORDS: Mapping[int, Words] = {
    codes.BAD_TYPE.code: _not_a,
    codes.NOT_NULLABLE.code: _not_a,
    BAD_FORMAT.code: _not_a,
    codes.UNALLOWED_VALUE.code: _not_allowed,
    codes.EMPTY_NOT_ALLOWED.code: _empty,
    codes.MIN_VALUE.code: _beyond("min", "less than"),
    codes.MAX_VALUE.code: _too_much,
    NOT_ABOVE.code: _beyond("above", "not above"),
    NOT_UNIQUE.code: lambda text, value, rules: (f"{text} stands in the list twice", "name it once"),
}
"""By the error's code: what is wrong, and what would be right."""


def _noun(rules: Rules) -> str:
    if "format" in rules:
        return str(rules["format"].noun)
    if "allowed" in rules:
        return f"one of {_listed(rules['allowed'])}"
    return "a duration" if "duration" in rules else NOUNS[rules["type"]]


def _remedy(rules: Rules, value: object) -> str:
    if "format" in rules:
        return str(rules["format"].remedy_for(value))
    if "allowed" in rules:
        return "choose one of these"
    return REMEDIES["duration" if "duration" in rules else rules["type"]](value, rules)


def _whole_number(value: object, rules: Rules) -> str:
    digits = value.replace("_", "") if isinstance(value, str) else ""
    if re.fullmatch(r"[1-9]\d{0,17}", digits):
        return f"write {digits}" if digits != value else f"write {digits} without quotes"
    return f"write a whole number{_span(rules)}"


def _number(value: object, rules: Rules) -> str:
    if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?%", value):
        return f"write {(Decimal(value[:-1]) / 100).normalize():f}"
    if isinstance(value, str) and re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", value):
        return f"write {value} without quotes"
    return f"write a number{_span(rules)}"


def _truth(value: object, rules: Rules) -> str:
    return f"write {TRUTH.get(str(value).lower(), 'true or false')}"


def _quoted(value: object, rules: Rules) -> str:
    if isinstance(value, bool) or value is MASK:
        return "put it in quotes"
    return f'write it in quotes: "{value}"' if isinstance(value, int | float) else "write text, in quotes"


def _list(value: object, rules: Rules) -> str:
    return f"write [{value}]" if isinstance(value, str) and value is not MASK else "write a list, such as [a, b]"


REMEDIES: Mapping[str, Callable[[object, Rules], str]] = {
    "integer": _whole_number,
    "float": _number,
    "duration": lambda value, rules: f"{DURATIONS},{_span(rules)}",
    "boolean": _truth,
    "string": _quoted,
    "list": _list,
    "dict": lambda value, rules: "write its keys under it, each with a value",
}


def _span(rules: Rules) -> str:
    """The range that the rules allow, to be put after "a number"."""
    low, high = rules.get("min"), rules.get("max")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    parts = [f" above {rules['above']}"] if "above" in rules else []
    parts += [f" of at least {low}"] if low is not None else []
    parts += [f" and at most {high}" if parts else f" of at most {high}"] if high is not None else []
    return "".join(parts)


def _listed(words: list[str]) -> str:
    return ", ".join(words)


def _known(key: str, rules: Rules) -> str:
    here = rules["schema"]
    owner = next((section for section, keys in _sections().items() if key in keys), None)
    if owner is not None:
        return f"it belongs under {owner}" if owner else "it belongs at the top"
    close = nearest(key, here)
    return f"did you mean {close}?" if close else f"known here are {_listed(list(here))}"


def _sections() -> Mapping[str, Mapping[str, Any]]:
    """The options of each section, and those at the top under an empty name."""
    top = types_of(TradingConfig)
    return {"": top, **{name: types_of(kind) for name, kind in top.items() if is_section(kind)}}
