"""Where the config comes from: a file that may change while the daemon runs, or the embedded defaults."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from orchestrator.config import ConfigManager, TradingConfig, embedded_defaults

__all__ = ["ConfigSource"]

Adapt = Callable[[TradingConfig], TradingConfig]


class ConfigSource:
    """The config as a file, or the embedded defaults if `path` is None.

    :param adapt: applied to every config that is loaded: what the command line or a simulation changes of it.
    """

    def __init__(self, path: Path | None, adapt: Adapt) -> None:
        self.path = path
        self.base_dir = Path.cwd() if path is None else path.resolve().parent
        self.version = "embedded"
        """The first digits of the SHA-256 of the file's content as it was last read."""
        self._adapt = adapt
        self._manager = None if path is None else ConfigManager(path)

    @property
    def name(self) -> str:
        return "embedded defaults" if self.path is None else str(self.path)

    def load(self) -> TradingConfig:
        """Read and check it; raises ConfigError or FileNotFoundError."""
        self.version = self._content()
        if self._manager is None:
            return self._adapt(embedded_defaults())
        return self._adapt(self._manager.load())

    def changed(self) -> bool:
        """Whether the file's content is another than when it was last loaded; a missing file has not changed."""
        try:
            return self._content() != self.version
        except FileNotFoundError:
            return False  # an editor replaces a file by renaming: for a moment there may be none

    def _content(self) -> str:
        if self.path is None:
            return "embedded"
        return hashlib.sha256(self.path.read_bytes()).hexdigest()[:12]
