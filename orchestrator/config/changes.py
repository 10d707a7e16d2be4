"""How two configs differ, and when each difference takes effect."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.config import ConfigError, Problem, TradingConfig, masked, to_dict
from orchestrator.config.options import option_at
from orchestrator.config.risks import risk_of

__all__ = ["EFFECTS", "Change", "changes", "in_file", "keep_until_restart", "refuse_while_running"]

UNSHOWN = ("schedule.jobs.", "strategy.params.")
EFFECTS = {
    "now": "now",
    "engine": "at the next start of the engine",
    "daemon": "after a restart of the daemon",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One key that differs; secrets are masked.

    :param effect: now, engine or daemon.
    :param risk: what is risky about it; empty if nothing is.
    """

    key: str
    old: Any
    new: Any
    effect: str
    risk: str = ""

    @property
    def concerns_engine(self) -> bool:
        """Whether an engine that runs, or one that was given up, may do otherwise after it."""
        return self.effect == "engine" or self.key.startswith("engine.")

    def __str__(self) -> str:
        when = "; ".join(filter(None, [EFFECTS[self.effect], self.risk]))
        if self.old == self.new:  # what covers the one secret covers the other, too
            return f"{self.key}: another secret ({when})"
        if self.key.startswith(UNSHOWN):  # commands and parameters may hold what nobody should read in an alert
            return f"{self.key}: changed ({when})"
        return f"{self.key}: {in_file(self.old)} -> {in_file(self.new)} ({when})"


def in_file(value: Any) -> str:
    """A value as it may stand in a file, in one line."""
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def changes(old: TradingConfig, new: TradingConfig) -> list[Change]:
    """Every key whose value differs, in the order of the file."""
    before, after = dict(_leaves(to_dict(old))), dict(_leaves(to_dict(new)))
    shown_before, shown_after = dict(_leaves(masked(old))), dict(_leaves(masked(new)))
    keys = [*after, *(key for key in before if key not in after)]
    return [
        Change(
            ".".join(key),
            shown_before.get(key),
            shown_after.get(key),
            _effect(key),
            risk_of(key, before.get(key), after.get(key)),
        )
        for key in keys
        if before.get(key) != after.get(key) and key[0] not in {"created_at", "updated_at"}
    ]


def keep_until_restart(old: TradingConfig, new: TradingConfig, listed: list[Change]) -> None:
    """Put back into `new` what only a restart of the daemon may change."""
    for change in listed:
        if change.effect == "daemon":
            *sections, name = change.key.split(".")
            source, target = old, new
            for section in sections:
                source, target = getattr(source, section), getattr(target, section)
            setattr(target, name, getattr(source, name))


def refuse_while_running(old: TradingConfig, new: TradingConfig, name: str) -> None:
    """What must not change under a running daemon, does not, and with it the whole edit; raises ConfigError.

    Paper money does not become real, and the store does not go where no command would find the daemon any more.
    """
    before, after = masked(old), masked(new)
    changed = [key for key in FIXED if getattr(old, key) != getattr(new, key)]
    remedy = "stop the daemon and start it again; nothing of this edit is in force"
    if changed:
        raise ConfigError(
            Problem(name, None, None, key, after[key], _fixed(key, before[key], after[key]), remedy) for key in changed
        )


FIXED = ("mode", "state_dir", "store_url")


def _fixed(key: str, old: Any, new: Any) -> str:
    return f"{key} is {in_file(old)} and can't become {in_file(new)} while the daemon runs"


def _effect(key: tuple[str, ...]) -> str:
    known = option_at(TradingConfig, key)
    return "now" if known is None else known.apply


def _leaves(document: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Sections are walked into; what a user names himself (jobs, params, headers) is one value per name."""
    for key, value in document.items():
        if isinstance(value, Mapping) and len(path) < 2:
            yield from _leaves(value, (*path, str(key)))
        else:
            yield (*path, str(key)), value
