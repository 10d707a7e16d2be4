from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifiers import AlertLevel, Attempt, DiscordNotifier, NotificationMessage
from notifiers.text import size

URL = "https://discord.com/api/webhooks/1134567890123456789/aB3-dE_fGhIjKlMnOp"
COLOURS = {"info": 0x3AA3E3, "warning": 0xF2952B, "critical": 0xD7263D}
AT = datetime(2026, 11, 27, 15, 5, 3, tzinfo=UTC)


def embed(cloud) -> dict[str, Any]:
    (only,) = cloud.request.json["embeds"]
    return only


def test_what_arrives_at_discord(cloud, crash):
    cloud.answer(204)
    assert DiscordNotifier(URL).attempt(crash) == Attempt(ok=True)
    request = cloud.request
    assert (request.host, request.path) == ("discord.com", URL.removeprefix("https://discord.com"))
    assert request.json["username"] == "Trading Bot"
    assert embed(cloud) == {
        "title": "[CRITICAL] Engine crashed \\<!channel>",
        "description": (
            "exit code -11, ask \\<@U024BE7LH> or @everyone; see https://example.com/max_risk\n"
            "max\\_position is \\*safe\\*"
        ),
        "color": COLOURS["critical"],
        "fields": [
            {"name": "Symbol", "value": "AAPL", "inline": True},
            {"name": "Quantity", "value": "100", "inline": True},
            {"name": "Price", "value": "150.00", "inline": True},
        ],
        "footer": {"text": "2026-11-27 10:05:03 EST"},
    }


def test_nobody_is_pinged(cloud, crash):
    DiscordNotifier(URL).send(crash)
    assert cloud.request.json["allowed_mentions"] == {"parse": []}
    assert "content" not in cloud.request.json


@pytest.mark.parametrize("level", AlertLevel)
def test_each_level_has_its_colour_and_its_word(cloud, level):
    cloud.answer(204)
    assert DiscordNotifier(URL).notify(NotificationMessage("T", "text", level)) is True
    assert (embed(cloud)["color"], embed(cloud)["title"]) == (COLOURS[level.value], f"[{level.value.upper()}] T")


def test_a_long_fact_has_a_line_of_its_own_and_the_delivery_is_small_print(cloud):
    facts = {"output": "line 1\nline 2", "symbol": "AAPL", "delivery": "3f2a91c7-5b0e-4c53-9d6a-0f6f5d1a2b3c"}
    DiscordNotifier(URL).send(NotificationMessage("T", "text", AlertLevel.INFO, AT, facts))
    assert [(field["name"], field["inline"]) for field in embed(cloud)["fields"]] == [
        ("Symbol", True),
        ("Output", False),
    ]
    assert embed(cloud)["footer"] == {"text": "2026-11-27 15:05:03 UTC · 3f2a91c7"}


@pytest.mark.parametrize("letter", ["x", "_", "📉"])
def test_long_text_keeps_its_beginning_and_its_end(cloud, letter):
    text = f"{letter * 4_507}\nKeyError: 'AAPL'"
    assert DiscordNotifier(URL).send(NotificationMessage("t" * 300, text, metadata={"symbol": "AAPL"}))
    assert 250 < size(embed(cloud)["title"]) <= 256
    assert 4_000 < size(embed(cloud)["description"]) <= 4_096
    assert "characters left out …" in embed(cloud)["description"]
    assert embed(cloud)["description"].endswith("\nKeyError: 'AAPL'")


LIMITS = {"title": 256, "description": 4_096}


def refusals(embed: dict[str, Any]) -> Iterator[str]:
    """What Discord's documentation says it would refuse of an embed."""
    texts = [embed["title"], embed.get("description", "-"), embed["footer"]["text"]]
    texts += [part for field in embed["fields"] for part in (field["name"], field["value"])]
    if sum(map(size, texts)) > 6_000:
        yield f"{sum(map(size, texts))} in all"
    if not all(text.strip() for text in texts):
        yield "an empty text"
    if len(embed["fields"]) > 25:
        yield f"{len(embed['fields'])} fields"
    for field in embed["fields"]:
        if size(field["name"]) > 256 or size(field["value"]) > 1_024:
            yield f"too long: {field['name']}"
    for name, limit in LIMITS.items():
        if size(embed.get(name, "")) > limit:
            yield f"too long: {name}"


