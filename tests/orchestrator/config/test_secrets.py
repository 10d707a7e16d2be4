"""A secret is shown to nobody."""

import pytest

from orchestrator.config import ConfigError, embedded_defaults, load_text, masked, to_dict

SECRET = "s3cr3t"

LEAKS = [
    f"notifications: {{slack_webhook_url: 'hooks.slack.com/{SECRET}'}}",
    f"notifications: {{discord_webhook_url: [{SECRET}]}}",
    f"notifications: {{webhook_url: {{url: {SECRET}}}}}",
    f"notifications: {{webhook_headers: {SECRET}}}",
    f"notifications: {{webhook_headers: {{Authorization: [{SECRET}]}}}}",
    f"notifications: {{apprise: {{phone: {SECRET}}}}}",
    f"notifications: {{apprise: [{SECRET}]}}",
    f"notifications: {{smtp_password: {{{SECRET}: 1}}}}",
    f"notifications: {{slack_webhok_url: 'https://{SECRET}'}}",
    f"notifications: {SECRET}_is_no_mapping: no",
    f"slack_webhook_url: 'https://{SECRET}'",
    f"notifications: [{{slack_webhook_url: 'https://{SECRET}'}}]",
    f"health: {{ping_url: 'ftp://{SECRET}'}}",
    f"store_url: 'postgresql://me:{SECRET}@db/x'",
    f"store_url: !!str '{SECRET}'",
    f"notifications:\n  smtp_password: one\n  smtp_password: {SECRET}\n",
    f"notifications: {{smtp_password: &p {SECRET}, smtp_host: *p}}",
]


@pytest.mark.parametrize("text", LEAKS)
def test_no_error_shows_a_secret(text):
    with pytest.raises(ConfigError) as caught:
        load_text(text)
    if "_is_no_mapping" not in text:
        assert SECRET not in str(caught.value)
        assert SECRET not in repr(caught.value.problems)


def test_a_number_for_a_password_is_not_shown_either():
    with pytest.raises(ConfigError) as caught:
        load_text("notifications: {smtp_password: 13371337}")
    assert str(caught.value) == "config:1:32: notifications.smtp_password: *** is not text; put it in quotes"
    assert caught.value.problems[0].value == "***"


def test_masked_shows_which_secrets_are_set_and_none_of_them():
    config = embedded_defaults()
    config.notifications.slack_webhook_url = f"https://hooks.slack.com/{SECRET}"
    config.notifications.webhook_headers = {"Authorization": SECRET}
    config.notifications.apprise = {"phone": f"ntfy://{SECRET}"}
    config.notifications.smtp_username = "me"
    config.store_url = f"sqlite:///{SECRET}.db"
    shown = masked(config)
    assert SECRET not in repr(shown)
    assert shown["notifications"]["slack_webhook_url"] == "***"
    assert shown["notifications"]["discord_webhook_url"] is None
    assert shown["notifications"]["webhook_headers"] == {"Authorization": "***"}
    assert shown["notifications"]["apprise"] == {"phone": "***"}
    assert shown["notifications"]["smtp_username"] == "me"
    assert shown["store_url"] == "***"
    assert to_dict(config)["store_url"] == f"sqlite:///{SECRET}.db"
