"""What the rules between options say, without a word of what a reference stands for.

A rule may have its words from elsewhere (a calendar, a job, a channel), where a value is taken apart and nobody knows
any more that it came from a reference.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from orchestrator.config.errors import Finding, Path, outline, overlaps, shown
from orchestrator.config.model import TradingConfig
from orchestrator.config.options import option_at
from orchestrator.config.plain import to_dict
from orchestrator.config.references import FromReference
from orchestrator.config.resolution import from_references

__all__ = ["without_values"]

REMEDY = "write the value itself in its place to be told why"
WORD = re.compile(r"\w+")
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?")
SAME_THING = 3
"""Steps of a path that lead to one job, or to one day's hours."""


def without_values(findings: Sequence[Finding], config: TradingConfig) -> list[Finding]:
    """What the rules find wrong with a config; of what would tell a value, only whose value it is."""
    if not findings:
        return []
    carried = {path: value for path, value in from_references(to_dict(config)) if not _is_one_of_few(path)}
    return [_without(finding, _read_with(finding.path, carried)) for finding in findings]


def _is_one_of_few(path: Path) -> bool:
    """Whether an option takes only words that everybody knows."""
    option = option_at(TradingConfig, path)
    return option is not None and "allowed" in {**option.rules, **option.rules.get("schema", {})}


def _read_with(path: Path, carried: Mapping[Path, FromReference]) -> list[FromReference]:
    """The values that the rules read which look at this path; of jobs and days, only those of the same one."""
    from orchestrator.config.rules import RULES

    read = {other for rule in RULES if any(overlaps(path, each) for each in rule.reads) for other in rule.reads}
    return [
        value
        for at, value in carried.items()
        if any(overlaps(at, each) for each in read)
        and (at[:2] != path[:2] or overlaps(at[:SAME_THING], path[:SAME_THING]))
    ]


def _without(finding: Finding, near: Iterable[FromReference]) -> Finding:
    told = [value for value in near if _tells(finding, value)]
    if told:
        words = " and ".join(dict.fromkeys(map(shown, told)))
        return replace(finding, message=f"{words} does not fit here", remedy=REMEDY)
    message, remedy = finding.message, finding.remedy
    for value in near:
        message, remedy = (text.replace(repr(value), shown(value)) for text in (message, remedy))
    return replace(finding, message=message, remedy=remedy)


def _tells(finding: Finding, value: FromReference) -> bool:
    """Whether a finding's words have a piece of a value in them that its path and its own value do not tell anyway."""
    text = f"{finding.message}; {finding.remedy}"
    for spelling in (repr(value), shown(value)):
        text = text.replace(spelling, "")
    if not isinstance(value, str):
        return not {f"{value:g}".lstrip("-"), str(value).lstrip("-")}.isdisjoint(NUMBER.findall(text))
    if not (pieces := _words(value)):
        return bool(value.strip()) and value in text
    return not pieces.isdisjoint(_words(text) - _words(f"{finding.path} {outline(finding.value)}"))


def _words(text: str) -> set[str]:
    return set(WORD.findall(text.casefold()))
