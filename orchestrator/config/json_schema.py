"""A JSON Schema (draft 2020-12) of the config, for editors: what may be written where, and what it means.

It is derived from the options, as the check itself is, and lets through whatever that does. What one option has to do
with another, and what the text of a schedule means, it does not know: ``orchestrator config validate`` does.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from types import NoneType
from typing import Any, get_args, get_origin

from jobs.builtin import TABLE
from jobs.durations import UNITS
from jobs.spec import NAME, OPTIONS
from jobs.values import MOST_RETRIES, STATES, Misfire, Notify, Overlap
from orchestrator.config.formats import TARGET, Format
from orchestrator.config.model import TradingConfig
from orchestrator.config.options import is_section, option_of, types_of

__all__ = ["json_schema"]

Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
NOT_EMPTY: Mapping[str, Schema] = {"string": {"minLength": 1}, "array": {"minItems": 1}}
TYPES: Mapping[Any, Schema] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    Any: {},
}


def json_schema() -> Schema:
    """The schema of a whole config file, as plain data."""
    return {
        "$schema": DRAFT,
        "title": "Configuration of the trading orchestrator",
        **_section(TradingConfig, ()),
        "$defs": {**DEFINITIONS, "job": _job(own=True), "builtin_job": _builtin_job()},
    }


def _section(kind: type, path: tuple[str, ...]) -> Schema:
    return _mapping({name: _option(kind, name, (*path, name)) for name in types_of(kind)})


def _mapping(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _option(kind: type, name: str, path: tuple[str, ...]) -> Schema:
    """What is known of one option; a section or mapping that is null is as if left out."""
    option, inner = option_of(next(each for each in fields(kind) if each.name == name)), types_of(kind)[name]
    about: Schema = {"description": option.doc}
    if is_section(inner):
        return about | _nullable(_section(inner, path))
    about["default"] = getattr(kind(), name)
    return about | (SPECIAL[path] if path in SPECIAL else _value(inner, option.rules))


def _value(kind: Any, rules: Mapping[str, Any]) -> Schema:
    """What an option of this type and with these rules may be; any scalar may be a reference to one."""
    arguments = get_args(kind)
    if NoneType in arguments:
        return _nullable(_value(arguments[0], rules))
    if is_section(kind):
        return _section(kind, ())
    if get_origin(kind) is list:
        return _ruled({"type": "array", "items": _value(arguments[0], rules.get("schema", {}))}, rules)
    if get_origin(kind) is dict:
        names = {"propertyNames": _shape(rules["keysrules"]["format"])} if "keysrules" in rules else {}
        return _nullable(
            {"type": "object", "additionalProperties": _value(arguments[1], rules.get("valuesrules", {}))} | names
        )
    return _or_reference(_ruled({"$ref": "#/$defs/duration"} if "duration" in rules else TYPES[kind], rules))


def _ruled(schema: Schema, rules: Mapping[str, Any]) -> Schema:
    """A type with the rules that JSON Schema has words for."""
    ruled = dict(schema)
    for rule, argument in rules.items():
        ruled |= KEYWORDS[rule](argument)
    return ruled | NOT_EMPTY[schema["type"]] if "empty" in rules else ruled


def _shape(form: Format) -> Schema:
    """The shape of a text, and its names, which an editor can then offer."""
    if not form.regex:
        return {}
    whole = {"pattern": f"^(?:{form.regex})$"}
    return {"anyOf": [{"enum": list(form.names)}, whole]} if form.names else whole


KEYWORDS: Mapping[str, Callable[[Any], Schema]] = {
    "min": lambda limit: {"minimum": limit},
    "max": lambda limit: {"maximum": limit},
    "above": lambda limit: {"exclusiveMinimum": limit},
    "allowed": lambda words: {"enum": words},
    "unique": lambda wanted: {"uniqueItems": wanted},
    "empty": lambda _: {},
    "format": _shape,
    "duration": lambda _: {},
    "schema": lambda _: {},
}
"""By rule of an option: what it is in a schema. Each keyword asks only the kind of value that it is for."""


def _or_reference(schema: Schema) -> Schema:
    """What may also be a text such as ``${NAME}``; a text of any shape already is one."""
    return schema if schema == TYPES[str] or not schema else {"anyOf": [schema, {"$ref": "#/$defs/reference"}]}


def _nullable(schema: Schema) -> Schema:
    return {"anyOf": [*(schema["anyOf"] if schema.keys() == {"anyOf"} else [schema]), {"type": "null"}]}


# ------------------------------------------------------------------------------------------- jobs and exceptional days

DEFINITIONS: Schema = {
    "reference": {
        "description": "${NAME} of the environment, ${NAME:-default}, or ${file:/path}",
        "type": "string",
        "pattern": r"\$\{",
    },
    "duration": {
        "description": "seconds, or text such as 90s, 5m, 1h30m or 2d",
        "type": ["number", "string"],
        "pattern": r"^\s*(?=.*\d)" + r"\s*".join(rf"(?:\d+(?:\.\d+)?\s*{unit})?" for unit in UNITS) + r"\s*$",
    },
    "moment": {
        "description": 'a moment of the session, such as "open + 5m"',
        "type": "string",
        "pattern": r"^\s*(?:pre_open|open|close|post_close)\s*(?:[+-]\s*\w+\s*)?$",
    },
    "time": {"type": "string", "pattern": r"^\d?\d:\d\d$"},
}
DURATION: Schema = {"$ref": "#/$defs/duration"}
MOMENT: Schema = {"$ref": "#/$defs/moment"}
TIME: Schema = {"$ref": "#/$defs/time"}

JOB_KEYS: Mapping[str, tuple[str, Schema]] = {
    "cron": ('five crontab fields, or @daily etc., such as "0 18 * * mon-fri"', TYPES[str]),
    "interval": ("how often, such as 5m", DURATION),
    "session": ('a moment of every session, such as "close - 10m"', MOMENT),
    "every": ("with session: again and again, so often", DURATION),
    "until": ("with every: the last moment; the close if left out", MOMENT),
    "timezone": ("with cron: its wall clock; schedule.timezone if left out", TYPES[str]),
    "run": ('a Python function, "package.module:function"', {"type": "string", "pattern": f"^{TARGET}$"}),
    "command": ("a program and its arguments", {"type": "array", "items": TYPES[str], "minItems": 1}),
    "enabled": ("false switches it off", TYPES[bool]),
    "misfire": ("a fire that is more than grace late", {"enum": list(Misfire)}),
    "grace": ("how late is not late", DURATION),
    "overlap": ("a fire while the run before goes on", {"enum": list(Overlap)}),
    "timeout": ("after it the run is killed", DURATION),
    "retries": ("how often a failed run is tried again", {"type": "integer", "minimum": 0, "maximum": MOST_RETRIES}),
    "jitter": ("begin up to this much later, at random", DURATION),
    "only_when": (
        "states in which it runs; empty: any",
        {"anyOf": [{"enum": list(STATES)}, {"type": "array", "items": {"enum": list(STATES)}}]},
    ),
    "trading_days_only": ("not on days without a session", TYPES[bool]),
    "notify": ("which runs raise an alert", {"enum": list(Notify)}),
}
"""The keys of a job: what each says, and what it may be."""


def _job(own: bool) -> Schema:
    """A job of the user's, or the changes of a built-in one, which has its own schedule and work."""
    keys = {
        key: {"description": doc, **({"default": OPTIONS[key]} if key in OPTIONS else {}), **_or_reference(schema)}
        for key, (doc, schema) in JOB_KEYS.items()
        if own or key not in {"run", "command", "overlap", "timeout", "retries"}
    }
    needs = [_exactly_one("cron", "interval", "session"), _exactly_one("run", "command")]
    return {**_mapping(keys), **({"allOf": needs} if own else {})}


def _exactly_one(*keys: str) -> Schema:
    return {"oneOf": [{"required": [key]} for key in keys]}


def _builtin_job() -> Schema:
    return {"anyOf": [_job(own=False), {"enum": [False, "off"]}, {"$ref": "#/$defs/reference"}]}


SPECIAL: Mapping[tuple[str, ...], Schema] = {
    ("schedule", "jobs"): _nullable(
        {
            "type": "object",
            "propertyNames": {"pattern": f"^{NAME.pattern}$"},
            "properties": {name: {"$ref": "#/$defs/builtin_job"} for name in TABLE},
            "additionalProperties": {"$ref": "#/$defs/job"},
        }
    ),
    ("schedule", "calendar_overrides"): _nullable(
        {
            "type": "object",
            "propertyNames": {"pattern": r"^\d{4}-?[\dW]"},
            "additionalProperties": {
                "anyOf": [
                    {"enum": ["closed", "open"]},
                    _mapping({"open": TIME, "close": TIME, "reason": TYPES[str]}) | {"minProperties": 1},
                    {"$ref": "#/$defs/reference"},
                ]
            },
        }
    ),
}
"""The options whose type alone says nothing of what is in them."""
