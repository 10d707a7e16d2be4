"""The documentation's build: ``sphinx-build -W docs docs/_build/html``. It needs no network."""

from importlib.metadata import version as installed
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

project = "Trading Orchestrator"
author = "the Trading Orchestrator developers"
copyright = f"2026, {author}"
release = version = installed("trading-orchestrator")

extensions = ["sphinx.ext.autodoc"]
smartquotes = False  # "--json" is two hyphens
exclude_patterns = ["_build", "examples"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
toc_object_entries = False
nitpick_ignore_regex = [("py:.*", r"(?!copilot_quant\.).*")]  # types and names of other packages have no page here

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}

FOLDER = Path(__file__).parent
logger = logging.getLogger(__name__)


def link_pages(app: Sphinx, doctree: nodes.document) -> None:
    """A link to ``jobs.rst`` works where the files are read as they are, and here it leads to the page made of it."""
    for link in list(doctree.findall(nodes.reference)):
        page, suffix, anchor = link.get("refuri", "").partition(".rst")
        if not suffix or "/" in page or anchor[:1] not in {"", "#"}:
            continue
        if (FOLDER / f"{page}.rst").exists():
            link["refuri"] = f"{page}.html{anchor}"
        else:
            logger.warning("there is no page %s.rst", page, location=link)


def drop_contents(app: Sphinx, doctree: nodes.document) -> None:
    """The theme has the contents of a page beside it; those in the text are for who reads the file as it is."""
    for topic in list(doctree.findall(nodes.topic)):
        if "contents" in topic["classes"]:
            topic.parent.remove(topic)


def setup(app: Sphinx) -> None:
    app.connect("doctree-read", link_pages)
    app.connect("doctree-read", drop_contents)
