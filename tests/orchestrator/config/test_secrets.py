"""A secret is shown to nobody."""

import hashlib
import json
import sys
from dataclasses import fields
from typing import Any, get_args, get_origin

import pytest

from jobs.values import READERS
from orchestrator.config import (
    ConfigError,
    TradingConfig,
    embedded_defaults,
    from_dict,
    load_text,
    masked,
    to_dict,
    warnings,
)
from orchestrator.config.model import is_secret
from orchestrator.config.options import is_section, types_of
from orchestrator.config.plain import as_written, set_options

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
    f"notifications: 'smtp_password={SECRET}'",
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


# --- what a reference stands for ---

SENTINEL = "zq7391"
SHAPES = [
    SENTINEL,
    "{0} {0} * * *",
    "{0}.{0}",
    "{0}:{0}",
    "{0}.{0}:{0}(",
    "open + {0}",
    "off {0}",
    "D{0}",
    "#{0}",
    "{0}@{0}.example",
    "https://{0}.example/{0}?{0}={0}",
    "https://hooks.slack.com/services/{0}/{0}/{0}",
    "https://discord.com/api/webhooks/{0}/{0}",
    "ntfy://{0}",
    "sqlite:///{0}.db",
    "sqlite:///:memory:{0}?{0}",
    "postgresql://{0}:{0}@{0}/{0}",
    "{0}\n{0}\x00",
    "",
]
NUMBERS = ["7391", "-7391", "0.7391", "7391.7391", "7391e300", "7391s", "7391%"]
"""For options that take numbers."""


def _options(kind: Any, path: tuple[str | int, ...] = ()):
    """Every option with its type, those in lists and mappings with a path into these."""
    if is_section(kind):
        for each in fields(kind):
            yield from _options(types_of(kind)[each.name], (*path, each.name))
    elif get_origin(kind) is list:
        yield from _options(get_args(kind)[0], (*path, 0))
    elif get_origin(kind) is dict:
        yield from _options(get_args(kind)[1], (*path, "key"))
        yield path, kind
    else:
        yield path, kind


def _document(path, value):
    for step in reversed(path):
        value = [value] if step == 0 else {step: value}
    return value


PLACES = [path for path, kind in _options(TradingConfig)]
PLACES += [("schedule", "jobs", "report", key) for key in READERS if key != "command"]
PLACES += [("schedule", "jobs", "heartbeat", "interval"), ("schedule", "jobs", "report", "none")]
PLACES += [("schedule", "calendar_overrides", "2026-07-02", key) for key in ("open", "close", "reason", "none")]
AROUND = {
    "schedule.jobs.report": {"interval": "5m", "run": "desk:report"},
    "notifications": {"channels": ["console", "slack", "discord", "webhook", "email"], "smtp_username": "me"},
}
"""Options that make others count."""


def _surrounded(path):
    """The document of a reference at a path, and again among the options beside which it counts."""
    yield _document(path, "${SECRET}")
    for at, options in AROUND.items():
        steps = tuple(at.split("."))
        if path[: len(steps)] == steps and len(path) > len(steps):
            inner = _document(path[len(steps) :], "${SECRET}")
            yield _document(steps, {**options, **inner})


def _loaded(document, environ):
    """The config, or None and everything that is said of what is wrong with it."""
    try:
        return load_text(json.dumps(document), ".json", environ=environ), ""
    except ConfigError as error:
        return None, f"{error}{error!r}{error.problems!r}{[str(each.value) for each in error.problems]}"


def _told(document, environ):
    """Everything that is said, shown and written of a config, or of what is wrong with it."""
    config, said = _loaded(document, environ)
    if config is None:
        return said
    found = warnings(config)
    written = json.dumps([masked(config), as_written(config), set_options(config)])
    return f"{written}{config!r}{from_dict(to_dict(config))!r}{found!r}{[str(each) for each in found]}"


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_nothing_tells_what_a_reference_stands_for(path):
    for document in _surrounded(path):
        for value in [*(shape.format(SENTINEL) for shape in SHAPES), *NUMBERS]:
            told = _told(document, {"SECRET": value}).casefold()
            assert SENTINEL not in told, value
            assert "7391" not in told, value


def test_nor_beside_other_text_or_with_a_default():
    for path in PLACES:
        for text in ("x${SECRET}/y", "${SECRET:-other}", "${SECRET}${SECRET}"):
            assert SENTINEL not in _told(_document(path, text), {"SECRET": SENTINEL}).casefold(), path


@pytest.mark.parametrize(
    "path", [path for path in PLACES if is_secret(path)], ids=lambda path: ".".join(map(str, path))
)
@pytest.mark.parametrize("reference", ["${SECRET:-%s}", "${SECRET}%s", "%s${SECRET:-%s}"])
def test_what_stands_around_a_reference_to_a_secret_is_secret_too(path, reference):
    for shape in SHAPES:
        document = _document(path, reference.replace("%s", shape.format(SENTINEL)))
        for environ in ({}, {"SECRET": "/other"}):
            config, said = _loaded(document, environ)
            assert SENTINEL not in (said if config is None else json.dumps(masked(config))).casefold(), shape


def test_every_text_option_has_taken_one():
    """So that the test above has shown configs, and not only errors."""
    closed = {"timezone", "calendar", "rebalance_frequency", "mode", "level", "format", "version", "primary_source"}
    for path, kind in _options(TradingConfig):
        texts = [shape.format(SENTINEL) for shape in SHAPES]
        if kind in (str, str | None) and closed.isdisjoint(path) and not _takes(path, texts):
            assert path[-1] in {*("smtp_username", "smtp_password"), "quiet_hours", "created_at", "updated_at", 0}, path


def _takes(path, texts):
    return any(_loaded(_document(path, "${SECRET}"), {"SECRET": text})[0] for text in texts)


STORED = "import hashlib, sys; print(hashlib.sha256(sys.argv[1].encode()).hexdigest(), len(sys.argv[2]))"


def test_a_daemon_stores_and_logs_nothing_of_it(desk):
    """Though the job gets it."""
    desk.write("token", SENTINEL + "\n")
    desk.environment["TOKEN"] = SENTINEL
    command = [sys.executable, "-c", STORED, "${TOKEN}", "${file:" + str(desk.folder / "token") + "}"]
    desk.configure(
        schedule={
            "calendar": "ALWAYS",
            "auto_start": False,
            "jobs": {"report": {"interval": "1s", "command": command}},
        },
        notifications={"smtp_username": "me", "smtp_password": "${TOKEN}", "webhook_headers": {"X": "a ${TOKEN}"}},
    )
    daemon = desk.start()
    (run, *_) = desk.wait_for(lambda: desk.runs("report"), "the job has run")
    assert run["output"] == f"{hashlib.sha256(SENTINEL.encode()).hexdigest()} {len(SENTINEL)}"
    said = "".join(desk.run(*words).stdout for words in (["jobs", "show", "report"], ["jobs", "list"], ["status"]))
    daemon.kill()
    kept = {path: path.read_bytes() for path in (desk.folder / ".orchestrator").rglob("*") if path.is_file()}
    assert desk.store_path in kept
    assert [path for path, content in kept.items() if SENTINEL.encode() in content] == []
    assert SENTINEL not in daemon.log + said
    assert any(b"${TOKEN}" in content for content in kept.values()), "the reference is stored"
