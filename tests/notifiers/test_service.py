import pytest

from notifiers import AppriseNotifier, Attempt, NotificationMessage


def test_any_service_that_apprise_knows(endpoint, crash):
    assert AppriseNotifier(f"json://127.0.0.1:{endpoint.port}/hook").attempt(crash) == Attempt(ok=True)
    posted = endpoint.request.json
    assert posted["title"] == "[CRITICAL] Engine crashed <!channel>"
    assert posted["message"].startswith("exit code -11")
    assert posted["message"].endswith("Symbol: AAPL\nQuantity: 100\nPrice: 150.00\n\n2026-11-27 10:05:03 EST")
    assert posted["type"] == "failure"


def test_ntfy(cloud, crash):
    """A service where nobody is to be mentioned: the sign is parted from the name, which is not seen."""
    assert AppriseNotifier("ntfys://localhost/topic").attempt(crash) == Attempt(ok=True)
    posted = cloud.request.json
    assert posted["topic"] == "topic"
    assert posted["title"] == "[CRITICAL] Engine crashed <!\u2060channel>"
    assert posted["message"].startswith("exit code -11, ask <@\u2060U024BE7LH> or @\u2060everyone; see https://example")


def test_a_discord_url_of_apprise_pings_nobody_either(cloud):
    message = NotificationMessage("@here", "@everyone and <@&123>, mail all@example.com", metadata={"at": "@Here"})
    assert AppriseNotifier("discord://1134567890/aB3-dE_fGhIjKlMnOp").send(message)
    assert not any(ping in cloud.request.json["content"] for ping in ("@here", "@everyone", "<@&", "@Here"))
    assert "all@example.com" in cloud.request.json["content"]


def test_text_is_cut_to_what_the_service_takes(cloud):
    """ntfy takes 7 800 characters."""
    text = "word " * 10_000 + "the end"
    assert AppriseNotifier("ntfys://localhost/topic").send(NotificationMessage("T", text))
    message = cloud.request.json["message"]
    assert 7_600 < len(message) <= 7_800
    assert "word\n[… " in message
    assert "word the end\n\n" in message


def test_the_delivery_is_not_shown(cloud):
    AppriseNotifier("ntfys://localhost/topic").send(NotificationMessage("T", "text", metadata={"delivery": "3f2a91c7"}))
    assert "3f2a91c7" not in cloud.request.body


@pytest.mark.parametrize("text", ["", "\x00", "📉" * 500, "خسارة 10٪"])
def test_whatever_the_text_it_arrives(cloud, text):
    assert AppriseNotifier("ntfys://localhost/topic").attempt(NotificationMessage("", text)) == Attempt(ok=True)
    assert cloud.request.json["title"] == "[INFO]"


def test_retries_in_the_url_are_ignored(endpoint, crash):
    endpoint.answer(500, b"oops")
    attempt = AppriseNotifier(f"json://127.0.0.1:{endpoint.port}/?retry=3&wait=60").attempt(crash)
    assert attempt.detail == "HTTP 500 Internal Server Error: oops"
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("url", ["nosuch://sesame", "slack://sesame", "tgram://sesame"])
def test_a_url_that_apprise_cannot_use_fails_the_attempt(url, crash, capfd, caplog):
    attempt = AppriseNotifier(url).attempt(crash)
    assert (attempt.ok, attempt.permanent) == (False, True)
    assert attempt.detail
    assert "sesame" not in attempt.detail + caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize("url", ["sesame", "", "://sesame"])
def test_what_is_no_url_is_refused_without_being_shown(url):
    with pytest.raises(ValueError, match="not an Apprise URL") as refused:
        AppriseNotifier(url)
    assert "sesame" not in str(refused.value)
