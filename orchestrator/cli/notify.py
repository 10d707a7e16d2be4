"""orchestrator notify: send a test message for real."""

import queue
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from typing import Any

import click

from calendars import Clock
from notifiers import AlertLevel, NotificationMessage, build_notifier
from notifiers.redaction import describe
from orchestrator.alerts.channels import Channel, channels
from orchestrator.alerts.remedies import remedy
from orchestrator.cli.completers import channel_names
from orchestrator.cli.errors import Failed, Unknown
from orchestrator.cli.output import echo_json, json_option
from orchestrator.cli.settings import Settings
from orchestrator.config import NotificationConfig

__all__ = ["notify"]


@click.group()
def notify() -> None:
    """Try the notification channels.

    Example: orchestrator notify test
    """


@notify.command()
@click.argument("channel", required=False, shell_complete=channel_names)
@click.option(
    "--level",
    type=click.Choice([level.value for level in AlertLevel]),
    default="info",
    show_default=True,
    help="The level of the test message.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=30,
    show_default=True,
    help="Seconds that each channel has.",
)
@json_option
@click.pass_obj
def test(settings: Settings, channel: str | None, level: str, timeout: float, as_json: bool) -> None:
    """Send a test message through CHANNEL, or through all at once, and say what each service said.

    It is sent whatever notifications.enabled, alert_levels and routes say; which alerts the daemon sends there is shown
    beside it. Exit code 1 if a channel fails.

    Example: orchestrator notify test slack
    """
    config = settings.config.notifications
    chosen, now = _chosen(config, channel), settings.clock.now().astimezone(settings.calendar.timezone)
    message = NotificationMessage(
        "Test message", "If you can read this, alerts of this channel arrive.", AlertLevel(level), now
    )
    if not config.enabled:
        click.echo("note: notifications.enabled is false, so the daemon sends nothing", err=True)
    results = {}
    with redirect_stdout(sys.stderr if as_json else sys.stdout):  # the console channel prints
        for result in _attempts(chosen, message, timeout, settings.clock):
            results[result.channel.name] = result
            if not as_json:
                click.echo(result.text(_ways(config, result.channel.name)))
    if as_json:
        echo_json([results[each.name].document(_ways(config, each.name)) for each in chosen])
    if not all(result.ok for result in results.values()):
        click.get_current_context().exit(1)


def _chosen(config: NotificationConfig, name: str | None) -> list[Channel]:
    known = channels(replace(config, enabled=True))
    if not known:
        raise Failed("no channel is configured: name some in notifications.channels")
    if name is None:
        return list(known.values())
    if name not in known:
        raise Unknown(f"no channel {name!r} is configured", name, known)
    return [known[name]]


# --- attempts ---


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a channel's attempt. `detail` is why it failed, in the service's own words."""

    channel: Channel
    ok: bool
    detail: str = ""

    @property
    def remedy(self) -> str:
        return "" if self.ok else remedy(self.channel, self.detail)

    def text(self, ways: Sequence["Way"]) -> str:
        lines = [f"{self.channel.name}: {'sent' if self.ok else f'failed: {self.detail}'}"]
        lines += [f"  {self.remedy}"] if self.remedy else []
        lines += [f"  gets {way}" for way in ways] or ["  gets no alert"]
        return "\n".join(lines)

    def document(self, ways: Sequence["Way"]) -> dict[str, Any]:
        return {
            "channel": self.channel.name,
            "ok": self.ok,
            "detail": self.detail,
            "remedy": self.remedy or None,
            "gets": [way.document() for way in ways],
        }


def _attempts(
    chosen: Sequence[Channel], message: NotificationMessage, timeout: float, clock: Clock
) -> Iterator[Result]:
    """Each channel's result as soon as it is there; all are tried at once, so that one that hangs holds up no other."""
    answers: queue.SimpleQueue[Result] = queue.SimpleQueue()
    for each in chosen:
        # A daemon thread: one that hangs must not hold up the end of the process either.
        threading.Thread(
            target=lambda channel: answers.put(_attempt(channel, message)), args=(each,), daemon=True
        ).start()
    waiting, deadline = {each.name: each for each in chosen}, clock.monotonic() + timeout
    while waiting:
        try:
            result = answers.get(timeout=max(0.0, deadline - clock.monotonic()))
        except queue.Empty:
            break
        del waiting[result.channel.name]
        yield result
    yield from (Result(each, False, f"no answer within {timeout:g} s") for each in waiting.values())


def _attempt(channel: Channel, message: NotificationMessage) -> Result:
    named = replace(message, metadata={"channel": channel.name})
    try:
        attempt = build_notifier(channel.kind, channel.settings).attempt(named)
    except ValueError as error:  # of the channel's settings; it shows no secret
        return Result(channel, False, str(error))
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises is this channel's result
        return Result(channel, False, describe(error))
    return Result(channel, attempt.ok, attempt.detail)


# --- what the daemon sends there ---


@dataclass(frozen=True, slots=True)
class Way:
    """By which alerts come to a channel: of these levels, about these topics (none: any), held back in these hours."""

    levels: tuple[str, ...]
    topics: tuple[str, ...] = ()
    quiet_hours: str | None = None

    def __str__(self) -> str:
        about = f" about {', '.join(self.topics)}" if self.topics else ""
        quiet = f"; held back {self.quiet_hours}, unless critical" if self.quiet_hours else ""
        return f"{', '.join(self.levels)}{about}{quiet}"

    def document(self) -> dict[str, Any]:
        return {"levels": list(self.levels), "topics": list(self.topics), "quiet_hours": self.quiet_hours}


def _ways(config: NotificationConfig, channel: str) -> list[Way]:
    """A channel that no route names gets everything; nothing gets a level that alert_levels lacks."""
    sent = [level.value for level in AlertLevel if config.enabled and level.value in config.alert_levels]
    routes = [route for route in config.routes if channel in route.channels]
    ways = [
        Way(
            tuple(level for level in sent if not route.levels or level in route.levels),
            tuple(route.topics),
            route.quiet_hours,
        )
        for route in routes
    ]
    return [way for way in (ways if routes else [Way(tuple(sent))]) if way.levels]
