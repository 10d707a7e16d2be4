from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifiers import AlertLevel, Attempt, NotificationMessage, SlackNotifier
from notifiers.text import size

URL = "https://hooks.slack.com/services/T024BE7LD/B0G9QF9GZ/x7Kd93jf0sQpLm2"
COLOURS = {"info": "#3aa3e3", "warning": "#f2952b", "critical": "#d7263d"}
AT = datetime(2026, 11, 27, 15, 5, 3, tzinfo=UTC)


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def bold(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": f"*{text}*"}


def blocks(cloud) -> list[dict[str, Any]]:
    (attachment,) = cloud.request.json["attachments"]
    return attachment["blocks"]


def texts(blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for block in blocks:
        yield from filter(None, [block.get("text"), *block.get("fields", []), *block.get("elements", [])])


def test_what_arrives_at_slack(cloud, crash):
    notifier = SlackNotifier(URL, channel="#trading-alerts")
    assert notifier.attempt(crash) == Attempt(ok=True)
    request = cloud.request
    assert (request.host, request.path) == ("hooks.slack.com", URL.removeprefix("https://hooks.slack.com"))
    text = (
        "exit code -11, ask &lt;@U024BE7LH&gt; or @everyone; see https://example.com/max_risk\nmax_position is *safe*"
    )
    assert request.json == {
        "username": "Trading Bot",
        "channel": "#trading-alerts",
        "attachments": [
            {
                "color": COLOURS["critical"],
                "fallback": "[CRITICAL] Engine crashed &lt;!channel&gt;: " + text.replace("\n", " "),
                "blocks": [
                    {"type": "header", "text": plain("[CRITICAL] Engine crashed &lt;!channel&gt;")},
                    {"type": "section", "text": plain(text)},
                    {
                        "type": "section",
                        "fields": [
                            *(bold("Symbol"), plain("AAPL")),
                            *(bold("Quantity"), plain("100")),
                            *(bold("Price"), plain("150.00")),
                        ],
                    },
                    {"type": "context", "elements": [plain("2026-11-27 10:05:03 EST")]},
                ],
            }
        ],
    }


@pytest.mark.parametrize("level", AlertLevel)
def test_each_level_has_its_colour_and_its_word(cloud, level):
    assert SlackNotifier(URL).notify(NotificationMessage("T", "text", level)) is True
    assert cloud.request.json["attachments"][0]["color"] == COLOURS[level.value]
    assert blocks(cloud)[0]["text"]["text"] == f"[{level.value.upper()}] T"


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


def test_facts_are_rows_of_tables_and_long_ones_paragraphs(cloud):
    facts = {f"fact_{number}": number for number in range(7)} | {"output": "line 1\nline <2>"}
    SlackNotifier(URL).send(NotificationMessage("T", "text", metadata=facts))
    _, _, first, second, output, _ = blocks(cloud)
    assert [cell["text"] for cell in first["fields"][:4]] == ["*Fact 0*", "0", "*Fact 1*", "1"]
    assert (len(first["fields"]), len(second["fields"])) == (10, 4)
    assert output == {"type": "section", "text": plain("Output: line 1\nline &lt;2&gt;")}


def test_the_name_of_a_fact_formats_nothing(cloud):
    SlackNotifier(URL).send(NotificationMessage("T", "text", metadata={"*a* <!here> `b` ~c~": 1}))
    assert blocks(cloud)[2]["fields"][0] == bold("a &lt;!here&gt; b c")


def test_the_delivery_is_small_print(cloud):
    facts = {"delivery": "3f2a91c7-5b0e-4c53-9d6a-0f6f5d1a2b3c"}
    SlackNotifier(URL).send(NotificationMessage("T", "text", AlertLevel.INFO, AT, facts))
    assert blocks(cloud)[-1] == {"type": "context", "elements": [plain("2026-11-27 15:05:03 UTC · 3f2a91c7")]}
    assert len(blocks(cloud)) == 3


def test_long_text_keeps_its_beginning_and_its_end(cloud):
    text = "The job failed.\n" + "a line of output\n" * 3_000 + "KeyError: 'AAPL'"
    assert SlackNotifier(URL).send(NotificationMessage("T " * 300, text, metadata={"symbol": "AAPL"}))
    header, body, *_ = blocks(cloud)
    assert 140 < len(header["text"]["text"]) <= 150
    assert header["text"]["text"].endswith("T […]")
    assert 2_900 < len(body["text"]["text"]) <= 3_000
    assert body["text"]["text"].startswith("The job failed.\na line of output\n")
    assert " characters left out …]\n" in body["text"]["text"]
    assert body["text"]["text"].endswith("a line of output\nKeyError: 'AAPL'")


@pytest.mark.parametrize(
    "text", ["", "\x00", " \n ", "📉" * 9_000, "&" * 9_000, "خسارة 10٪", "{{app_title}} {{ app_body }}"]
)
def test_whatever_the_text_it_arrives(cloud, text):
    assert SlackNotifier(URL).attempt(NotificationMessage("", text)) == Attempt(ok=True)
    assert blocks(cloud)[0]["text"]["text"] == "[INFO]"
    assert not list(refusals(cloud.request.json["attachments"][0]))


def test_words_that_apprise_would_replace_stay(cloud):
    SlackNotifier(URL).send(NotificationMessage("{{app_body}}", "{{{app_title}}} {{ app_color }}"))
    header, body, _ = blocks(cloud)
    assert header["text"]["text"] == "[INFO] {{app_body}}"
    assert body["text"]["text"] == "{{{app_title}}} {{ app_color }}"


LIMITS = {"header": 150, "section": 3_000, "fields": 2_000, "context": 2_000}


def refusals(attachment: dict[str, Any]) -> Iterator[str]:
    """What Slack's documentation says it would refuse of an attachment."""
    known = attachment["blocks"]
    if len(known) > 50:
        yield f"{len(known)} blocks"
    for block in known:
        for text in texts([block]):
            if not 1 <= size(text["text"]) <= LIMITS["fields" if "fields" in block else block["type"]]:
                yield f"{size(text['text'])} characters in {block['type']}"
            if set("<>") & set(text["text"]) or "&" in text["text"].replace("&amp;", "").replace("&lt;", "").replace(
                "&gt;", ""
            ):
                yield f"a character that is not escaped in {block['type']}"
        if not 1 <= len(block.get("fields", [None])) <= 10:
            yield f"{len(block['fields'])} fields"


ANYTHING = st.text(max_size=300) | st.text("&<>*_📉 \n", min_size=2_000, max_size=4_000)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(ANYTHING, ANYTHING, st.dictionaries(st.text(max_size=100), ANYTHING | st.integers() | st.floats(), max_size=30))
def test_no_message_is_one_that_slack_refuses(title, text, facts):
    parcel = SlackNotifier(URL).parcel(NotificationMessage(title, text, AlertLevel.CRITICAL, AT, facts))
    assert not list(refusals(parcel.template))
    assert size(parcel.template["fallback"]) <= 300


@pytest.mark.parametrize(
    ("status", "body", "permanent"),
    [
        (400, b"invalid_payload", True),
        (403, b"invalid_token", True),
        (404, b"no_service", True),
        (410, b"channel_is_archived", True),
        (500, b"rollup_error", False),
    ],
)
def test_slacks_own_words_tell_why_it_failed(cloud, crash, status, body, permanent):
    cloud.answer(status, body)
    attempt = SlackNotifier(URL).attempt(crash)
    assert attempt.detail.startswith(f"HTTP {status} ")
    assert attempt.detail.endswith(f": {body.decode()}")
    assert (attempt.ok, attempt.permanent) == (False, permanent)


def test_an_answer_that_is_not_ok_is_a_failure(cloud, crash):
    cloud.answer(200, b"invalid_payload")
    assert SlackNotifier(URL).attempt(crash) == Attempt(False, "HTTP 200 OK: invalid_payload")


def test_being_limited_tells_when_to_come_back(cloud, crash):
    cloud.answer(429, b"rate_limited", Retry_After="30")
    attempt = SlackNotifier(URL).attempt(crash)
    assert attempt == Attempt(False, "HTTP 429 Too Many Requests: rate_limited", retry_after=30.0)
    assert len(cloud.requests) == 1


def test_an_unknown_certificate_is_refused(untrusted_cloud, crash):
    attempt = SlackNotifier(URL).attempt(crash)
    assert (attempt.ok, attempt.permanent) == (False, False)
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
