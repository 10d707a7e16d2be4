"""A desk on which a week of chaos is a matter of seconds: its sessions are short, and its jobs look seldom."""

from datetime import date, timedelta
from pathlib import Path

import pytest

START, END = date(2026, 11, 9), date(2026, 11, 22)

CONFIG = """
broker: {broker_type: paper}
strategy: {rebalance_frequency: intraday}
schedule:
  calendar_overrides: {%s}
  jobs:
    health_check: {interval: 15m}
    config_reload: {interval: 15m}
    scan: {session: "open + 10m", every: 10m, command: [scan], only_when: [trading]}
    noon: {cron: "0 12 * * *", command: [noon], trading_days_only: true}
    poll: {interval: 20m, command: [poll], overlap: queue}
notifications:
  channels: [slack, webhook]
  alert_levels: [info, warning, critical]
  slack_webhook_url: "https://hooks.slack.com/services/T000/B000/XXX"
  webhook_url: "https://hooks.example.com"
  routes: [{channels: [webhook], levels: [warning, critical]}]
"""


@pytest.fixture
def desk_file(tmp_path: Path) -> Path:
    """A config whose sessions in these two weeks end at 10:15."""
    days = [START + timedelta(days=number) for number in range((END - START).days + 1)]
    early = ", ".join(f'{day}: {{close: "10:15"}}' for day in days if day.weekday() < 5)
    path = tmp_path / "desk.yaml"
    path.write_text(CONFIG % early)
    return path
