"""orchestrator simulate --scenario."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.cli import main
from orchestrator.rehearsal.scenario import FAULTS

Run = Callable[..., tuple[int, str, str]]

LEAN = """\
broker: {broker_type: paper}
schedule:
  jobs: {heartbeat: {interval: 1h}, health_check: {interval: 30m}, config_reload: {interval: 30m}}
"""


@pytest.fixture
def simulate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs ``orchestrator simulate`` with a scenario: its exit code, and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    (tmp_path / "lean.yaml").write_text(LEAN)

    def run(scenario: str, *words: str) -> tuple[int, str, str]:
        (tmp_path / "scenario.yaml").write_text(scenario)
        with pytest.raises(SystemExit) as end:
            main(["--config", "lean.yaml", "simulate", "--scenario", "scenario.yaml", *words])
        printed = capsys.readouterr()
        return int(end.value.code or 0), printed.out, printed.err

    yield run
    logging.disable(logging.NOTSET)


HALF_DAY = ("--from", "2026-11-27")


def test_wrong_scenario_exits_with_3_and_a_line_for_each_problem(simulate: Run) -> None:
    code, out, err = simulate("faults:\n  - {at: opn, fault: engine_hang}\n  - {at: open, fault: engine_hagn}\n")
    assert (code, out) == (3, "")
    first, second = err.splitlines()
    assert first.startswith("error: scenario.yaml:2:10: faults[0].at: 'opn' is neither a time nor one of a session; ")
    assert second == (
        "error: scenario.yaml:3:23: faults[1].fault: there is no fault 'engine_hagn'; did you mean engine_hang?"
    )


def test_scenario_that_is_not_there_exits_with_3(simulate: Run) -> None:
    code, _, err = simulate("faults: []", "--scenario", "other.yaml")
    assert (code, err) == (3, "error: no scenario file other.yaml; examples are in config/scenarios\n")


def test_range_is_that_of_the_days_in_the_scenario(simulate: Run) -> None:
    code, out, _ = simulate('faults: [{at: "2026-11-27 10:00", fault: price_shock, factor: 0.99}]')
    assert code == 0
    assert "  10:00:00  fault    price_shock {factor: 0.99}" in out
    assert "1 session, Fri 27 Nov 2026" in out


def test_fault_without_an_occasion_is_noted(simulate: Run) -> None:
    fault = '{at: "2026-11-30 10:00", fault: daemon_kill, down: "1m"}'
    _, _, err = simulate(f"faults: [{fault}]", "--from", "2026-11-26")
    assert err == f"note: no occasion from 2026-11-26 to 2026-11-26: {fault}\n"


def test_json_tells_of_faults_and_daemons(simulate: Run) -> None:
    faults = "faults: [{at: open + 1m, fault: data_stall, for: 5m}, {at: close, fault: daemon_kill}]"
    code, out, _ = simulate(faults, "--json", *HALF_DAY)
    lines = [json.loads(line) for line in out.splitlines()]
    at = "2026-11-27T{}-05:00".format
    assert code == 0
    assert [line for line in lines if line["kind"] in {"fault", "daemon"}] == [
        {"at": at("00:00:00"), "kind": "daemon", "action": "start", "detail": ""},
        {
            "at": at("09:31:00"),
            "kind": "fault",
            "fault": "data_stall",
            "action": "begin",
            "detail": "",
            "for": 300.0,
            "parameters": {},
        },
        {"at": at("09:36:00"), "kind": "fault", "fault": "data_stall", "action": "end"},
        {
            "at": at("13:00:00"),
            "kind": "fault",
            "fault": "daemon_kill",
            "action": "begin",
            "detail": "",
            "for": None,
            "parameters": {"down": "10s"},
        },
        {"at": at("13:00:00"), "kind": "daemon", "action": "kill", "detail": ""},
        {"at": at("13:00:10"), "kind": "daemon", "action": "start", "detail": ""},
    ]


def test_same_seed_same_bytes_and_the_command_line_wins(simulate: Run) -> None:
    faults = "faults: [{random: 4, during: trading, fault: engine_crash}, {random: 2, fault: daemon_kill}]"
    own = simulate(f"seed: 5\n{faults}", "--json", *HALF_DAY)
    assert own[1].count('"kind": "fault"') == 6
    assert simulate(f"seed: 6\n{faults}", "--json", *HALF_DAY, "--seed", "5") == own


def test_nothing_is_touched(simulate: Run, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    simulate(
        "faults: [{at: open + 1m, fault: config_edit, set: {risk.max_position_size: 0.05}}, "
        "{at: open + 2m, fault: engine_hang}, {at: open + 30m, fault: config_broken}]",
        *HALF_DAY,
    )
    after = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert {path.name for path in after} == {"lean.yaml", "scenario.yaml"}
    assert after[tmp_path / "lean.yaml"] == before[tmp_path / "lean.yaml"]


def test_faults_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["simulate", "--list-faults"])
    assert not end.value.code
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines() if not line.startswith(" ")] == list(FAULTS)
