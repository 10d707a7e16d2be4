"""Cerberus made strict, with the rules that our options need."""

import math
from typing import Any

from cerberus import TypeDefinition, Validator
from cerberus.errors import BAD_TYPE, ErrorDefinition

from jobs.durations import parse_duration
from orchestrator.config.formats import Format

__all__ = ["BAD_FORMAT", "NOT_ABOVE", "NOT_UNIQUE", "StrictValidator"]

NOT_ABOVE = ErrorDefinition(0x201, "above")
BAD_FORMAT = ErrorDefinition(0x202, "format")
NOT_UNIQUE = ErrorDefinition(0x203, "unique")
"""Codes clear of the bits by which Cerberus tells groups (0x80), logic (0x10) and normalization (0x60)."""


ONLY_TEXT = {"type": "string"}
"""What most mappings ask of their keys."""


class StrictValidator(Validator):  # type: ignore[misc]  # cerberus has no type hints
    """A bool is no number, a number is finite; and four rules more: above, duration, format, unique.

    The docstring of each rule is what Cerberus checks the rule's own argument with.
    """

    types_mapping = {  # noqa: RUF012  -- read from the class by cerberus
        **Validator.types_mapping,
        "integer": TypeDefinition("integer", (int,), (bool,)),
        "float": TypeDefinition("float", (int, float), (bool,)),
    }

    def _validate_nullable(self, nullable: bool, field: Any, value: object) -> None:
        """{'type': 'boolean'}"""
        super()._validate_nullable(nullable, field, value)
        if value is None:
            self._drop_remaining_rules()

    def _validate_type(self, data_type: Any, field: Any, value: object) -> None:
        """{'type': ['string', 'list'], 'check_with': 'type'}"""
        if isinstance(value, float) and not math.isfinite(value):
            self._error(field, BAD_TYPE)
            self._drop_remaining_rules()
        else:
            super()._validate_type(data_type, field, value)

    def _validate_keysrules(self, rules: Any, field: Any, value: Any) -> None:
        """{'type': ['dict', 'string'], 'check_with': 'bulk_schema', 'forbidden': ['rename', 'rename_handler']}"""
        if rules == ONLY_TEXT and all(isinstance(key, str) for key in value):
            return  # Cerberus would make a document of the keys and validate that, each by itself
        super()._validate_keysrules(rules, field, value)

    def _validate_duration(self, wanted: bool, field: Any, value: Any) -> None:
        """{'type': 'boolean'}"""
        if wanted and _seconds(value) is None:
            self._error(field, BAD_TYPE)
            self._drop_remaining_rules()

    def _validate_min(self, limit: float, field: Any, value: Any) -> None:
        """{'nullable': False}"""
        super()._validate_min(limit, field, _seconds(value) if isinstance(value, str) else value)

    def _validate_above(self, limit: float, field: Any, value: Any) -> None:
        """{'type': 'number'}"""
        number = _seconds(value) if isinstance(value, str) else value
        if number is not None and not number > limit:
            self._error(field, NOT_ABOVE)

    def _validate_format(self, wanted: Format, field: Any, value: object) -> None:
        """{'nullable': False}"""
        if isinstance(value, str) and not wanted.accepts(value):
            self._error(field, BAD_FORMAT)

    def _validate_unique(self, wanted: bool, field: Any, value: list[object]) -> None:
        """{'type': 'boolean'}"""
        for index, item in enumerate(value):
            if wanted and item in value[:index]:
                self._error(field, NOT_UNIQUE, index)


def _seconds(value: str | float) -> float | None:
    try:
        return parse_duration(value)
    except ValueError:
        return None
