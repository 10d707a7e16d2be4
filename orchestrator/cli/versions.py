"""orchestrator config plan, history, diff: what would change, and what has."""

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from jobs import JobSpec, job_specs
from orchestrator.cli.completers import config_version
from orchestrator.cli.errors import Failed
from orchestrator.cli.known import KnownVersion, known_versions
from orchestrator.cli.output import ago, echo_json, json_option, moment, table
from orchestrator.cli.settings import Settings
from orchestrator.config import ConfigManager, TradingConfig, embedded_defaults
from orchestrator.config.changes import EFFECTS, Change, changes, in_file
from orchestrator.config.loading import read_text
from orchestrator.config.masking import Masks, masked_text
from orchestrator.config.rules import market_calendar
from orchestrator.config.source import ConfigSource, Reading
from orchestrator.config.versions import version_of

__all__ = ["diff", "history", "plan", "rollback"]

NONE_YET = "no config has been kept or in force yet; orchestrator start begins the history"

FILE = "file"
"""The word for the file as it is now, where a version may stand."""


@dataclass(frozen=True, slots=True)
class Move:
    """A job that another config gives another next run; None where it would not run, or does not."""

    job: str
    old: datetime | None
    new: datetime | None


@click.command()
@click.argument("path", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def plan(settings: Settings, path: Path | None, as_json: bool) -> None:
    """Say what FILE (or the config file as it is now) would change of what is in force; nothing is applied.

    For each key: when the change takes effect, and what is risky about it. For each job that moves: its next run.

    Example: orchestrator config plan edited.yaml
    """
    wanted = _checked(settings, path)
    old, compared = _old(settings)
    found = changes(old, wanted.config)
    now = settings.clock.now()
    moves = _moves(old, wanted.config, now)
    if as_json:
        echo_json([_planned(change, moves, settings.calendar.timezone) for change in found])
        return
    click.echo(_plan_text(settings, compared, found, moves, now))


def _checked(settings: Settings, path: Path | None) -> Reading:
    source = settings.source if path is None else ConfigSource(path)
    reading = source.reload()
    settings.tolerate()
    return reading


def _old(settings: Settings) -> tuple[TradingConfig, str]:
    """What to compare with, and its name in words."""
    found = _in_force(settings)
    if found is None:
        return embedded_defaults(), "the defaults, as no config has been in force yet"
    reading = settings.source.parse(found.text, found.suffix, f"version {found.version}", earlier=True)
    where = "in force" if settings.owner() is not None else "which was in force last"
    return reading.config, f"version {found.version}, {where}"


def _in_force(settings: Settings) -> KnownVersion | None:
    return next((each for each in known_versions(settings) if each.current), None)


def _moves(old: TradingConfig, new: TradingConfig, now: datetime) -> list[Move]:
    before, after = _specs(old), _specs(new)
    same_calendar = old.schedule.calendar == new.schedule.calendar and (
        old.schedule.calendar_overrides == new.schedule.calendar_overrides
    )
    names = [*after, *(name for name in before if name not in after)]
    moves = [Move(name, _next(before.get(name), now), _next(after.get(name), now)) for name in names]
    touched = {name for name in names if not same_calendar or _definition(before, name) != _definition(after, name)}
    return [move for move in moves if move.job in touched and move.old != move.new]


def _specs(config: TradingConfig) -> dict[str, JobSpec]:
    return job_specs(config.schedule.jobs, market_calendar(config))


def _definition(specs: Mapping[str, JobSpec], name: str) -> object:
    return specs[name].definition if name in specs else None


def _next(spec: JobSpec | None, now: datetime) -> datetime | None:
    return spec.trigger.next_after(now) if spec is not None and spec.enabled else None


def _planned(change: Change, moves: list[Move], zone: ZoneInfo) -> dict[str, Any]:
    document = {**asdict(change), "risk": change.risk or None}
    move = next((each for each in moves if change.key == f"schedule.jobs.{each.job}"), None)
    if move is not None:
        document["next_run"] = {"old": _iso(move.old, zone), "new": _iso(move.new, zone)}
    return document


def _iso(at: datetime | None, zone: ZoneInfo) -> str | None:
    return None if at is None else at.astimezone(zone).isoformat()


def _plan_text(settings: Settings, compared: str, found: list[Change], moves: list[Move], now: datetime) -> str:
    if not found:
        return f"nothing would change (compared with {compared})"
    rows = [
        [change.key, _cut(in_file(change.old)), _new(change), EFFECTS[change.effect], change.risk] for change in found
    ]
    lines = [f"compared with {compared}:", "", table(["key", "now", "then", "takes effect", "risk"], rows)]
    if moves:
        zone = settings.calendar.timezone
        runs = [[each.job, moment(each.old, zone, now), moment(each.new, zone, now)] for each in moves]
        lines += ["", table(["job", "next run now", "next run then"], runs)]
    if any(change.key == "mode" for change in found):
        lines += ["", "A running daemon refuses another mode: stop it and start it again."]
    how = "no daemon runs, and the next start takes up the file"
    if settings.owner() is not None:
        how = "to take up the file: orchestrator config reload"
    return "\n".join([*lines, "", f"Nothing is applied yet; {how}"])


def _new(change: Change) -> str:
    return "another secret" if change.new == change.old else _cut(in_file(change.new))


def _cut(text: str, longest: int = 40) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


@click.command()
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True, help="How many.")
@json_option
@click.pass_obj
def history(settings: Settings, last: int, as_json: bool) -> None:
    """List the versions of the config: who brought each in, when and why; the one in force is marked.

    Example: orchestrator config history --last 5
    """
    settings.tolerate()
    shown = known_versions(settings)[:last]
    if as_json:
        echo_json([_version_document(each, settings) for each in shown])
        return
    if not shown:
        click.echo(NONE_YET)
        return
    now = settings.clock.now()
    rows = [
        [
            f"{each.version}{' *' if each.current else ''}",
            ago(each.at, now),
            each.author,
            ago(each.applied_at, now),
            "yes" if each.worked_at else "no",
            _cut(each.reason, 70),
        ]
        for each in shown
    ]
    click.echo(table(["version", "made", "by", "in force", "engine ran", "reason"], rows))
    click.echo("\n* in force\nto see one: orchestrator config diff VERSION\nto go back: orchestrator config rollback")


