"""Replacing a file so that whoever reads it, or whatever breaks, finds the old one or the new one whole."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

__all__ = ["replace_file"]


def replace_file(path: Path, content: bytes) -> None:
    """Write a file at once and durably, and its folder if that is missing.

    A link stays a link. Mode and owner stay what they were; a new file is private, as it may hold secrets.

    :raises OSError: if it cannot be done; the old file is then as it was.
    """
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        _write(descriptor, content, target)
        os.replace(name, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise
    _sync_folder(target.parent)


def _write(descriptor: int, content: bytes, target: Path) -> None:
    with os.fdopen(descriptor, "wb") as file:
        if target.exists():
            _take_over(descriptor, target)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _take_over(descriptor: int, target: Path) -> None:
    """Give the new file the owner and mode of the old: a daemon must be able to read what root has saved."""
    old, new = target.stat(), os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, old.st_mode & 0o7777)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
