"""The config to begin with when the file is wrong: the last that was in force, if the daemon before was killed.

A daemon that is up keeps its config, whatever becomes of the file, and so does one that a service manager starts after
a kill or a power cut: nobody may be there to read what is wrong. Whoever starts one after an orderly end is there, and
is refused.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from orchestrator.config import ConfigError, TradingConfig, store_url
from orchestrator.config.source import ConfigSource, Reading
from orchestrator.life import was_killed
from orchestrator.record import ConfigVersion, last_applied, read_again
from orchestrator.store import Store, StoreError

__all__ = ["existing_store", "first_reading"]

logger = logging.getLogger("orchestrator.config")

FindStore = Callable[[TradingConfig, Path], Store | None]


def existing_store(config: TradingConfig, base_dir: Path) -> Store | None:
    """The store for reading; None if there is none yet. The caller closes it."""
    store = Store(store_url(config, base_dir), read_only=True)
    return store.open() if store.path is not None and store.path.exists() else None


def first_reading(source: ConfigSource, find_store: FindStore) -> tuple[Reading, str]:
    """The config to begin with, and what is wrong with the file: empty if the file is what one begins with.

    :param find_store: opens the store of a config for reading; None if there is none.
    :raises ConfigError, OSError: the file is wrong, and nothing else may be begun with.
    """
    try:
        return source.reload(), ""
    except (ConfigError, OSError) as error:
        found = _last_in_force(source, find_store)
        if found is None or not found.text.strip():
            return source.load(), ""  # raises the same, but for a file that may be empty
        return found, str(error)


def _last_in_force(source: ConfigSource, find_store: FindStore) -> Reading | None:
    """What the daemon before ran with, if it was killed, by this file, on this store, in the mode of this file."""
    rest = source.as_far_as_possible()
    places = rest or TradingConfig()
    recorded = _recorded(source, find_store, places)
    found = None if recorded is None else read_again(source, recorded)
    if found is None or store_url(found.config, source.base_dir) != store_url(places, source.base_dir):
        return None
    return found if rest is None or rest.mode == found.config.mode else None


def _recorded(source: ConfigSource, find_store: FindStore, places: TradingConfig) -> ConfigVersion | None:
    try:
        store = find_store(places, source.base_dir)
        if store is None:
            return None
        try:
            return last_applied(store, source.path) if was_killed(store) else None
        finally:
            store.close()
    except (StoreError, SQLAlchemyError) as error:
        logger.warning("whether there is a config to go back to can't be read: %s", getattr(error, "orig", error))
        return None
