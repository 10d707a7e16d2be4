import logging
import re

import pytest

from notifiers.redaction import RedactingFilter, Redactor, describe, matched, shown


@pytest.mark.parametrize(
    "text",
    [
        "password p@ss/w\"rd' was wrong",
        "https://user:p%40ss%2Fw%22rd%27@host/",
        "user:p%40ss/w%22rd%27@host",
        '{"password": "p@ss/w\\"rd\'"}',
        "AUTH LOGIN cEBzcy93InJkJw==",
    ],
)
def test_a_secret_is_masked_in_every_spelling(text):
    redacted = Redactor(["p@ss/w\"rd'"])(text)
    assert "***" in redacted
    assert "ss" not in redacted.replace("password", "")


def test_a_secret_is_masked_in_json_whose_letters_are_plain():
    assert Redactor(['gehei"mnü'])('{"password": "gehei\\"mnü"}') == '{"password": "***"}'


def test_the_longest_secret_goes_first():
    redact = Redactor(["token", "https://host/token"])
    assert redact("POST https://host/token and token") == "POST *** and ***"


def test_without_secrets_the_text_stays():
    assert Redactor(["", "ab"])("about tables") == "about tables"


def test_a_redactor_shows_nothing():
    redactor = Redactor(["hunter22"])
    assert "hunter22" not in repr(redactor)


def test_the_filter_redacts_before_any_handler(caplog):
    log = logging.getLogger("test.redaction")
    masking = RedactingFilter(Redactor(["hunter22"]))
    log.addFilter(masking)
    try:
        log.warning("login of %s with %r", "trader", "hunter22")
    finally:
        log.removeFilter(masking)
    assert caplog.messages == ["login of trader with '***'"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("bad https://u:pw@host:8080/a/b?c=d here"), "ValueError: bad https://host:8080/*** here"),
        (
            OSError("Max retries exceeded with url: /services/T/B/X (Caused"),
            "OSError: Max retries exceeded with url: *** (Caused",
        ),
        (ConnectionError("https://host is down"), "ConnectionError: https://host is down"),
        (KeyError(), "KeyError"),
    ],
)
def test_a_foreign_error_loses_what_urls_hide(error, said):
    assert describe(error) == said


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://hooks.slack.com/services/T/B/X", "'https://hooks.slack.com/***'"),
        ("https://example.com", "'https://example.com'"),
        ("xoxb-token", "'***'"),
        ("", "''"),
        (None, "None"),
    ],
)
def test_of_a_secret_url_the_host_may_be_shown(url, text):
    assert shown(url) == text


def test_a_url_that_does_not_match_is_refused_without_being_shown():
    assert matched(re.compile("https://a/(.*)"), " https://a/b ", "an A", "https://a/XXXX")[1] == "b"
    with pytest.raises(ValueError, match=r"^not an A: 'https://b/\*\*\*'; one looks like https://a/XXXX$"):
        matched(re.compile("https://a/(.*)"), "https://b/sesame", "an A", "https://a/XXXX")
