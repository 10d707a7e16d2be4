"""What the shell may complete, from the config and the store: read only, and silent whatever is wrong with them."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from orchestrator.cli.settings import Settings

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["alert_ids", "channel_names", "config_version", "incident_ids", "job_names", "order_refs"]

MOST = 50
"""Of what grows, the newest so many are offered."""

Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def _completer(words: Callable[[Settings], Iterable[tuple[str, str]]]) -> Complete:
    """Offers words, each with what it means, where they begin as what has been typed."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

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
    from orchestrator.cli.known import known_versions

    return [(each.version, f"{each.author} {each.reason}") for each in known_versions(settings)[:MOST]]


def _stored(query: str) -> Callable[[Settings], Iterable[tuple[str, str]]]:
    """The newest rows of a table of the store: a column of each, and another that says what it is."""

    def words(settings: Settings) -> Iterable[tuple[str, str]]:
        store = settings.glance()
        if store is None:
            return []
        with store:
            return [(row["word"], row["meaning"] or "") for row in store.rows(f"{query} LIMIT ?", (MOST,))]

    return words


job_names = _completer(_jobs)
channel_names = _completer(_channels)
config_version = _completer(_versions)
incident_ids = _completer(_stored("SELECT id AS word, cause AS meaning FROM incidents ORDER BY at DESC"))
order_refs = _completer(_stored("SELECT order_ref AS word, status AS meaning FROM orders ORDER BY submitted_at DESC"))
alert_ids = _completer(_stored("SELECT id AS word, title AS meaning FROM alerts ORDER BY at DESC"))
