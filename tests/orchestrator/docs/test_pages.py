"""The pages that are made from the code are as the code is, and links between pages lead somewhere."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

import copilot_quant.orchestrator
from notifiers import AlertLevel
from orchestrator.cli.manual import reference_page
from orchestrator.config import RiskConfig
from orchestrator.config.model import TOPICS
from orchestrator.config.rules import BUILTIN_CHANNELS
from orchestrator.engine import Strategy, TradingEngine


def test_cli_page_is_the_code_s(docs):
    written = (docs / "cli.rst").read_text().rstrip()
    made = "\n".join(line.rstrip() for line in reference_page().splitlines()).rstrip()
    assert written == made, "python -m orchestrator.cli.manual > docs/cli.rst"


@pytest.mark.parametrize("place", ["docs/*.rst", "README.rst"])
def test_links_to_pages_and_files_lead_somewhere(docs, place):
    listed = {f"{name}.rst" for name in re.findall(r"^   (\w+)$", (docs / "index.rst").read_text(), re.MULTILINE)}
    for page in docs.parent.glob(place):
        for target in re.findall(r"<([\w./-]+)>`_", page.read_text()):
            assert (page.parent / target).exists() or Path(target).name in listed, f"{page.name}: {target}"


def test_every_limit_is_explained(docs):
    text = (docs / "risk.rst").read_text()
    for limit in fields(RiskConfig):
        assert re.search(rf"^``.*\b{limit.name}\b.*``$", text, re.MULTILINE), limit.name


def test_every_level_topic_and_channel_is_explained(docs):
    text = (docs / "alerts.rst").read_text()
    for word in [*TOPICS, *(level.value for level in AlertLevel)]:
        assert re.search(rf"^{word} {{2,}}\S", text, re.MULTILINE), word
    for channel in BUILTIN_CHANNELS:
        assert re.search(rf"channels: \[.*\b{channel}\b", text), channel


def test_every_method_of_a_strategy_is_explained(docs):
    text = (docs / "strategies.rst").read_text()
    for name in (each for each in vars(Strategy) if not each.startswith("_") and callable(getattr(Strategy, each))):
        assert f"``{name}(" in text, name


def test_every_method_of_an_engine_is_explained(docs):
    text = (docs / "engines.rst").read_text()
    optional = re.findall(r"``(\w+)\(?", TradingEngine.__doc__)
    for name in [*(each for each in vars(TradingEngine) if not each.startswith("_")), *optional]:
        assert name in text, name


def test_every_public_name_is_on_the_page_of_the_api(docs):
    text = (docs / "api.rst").read_text()
    for name in copilot_quant.orchestrator.__all__:
        assert name in text, name
