"""Where the config comes from: a file that may change while the daemon runs, or the embedded defaults."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.config import ConfigError, Problem, TradingConfig, embedded_defaults, load_text
from orchestrator.config.loading import read_text

__all__ = ["ConfigSource", "Reading", "version_of"]

Adapt = Callable[[TradingConfig], TradingConfig]

EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Reading:
    """A text that was read as a config, and nothing was wrong with it.

    :param version: the first digits of the SHA-256 of the text.
    """

    version: str
    suffix: str
    text: str = field(repr=False)
    config: TradingConfig = field(repr=False)


class ConfigSource:
    """The config as a file, or the embedded defaults if `path` is None.

    :param adapt: applied to every config that is read: what the command line or a simulation changes of it.
    """

    def __init__(self, path: Path | None, adapt: Adapt = lambda config: config) -> None:
        self.path = path
        self.base_dir = Path.cwd() if path is None else path.resolve().parent
        self._adapt = adapt
        self._looked = ""
        self._stamp: tuple[int, int, int] | None = None

    @property
    def name(self) -> str:
        return "embedded defaults" if self.path is None else str(self.path)

    def load(self) -> Reading:
        """Read and check it; raises ConfigError, or OSError for a file that can't be read."""
        if self.path is None:
            return Reading(EMBEDDED, ".yaml", "", self._adapt(embedded_defaults()))
        return self.parse(read_text(self.path), self.path.suffix, self.path)

    def reload(self) -> Reading:
        """As :meth:`load`, but a file that was emptied is not taken for all defaults."""
        reading = self.load()
        if self.path is not None and not reading.text.strip():
            remedy = 'put its text back; if you mean the defaults, write version: "1.0.0"'
            raise ConfigError([Problem(str(self.path), None, None, "", "", "the file is empty", remedy)])
        return reading

    def parse(self, text: str, suffix: str, name: object) -> Reading:
        """Check a text as if it stood in the file; raises ConfigError.

        :param name: of the text, as errors show it.
        """
        return Reading(version_of(text), suffix, text, self._adapt(load_text(text, suffix, str(name))))

    def look(self) -> str:
        """A word for the content as it is now, to be compared with a version and with another look."""
        if self.path is None:
            return EMBEDDED
        try:
            found = self.path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._stamp:  # a file that nobody has written to need not be read every minute
                self._looked, self._stamp = version_of(read_text(self.path)), stamp
            return self._looked
        except (OSError, ConfigError) as error:
            self._stamp = None
            return f"{type(error).__name__}: {error}"


def version_of(text: str) -> str:
    """The version of a config text: the first digits of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
