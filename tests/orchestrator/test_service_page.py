"""The page about services says what is."""

import re
from pathlib import Path

import pytest

from orchestrator.exit_codes import FINAL, MEANINGS, ExitCode
from orchestrator.status.ping import DEADLINE, TRIES
from orchestrator.status.status import SILENCE

PAGE = (Path(__file__).parents[2] / "docs" / "service.rst").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", list(ExitCode))
def test_page_has_every_exit_code_with_its_meaning(code):
    row = re.search(rf"(?m)^{code.value} +(.*?)(?:  +(yes|no))?$", PAGE)
    assert row is not None
    assert row[1].startswith(MEANINGS[code])
    if code is not ExitCode.NO_DAEMON:  # start never ends with it
        assert row[2] == ("no" if code in FINAL else "yes")


def test_page_has_the_figures_of_the_program():
    words = {1: "one", 2: "two", 3: "three"}
    assert f"within the last {SILENCE:g} seconds" in PAGE
    assert f"{DEADLINE:g} seconds for {words[TRIES]} tries" in PAGE
