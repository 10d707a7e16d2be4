"""Where the config comes from: a file that may change while the daemon runs, or the embedded defaults."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from orchestrator.config import ConfigError, TradingConfig, embedded_defaults, load_text
from orchestrator.config.loading import read_text

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

    @property
    def name(self) -> str:
        return "embedded defaults" if self.path is None else str(self.path)

    def load(self) -> TradingConfig:
        """Read and check it; raises ConfigError or FileNotFoundError."""
        if self.path is None:
            return self._adapt(embedded_defaults())
        text = read_text(self.path)
        self.version = _digest(text)
        return self._adapt(load_text(text, self.path.suffix, str(self.path)))

    def changed(self) -> bool:
        """Whether the file's content is another than when it was last loaded; a missing file has not changed."""
        if self.path is None:
            return False
        try:
            return _digest(read_text(self.path)) != self.version
        except FileNotFoundError:
            return False  # an editor replaces a file by renaming: for a moment there may be none
        except ConfigError:
            return True  # not even text; loading it will say so


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
