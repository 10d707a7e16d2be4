import re
import subprocess
import sys
from pathlib import Path

import notifiers

HEAVY = {"apprise", "requests", "urllib3", "smtplib", "ssl", "email", "html", "tempfile"}


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
print({{attempt.detail.rpartition(": ")[2] for attempt in attempts}})
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("{'Connection refused'}", "")


def test_apprise_is_imported_in_one_module_only():
    sources = {path.name: path.read_text(encoding="utf-8") for path in Path(notifiers.__file__).parent.glob("*.py")}
    imports = re.compile(r"^\s*(?:import|from) apprise\b", re.MULTILINE)
    assert [name for name, source in sources.items() if imports.search(source)] == ["delivery.py"]
