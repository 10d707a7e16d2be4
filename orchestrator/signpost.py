"""Which store the daemon has that was started by a config file: written down beside the file.

The file itself can't tell for sure. It may have been edited, emptied or removed since, and a kill switch that then
looked for the daemon where the file says now would halt nothing.
"""

import logging
import os
from contextlib import suppress
from pathlib import Path

from orchestrator.config.files import replace_file
from orchestrator.lock import find_owner

__all__ = ["put_up", "signposted_store", "take_down"]

logger = logging.getLogger("orchestrator")


def put_up(config_path: Path, store_path: Path) -> None:
    """Say where the store is. Where the folder can't be written, the config file alone has to tell."""
    try:
        replace_file(_signpost(config_path), str(store_path.resolve()).encode())
    except OSError as error:
        logger.debug("no signpost beside %s: %s", config_path, error.strerror)


def take_down(config_path: Path) -> None:
    with suppress(OSError):  # a signpost to a store that no daemon has leads nobody astray
        _signpost(config_path).unlink(missing_ok=True)


def signposted_store(config_path: Path) -> Path | None:
    """The store of the living daemon that was started by this file, whatever the file says now; None if none lives."""
    try:
        store = Path(_signpost(config_path).read_text(encoding="utf-8"))
        return store if store.is_absolute() and find_owner(store) is not None else None
    except (OSError, ValueError):
        return None


def _signpost(config_path: Path) -> Path:
    file = Path(os.path.realpath(config_path))
    return file.with_name(f".{file.name}.daemon")
