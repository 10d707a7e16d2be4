import pytest

from notifiers import AlertLevel, Attempt, NotificationMessage, SlackNotifier

URL = "https://hooks.slack.com/services/T024BE7LD/B0G9QF9GZ/x7Kd93jf0sQpLm2"
COLOURS = {"info": "#3AA3E3", "warning": "#CACF29", "critical": "#A32037"}


def test_what_arrives_at_slack(cloud, crash):
    notifier = SlackNotifier(URL, channel="#trading-alerts")
    assert notifier.attempt(crash) == Attempt(ok=True)
    request = cloud.request
    assert (request.host, request.path) == ("hooks.slack.com", URL.removeprefix("https://hooks.slack.com"))
    assert request.json == {
        "mrkdwn": False,
        "username": "Trading Bot",
        "channel": "#trading-alerts",
        "attachments": [
            {
                "color": COLOURS["critical"],
                "title": "[CRITICAL] Engine crashed &lt;!channel&gt;",
                "text": (
                    "exit code -11, ask &lt;@U024BE7LH&gt; or @everyone; see https://example.com/max_risk\n"
                    "max_position is *safe*\n\n"
                    "symbol: AAPL\nquantity: 100\nprice: 150.00\n\n"
                    "2026-11-27 10:05:03 EST"
                ),
            }
        ],
    }


@pytest.mark.parametrize("level", AlertLevel)
def test_each_level_has_its_colour(cloud, level):
    assert SlackNotifier(URL).notify(NotificationMessage("T", "text", level)) is True
    assert cloud.request.json["attachments"][0]["color"] == COLOURS[level.value]


@pytest.mark.parametrize(
    ("channel", "sent"),
    [
        ("#alerts", "#alerts"),
        ("alerts", "#alerts"),
        ("@trader", "@trader"),
        ("C024BE91L", "C024BE91L"),
        (None, None),
        ("", None),
    ],
)
def test_channel_and_name_are_asked_for(cloud, crash, channel, sent):
    assert SlackNotifier(URL, channel=channel, username="Bot 100% & co").send(crash)
    assert cloud.request.json.get("channel") == sent
    assert cloud.request.json["username"] == "Bot 100% & co"


def test_long_text_is_cut_with_a_mark(cloud):
    assert SlackNotifier(URL).send(NotificationMessage("T", "x" * 50_000, metadata={"symbol": "AAPL"}))
    text = cloud.request.json["attachments"][0]["text"]
    assert 3_900 < len(text) <= 4_000
    assert "x […]\n\nsymbol: AAPL\n\n" in text


def test_slacks_own_words_tell_why_it_failed(cloud, crash):
    cloud.answer(404, b"no_service")
    assert SlackNotifier(URL).attempt(crash) == Attempt(ok=False, detail="HTTP 404 Not Found: no_service")


def test_an_answer_that_is_not_ok_is_a_failure(cloud, crash):
    cloud.answer(200, b"invalid_payload")
    assert SlackNotifier(URL).attempt(crash).detail == "HTTP 200 OK: invalid_payload"


def test_being_limited_tells_when_to_come_back(cloud, crash):
    cloud.answer(429, b"rate_limited", Retry_After="30")
    attempt = SlackNotifier(URL).attempt(crash)
    assert attempt == Attempt(False, "HTTP 429 Too Many Requests: rate_limited", retry_after=30.0)
    assert len(cloud.requests) == 1


def test_an_unknown_certificate_is_refused(untrusted_cloud, crash):
    attempt = SlackNotifier(URL).attempt(crash)
    assert not attempt.ok
    assert "certificate verify failed" in attempt.detail
    assert untrusted_cloud.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/services/YOUR/WEBHOOK/URL",
        "https://hooks.slack.com/services/T1/B1/abc/",
        "https://hooks.slack-gov.com/services/T1/B1/abc",
    ],
)
def test_slack_webhook_urls(url):
    assert SlackNotifier(url).webhook_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.slack.com/services/T024BE7LD/B0G9QF9GZ/x7Kd93jf0sQpLm2",
        "https://hooks.slack.com/services/T024BE7LD/x7Kd93jf0sQpLm2",
        "https://hooks.slack.com.evil.example/services/T024BE7LD/B0G9QF9GZ/x7Kd93jf0sQpLm2",
        "x7Kd93jf0sQpLm2",
        "",
    ],
)
def test_other_urls_are_refused_without_being_shown(url):
    with pytest.raises(
        ValueError, match=r"not a Slack webhook URL: .*; one looks like https://hooks\.slack"
    ) as refused:
        SlackNotifier(url)
    assert "x7Kd93jf0sQpLm2" not in str(refused.value)


@pytest.mark.parametrize("channel", ["#two words", "#a,#b", "#" + "x" * 33])
def test_a_channel_that_slack_could_not_have_is_refused(channel):
    with pytest.raises(ValueError, match="not a Slack channel"):
        SlackNotifier(URL, channel=channel)
