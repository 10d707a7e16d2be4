import pytest

from notifiers import AppriseNotifier, Attempt, NotificationMessage


def test_any_service_that_apprise_knows(endpoint, crash):
    assert AppriseNotifier(f"json://127.0.0.1:{endpoint.port}/hook").attempt(crash) == Attempt(ok=True)
    posted = endpoint.request.json
    assert posted["title"] == "[CRITICAL] Engine crashed <!channel>"
    assert posted["message"].startswith("exit code -11")
    assert posted["message"].endswith("symbol: AAPL\nquantity: 100\nprice: 150.00\n\n2026-11-27 10:05:03 EST")
    assert posted["type"] == "failure"


def test_text_is_cut_to_what_the_service_takes(cloud):
    """ntfy takes 7 800 characters."""
    assert AppriseNotifier("ntfys://localhost/topic").send(NotificationMessage("T", "x" * 50_000))
    posted = cloud.request.body
    assert 7_000 < posted.count("x") < 7_800
    assert "\\u2026]" in posted or "…]" in posted


def test_retries_in_the_url_are_ignored(endpoint, crash):
    endpoint.answer(500, b"oops")
    attempt = AppriseNotifier(f"json://127.0.0.1:{endpoint.port}/?retry=3&wait=60").attempt(crash)
    assert attempt.detail == "HTTP 500 Internal Server Error: oops"
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("url", ["nosuch://sesame", "slack://sesame", "tgram://sesame"])
def test_a_url_that_apprise_cannot_use_fails_the_attempt(url, crash, capfd, caplog):
    attempt = AppriseNotifier(url).attempt(crash)
    assert not attempt.ok
    assert attempt.detail
    assert "sesame" not in attempt.detail + caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize("url", ["sesame", "", "://sesame"])
def test_what_is_no_url_is_refused_without_being_shown(url):
    with pytest.raises(ValueError, match="not an Apprise URL") as refused:
        AppriseNotifier(url)
    assert "sesame" not in str(refused.value)
