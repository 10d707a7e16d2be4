"""Where things are: paths in a config are relative to the folder of its file, which the config does not know.

`base_dir` is that folder, or the working directory for a config without a file.
"""

import os
from pathlib import Path

from orchestrator.config.model import TradingConfig

__all__ = ["backup_dir", "cache_dir", "data_path", "log_file", "state_dir", "store_url"]

SQLITE = "sqlite:///"


def resolve(text: str, base_dir: Path) -> Path:
    """An absolute path; ``~`` is the home of whoever runs this."""
    return (base_dir.absolute() / Path(text).expanduser()).absolute()


def state_dir(config: TradingConfig, base_dir: Path) -> Path:
    """The folder of database, logs and incidents."""
    return resolve(config.state_dir, base_dir)


def store_url(config: TradingConfig, base_dir: Path) -> str:
    """The database's URL, with an absolute path.

    It is that of the file itself, not of a link that leads to it: SQLite keeps the log beside the file, and so must be
    found the lock.
    """
    if config.store_url is None:
        path = state_dir(config, base_dir) / "orchestrator.db"
    else:
        path = resolve(config.store_url.removeprefix(SQLITE), base_dir)
    return f"{SQLITE}{os.path.realpath(path)}"


def log_file(config: TradingConfig, base_dir: Path) -> Path | None:
    """The log, which a relative path puts into `state_dir`; None if there is to be none."""
    return resolve(config.logging.file, state_dir(config, base_dir)) if config.logging.file else None


def backup_dir(config: TradingConfig, base_dir: Path) -> Path | None:
    """The folder of the daily backups, if there are to be any."""
    folder = config.housekeeping.backup_dir
    return None if folder is None else resolve(folder, base_dir)


def data_path(config: TradingConfig, base_dir: Path) -> Path | None:
    """The folder of the csv files, if one is given."""
    return None if config.data.path is None else resolve(config.data.path, base_dir)


def cache_dir(config: TradingConfig, base_dir: Path) -> Path:
    """The folder where fetched data is kept."""
    return resolve(config.data.cache_dir, base_dir)
