"""The pages that are made from the code are as the code is, and links between pages lead somewhere."""

import re

import pytest

from orchestrator.cli.manual import reference_page


def test_cli_page_is_the_code_s(docs):
    written = (docs / "cli.rst").read_text().rstrip()
    made = "\n".join(line.rstrip() for line in reference_page().splitlines()).rstrip()
    assert written == made, "python -m orchestrator.cli.manual > docs/cli.rst"


@pytest.mark.parametrize("place", ["docs/*.rst", "README.rst"])
def test_links_to_pages_and_files_lead_somewhere(docs, place):
    for page in docs.parent.glob(place):
        for target in re.findall(r"<([\w./-]+)>`_", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
