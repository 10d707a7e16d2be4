"""Who is looked at: a config, as far as it can be read, and all that follows from it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from calendars import Clock, MarketCalendar
from orchestrator.config import ConfigError, TradingConfig, embedded_defaults, state_dir, store_url
from orchestrator.config.loading import folder_of, load_leniently
from orchestrator.config.rules import market_calendar
from orchestrator.config.source import ConfigSource
from orchestrator.lock import Owner, find_owner
from orchestrator.store import Store, StoreError

__all__ = ["Patient", "Unreadable"]


class Unreadable(Exception):
    """The database can't be read, which the check of the database says in full."""


@dataclass(frozen=True)
class Patient:
    """What the checks look at.

    :param path: the config file; None for the embedded defaults.
    :param config: as far as it can be read; what is wrong has its default.
    :param trouble: why it can't be used as it is; None if it can.
    :param send: whether the channels are tried by a real message.
    :param patience: seconds that a broker has to answer.
    """

    path: Path | None
    config: TradingConfig
    trouble: ConfigError | OSError | None
    base_dir: Path
    clock: Clock
    environ: Mapping[str, str] = field(repr=False)
    send: bool = False
    patience: float = 20.0

    @classmethod
    def of(
        cls,
        path: Path | None,
        clock: Clock,
        environ: Mapping[str, str],
        *,
        send: bool = False,
        patience: float = 20.0,
    ) -> "Patient":
        """Read the config as far as it can be read; raises nothing that may be wrong with it."""
        config, trouble = _read(path)
        folder = Path.cwd() if path is None else folder_of(path)
        return cls(path, config, trouble, folder, clock, environ, send, patience)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def state_dir(self) -> Path:
        return state_dir(self.config, self.base_dir)

    @property
    def database(self) -> Path:
        return Path(store_url(self.config, self.base_dir).removeprefix("sqlite:///"))

    @property
    def calendar(self) -> MarketCalendar:
        return market_calendar(self.config)

    @property
    def owner(self) -> Owner | None:
        """The daemon that runs, if one does."""
        return find_owner(self.database)

    @contextmanager
    def store(self) -> Iterator[Store | None]:
        """The database for reading; None if no daemon has written into one yet.

        :raises Unreadable: it can't be read.
        """
        if not self.database.exists():
            yield None
            return
        store = Store(f"sqlite:///{self.database}", read_only=True)
        try:
            store.open()
        except StoreError as error:
            raise Unreadable("the database can't be read; see the check of the database") from error
        try:
            yield store if store.in_use() else None
        finally:
            store.close()


def _read(path: Path | None) -> tuple[TradingConfig, ConfigError | OSError | None]:
    if path is None:
        return embedded_defaults(), None
    try:
        return ConfigSource(path).load().config, None
    except OSError as error:
        return embedded_defaults(), error
    except ConfigError as error:
        return _leniently(path), error


def _leniently(path: Path) -> TradingConfig:
    try:
        return load_leniently(path)[0]
    except (OSError, ConfigError):  # said already
        return embedded_defaults()
