"""Config texts are shown as they were written, without their secrets."""

import json

import pytest

from orchestrator.config import ConfigError
from orchestrator.config.masking import Masks, masked_text

SECRET = "https://hooks.slack.com/services/T0/B0/verysecret"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"notifications:\n  slack_webhook_url: {SECRET}\n", "notifications:\n  slack_webhook_url: ***\n"),
        (f"notifications: {{slack_webhook_url: '{SECRET}', enabled: true}}", "notifications: {slack_webhook_url: ***"),
        (
            f"notifications:\n  apprise:\n    phone: {SECRET}  # mine\n    desk: {SECRET}\n  enabled: true\n",
            "notifications:\n  apprise:\n    phone: ***\n    desk: ***\n  enabled: true\n",
        ),
        (
            'notifications:\n  webhook_headers: {"X-Key": "a\\"verysecret"}\n# the end\n',
            'notifications:\n  webhook_headers: {"X-Key": ***\n# the end\n',
        ),
        (
            "notifications:\n  smtp_password: >-\n    verysecret\n    words\n  smtp_username: me\n",
            "notifications:\n  smtp_password: ***\n  smtp_username: me\n",
        ),
        (
            "notifications:\n  smtp_password: 'verysecret\n    words'\n\n  # mine\n  smtp_username: me\n",
            "notifications:\n  smtp_password: ***\n  smtp_username: me\n",
        ),
    ],
)
def test_secrets_of_yaml_are_covered_and_nothing_else(text, shown):
    assert masked_text(text, ".yaml", "x") == shown


@pytest.mark.parametrize("value", ["${SLACK}", "${file:/run/secrets/slack}"])
def test_lone_reference_is_no_secret(value):
    text = f"notifications:\n  slack_webhook_url: {value}\n"
    assert masked_text(text, ".yaml", "x") == text


@pytest.mark.parametrize("value", ["${SLACK:-verysecret}", "https://x/${A}/verysecret", "${A}verysecret${B}"])
def test_reference_beside_a_secret_does_not_uncover_it(value):
    assert "verysecret" not in masked_text(f"notifications:\n  slack_webhook_url: {value}\n", ".yaml", "x")


def test_secrets_of_toml_and_json_are_covered():
    toml = f'[notifications]\nslack_webhook_url = "{SECRET}"\nenabled = true\n'
    assert masked_text(toml, ".toml", "x") == "[notifications]\nslack_webhook_url = ***\nenabled = true\n"
    document = json.dumps({"notifications": {"enabled": True, "webhook_headers": {"a": SECRET, "b": 1}}}, indent=2)
    shown = masked_text(document, ".json", "x")
    assert "verysecret" not in shown
    assert '"enabled": true' in shown


def test_the_same_secret_has_the_same_mask_and_another_has_another():
    masks = Masks()
    one, same, other = (
        masked_text(f"notifications: {{smtp_password: {word}}}", ".yaml", "x", masks) for word in ("one", "one", "two")
    )
    assert one == same != other


def test_text_that_cannot_be_read_is_not_shown():
    with pytest.raises(ConfigError):
        masked_text(f"notifications: {{slack_webhook_url: [{SECRET}", ".yaml", "x")


@pytest.mark.parametrize("letter", ["\u2028", "\u0085", "\x0c"])
def test_letters_that_end_a_line_only_elsewhere_do_not_shift_the_mask(letter):
    toml = f'# a{letter}b\n[notifications]\nsmtp_password = "hunter2"\n' if letter == "\u2028" else None
    document = json.dumps({"version": "1", "schedule": {"x": letter}, "notifications": {"smtp_password": "hunter2"}})
    texts = [(document.replace("{", "{\n"), ".json"), *([(toml, ".toml")] if toml else [])]
    for text, suffix in texts:
        assert "hunter2" not in masked_text(text, suffix, "x")


def test_secret_over_lines_is_covered_up_to_what_follows_on_its_last_line():
    text = 'notifications: {smtp_password: "eins\n  zwei", smtp_host: x}\n'
    shown = masked_text(text, ".yaml", "x")
    assert "zwei" not in shown
    assert "smtp_host: x" in shown


def test_secret_that_is_a_word_of_its_key_is_covered_all_the_same():
    text = "notifications:\n  smtp_password: >-\n    password\n  smtp_host: x\n"
    assert masked_text(text, ".yaml", "x") == "notifications:\n  smtp_password: ***\n  smtp_host: x\n"
