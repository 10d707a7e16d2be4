"""The Cerberus schema, derived from the dataclasses, and what it finds wrong with plain data."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from functools import cache
from types import MappingProxyType, NoneType
from typing import Any, get_args, get_origin

from cerberus.errors import UNKNOWN_FIELD, ValidationError
from cerberus.schema import UnvalidatedSchema

from orchestrator.config.documents import DEEPEST
from orchestrator.config.errors import Finding, Path, outline, overlaps, shown
from orchestrator.config.messages import finding_for
from orchestrator.config.model import TradingConfig
from orchestrator.config.options import is_section, option_of, types_of
from orchestrator.config.validator import NOT_UNIQUE, StrictValidator

__all__ = ["findings", "schema_of"]

Rules = dict[str, Any]

TYPES = {int: "integer", float: "float", str: "string", bool: "boolean"}
CONTAINED = ("schema", "keysrules", "valuesrules")
"""The rules that hold the rules of what is inside."""
LONGEST_KEY = 100
"""YAML finds no colon further away than 1024 characters, and one that is escaped takes ten."""


@cache
def schema_of(kind: type) -> Rules:
    """The Cerberus schema of a config or section. A section or mapping that is null is as if left out."""
    return {each.name: _with_own(_derived(types_of(kind)[each.name]), option_of(each).rules) for each in fields(kind)}


def findings(data: Mapping[str, Any], references: Mapping[Path, str] = MappingProxyType({})) -> list[Finding]:
    """Everything that is wrong with the plain data of a config, one finding for each place.

    :param references: by path, the texts of values that came from references.
    """
    # Checking the schema itself would cost every command more than checking the config; a test does it.
    validator = StrictValidator(UnvalidatedSchema(schema_of(TradingConfig)))
    validator.validate(data, normalize=False)
    errors = sorted(_single(validator._errors), key=lambda error: bool(error.code == NOT_UNIQUE.code))
    found: dict[Path, Finding] = {}
    for finding in (finding_for(error, _rules_of(error), references) for error in errors):
        found.setdefault(finding.path, finding)
    rest = [each for each in _unstorable(data, ()) if not any(overlaps(each.path, path) for path in found)]
    return [*found.values(), *rest]


def _derived(kind: Any) -> Rules:
    """The rules that follow from a type."""
    if is_section(kind):
        return {"type": "dict", "schema": schema_of(kind), "nullable": True}
    inner = get_args(kind)
    if NoneType in inner:
        return {**_derived(inner[0]), "nullable": True}
    if get_origin(kind) is list:
        return {"type": "list", "schema": {**_derived(inner[0]), "nullable": False}}
    if get_origin(kind) is dict:
        values = {} if inner[1] is Any else {"valuesrules": _derived(inner[1])}
        return {"type": "dict", "keysrules": {"type": "string"}, **values, "nullable": True}
    return {"type": TYPES[kind]}


def _with_own(derived: Rules, own: Mapping[str, Any]) -> Rules:
    """The rules of a type with those of the option added; a length of time may also be text."""
    merged = {key: {**derived.get(key, {}), **rule} if key in CONTAINED else rule for key, rule in own.items()}
    kind = {"type": ["float", "string"]} if "duration" in own else {}
    return {**derived, **kind, **merged}


def _single(errors: Iterable[ValidationError]) -> Iterator[ValidationError]:
    """The errors with the groups opened."""
    for error in errors:
        if error.is_group_error:
            yield from _single(error.child_errors)
        else:
            yield error


def _rules_of(error: ValidationError) -> Rules:
    """The rules of the option that an error is about; of the section, for a key that the section has not."""
    path = error.document_path[:-1] if error.code == UNKNOWN_FIELD.code else error.document_path
    rules: Rules = {"type": "dict", "schema": schema_of(TradingConfig)}
    for step in path:
        if rules["type"] == "list":
            rules = rules["schema"]
        elif "schema" in rules:
            rules = rules["schema"][step]
        else:
            rules = rules["keysrules" if "keysrules" in error.schema_path else "valuesrules"]
    return rules


def _unstorable(value: object, path: Path) -> Iterator[Finding]:
    """What cannot be written to a file and read again, at any depth; most of it comes only from Python."""
    if len(path) > DEEPEST:
        yield Finding(path, outline(value), f"nested more than {DEEPEST} deep", "flatten it")
    elif isinstance(value, dict):
        for key, inner in value.items():
            here = (*path, str(key)[:LONGEST_KEY])
            if not isinstance(key, str) or len(key) > LONGEST_KEY:
                message = f"the key {shown(key)} is not text of at most {LONGEST_KEY} characters"
                yield Finding(here, key, message, "shorten it, or put it in quotes", at_key=True)
            yield from _unstorable(inner, here)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _unstorable(inner, (*path, index))
    elif (why := _why_unstorable(value)) is not None:
        yield Finding(path, None, *why)


def _why_unstorable(value: object) -> tuple[str, str] | None:
    if isinstance(value, str) and not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        return "the text holds half a character", "write the character itself"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{shown(value)} is not a finite number", "write digits"
    if value is None or isinstance(value, str | int | float):
        return None
    return f"a {type(value).__name__} cannot be kept in a file", "use text, numbers, lists and mappings"
