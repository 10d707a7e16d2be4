"""Replacing a file so that whoever reads it, or whatever breaks, finds the old one or the new one whole."""

import errno
import fcntl
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["append", "locked", "make_folder", "remove_leftovers", "replace_file", "sync_folder"]

UNLOCKABLE = (errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP)
"""What file systems say that cannot lock a folder, as some over a network cannot."""
ACCESS_LIST = "system.posix_acl_access"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait until no other process, and no other thread, holds this folder; and hold it.

    The kernel ends the hold of a process that is killed. Where the file system has no locks there is none.
    """
    descriptor = _open_folder(folder)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in UNLOCKABLE:
                raise
        yield
    finally:
        os.close(descriptor)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file at once, and its folder if that is missing. It is for good after `sync_folder`.

    A link stays a link. Mode and owner stay what they were; a new file is private, as it may hold secrets.

    :raises OSError: if it cannot be done; the old file is then as it was.
    """
    target = Path(os.path.realpath(path))
    make_folder(target.parent)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        try:
            _write(descriptor, content, target)
            os.replace(name, target)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name)
            raise
    except OSError as error:  # it would name the temporary file, or none
        raise OSError(error.errno, error.strerror, str(target)) from error


def remove_leftovers(folder: Path, name: str) -> None:
    """Remove what `replace_file` leaves in a folder when its process is killed.

    :param name: a regular expression for the names of the files that were to be replaced. Nobody may be at it now.
    """
    pattern = re.compile(rf"\.{name}\.\w{{8}}\.tmp")
    for entry in [entry for entry in os.scandir(folder) if pattern.fullmatch(entry.name)]:
        with suppress(FileNotFoundError):
            os.unlink(entry.path)


def append(path: Path, content: bytes) -> None:
    """Put something at the end of a file, for good; the file is private if it is new.

    :raises OSError: if it cannot be done; part of it may be there then.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder, and those that it is in, for good; the mode is its own, if it is made."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Wait until what was made, renamed and removed in a folder is on the disk."""
    descriptor = _open_folder(folder)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(descriptor: int, content: bytes, target: Path) -> None:
    with os.fdopen(descriptor, "wb") as file:
        if target.exists():
            _take_over(descriptor, target)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _take_over(descriptor: int, target: Path) -> None:
    """Give the new file the owner, mode and access list of the old: a daemon must be able to read what root saved."""
    old, new = target.stat(), os.fstat(descriptor)
    user = -1 if old.st_uid == new.st_uid else old.st_uid
    group = -1 if old.st_gid == new.st_gid else old.st_gid
    if (user, group) != (-1, -1):
        os.fchown(descriptor, user, group)
    os.fchmod(descriptor, old.st_mode & 0o7777)
    if sys.platform == "linux" and (listed := _access_list(target)) is not None:
        os.setxattr(descriptor, ACCESS_LIST, listed)


def _access_list(path: Path) -> bytes | None:
    """Who may do what besides owner and group, as the kernel writes it; None if that is nobody."""
    try:
        return os.getxattr(path, ACCESS_LIST)
    except OSError as error:
        if error.errno not in (errno.ENODATA, errno.EOPNOTSUPP):
            raise
        return None


def _open_folder(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
