"""The config file of a rehearsal: a text in memory, so that the user's own is not touched."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.config.editing import with_options
from orchestrator.config.loading import read_text
from orchestrator.config.source import Adapt, ConfigSource, Stamp
from orchestrator.config.template import paper_template

__all__ = ["ConfigFile"]

DEFAULT_NAME = Path("config.paper.yaml")


class ConfigFile:
    """:param path: of the user's file, whose text it begins with; None for the embedded defaults."""

    def __init__(self, path: Path | None) -> None:
        self.path = path or DEFAULT_NAME
        self.text = paper_template() if path is None else read_text(path)
        self.saves = 0

    def save(self, text: str) -> None:
        self.text, self.saves = text, self.saves + 1

    def edit(self, options: Mapping[str, Any]) -> None:
        """Change options by their dotted keys, as somebody would who knows nothing of their meaning.

        :raises ConfigError: what is in the file is no config.
        """
        self.save(with_options(self.text, self.path.suffix, str(self.path), options))

    def source(self, adapt: Adapt) -> ConfigSource:
        return _Source(self, adapt)


class _Source(ConfigSource):
    def __init__(self, file: ConfigFile, adapt: Adapt) -> None:
        super().__init__(file.path, adapt)
        self._file = file

    def _text(self, path: Path) -> str:
        return self._file.text

    def _stamp_of(self, path: Path) -> Stamp | None:
        return self._file.saves, 0, 0
