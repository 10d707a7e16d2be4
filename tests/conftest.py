"""What tests of several packages start from."""

import os
from collections.abc import Iterator

import pytest

DOCUMENTED_CONFIG = """\
version: "1.0.0"
mode: paper

schedule:
  timezone: "America/New_York"
  auto_start: true
  auto_stop: true

strategy:
  symbols:
    - AAPL
    - MSFT
  max_positions: 10
  position_size_pct: 0.10

risk:
  max_portfolio_drawdown: 0.12
  enable_circuit_breaker: true
  circuit_breaker_threshold: 0.10

broker:
  broker_type: ibkr
  host: 127.0.0.1
  port: 7497
  paper_trading: true

notifications:
  enabled: true
  channels:
    - slack
  alert_levels:
    - warning
    - critical
  slack_webhook_url: "https://hooks.slack.com/services/YOUR/WEBHOOK/URL"
"""


@pytest.fixture(scope="session")
def documented_config() -> str:
    """The YAML text that the users' description gives as its example."""
    return DOCUMENTED_CONFIG


def pytest_xdist_auto_num_workers() -> int | None:
    """Three workers for two processors: a third of their time goes in waiting for other processes and the disk."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return (os.cpu_count() or 1) * 3 // 2


@pytest.fixture(scope="session", autouse=True)
def compiled_modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where nothing compiled may be left behind, each of the processes that tests start would compile all anew."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patch:
        if "PYTHONDONTWRITEBYTECODE" in os.environ:
            patch.delenv("PYTHONDONTWRITEBYTECODE")
            patch.setenv("PYTHONPYCACHEPREFIX", str(shared / "compiled"))
        yield
