"""What people read about faults, made of their table: for the terminal, and for the docs.

The part of the docs is brought up to date by::

    python -m orchestrator.rehearsal.scenario.manual docs/rehearsal.rst
"""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from orchestrator.config.editing.yaml_writing import flow
from orchestrator.rehearsal.scenario.faults import FAULTS, FaultKind, Lasts, Parameter

__all__ = ["BEGIN", "END", "fault_list", "fault_page", "with_faults"]

WIDTH = 110
BEGIN, END = ".. made of the table of faults; begin\n\n", ".. end\n"


def fault_list() -> str:
    """All faults with their parameters, for the terminal."""
    return "\n".join(line for kind in FAULTS.values() for line in _terminal(kind))


def fault_page() -> str:
    """The same as reStructuredText."""
    return "\n".join(line for kind in FAULTS.values() for line in _page(kind)) + "\n"


def with_faults(page: str) -> str:
    """The page with the part between the marks made anew; ValueError if it has no marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError("there are no marks between which the faults belong")
    return f"{before}{begin}{fault_page()}{end}{after}"


def _terminal(kind: FaultKind) -> Iterator[str]:
    yield from textwrap.wrap(f"{kind.name:<19} {kind.about}", WIDTH, subsequent_indent=" " * 20)
    for name, text in _keys(kind):
        yield from textwrap.wrap(f"{'':20}{name}  {text}", WIDTH, subsequent_indent=" " * 24)


def _page(kind: FaultKind) -> Iterator[str]:
    yield f"``{kind.name}``"
    yield from textwrap.wrap(kind.about, WIDTH, initial_indent="   ", subsequent_indent="   ")
    yield ""
    for name, text in _keys(kind):
        yield from textwrap.wrap(f"- ``{name}``: {text}", WIDTH, initial_indent="   ", subsequent_indent="     ")
    if kind.parameters or kind.lasts is not Lasts.NEVER:
        yield ""


def _keys(kind: FaultKind) -> Iterator[tuple[str, str]]:
    if kind.lasts is not Lasts.NEVER:
        yield "for", f"{kind.until}{', needed' if kind.lasts is Lasts.MUST else ''}"
    for parameter in kind.parameters:
        yield parameter.name, f"{parameter.about}; {parameter.shape.noun}{_default(parameter)}"


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return ", needed"
    if parameter.default in (None, ()):
        return ""
    return f", default {flow(parameter.shape.write(parameter.default))}"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(with_faults(page.read_text(encoding="utf-8")), encoding="utf-8")
