"""docs/jobs.rst says what the code does."""

import re
from pathlib import Path

from jobs.builtin import TABLE
from jobs.spec import OPTIONS, READERS, SCHEDULES

TEXT = (Path(__file__).parents[2] / "docs" / "jobs.rst").read_text()


def rows(after: str) -> dict[str, list[str]]:
    """The rows of the first table after a heading, by first cell; continuation lines are left out."""
    table = TEXT.split(f"\n{after}\n", 1)[1].split("\n====", 1)[1].split("\n====", 2)[1]
    cells = [re.split(r"\s{2,}", line.strip()) for line in table.splitlines()[1:] if line and not line.startswith(" ")]
    return {each[0]: each[1:] for each in cells}


def test_policy_table_has_every_option_with_its_default() -> None:
    written = {key: cells[0] for key, cells in rows("Policy").items()}
    defaults = {key: str(value).lower() if value != [] else "(always)" for key, value in OPTIONS.items()}
    del defaults["enabled"]
    assert written == defaults


def test_builtin_table_is_the_code_s() -> None:
    written = {name: (cells[0], cells[1]) for name, cells in rows("The built-in jobs").items()}
    assert written == {
        name: (
            next(f"{kind} {each[kind]}" for kind in SCHEDULES if kind in each),
            each["misfire"],
        )
        for name, each in TABLE.items()
    }


def test_every_key_is_documented() -> None:
    for key in READERS:
        assert key in TEXT, key
