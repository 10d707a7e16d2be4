"""What is not imported where it is not needed: help is instant, and the daemon stays small."""

import json
import subprocess
import sys

import pytest

from jobs.store import JSONJobStore
from orchestrator.store import Store

HEAVY = {"sqlalchemy", "apscheduler", "yaml", "cerberus", "holidays", "apprise", "requests", "jobs", "calendars"}


def imported(script, *words):
    """Which of the heavy ones a script has imported at its end."""
    ending = f"import json, sys; print(json.dumps([name for name in {sorted(HEAVY)} if name in sys.modules]))"
    command = [sys.executable, "-c", f"{script}\n{ending}", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_imports_nothing_but_click():
    script = "from orchestrator.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    assert imported(script) == set()


LOOKS = """
import sys
from contextlib import suppress
from orchestrator.cli import main

for look in ("jobs list", "jobs show heartbeat", "jobs history", "status", "config show", "calendar next"):
    with suppress(SystemExit):
        main(["--config", sys.argv[1], *look.split()])
"""


def test_looks_at_the_store_do_without_what_writes_it(desk):
    desk.configure(schedule={"auto_start": False})
    with Store(f"sqlite:///{desk.store_path}") as store:
        JSONJobStore(store.engine, lambda *_: None).start(None, "default")
    assert "sqlalchemy" not in imported(LOOKS, str(desk.config_path))


@pytest.mark.parametrize("part", ["orchestrator.daemon", "orchestrator.engine.host", "copilot_quant.orchestrator"])
def test_apprise_is_left_to_the_courier(part):
    assert "apprise" not in imported(f"import {part}")


TOLD = """
import sys
from orchestrator.daemon import TradingOrchestrator

daemon = TradingOrchestrator(sys.argv[1])
daemon.open()
now = daemon.world.clock.now()
daemon.step(now)
print(daemon.loop.operator.halt("to be told", False, now))
daemon.step(now)
assert daemon.loop.outbox.counts()["pending"] == 1
daemon.close()
"""


def test_daemon_that_has_alerts_to_deliver_imports_no_apprise_either(desk):
    webhook = {"channels": ["webhook"], "webhook_url": "http://127.0.0.1:9/"}
    desk.configure(schedule={"auto_start": False}, notifications=webhook)
    assert not {"apprise", "requests"} & imported(TOLD, str(desk.config_path))