ANYTHING = st.text(max_size=300) | st.text("&<>*_📉 \n", min_size=2_000, max_size=6_000)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(ANYTHING, ANYTHING, st.dictionaries(st.text(max_size=100), ANYTHING | st.integers() | st.floats(), max_size=30))
def test_no_message_is_one_that_discord_refuses(title, text, facts):
    parcel = DiscordNotifier(URL).parcel(NotificationMessage(title, text, AlertLevel.CRITICAL, AT, facts))
    assert not list(refusals(parcel.template["embeds"][0]))


def test_facts_without_room_are_left_out_with_a_word():
    facts = {f"fact_{number}": f"{number}*" * 300 for number in range(12)}
    parcel = DiscordNotifier(URL).parcel(NotificationMessage("T", "x" * 9_000, metadata=facts))
    (embed,) = parcel.template["embeds"]
    assert embed["fields"][-1]["value"] == "more facts than there is room for"
    assert len(embed["description"]) > 3_000
    assert not list(refusals(embed))


@pytest.mark.parametrize("text", ["", "\x00", " \n "])
def test_without_text_there_is_no_description(cloud, text):
    assert DiscordNotifier(URL).attempt(NotificationMessage("", text)) == Attempt(ok=True)
    assert embed(cloud)["title"] == "[INFO]"
    assert embed(cloud).get("description") in (None, "\ufffd")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("# heading\n> quote\n- item", "\\# heading\n\\> quote\n\\- item"),
        ("a > b # c < d - e", "a > b # c < d - e"),
        ("[here](https://evil.example/a_b)", "[here\\](https://evil.example/a_b)"),
        ("||spoiler|| `code` ~~gone~~", "\\|\\|spoiler\\|\\| \\`code\\` \\~\\~gone\\~\\~"),
        ("<@123> <#5> <t:1:R> <:x:1>", "\\<@123> \\<#5> \\<t:1:R> \\<\\:x:1>"),
        ("at 10:05:03 :fire: 2001:db8:100::1", "at 10:05:03 \\:fire: 2001\\:db8\\:100::1"),
        ('{{app_title}} "quoted" \\d', '{{app\\_title}} "quoted" \\\\d'),
        ("خسارة 10٪ 📉", "خسارة 10٪ 📉"),
    ],
)
def test_text_is_drawn_as_it_is_written(cloud, text, escaped):
    DiscordNotifier(URL).send(NotificationMessage("T", text))
    assert embed(cloud)["description"] == escaped


def test_discords_own_words_tell_why_it_failed(cloud, crash):
    cloud.answer(401, b'{"message": "Invalid Webhook Token", "code": 50027}')
    attempt = DiscordNotifier(URL).attempt(crash)
    detail = 'HTTP 401 Unauthorized: {"message": "Invalid Webhook Token", "code": 50027}'
    assert attempt == Attempt(ok=False, detail=detail, permanent=True)


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        (b"{}", {"Retry_After": "2.5", "X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "4000000000"}, 2.5),
        (b'{"message": "You are being rate limited.", "retry_after": 64.57, "global": false}', {}, 64.57),
        (b'{"retry_after": "soon"}', {}, None),
        (b"[1]", {}, None),
        (b"not JSON", {}, None),
    ],
)
def test_being_limited_is_one_request_and_no_waiting(cloud, crash, body, headers, seconds):
    cloud.answer(429, body, **headers)
    attempt = DiscordNotifier(URL).attempt(crash)
    assert (attempt.ok, attempt.retry_after, attempt.permanent) == (False, seconds, False)
    assert len(cloud.requests) == 1


def test_a_thread_is_posted_to(cloud, crash):
    assert DiscordNotifier(URL + "?thread_id=42").send(crash)
    assert cloud.request.path.endswith("/aB3-dE_fGhIjKlMnOp?thread_id=42")


@pytest.mark.parametrize(
    "url",
    [
        "https://discord.com/api/webhooks/YOUR/WEBHOOK",
        "https://discordapp.com/api/webhooks/1/abc",
        "https://canary.discord.com/api/v10/webhooks/1/abc",
    ],
)
def test_discord_webhook_urls(url):
    assert DiscordNotifier(url).webhook_url == url


@pytest.mark.parametrize("url", ["https://example.com/api/webhooks/1/aB3-dE", "discord://1/aB3-dE", "aB3-dE"])
def test_other_urls_are_refused_without_being_shown(url):
    with pytest.raises(ValueError, match="not a Discord webhook URL") as refused:
        DiscordNotifier(url)
    assert "aB3-dE" not in str(refused.value)