def _version_document(version: KnownVersion, settings: Settings) -> dict[str, Any]:
    zone = settings.calendar.timezone
    return {
        "version": version.version,
        "at": _iso(version.at, zone),
        "author": version.author,
        "reason": version.reason,
        "current": version.current,
        "applied_at": _iso(version.applied_at, zone),
        "worked_at": _iso(version.worked_at, zone),
    }


@click.command()
@click.argument("old", required=False, shell_complete=config_version)
@click.argument("new", required=False, default=FILE, shell_complete=config_version)
@json_option
@click.pass_obj
def diff(settings: Settings, old: str | None, new: str, as_json: bool) -> None:
    """Compare two versions of the config; without OLD the one in force, without NEW the file as it is now.

    Secrets are covered; one that differs is covered differently.

    Example: orchestrator config diff 1f0c3a9b27de
    """
    settings.tolerate()
    masks = Masks()
    before, after = (_text(settings, word, masks) for word in (old, new))
    lines = list(difflib.unified_diff(before.lines, after.lines, before.name, after.name))
    if as_json:
        echo_json({"old": before.name, "new": after.name, "same": not lines, "diff": [each.rstrip() for each in lines]})
        return
    click.echo("".join(lines) or f"{before.name} and {after.name} are the same\n", nl=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A config text to compare."""

    name: str
    lines: list[str]


def _text(settings: Settings, word: str | None, masks: Masks) -> Text:
    if word == FILE:
        name, text, suffix = _file_text(settings)
    else:
        found = find_version(settings, word)
        name, text, suffix = f"version {found.version}", found.text, found.suffix
    lines = masked_text(text, suffix, name, masks).splitlines(keepends=True)
    return Text(name, [line if line.endswith("\n") else f"{line}\n" for line in lines])


def _file_text(settings: Settings) -> tuple[str, str, str]:
    if settings.path is None:
        raise Failed("there is no config file to compare with; write one with: orchestrator config init")
    return str(settings.path), read_text(settings.path), settings.path.suffix


def find_version(settings: Settings, word: str | None) -> KnownVersion:
    """The version that begins with a word; the one in force without a word.

    :raises Failed: there is none, or more than one.
    """
    found = known_versions(settings)
    if not found:
        raise Failed(NONE_YET)
    matching = [each for each in found if each.current] if word is None else []
    matching = matching or [each for each in found if word is not None and each.version.startswith(word)]
    if len(matching) != 1:
        problem = f"{word} is the beginning of {len(matching)} versions" if matching else f"no version {word}"
        raise Failed(f"{problem}; these are: {', '.join(each.version for each in (matching or found)[:10])}")
    return matching[0]


@click.command()
@click.argument("version", required=False, shell_complete=config_version)
@click.option("--reason", default="", help="Why; it is kept in the history.")
@click.pass_obj
def rollback(settings: Settings, version: str | None, reason: str) -> None:
    """Make an earlier version of the config the file's text again, to the byte; a running daemon takes it up.

    Without VERSION: the one in force, if the file holds another; else the last before it with which an engine ran.
    What the file is now is kept as a version, too.

    Example: orchestrator config rollback 1f0c3a9b27de --reason "too bold"
    """
    from orchestrator.control import ask

    settings.tolerate()
    path = settings.path
    if path is None:
        raise Failed("there is no config file; write one with: orchestrator config init")
    found = find_version(settings, version) if version is not None else _before(settings, path)
    manager = ConfigManager(path, clock=settings.clock)
    manager.restore_text(found.text, author="cli", reason=reason or f"rolled back to {found.version}")
    click.echo(f"{path} is version {found.version} again, of {ago(found.at, settings.clock.now())}")
    owner = settings.owner()
    if owner is None:
        click.echo("no daemon runs; the next one starts with it")
        return
    with settings.writer() as store:
        listed = ask(store, settings.clock, owner, "reload", {}, timeout=15)
    click.echo(
        "\n".join(["the daemon has taken it up:", *listed] if listed else ["the daemon had it in force already"])
    )


def _before(settings: Settings, path: Path) -> KnownVersion:
    """What is in force, if the file is not; else what an engine ran with before it; else what was made before it."""
    known = known_versions(settings)
    now = version_of(read_text(path).encode()) if path.exists() else ""
    in_force = next((each for each in known if each.current and each.version != now), None)
    if in_force is not None:
        return in_force
    worked = [each for each in known if each.version != now and each.worked_at is not None]
    if worked:
        return max(worked, key=lambda each: each.applied_at or each.at)
    place = next((index for index, each in enumerate(known) if each.version == now), -1)
    if len(known) <= place + 1:
        raise Failed("there is no earlier version; orchestrator config history lists what there is")
    return known[place + 1]
