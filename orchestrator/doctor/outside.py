"""What is outside of the machine: the channels of alerts, and the broker."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from notifiers import AlertLevel, NotificationMessage, build_notifier
from notifiers.redaction import describe
from orchestrator.alerts.channels import Channel, channels
from orchestrator.alerts.remedies import remedy
from orchestrator.doctor.findings import Finding, Look, fail, ok, warn
from orchestrator.doctor.patient import Patient

__all__ = ["broker", "looks_at_channels"]


def looks_at_channels(patient: Patient) -> Iterator[tuple[str, Look]]:
    """A look at each channel, so that one that hangs holds up no other; or one that says there is none."""
    config = patient.config.notifications
    known = channels(replace(config, enabled=True))
    if not known or not config.enabled or not config.alert_levels:
        yield "channels", _nobody_is_told
    for name, channel in known.items():
        yield f"channel {name}", partial(_channel, channel)


def _nobody_is_told(patient: Patient) -> Iterator[Finding]:
    config = patient.config.notifications
    why = "notifications.enabled is false" if not config.enabled else "no channel or level is set"
    yield warn("channels", f"nobody is told of anything: {why}", "name channels and alert_levels in notifications")


def _channel(channel: Channel, patient: Patient) -> Iterator[Finding]:
    check = f"channel {channel.name}"
    try:
        notifier = build_notifier(channel.kind, channel.settings)
    except ValueError as error:  # it shows no secret
        yield fail(check, str(error), "correct it in notifications")
        return
    if channel.local:
        yield ok(check, "writes into the daemon's own output")
        return
    if not patient.send:
        yield ok(check, "configured; to see a message arrive: orchestrator doctor --send")
        return
    text = "If you can read this, alerts of this channel arrive."
    at = patient.now.astimezone(patient.calendar.timezone)
    message = NotificationMessage("Test message", text, AlertLevel.INFO, at, {"channel": channel.name})
    try:
        attempt = notifier.attempt(message)
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises is this channel's result
        yield fail(check, describe(error), f"orchestrator notify test {channel.name}")
        return
    if attempt.ok:
        yield ok(check, "took a test message")
    else:
        yield fail(check, attempt.detail, remedy(channel, attempt.detail) or f"orchestrator notify test {channel.name}")


def broker(patient: Patient) -> Iterator[Finding]:
    """Does it answer, with the right account?"""
    config = patient.config
    if patient.trouble is not None:
        yield warn("broker", "it is not asked while the config is wrong", "correct the config first")
    elif "ibkr" in {config.broker.broker_type, config.data.primary_source}:
        from orchestrator.engine.ibkr.probe import probe

        for check, result, detail, remedy_ in probe(config, patience=patient.patience):
            yield Finding(f"broker: {check}", result, detail, remedy_)
    elif config.broker.broker_type == "paper":
        yield ok("broker", "paper: its account is in the database")
    else:
        yield ok("broker", f"{config.broker.broker_type}: what it connects to is not known here")
