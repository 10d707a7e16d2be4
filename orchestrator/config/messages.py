"""The words for each way in which a value can break the rules of its option."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import NoneType
from typing import Any, NamedTuple

from cerberus import errors as codes
from cerberus.errors import ValidationError

from jobs.builtin import TABLE
from orchestrator.config.errors import MASK, Finding, Path, meant_by, outline, shown
from orchestrator.config.formats import nearest
from orchestrator.config.model import TradingConfig, is_secret
from orchestrator.config.options import is_section, types_of
from orchestrator.config.references import displayed
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
    **dict.fromkeys(("on", "yes", "y", "1"), "true"),
    **dict.fromkeys(("off", "no", "n", "0"), "false"),
    "true": "true without quotes",
    "false": "false without quotes",
}
ENTRY = re.compile(r"(?P<key>\w+)\s*[:=].+")
"""A line that was to be an entry, without the blank behind its colon, or with an equals sign."""
DURATIONS = "write seconds, or text such as 90s, 5m or 1h30m"


class Said(NamedTuple):
    """A value as it may be told.

    :param text: what a message calls it.
    :param known: the value itself, to make a remedy of; MASK if nobody may see it.
    :param outline: the value of the finding.
    """

    text: str
    known: Any
    outline: object


def finding_for(error: ValidationError, rules: Rules, references: Mapping[Path, str]) -> Finding:
    """What one error of Cerberus says, in words.

    :param rules: of the option that it is about; for an unknown key, of the section it stands in.
    :param references: by path, the texts of values that came from references.
    """
    path, value = tuple(error.document_path), error.value
    at_key = "keysrules" in error.schema_path
    if error.code == codes.UNKNOWN_FIELD.code:
        return Finding(path, path[-1], "there is no such option", _known(str(path[-1]), rules), at_key=True)
    if error.code == NOT_UNIQUE.code:
        path, value = (*path, error.info[0]), value[error.info[0]]
    said = Said(shown(value), value, outline(value)) if at_key else _said(path, value, references.get(path), rules)
    message, remedy = WORDS[error.code](said.text, said.known, rules)
    return Finding(path, said.outline, message, remedy, at_key=at_key)


def _said(path: Path, value: object, reference: str | None, rules: Rules) -> Said:
    if reference is not None:
        text = displayed(reference, is_secret(path))
        return Said(meant_by(text), MASK, text)
    if is_secret(path) and not isinstance(value, NoneType | dict | list | tuple):
        return Said(MASK, MASK, MASK)
    if isinstance(value, str) and rules["type"] == "dict" and "schema" in rules:
        return Said("text", value, "text")  # in the place of a section it may hold any of its secrets
    return Said(shown(value), value, outline(value))


def _not_a(text: str, value: object, rules: Rules) -> tuple[str, str]:
    if isinstance(value, int | float) and "format" in rules and rules["format"].accepts(shown(value)):
        return f"{text} is not text", _quoted(value, rules)
    left_out = ", or leave it out" if value is None else ""
    return f"{text} is not {_noun(rules)}", f"{_remedy(rules, value)}{left_out}"


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


def _too_much(text: str, value: object, rules: Rules) -> tuple[str, str]:
    percent = value if rules["max"] == 1 and isinstance(value, int | float) and 1 < value <= 100 else None
    remedy = _remedy(rules, value) if percent is None else f"write {percent / 100:g} for {percent:g}%"
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
        return str(rules["format"].remedy if value is MASK else rules["format"].remedy_for(value))
    if "allowed" in rules:
        return "choose one of these"
    return REMEDIES["duration" if "duration" in rules else rules["type"]](value, rules)


def _whole_number(value: object, rules: Rules) -> str:
    meant = _meant_integer(value)
    if meant is None or not _in_span(meant, rules):
        return f"write a whole number{_span(rules)}"
    return f"write {meant} without quotes" if str(meant) == value else f"write {meant}"


def _meant_integer(value: object) -> int | None:
    """The number of what was written with an underscore, a leading zero, an exponent, or in sixteens."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    digits = value.replace("_", "") if isinstance(value, str) and value is not MASK else ""
    if re.fullmatch(r"\d{1,18}", digits, re.ASCII):
        return int(digits)
    return int(digits, 16) if re.fullmatch(r"0[xX][0-9a-fA-F]{1,15}", digits) else None


def _number(value: object, rules: Rules) -> str:
    meant = _meant_number(value)
    if meant is None or not _in_span(meant, rules):
        return f"write a number{_span(rules)}"
    return f"write {value} without quotes" if f"{meant:f}" == value else f"write {meant.normalize():f}"


def _meant_number(value: object) -> Decimal | None:
    """The number of what was written as a percentage, with an underscore, with a comma for the point, or in quotes."""
    text = value.replace("_", "") if isinstance(value, str) and value is not MASK else ""
    if re.fullmatch(r"\d+(\.\d+)?%", text, re.ASCII):
        return Decimal(text[:-1]) / 100
    if re.fullmatch(r"(0|[1-9]\d*),(\d{1,2}|\d{4,})", text, re.ASCII):  # with three digits it may mean thousands
        text = text.replace(",", ".")
    return Decimal(text) if re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", text, re.ASCII) else None


def _in_span(number: int | Decimal, rules: Rules) -> bool:
    low, high, above = rules.get("min", number), rules.get("max", number), rules.get("above")
    return low <= number <= high and (above is None or number > above)


def _truth(value: object, rules: Rules) -> str:
    return f"write {TRUTH.get(str(value).lower(), 'true or false')}"


def _quoted(value: object, rules: Rules) -> str:
    if isinstance(value, bool) or value is MASK:
        return "put it in quotes"
    return f'write it in quotes: "{value}"' if isinstance(value, int | float) else "write text, in quotes"


def _list(value: object, rules: Rules) -> str:
    if isinstance(value, Mapping):
        return "write '- ' before it, as it is one entry of a list"
    return f"write [{value}]" if isinstance(value, str) and value is not MASK else "write a list, such as [a, b]"


def _mapping(value: object, rules: Rules) -> str:
    entry = ENTRY.fullmatch(value) if isinstance(value, str) and value is not MASK else None
    if entry is not None:
        return f"write {entry['key']}: and its value in a line under it"
    without = ", without '- ' before them" if isinstance(value, list | tuple) else ""
    return f"write its keys under it, each with a value{without}"


REMEDIES: Mapping[str, Callable[[object, Rules], str]] = {
    "integer": _whole_number,
    "float": _number,
    "duration": lambda value, rules: f"{DURATIONS},{_span(rules)}",
    "boolean": _truth,
    "string": _quoted,
    "list": _list,
    "dict": _mapping,
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
    if key in TABLE:
        return "it is a job, and belongs under schedule.jobs"
    close = nearest(key, here)
    return f"did you mean {close}?" if close else f"known here are {_listed(list(here))}"


def _sections() -> Mapping[str, Mapping[str, Any]]:
    """The options of each section, and those at the top under an empty name."""
    top = types_of(TradingConfig)
    return {"": top, **{name: types_of(kind) for name, kind in top.items() if is_section(kind)}}
