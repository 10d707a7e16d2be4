import json

import pytest

from notifiers import (
    KINDS,
    AlertLevel,
    AppriseNotifier,
    ConsoleNotifier,
    DiscordNotifier,
    EmailNotifier,
    SlackNotifier,
    WebhookNotifier,
    build_notifier,
)

SETTINGS = {
    "console": (ConsoleNotifier, {}),
    "slack": (SlackNotifier, {"webhook_url": "https://hooks.slack.com/services/T1/B1/abc", "channel": "#a"}),
    "discord": (DiscordNotifier, {"webhook_url": "https://discord.com/api/webhooks/1/abc"}),
    "email": (
        EmailNotifier,
        {
            "smtp_host": "smtp.example.com",
            "smtp_port": 587,
            "username": None,
            "password": None,
            "from_email": "bot@example.com",
            "to_emails": ["trader@example.com"],
        },
    ),
    "webhook": (WebhookNotifier, {"webhook_url": "https://example.com/hook", "headers": {"X-Token": "abc"}}),
    "apprise": (AppriseNotifier, {"url": "ntfy://topic"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_built_from_json(kind):
    cls, settings = SETTINGS[kind]
    notifier = build_notifier(kind, json.loads(json.dumps(settings | {"min_level": "warning", "enabled": False})))
    assert type(notifier) is cls
    assert (notifier.min_level, notifier.enabled) == (AlertLevel.WARNING, False)


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no notifier of kind 'sms': use one of console, slack, .*, apprise"):
        build_notifier("sms", {})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "x"}, "slack: missing a required argument: 'webhook_url'; it takes webhook_url, channel,"),
        (
            {"webhook_url": "https://hooks.slack.com/services/T1/B1/abc", "chanel": "#a"},
            "slack: got an unexpected",
        ),
        ({"webhook_url": "https://example.com"}, "not a Slack webhook URL"),
        (SETTINGS["slack"][1] | {"min_level": "loud"}, "no alert level 'loud'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        build_notifier("slack", settings)
