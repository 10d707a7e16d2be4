"""orchestrator incidents: what was found when an engine failed."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from orchestrator.cli.completers import incident_ids
from orchestrator.cli.errors import Failed
from orchestrator.cli.output import ago, echo_json, json_option, table
from orchestrator.cli.settings import Settings
from orchestrator.store import incidents as table_of_incidents

__all__ = ["incidents"]


@click.group()
def incidents() -> None:
    """See what was found when an engine failed.

    Example: orchestrator incidents list
    """


@incidents.command("list")
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True, help="How many.")
@json_option
@click.pass_obj
def list_incidents(settings: Settings, last: int, as_json: bool) -> None:
    """List the engine's failures, newest first.

    Example: orchestrator incidents list --last 5
    """
    settings.tolerate()
    rows = _rows(settings)[:last]
    if as_json:
        echo_json([_document(row, settings) for row in rows])
        return
    if not rows:
        click.echo("no engine has failed")
        return
    now = settings.clock.now()
    click.echo(table(["incident", "when", "cause"], [[row["id"], ago(row["at"], now), row["cause"]] for row in rows]))
    click.echo("\nto see one: orchestrator incidents show INCIDENT")


@incidents.command()
@click.argument("incident", shell_complete=incident_ids)
@json_option
@click.pass_obj
def show(settings: Settings, incident: str, as_json: bool) -> None:
    """Show one incident: where each thread was, the last lines of the log, the last events.

    INCIDENT is an id from the list, or the beginning of one.

    Example: orchestrator incidents show 20261124-143000
    """
    settings.tolerate()
    row = _find(settings, incident)
    document = {**_document(row, settings), **_found(row)}
    if as_json:
        echo_json(document)
    else:
        click.echo("\n".join(_lines(document)))


def _rows(settings: Settings) -> list[Mapping[str, Any]]:
    store = settings.reader()
    if store is None:
        return []
    with store:
        return store.rows(select(table_of_incidents).order_by(table_of_incidents.c.at.desc()))


def _find(settings: Settings, word: str) -> Mapping[str, Any]:
    rows = _rows(settings)
    matching = [row for row in rows if row["id"] == word] or [row for row in rows if row["id"].startswith(word)]
    if len(matching) == 1:
        return matching[0]
    problem = f"{word} is the beginning of {len(matching)} incidents" if matching else f"no incident {word}"
    known = ", ".join(row["id"] for row in (matching or rows)[:10])
    raise Failed(f"{problem}; these are: {known}" if known else f"{problem}: no engine has failed")


def _document(row: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    at: datetime = row["at"]
    return {**row, "at": at.astimezone(settings.calendar.timezone).isoformat()}


def _found(row: Mapping[str, Any]) -> dict[str, Any]:
    """What is in the incident's file."""
    nothing: dict[str, Any] = {"stacks": "", "log_tail": [], "rss_mb": None, "open_files": None, "events": []}
    if row["path"] is None:
        return nothing
    try:
        document = json.loads(Path(row["path"]).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Failed(f"the rest of the incident can't be read: {error}") from error
    return {key: document.get(key, value) for key, value in nothing.items()}


def _lines(document: Mapping[str, Any]) -> list[str]:
    memory = "" if document["rss_mb"] is None else f", {document['rss_mb']} MB, {document['open_files']} open files"
    lines = [f"{document['id']}: {document['cause']}", f"at {document['at']}{memory}"]
    stacks = document["stacks"] or "none: the process could not write them down"
    events = [json.dumps(event, ensure_ascii=False) for event in document["events"]]
    for head, body in (("threads", stacks), ("log", document["log_tail"]), ("events", events)):
        text = body if isinstance(body, str) else "\n".join(body) or "none"
        lines += ["", f"{head}:", *(f"  {line}" for line in text.splitlines())]
    return lines
