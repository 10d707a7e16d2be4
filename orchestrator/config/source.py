"""Where the config comes from: a file that may change while the daemon runs, or the embedded defaults."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.config import ConfigError, Problem, TradingConfig, embedded_defaults, load_text
from orchestrator.config.errors import Finding
from orchestrator.config.errors import Path as OptionPath
from orchestrator.config.loading import folder_of, interpret_leniently, read_text
from orchestrator.config.params import wrong_params
from orchestrator.config.references import watched_files
from orchestrator.config.targets import missing_targets
from orchestrator.config.versions import version_of

__all__ = ["Adapt", "ConfigSource", "Reading", "Stamp"]

Adapt = Callable[[TradingConfig], TradingConfig]

EMBEDDED = "embedded"

Stamp = tuple[int, int, int]


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
        self.base_dir = Path.cwd() if path is None else folder_of(path)
        self._adapt = adapt
        self._looked = ""
        self._stamp: Stamp | None = None
        self._watched: tuple[Path, ...] = ()
        self._read_stamps: dict[Path, Stamp | None] = {}

    @property
    def name(self) -> str:
        return "embedded defaults" if self.path is None else str(self.path)

    def load(self) -> Reading:
        """Read and check it; raises ConfigError, or OSError for a file that can't be read."""
        if self.path is None:
            return Reading(EMBEDDED, ".yaml", "", self._adapt(embedded_defaults()))
        text = self._text(self.path)
        stamps = {path: _stamp(path, missing=True) for path in watched_files(text, self.base_dir)}
        reading = self.parse(text, self.path.suffix, self.path)
        self._read_stamps = stamps  # from before the files were read: what is written meanwhile is another look's news
        return reading

    def reload(self) -> Reading:
        """As :meth:`load`, but a file that was emptied is not taken for all defaults."""
        reading = self.load()
        if self.path is not None and not reading.text.strip():
            remedy = 'put its text back; if you mean the defaults, write version: "1.0.0"'
            raise ConfigError([Problem(str(self.path), None, None, "", "", "the file is empty", remedy)])
        return reading

    def parse(self, text: str, suffix: str, name: object, *, earlier: bool = False) -> Reading:
        """Check a text as if it stood in the file; raises ConfigError.

        :param name: of the text, as errors show it.
        :param earlier: it was in force once, with the strategy's class as that was then; what that takes now is no
            measure of it, and whether it still works the engine tells.
        """
        also = self._missing if earlier else self._wrong
        config = load_text(text, suffix, str(name), base_dir=self.base_dir, also=also)
        return Reading(version_of(text.encode()), suffix, text, self._adapt(config))

    def as_far_as_possible(self) -> TradingConfig | None:
        """What of a wrong file can be read, and defaults for the rest; None if it can't be read at all."""
        if self.path is None:
            return None
        try:
            return interpret_leniently(self._text(self.path), self.path.suffix, str(self.path), self.base_dir)
        except (ConfigError, OSError):
            return None

    def _text(self, path: Path) -> str:
        return read_text(path)

    def _stamp_of(self, path: Path) -> Stamp | None:
        """What is another one when the text may be another one."""
        return _stamp(path)

    def _missing(self, config: TradingConfig, broken: Sequence[OptionPath]) -> list[Finding]:
        return missing_targets(config, self.base_dir)

    def _wrong(self, config: TradingConfig, broken: Sequence[OptionPath]) -> list[Finding]:
        return [*self._missing(config, broken), *wrong_params(config, self.base_dir, broken)]

    def look(self) -> str:
        """A word for the content as it is now, to be compared with a version and with another look.

        It is another one, too, when a file has changed that the config refers to.
        """
        if self.path is None:
            return EMBEDDED
        try:
            stamp = self._stamp_of(self.path)
            if stamp != self._stamp:  # a file that nobody has written to need not be read every minute
                text = self._text(self.path)
                self._looked, self._watched = version_of(text.encode()), watched_files(text, self.base_dir)
                self._stamp = stamp
            return self._looked + self._turned()
        except (OSError, ConfigError) as error:
            self._stamp = None
            return f"{type(error).__name__}: {error}"

    def _turned(self) -> str:
        """What to add to the word while a file that the config refers to is not as it was when it was read."""
        if not self._watched:
            return ""
        stamps = {path: _stamp(path, missing=True) for path in self._watched}
        turned = [f"{path.name} {stamp}" for path, stamp in stamps.items() if stamp != self._read_stamps.get(path)]
        return f" with another {', '.join(turned)}" if turned else ""


def _stamp(path: Path, *, missing: bool = False) -> Stamp | None:
    """What changes when a file is written to; None for one that is missing, if it may be."""
    try:
        found = path.stat()
    except OSError:
        if missing:
            return None
        raise
    return found.st_mtime_ns, found.st_size, found.st_ino
