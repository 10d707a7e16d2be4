"""What stands in the documentation to be copied works: configs are valid, commands exist, answers are the program's."""

import ast
import importlib
import os
import re
import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from orchestrator.cli import cli
from orchestrator.cli.manual import commands
from orchestrator.config import warnings
from orchestrator.config.model import TradingConfig
from orchestrator.config.source import ConfigSource

ROOT = Path(__file__).parents[3]
PAGES = [*sorted((ROOT / "docs").glob("*.rst")), ROOT / "README.rst"]
GENERATED = {"cli"}
"""Pages that have a test of their own."""

BLOCK = re.compile(
    r"^( *)(?:\.\. code-block:: (\w+)|\S.*(?<!:)::|::)\n"  # what begins it
    r"((?:[ ]+:\w+:.*\n)*)\n"  # its options
    r"((?:\1   .*\n|\n)+)",  # its lines
    re.MULTILINE,
)
SECTIONS = set(TradingConfig.__dataclass_fields__)
OTHERS = {"faults", "services"}
"""Top-level keys of YAML that is no config: a scenario, a compose file."""

ANSWERED = ("jobs explain", "calendar show")
"""Commands whose answer depends on nothing but the config."""


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    kind: str
    text: str

    def __str__(self):
        return f"{self.page.name}:{self.line}"


def blocks(page):
    """Every literal block, in order."""
    text = page.read_text()
    for found in BLOCK.finditer(text):
        line = text[: found.start()].count("\n") + 1
        lines = found[4].rstrip().splitlines()
        indent = len(found[1]) + 3
        yield Block(page, line, found[2] or "", "\n".join(each[indent:] for each in lines))


ALL = [block for page in PAGES for block in blocks(page) if page.stem not in GENERATED]


def test_pages_have_blocks():
    assert {"yaml", "console"} <= {block.kind for block in ALL}


# --- configs ---


def as_config(text):
    """The config of a snippet, which may be one job, jobs, or routes; None if it is none."""
    data = yaml.safe_load(text)
    if isinstance(data, dict) and set(data) & OTHERS:
        return None
    if isinstance(data, dict) and set(data) <= SECTIONS:
        return text
    indented = "\n".join(f"    {line}" for line in text.splitlines())
    return f"schedule:\n  jobs:\n{indented}\n"


@pytest.fixture
def desk_of(tmp_path, monkeypatch):
    """A folder with the examples of the documentation, and a config of this text."""
    for file in (ROOT / "docs" / "examples").glob("*.py"):
        (tmp_path / file.name).write_text(file.read_text())
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "orchestrator").touch(mode=0o700)  # looked for, and not run
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)

    def write(text):
        for name in re.findall(r"\$\{(\w+)\}", text):
            monkeypatch.setenv(name, value_of(name))
        for name in re.findall(r"\$\{file:([\w./-]+)\}", text):
            (tmp_path / Path(name).name).write_text(value_of(Path(name).name.upper()))
            text = text.replace(name, Path(name).name)
        if not re.search(r"^broker:", text, re.MULTILINE):
            text += "\nbroker: {broker_type: paper}\n"
        path = tmp_path / "config.paper.yaml"
        path.write_text(text)
        path.chmod(0o600)
        return path

    return write


def value_of(name):
    """What a reference in an example stands for."""
    known = {
        "SLACK": "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
        "DISCORD": "https://discord.com/api/webhooks/123456789012345678/" + "x" * 68,
        "ACCOUNT": "U1234567",
        "URL": "https://example.com/hook",
        "WEBHOOK": "https://example.com/hook",
    }
    return next((value for word, value in known.items() if word in name), "secret")


@pytest.mark.parametrize("block", [block for block in ALL if block.kind == "yaml"], ids=str)
def test_config_is_valid_and_nothing_in_it_is_doubtful(block, desk_of):
    text = as_config(block.text)
    if text is None:
        return
    path = desk_of(text)
    checked = ConfigSource(path).load().config
    assert [str(each) for each in warnings(checked, path.name, path)] == []


# --- commands ---

COMMAND = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?orchestrator (.*)$")


def command_lines(block):
    for line in block.text.splitlines() if block.kind in {"", "console"} else ():
        found = COMMAND.match(line)
        if found:
            plain = re.split(r" (?:#|\||>|&&|;) ?|(?<=\S);", found[1], maxsplit=1)[0].strip()
            yield plain


def parse(words):
    """Parse a command line as the program would, without running it; raises what the program would say."""
    while words and words[0].startswith("-"):
        words = words[2:] if words[0] == "--config" else words[1:]
    for context in commands():
        path = context.command_path.split()[1:]
        if words[: len(path)] == path:
            return context.command.make_context(path[-1], words[len(path) :], parent=context.parent)
    raise LookupError(f"no such command: {' '.join(words)}")


@pytest.mark.parametrize("block", [block for block in ALL if any(command_lines(block))], ids=str)
def test_commands_exist_with_their_options(block):
    for line in command_lines(block):
        with suppress(click.exceptions.Exit):  # an option that shows something and is done
            parse(shlex.split(re.sub(r"[\[\]]", "", line)))


# --- Python ---


@pytest.mark.parametrize("block", [block for block in ALL if block.kind == "python"], ids=str)
def test_python_is_python_and_what_it_imports_is_there(block):
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            assert [each.name for each in node.names if not hasattr(module, each.name)] == []


# --- answers ---


def answers():
    """Commands with their answers, and the config that stands above them."""
    config, page = "", None
    for block in ALL:
        if block.page != page:
            config, page = "", block.page
        if block.kind == "yaml":
            config = as_config(block.text) or config
        elif block.kind == "console":
            for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                line, _, answer = part.partition("\n")
                words = line.removeprefix("orchestrator ")
                if answer.strip() and words.startswith(ANSWERED):
                    yield pytest.param(config, words, answer.rstrip(), id=f"{block}-{words[:30]}")


@pytest.mark.parametrize(("config", "words", "answer"), list(answers()))
def test_answer_is_the_program_s(config, words, answer, desk_of):
    path = desk_of(config)
    done = CliRunner().invoke(cli, ["--config", str(path), *shlex.split(words)], catch_exceptions=False)
    assert done.stdout.rstrip() == answer
