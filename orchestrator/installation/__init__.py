"""The files by which supervisord, systemd and Docker run the daemon, from templates, for one installation.

The files under ``config/`` are those of :data:`SHIPPED`. After a change of a template::

    python -m orchestrator.installation supervisord > config/supervisord.conf
"""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from math import ceil
from pathlib import Path
from string import Template

from orchestrator.config import EngineConfig
from orchestrator.exit_codes import FINAL, ExitCode

__all__ = ["FILES", "SHIPPED", "Installation", "Unwritable", "render"]

FILES: Mapping[str, str] = {
    "supervisord": "supervisord.conf",
    "systemd": "trading-orchestrator.service",
    "docker": "Dockerfile",
    "compose": "compose.yaml",
}
"""By kind, the name of its file."""

STOP_MARGIN = 15
"""Seconds beyond the daemon's own ``engine.stop_timeout`` before it is killed."""


class Unwritable(ValueError):
    """A path that the syntax of a file has no way to say."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What is different from one machine to the next.

    :param program: the words that call the command line, with absolute paths.
    :param config: the config file, absolute.
    :param writable: the folders that the daemon writes into, absolute; that of the config is the first.
    :param home: of the user.
    :param stop_timeout: ``engine.stop_timeout``, seconds.
    :param live: it trades real money.
    """

    program: Sequence[str]
    config: Path
    writable: Sequence[Path]
    user: str
    home: Path
    stop_timeout: float = EngineConfig().stop_timeout
    live: bool = False

    @property
    def command(self) -> list[str]:
        return [*self.program, "--config", str(self.config), *self.start]

    @property
    def start(self) -> list[str]:
        return ["start", "--live"] if self.live else ["start"]


SHIPPED = Installation(
    program=["/opt/trading-orchestrator/.venv/bin/orchestrator"],
    config=Path("/opt/trading-orchestrator/config.paper.yaml"),
    writable=[Path("/opt/trading-orchestrator")],
    user="trader",
    home=Path("/home/trader"),
)


def render(kind: str, installation: Installation) -> str:
    """The text of a file.

    :param kind: one of FILES.
    :raises Unwritable: a path has a character that can't stand in it.
    """
    template = (files(__package__) / "templates" / FILES[kind]).read_text(encoding="utf-8")
    words = {"stop_wait": str(ceil(installation.stop_timeout) + STOP_MARGIN), **WORDS[kind](installation)}
    return Template(template).substitute(words)


def _supervisord(installation: Installation) -> dict[str, str]:
    def value(text: str) -> str:
        if any(sign in text for sign in ("\n", '"', " ;", " #", "\t;", "\t#")):
            raise Unwritable(f"{text!r} can't be written into a supervisord.conf; use a path without quotes, ; and #")
        return text.replace("%", "%%")

    return {
        "command": value(shlex.join(installation.command)),
        "folder": value(str(installation.writable[0])),
        "home": value(str(installation.home)),
        "user": value(installation.user),
        "final": ",".join(str(code.value) for code in FINAL),
    }


def _systemd(installation: Installation) -> dict[str, str]:
    def value(text: str) -> str:
        if "\n" in text:
            raise Unwritable(f"{text!r} can't be written into a unit of systemd; use a path without line breaks")
        return text.replace("%", "%%")

    def word(text: str) -> str:
        escaped = value(text).replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"' if set(escaped) & set(" \t\\\"'") else escaped

    return {
        "command": " ".join(word(each).replace("$", "$$") for each in installation.command),
        "folder": value(str(installation.writable[0])),
        "places": " ".join(word(str(each)) for each in installation.writable),
        "user": value(installation.user),
        "final": " ".join(str(code.value) for code in FINAL if code is not ExitCode.OK),  # which is no failure anyway
    }


def _docker(installation: Installation) -> dict[str, str]:
    return {"start": ", ".join(f'"{each}"' for each in ["orchestrator", *installation.start])}


def _compose(installation: Installation) -> dict[str, str]:
    return {}


WORDS: Mapping[str, Callable[[Installation], dict[str, str]]] = {
    "supervisord": _supervisord,
    "systemd": _systemd,
    "docker": _docker,
    "compose": _compose,
}
"""By kind, what its template wants to know, as its syntax wants it written."""
