"""What people read about faults is what the table says."""

import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from textwrap import dedent

import pytest

import orchestrator
from calendars import MarketCalendar
from orchestrator.rehearsal.scenario import FAULTS, parse_scenario
from orchestrator.rehearsal.scenario.manual import fault_list, with_faults

PAGE = Path(orchestrator.__file__).parents[1] / "docs" / "rehearsal.rst"


def test_the_page_is_what_the_table_says() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_faults(page), "python -m orchestrator.rehearsal.scenario.manual docs/rehearsal.rst"


def test_the_command_writes_it(tmp_path: Path) -> None:
    page = tmp_path / "page.rst"
    text = PAGE.read_text(encoding="utf-8")
    page.write_text(text.replace("``engine_crash``", "``engine_crsh``"), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "orchestrator.rehearsal.scenario.manual", str(page)], check=True)
    assert "``engine_crash``\n   " in page.read_text(encoding="utf-8")


def test_a_page_without_marks_is_left_alone() -> None:
    with pytest.raises(ValueError, match="no marks"):
        with_faults("Rehearsal\n=========\n")


def test_each_fault_is_in_the_list_with_its_parameters() -> None:
    lines = fault_list().splitlines()
    for kind in FAULTS.values():
        assert any(line.startswith(f"{kind.name} ") for line in lines)
        assert all(any(line.strip().startswith(f"{each.name}  ") for line in lines) for each in kind.parameters)


def test_the_scenario_on_the_page_can_be_read() -> None:
    (block,) = PAGE.read_text(encoding="utf-8").split(".. code-block:: yaml\n\n")[1:]
    text = "".join(takewhile(lambda line: line.startswith(" "), block.splitlines(keepends=True)))
    assert len(parse_scenario(dedent(text), ".yaml", "page", MarketCalendar("NYSE")).faults) == 5
