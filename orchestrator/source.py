"""Where the config comes from: a file that may change while the daemon runs, or the embedded defaults."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from orchestrator.config import ConfigError, Problem, TradingConfig, embedded_defaults, load_text
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
        """The first digits of the SHA-256 of the content that is in force."""
        self._adapt = adapt

    @property
    def name(self) -> str:
        return "embedded defaults" if self.path is None else str(self.path)

    def load(self) -> TradingConfig:
        """Read and check it; raises ConfigError, or OSError for a file that can't be read."""
        if self.path is None:
            return self._adapt(embedded_defaults())
        text = read_text(self.path)
        config = load_text(text, self.path.suffix, str(self.path))
        self.version = _digest(text)
        return self._adapt(config)

    def reload(self) -> TradingConfig:
        """As :meth:`load`, for a file that is already in force: emptied, it is not taken for all defaults."""
        if self.path is not None and not read_text(self.path).strip():
            remedy = 'put its text back; if you mean the defaults, write version: "1.0.0"'
            raise ConfigError([Problem(str(self.path), None, None, "", "", "the file is empty", remedy)])
        return self.load()

    def look(self) -> str:
        """A word for the content as it is now, to be compared with `version` and with another look."""
        if self.path is None:
            return self.version
        try:
            return _digest(read_text(self.path))
        except (OSError, ConfigError) as error:
            return f"{type(error).__name__}: {error}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
