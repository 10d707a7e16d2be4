"""orchestrator notify: send a test message for real."""

import sys
from contextlib import redirect_stdout

import click

from notifiers import AlertLevel, NotificationMessage, build_notifier
from orchestrator.alerts.channels import Channel, channels
from orchestrator.cli.errors import Failed
from orchestrator.cli.output import echo_json, json_option
from orchestrator.cli.settings import Settings

__all__ = ["notify"]


@click.group()
def notify() -> None:
    """Try the notification channels.

    Example: orchestrator notify test
    """


@notify.command()
@click.argument("channel", required=False)
@click.option(
    "--level",
    type=click.Choice([level.value for level in AlertLevel]),
    default="info",
    show_default=True,
    help="The level of the test message.",
)
@json_option
@click.pass_obj
def test(settings: Settings, channel: str | None, level: str, as_json: bool) -> None:
    """Send a test message through CHANNEL, or through all, and say what the service said. Exit code 1 if one fails.

    Example: orchestrator notify test slack
    """
    results = []
    for each in _chosen(settings, channel):
        message = NotificationMessage(
            "Test message",
            "If you can read this, alerts of this channel arrive.",
            AlertLevel(level),
            settings.clock.now(),
            {"channel": each.name},
        )
        with redirect_stdout(sys.stderr if as_json else sys.stdout):  # the console channel prints
            results.append(_attempt(each, message))
    if as_json:
        echo_json([{"channel": name, "ok": ok, "detail": detail} for name, ok, detail in results])
    else:
        for name, ok, detail in results:
            click.echo(f"{name}: {'sent' if ok else f'failed: {detail}'}")
    if not all(ok for _, ok, _ in results):
        click.get_current_context().exit(1)


def _chosen(settings: Settings, name: str | None) -> list[Channel]:
    known = channels(settings.config.notifications)
    if not known:
        raise Failed("no channel is configured: name some in notifications.channels, with enabled: true")
    if name is None:
        return list(known.values())
    if name not in known:
        raise Failed(f"no channel {name!r} is configured; these are: {', '.join(known)}")
    return [known[name]]


def _attempt(channel: Channel, message: NotificationMessage) -> tuple[str, bool, str]:
    try:
        result = build_notifier(channel.kind, channel.settings).attempt(message)
    except ValueError as error:
        return channel.name, False, str(error)
    return channel.name, result.ok, result.detail
