"""A daemon that follows on one that was killed comes up over a wrong config file too, with what was in force."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import ConfigError
from orchestrator.config.loading import interpret_leniently
from orchestrator.daemon import TradingOrchestrator
from orchestrator.exit_codes import ExitCode

Rehearse = Callable[..., Any]
SYMBOLS = "strategy: {symbols: [MSFT]}\n"
WRONG = "strategy: {symbols: [MSFT], max_positions: many}\n"
TITLE = "Config file is wrong"


@pytest.fixture
def desk(rehearse: Rehearse) -> Any:
    """A daemon that trades, and is killed."""
    desk = rehearse("2026-11-24 10:00", SYMBOLS, disk=True)
    desk.machine.unfailing = False  # every turn is on the disk
    desk.until("2026-11-24 10:03")
    desk.kill()
    return desk


def symbols(desk: Any) -> Any:
    return desk.daemon.loop.config.strategy.symbols


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (WRONG, "strategy.max_positions: "),
        ("strategy: [\n", "config.yaml:"),
        ("mode: paper\nstrategy: [\n", "config.yaml:"),
    ],
)
def test_it_comes_up_with_the_last_config_in_force_and_says_so(desk: Any, text: str, says: str) -> None:
    desk.edit(text)
    desk.until("2026-11-24 10:05")
    assert symbols(desk) == ["MSFT"]
    assert desk.states()[-1] == "24 10:03 trading"
    (alert,) = [each for each in desk.events if getattr(each, "title", "") == TITLE]
    assert (alert.level.value, alert.topic) == ("critical", "config")
    assert alert.message.startswith(
        f"The daemon before was killed, and the config file is wrong. Version {desk.daemon.loop.adoption.version}, the "
        "last in force, is used until the file is corrected."
    )
    assert says in alert.message
    assert says in desk.daemon.loop.adoption.rejected


STRATEGY = """
from orchestrator.engine import Strategy

class Renamed(Strategy):
    def __init__(self, fast):
        self.fast = fast

    def target_weights(self, timestamp, data):
        return {}
"""


def test_it_comes_up_though_the_strategy_takes_other_parameters_now(rehearse: Rehearse) -> None:
    desk = rehearse("2026-11-24 09:00", "", disk=True)
    module = desk.file.with_name("renamed_since.py")
    module.write_text(STRATEGY)
    desk.file.write_text(desk.file.read_text() + "strategy: {name: 'renamed_since:Renamed', params: {fast: 3}}\n")
    desk.machine.unfailing = False
    desk.until("2026-11-24 09:03")
    desk.kill()
    module.write_text(STRATEGY.replace("fast", "quick"))
    desk.until("2026-11-24 09:10")
    assert "takes no 'fast'" in desk.daemon.loop.adoption.rejected
    titles = [each.title for each in desk.events if hasattr(each, "title")]
    assert titles.count(TITLE) == 1
    assert "Config is good again" not in titles, "the file is as wrong as it was"


@pytest.mark.parametrize(("mended", "title"), [(SYMBOLS, "Config is good again"), ("", "Config applied")])
def test_corrected_file_is_taken_up(desk: Any, mended: str, title: str) -> None:
    desk.edit(WRONG)
    desk.until("2026-11-24 10:05")
    desk.edit(mended)
    desk.until("2026-11-24 10:08")
    assert desk.alerts("info")[-1] == title
    assert desk.daemon.loop.adoption.rejected == ""
    assert not desk.daemon.loop.outbox.is_open("config")


def test_file_that_is_gone_or_empty_does_not_keep_it_down(desk: Any) -> None:
    desk.file.unlink()
    desk.until("2026-11-24 10:05")
    assert symbols(desk) == ["MSFT"]
    desk.kill()
    desk.file.write_text("\n")
    desk.until("2026-11-24 10:08")
    assert symbols(desk) == ["MSFT"]
    assert desk.alerts("critical") == [TITLE, TITLE]


def test_killed_again_and_again_it_comes_up_again(desk: Any) -> None:
    desk.edit(WRONG)
    for _ in range(3):
        desk.daemon.open()
        assert symbols(desk) == ["MSFT"]
        desk.turn()
        desk.kill()


def test_after_an_orderly_end_a_wrong_file_is_refused(desk: Any) -> None:
    desk.until("2026-11-24 10:05")
    desk.restart()
    desk.edit(WRONG)
    with pytest.raises(ConfigError, match="max_positions"):
        desk.daemon.open()


def test_first_start_with_a_wrong_file_is_refused(rehearse: Rehearse) -> None:
    with pytest.raises(ConfigError, match="max_positions"):
        rehearse("2026-11-24 10:00", WRONG, disk=True).daemon.open()


@pytest.mark.parametrize("text", ["mode: live\n" + WRONG, "mode: live\nstrategy: [\n"])
def test_wrong_file_that_means_other_money_is_refused(desk: Any, text: str) -> None:
    desk.edit(text)
    with pytest.raises(ConfigError):
        desk.daemon.open()


def test_another_file_on_the_same_store_is_refused(desk: Any) -> None:
    other = desk.file.with_name("other.yaml")
    other.write_text(WRONG)
    with pytest.raises(ConfigError, match=r"other\.yaml"):
        TradingOrchestrator(other, world=desk.machine).open()


@pytest.mark.parametrize(
    ("text", "mode"),
    [("mode: live\n[", "live"), ('"mode" = "live"\n[', "live"), ("a: {mode: live\n", "paper"), ("mode: x\n[", "paper")],
)
def test_mode_is_found_in_a_text_that_cannot_be_read(text: str, mode: str) -> None:
    assert interpret_leniently(text, ".yaml", "config.yaml", None).mode == mode


def test_service_manager_gets_a_daemon_after_a_kill_and_a_person_the_error(open_desk: Any, tmp_path: Path) -> None:
    with open_desk(tmp_path) as desk:
        desk.start_trading().kill()
        desk.config_path.write_text(desk.config_path.read_text() + "risk: {max_position_size: much}\n")
        daemon = desk.start_trading()
        assert [alert["title"] for alert in desk.alerts("critical")] == [TITLE]
        daemon.signal(signal.SIGTERM)
        assert daemon.wait_for_end() == ExitCode.OK
        refused = desk.run_process("start")
        assert refused.returncode == ExitCode.CONFIG_INVALID
        assert "max_position_size" in refused.stderr
