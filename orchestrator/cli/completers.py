"""What the shell may complete, from the config and the store: read only, and silent whatever is wrong with them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem
from sqlalchemy import Table, select

from orchestrator.cli.known import known_versions
from orchestrator.cli.settings import Settings
from orchestrator.store import alerts, incidents, orders

__all__ = ["alert_ids", "channel_names", "config_version", "incident_ids", "job_names", "order_refs"]

MOST = 50
"""Of what grows, the newest so many are offered."""

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completer(words: Callable[[Settings], Iterable[tuple[str, str]]]) -> Complete:
    """Offers words, each with what it means, where they begin as what has been typed."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        settings = Settings(context.find_root().params.get("config_path"), verbose=False, quiet=True)
        try:
            settings.tolerate(missing=True, aloud=False)
            return [
                CompletionItem(word, help=" ".join(meaning.split()) or None)
                for word, meaning in words(settings)
                if word.startswith(incomplete)
            ]
        except Exception:  # noqa: BLE001 - there is no place to say anything while somebody types
            return []

    return complete


def _jobs(settings: Settings) -> Iterable[tuple[str, str]]:
    from jobs import job_specs

    specs = job_specs(settings.config.schedule.jobs, settings.calendar)
    return [(name, spec.schedule) for name, spec in specs.items()]


def _channels(settings: Settings) -> Iterable[tuple[str, str]]:
    from orchestrator.alerts.channels import channels

    return [(name, channel.kind) for name, channel in channels(settings.config.notifications).items()]


def _versions(settings: Settings) -> Iterable[tuple[str, str]]:
    return [(each.version, f"{each.author} {each.reason}") for each in known_versions(settings)[:MOST]]


def _stored(table: Table, word: str, meaning: str, order: str) -> Callable[[Settings], Iterable[tuple[str, str]]]:
    """The newest rows of a table of the store: one column of each, and another that says what it is."""

    def words(settings: Settings) -> Iterable[tuple[str, str]]:
        columns = table.c
        query = select(columns[word], columns[meaning]).order_by(columns[order].desc()).limit(MOST)
        return [(row[word], row[meaning] or "") for row in _rows(settings, query)]

    return words


def _rows(settings: Settings, query: Any) -> list[Mapping[str, Any]]:
    store = settings.reader()
    if store is None:
        return []
    with store:
        return store.rows(query)


job_names = _completer(_jobs)
channel_names = _completer(_channels)
config_version = _completer(_versions)
incident_ids = _completer(_stored(incidents, "id", "cause", "at"))
order_refs = _completer(_stored(orders, "order_ref", "status", "submitted_at"))
alert_ids = _completer(_stored(alerts, "id", "title", "at"))
