"""What every command knows: which config, which store, which daemon."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import click

from calendars import MarketCalendar, SystemClock
from orchestrator.cli.errors import Failed, NoDaemon
from orchestrator.config import TradingConfig, embedded_defaults, state_dir, store_url
from orchestrator.config.loading import load_leniently
from orchestrator.config.rules import market_calendar
from orchestrator.config.source import ConfigSource
from orchestrator.lock import Owner, find_owner
from orchestrator.signpost import signposted_store
from orchestrator.store import Glance

if TYPE_CHECKING:
    from orchestrator.store import Store

__all__ = ["Settings"]

PLACES = ("state_dir", "store_url")
DEFAULT_FILES = (Path("config.paper.yaml"), Path("config/config.paper.yaml"))


class Opened(Protocol):
    """A store that is open, in whichever way."""

    def in_use(self) -> bool:
        """Whether a daemon has written into it."""

    def close(self) -> None:
        """Give it back."""


AStore = TypeVar("AStore", bound=Opened)


@dataclass
class Settings:
    """The options in front of the command, and what follows from them; nothing is read before it is needed."""

    config_path: str | None
    verbose: bool
    quiet: bool
    lost: str = field(default="", init=False)
    """Why it is not certain where the store is, after :meth:`tolerate`; empty if it is."""

    @cached_property
    def clock(self) -> SystemClock:
        return SystemClock()

    @cached_property
    def path(self) -> Path | None:
        """The config file; None for the embedded defaults."""
        if self.config_path is not None:
            return Path(self.config_path)
        return next((path for path in DEFAULT_FILES if path.exists()), None)

    @cached_property
    def source(self) -> ConfigSource:
        return ConfigSource(self.path)

    @cached_property
    def config(self) -> TradingConfig:
        return self.source.load().config

    def again(self) -> "Settings":
        """The same for another look: what was read is read anew, and the config file is the same one."""
        other = Settings(None if self.path is None else str(self.path), self.verbose, self.quiet)
        other.__dict__["clock"] = self.clock
        return other

    def go_on_with_last(self) -> str:
        """Take the last config that was in force if the file is wrong and the daemon before was killed.

        :returns: what is wrong with the file; empty if the config is what it says.
        :raises ConfigError, OSError: it is wrong, and nothing else may be begun with.
        """
        from orchestrator.fallback import existing_store, first_reading

        reading, wrong = first_reading(self.source, existing_store)
        self.__dict__["config"] = reading.config
        if wrong:
            lines = "\n".join(f"warning: {line}" for line in wrong.splitlines())
            then = f"the daemon before was killed; it goes on with version {reading.version}, the last in force"
            click.echo(f"{lines}\nwarning: {then}", err=True)
        return wrong

    def tolerate(self, *, missing: bool = False, aloud: bool = True) -> None:
        """Go on with a wrong config as far as it can be read: a typo in it must not disable status and kill switch.

        :param missing: go on with the defaults if the file is gone.
        :param aloud: warn of it.
        """
        if self.path is None or "config" in self.__dict__:
            return
        try:
            self.__dict__["config"], error = load_leniently(self.path)
        except FileNotFoundError as absent:
            if not missing and not self._outlived():
                raise
            self.__dict__["config"], self.lost = embedded_defaults(), str(absent)
            if aloud:
                back = "; the daemon has it still: orchestrator config rollback" if self._outlived() else ""
                click.echo(f"warning: {absent}{back}; going on as if all were at its default", err=True)
            return
        if error is not None:
            self.lost = next((str(each) for each in error.problems if each.path in PLACES), "")
        if error is not None and aloud:
            more = f", and {len(error.problems) - 1} more" if len(error.problems) > 1 else ""
            click.echo(f"warning: {error.problems[0]}{more}; going on with the rest of the config", err=True)

    def _outlived(self) -> bool:
        """Whether a daemon runs by the config that is gone, as far as can be told."""
        usual = state_dir(embedded_defaults(), self.source.base_dir) / "orchestrator.db"
        return self.path is not None and (signposted_store(self.path) or find_owner(usual)) is not None

    @cached_property
    def calendar(self) -> MarketCalendar:
        return market_calendar(self.config)

    @cached_property
    def state_dir(self) -> Path:
        return state_dir(self.config, self.source.base_dir)

    @cached_property
    def store_path(self) -> Path:
        """The store of the daemon that was started by this file; if none lives, where the file says."""
        if self.path is not None and (store := signposted_store(self.path)) is not None:
            return store
        return Path(store_url(self.config, self.source.base_dir).removeprefix("sqlite:///"))

    def owner(self) -> Owner | None:
        """The daemon that runs on this config's store, if one does."""
        return find_owner(self.store_path)

    def daemon(self) -> Owner:
        """The running daemon; NoDaemon if there is none."""
        owner = self.owner()
        if owner is None and self.lost:
            raise Failed(f"it can't be told where the daemon's store is: {self.lost}")
        if owner is None and (other := self.stray()):
            raise Failed(other)
        if owner is None:
            raise NoDaemon(self.store_path)
        return owner

    def stray(self) -> str:
        """Where a daemon runs that was meant, perhaps, as its config was not named and may have gone; empty if none."""
        if self.config_path is not None:
            return ""
        places = (state_dir(embedded_defaults(), file.absolute().parent) / "orchestrator.db" for file in DEFAULT_FILES)
        for place in places:
            if place != self.store_path and (owner := find_owner(place)) is not None:
                used = "its defaults" if self.path is None else self.path
                return f"no daemon runs by {used}, but process {owner.pid} on {place}; name its config with --config"
        return ""

    def glance(self) -> Glance | None:
        """A look at the store; None if no daemon has written into it yet. The caller closes it."""
        if not self.store_path.exists():
            return None
        return _if_used(Glance(self.store_path))

    def reader(self) -> "Store | None":
        """The store for reading, with its tables; None if no daemon has written into it yet. The caller closes it."""
        from orchestrator.store import Store

        if not self.store_path.exists():
            return None
        return _if_used(Store(f"sqlite:///{self.store_path}", read_only=True).open())

    def writer(self) -> "Store":
        """The store for putting requests to the daemon. The caller closes it."""
        from orchestrator.store import Store

        return Store(f"sqlite:///{self.store_path}").open(thorough=False)


def _if_used(store: AStore) -> AStore | None:
    """A store into which a daemon has written; any other is closed."""
    with ExitStack() as stack:
        stack.callback(store.close)
        if store.in_use():
            stack.pop_all()
            return store
    return None
