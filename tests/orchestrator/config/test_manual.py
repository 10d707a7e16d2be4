"""docs/config.rst says what the options are."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from orchestrator.config import TradingConfig
from orchestrator.config.manual import WHEN, reference_page
from orchestrator.config.model import RouteConfig
from orchestrator.config.options import is_section, option_of, types_of

PAGE = Path(__file__).parents[3] / "docs" / "config.rst"
TEXT = reference_page()
COLUMNS = 5


def test_the_page_is_what_the_options_are():
    assert PAGE.read_text(encoding="utf-8") == TEXT, "python -m orchestrator.config.manual > docs/config.rst"


def test_the_command_prints_it():
    command = [sys.executable, "-m", "orchestrator.config.manual"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    assert done.stdout == TEXT


def rows():
    """The rows of all tables, without their heads: option, what it may be, default, effect, what it says."""
    body = TEXT.split("\nOptions\n-------\n", 1)[1]
    found = [row.strip().split("\n     - ") for row in re.split(r"(?m)^   \* - ", body)[1:]]
    return [[cell.split("\n")[0] for cell in row] for row in found if row[0] != "option"]


ROWS = {row[0].strip("`"): row[1:] for row in rows()}


def options():
    """Path, option, type and default of every option; those of a route by their names alone."""
    for each in fields(TradingConfig):
        kind = types_of(TradingConfig)[each.name]
        owner = kind if is_section(kind) else TradingConfig
        for inner in fields(kind) if is_section(kind) else (each,):
            path = f"{each.name}.{inner.name}" if is_section(kind) else each.name
            yield pytest.param(path, option_of(inner), types_of(owner)[inner.name], id=path)
    for each in fields(RouteConfig):
        yield pytest.param(each.name, option_of(each), types_of(RouteConfig)[each.name], id=f"route.{each.name}")


@pytest.mark.parametrize(("path", "option", "kind"), list(options()))
def test_an_option_has_a_row_that_says_everything(path, option, kind):
    may_be, _, effect, doc = ROWS[path]
    assert effect == WHEN[option.apply]
    assert option.doc in doc.replace("\\", "")
    assert ("(*secret*)" in may_be) == option.secret
    assert (", or null" in may_be) == ("None" in str(kind))
    for limit in ("min", "max", "above"):
        assert limit not in option.rules or str(option.rules[limit]) in may_be
    for word in option.rules.get("allowed", []):
        assert f"``{word}``" in may_be


def test_there_is_no_other_row():
    assert len(rows()) == len(ROWS) == len(list(options()))


@pytest.mark.parametrize(
    ("path", "may_be", "default"),
    [
        ("mode", "``paper`` or ``live``", "``paper``"),
        ("risk.min_cash_buffer", "number, 0 to 1", "``0.2``"),
        ("risk.max_position_size", "number, above 0, at most 1", "``0.1``"),
        ("broker.port", "whole number, 1 to 65535", "``7497``"),
        ("broker.account_number", "an account, or null", "``null``"),
        ("engine.start_timeout", "duration, above 0", "``60``"),
        ("strategy.symbols", "list, each a symbol", "``[AAPL, MSFT]``"),
        ("notifications.alert_levels", "list, each ``info``, ``warning`` or ``critical``", "``[warning, critical]``"),
        ("notifications.apprise", "mapping, each value an Apprise URL (*secret*)", "``{}``"),
        ("notifications.routes", "list, each as below", "``[]``"),
        ("schedule.jobs", "mapping", "``{}``"),
        ("logging.file", "a path", "``orchestrator.log``"),
    ],
)
def test_types_limits_and_defaults_are_in_words(path, may_be, default):
    assert ROWS[path][:2] == [may_be, default]


@pytest.mark.parametrize(
    "word",
    [
        "${NAME}",
        "${NAME:-default}",
        "${file:/run/secrets/slack}",
        "$${",
        "$ORCHESTRATOR_CONFIG",
        "config validate",
        "config schema",
        "config reload",
        "config plan",
        "config history",
        "config rollback",
        "engine.auto_rollback",
        "SIGHUP",
        "quiet_hours",
        "at once",
        "engine start",
        "daemon start",
        ".toml",
        "1h30m",
    ],
)
def test_the_prose_speaks_of_it(word):
    assert word in re.sub(r"\s+", " ", TEXT)


# --- it is reStructuredText ---


def test_a_heading_is_underlined_in_its_length():
    underlines = [(i, line) for i, line in enumerate(TEXT.split("\n")) if re.fullmatch(r"([=~-])\1{2,}", line)]
    lines = TEXT.split("\n")
    assert len(underlines) > 15
    assert all(len(lines[i - 1]) == len(line) and lines[i + 1] == "" for i, line in underlines)


def test_every_row_of_a_table_has_all_cells():
    tables = TEXT.split(".. list-table::")[1:]
    assert len(tables) == len([kind for kind in types_of(TradingConfig).values() if is_section(kind)]) + 2
    for table in tables:
        for row in re.split(r"(?m)^   \* - ", table)[1:]:
            assert len(re.findall(r"(?m)^     - \S", row)) == COLUMNS - 1, row


def test_marks_of_literal_text_come_in_pairs():
    for paragraph in TEXT.split("\n\n"):
        assert paragraph.count("``") % 2 == 0, paragraph


def test_a_bar_or_star_that_means_nothing_is_escaped():
    for path, cells in ROWS.items():
        assert not re.search(r"(?<!\\)[|*`]", cells[3]), path


def test_there_is_no_tab_and_nothing_behind_a_line():
    assert "\t" not in TEXT
    assert not re.search(r" $", TEXT, re.MULTILINE)
    assert TEXT.endswith("\n")
    assert not TEXT.endswith("\n\n")


def test_blocks_stand_apart():
    assert not re.search(r"(?m)^\S.*::\n\S", TEXT)
    assert not re.search(r"(?m)^   \S.*\n\S", TEXT)
