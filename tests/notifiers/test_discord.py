import pytest

from notifiers import AlertLevel, Attempt, DiscordNotifier, NotificationMessage

URL = "https://discord.com/api/webhooks/1134567890123456789/aB3-dE_fGhIjKlMnOp"
COLOURS = {"info": 0x3AA3E3, "warning": 0xCACF29, "critical": 0xA32037}


def test_what_arrives_at_discord(cloud, crash):
    cloud.answer(204)
    assert DiscordNotifier(URL).attempt(crash) == Attempt(ok=True)
    request = cloud.request
    assert (request.host, request.path) == ("discord.com", URL.removeprefix("https://discord.com"))
    assert request.json["username"] == "Trading Bot"
    assert request.json["embeds"] == [
        {
            "title": "[CRITICAL] Engine crashed \\<!channel>",
            "description": (
                "exit code -11, ask \\<@U024BE7LH> or @everyone; see https://example.com/max_risk\n"
                "max\\_position is \\*safe\\*\n\n"
                "symbol: AAPL\nquantity: 100\nprice: 150.00\n\n"
                "2026-11-27 10:05:03 EST"
            ),
            "color": COLOURS["critical"],
        }
    ]


def test_nobody_is_pinged(cloud, crash):
    DiscordNotifier(URL).send(crash)
    assert cloud.request.json["allowed_mentions"] == {"parse": []}
    assert "content" not in cloud.request.json


@pytest.mark.parametrize("level", AlertLevel)
def test_each_level_has_its_colour(cloud, level):
    cloud.answer(204)
    assert DiscordNotifier(URL).notify(NotificationMessage("T", "text", level)) is True
    assert cloud.request.json["embeds"][0]["color"] == COLOURS[level.value]


@pytest.mark.parametrize("letter", ["x", "_"])
def test_long_text_is_cut_with_a_mark(cloud, letter):
    facts = {"symbol": "AAPL"}
    assert DiscordNotifier(URL).send(NotificationMessage("t" * 300, letter * 4_507, metadata=facts))
    (embed,) = cloud.request.json["embeds"]
    assert len(embed["title"]) <= 256
    assert 1_900 < len(embed["title"]) + len(embed["description"]) <= 2_000
    assert f"{letter} […]\n\nsymbol: AAPL\n\n" in embed["description"]


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("# heading\n> quote", "\\# heading\n\\> quote"),
        ("a > b # c < d", "a > b # c < d"),
        ("[here](https://evil.example/a_b)", "[here\\](https://evil.example/a_b)"),
        ("||spoiler|| `code` ~~gone~~", "\\|\\|spoiler\\|\\| \\`code\\` \\~\\~gone\\~\\~"),
        ('{{app_title}} "quoted" \\d', '{{app_title}} "quoted" \\\\d'),
    ],
)
def test_text_is_drawn_as_it_is_written(cloud, text, escaped):
    DiscordNotifier(URL).send(NotificationMessage("T", text))
    description = cloud.request.json["embeds"][0]["description"]
    assert description.replace("{{app\\_title}}", "{{app_title}}").startswith(f"{escaped}\n\n")


def test_discords_own_words_tell_why_it_failed(cloud, crash):
    cloud.answer(401, b'{"message": "Invalid Webhook Token", "code": 50027}')
    attempt = DiscordNotifier(URL).attempt(crash)
    assert attempt.detail == 'HTTP 401 Unauthorized: {"message": "Invalid Webhook Token", "code": 50027}'


def test_being_limited_is_one_request_and_no_waiting(cloud, crash):
    cloud.answer(429, b"{}", Retry_After="2.5", X_RateLimit_Remaining="0", X_RateLimit_Reset="4000000000")
    attempt = DiscordNotifier(URL).attempt(crash)
    assert (attempt.ok, attempt.retry_after) == (False, 2.5)
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
