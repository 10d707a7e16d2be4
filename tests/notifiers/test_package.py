import subprocess
import sys

import notifiers

HEAVY = {"apprise", "requests", "urllib3", "smtplib", "ssl"}


def test_the_public_names():
    assert notifiers.__all__ == [
        "AlertLevel",
        "NotificationMessage",
        "Notifier",
        "Attempt",
        "ConsoleNotifier",
        "MemoryNotifier",
        "SlackNotifier",
        "DiscordNotifier",
        "EmailNotifier",
        "WebhookNotifier",
        "AppriseNotifier",
        "KINDS",
        "build_notifier",
        "OrderNotificationAdapter",
        "RiskNotificationAdapter",
    ]
    assert all(hasattr(notifiers, name) for name in notifiers.__all__)


def test_neither_importing_nor_building_loads_apprise():
    script = f"""
import sys
from notifiers import KINDS, build_notifier
build_notifier("slack", {{"webhook_url": "https://hooks.slack.com/services/T1/B1/abc"}})
build_notifier("apprise", {{"url": "ntfy://topic"}})
print(sorted({HEAVY} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_first_attempts_may_come_all_at_once(unused_port):
    script = f"""
from concurrent.futures import ThreadPoolExecutor
from notifiers import NotificationMessage, WebhookNotifier
notifier = WebhookNotifier("http://127.0.0.1:{unused_port}/hook")
with ThreadPoolExecutor(8) as pool:
    attempts = list(pool.map(notifier.attempt, [NotificationMessage("T", "text")] * 8))
print({{attempt.detail.rpartition("] ")[2] for attempt in attempts}})
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("{'Connection refused'}", "")
