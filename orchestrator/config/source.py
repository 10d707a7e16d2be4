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
        self._looked = ""
        self._stamp: tuple[int, int, int] | None = None

    @property
    def name(self) -> str:
        return "embedded defaults" if self.path is None else str(self.path)

    def load(self) -> TradingConfig:
        """Read, check and put it in force; raises ConfigError, or OSError for a file that can't be read."""
        config, self.version = self._read(may_be_empty=True)
        return config

    def reload(self) -> tuple[TradingConfig, str]:
        """Read and check it anew, without putting it in force: the config and its version.

        A file that was emptied is not taken for all defaults.
        """
        return self._read(may_be_empty=False)

    def _read(self, may_be_empty: bool) -> tuple[TradingConfig, str]:
        if self.path is None:
            return self._adapt(embedded_defaults()), self.version
        text = read_text(self.path)
        if not text.strip() and not may_be_empty:
            remedy = 'put its text back; if you mean the defaults, write version: "1.0.0"'
            raise ConfigError([Problem(str(self.path), None, None, "", "", "the file is empty", remedy)])
        return self._adapt(load_text(text, self.path.suffix, str(self.path))), _digest(text)

    def look(self) -> str:
        """A word for the content as it is now, to be compared with `version` and with another look."""
        if self.path is None:
            return self.version
        try:
            found = self.path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._stamp:  # a file that nobody has written to need not be read every minute
                self._looked, self._stamp = _digest(read_text(self.path)), stamp
            return self._looked
        except (OSError, ConfigError) as error:
            self._stamp = None
            return f"{type(error).__name__}: {error}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
