"""The versions of the config that there are: those that a daemon had in force, and those that were saved."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from orchestrator.cli.settings import Settings
from orchestrator.config import ConfigManager
from orchestrator.config.loading import read_text
from orchestrator.config.manager import BY_HAND
from orchestrator.config.versions import UNKNOWN, Version, version_of

if TYPE_CHECKING:
    from orchestrator.record import ConfigVersion

__all__ = ["KnownVersion", "known_versions"]


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """A text of the config.

    :param at: when it was made, or first in force.
    :param current: whether it is in force, or would be if the daemon ran.
    :param applied_at: when it last came into force; None if it never was.
    :param worked_at: when an engine last came up with it; None if none ever did.
    """

    version: str
    at: datetime
    author: str
    reason: str
    suffix: str
    text: str
    current: bool = False
    applied_at: datetime | None = None
    worked_at: datetime | None = None


def known_versions(settings: Settings) -> list[KnownVersion]:
    """All of them, newest first."""
    had_in_force, saved = _recorded(settings), _saved(settings)
    known = {each.version: _of_record(each) for each in had_in_force}
    for version in saved:
        known[version.version] = _with_saved(known.get(version.version), version)
    current = had_in_force[0].version if had_in_force else _file_version(settings)
    found = (replace(each, current=each.version == current) for each in known.values())
    return sorted(found, key=lambda each: each.at, reverse=True)


def _recorded(settings: Settings) -> "list[ConfigVersion]":
    """What daemons had in force, the last first."""
    from orchestrator.record import recorded

    store = settings.reader()
    if store is None:
        return []
    with store:
        return recorded(store)


def _saved(settings: Settings) -> list[Version]:
    return [] if settings.path is None else ConfigManager(settings.path).records()


def _file_version(settings: Settings) -> str:
    return "" if settings.path is None else version_of(read_text(settings.path).encode())


def _of_record(found: "ConfigVersion") -> KnownVersion:
    return KnownVersion(
        found.version,
        found.at,
        found.author,
        found.reason,
        found.suffix,
        found.text,
        applied_at=found.applied_at,
        worked_at=found.worked_at,
    )


def _with_saved(known: KnownVersion | None, saved: Version) -> KnownVersion:
    """Who saved a text knows better than the daemon why it is there."""
    if known is None:
        text = saved.path.read_bytes().decode(errors="replace")  # it need not be a config, nor even text
        return KnownVersion(saved.version, saved.at, saved.author, saved.reason, saved.path.suffix, text)
    if saved.author in (BY_HAND, UNKNOWN):
        return known
    if saved.at > known.at:  # it was put back, and not made, by that; the newest comes first
        put_back = f"put back by {saved.author} ({saved.reason}); before: {known.reason}"
        return known if known.reason.startswith("put back by ") else replace(known, reason=put_back)
    return replace(known, at=min(known.at, saved.at), author=saved.author, reason=saved.reason)
