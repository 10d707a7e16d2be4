"""One daemon to a store.

The lock is the kernel's (``flock``), so it cannot outlive its owner, however that dies. Beside it the file says who
the owner is, for those who only want to know.
"""

import fcntl
import json
import os
import socket
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from orchestrator.processes.pids import birth
from orchestrator.store import StoreError

__all__ = ["Owner", "StoreLock", "StoreOwned", "find_owner"]


@dataclass(frozen=True, slots=True)
class Owner:
    """A daemon; `birth` tells it from a later process with the same number."""

    pid: int
    host: str
    birth: str
    started_at: str

    @property
    def here(self) -> bool:
        """Whether it was started on this machine: of another's process nothing can be known, and it gets no signals."""
        return self.host == socket.gethostname()


class StoreOwned(Exception):
    """Another daemon owns the store."""

    def __init__(self, path: Path, owner: Owner | None) -> None:
        self.owner = owner
        who = f"process {owner.pid} on {owner.host}, started {owner.started_at}" if owner else "another process"
        super().__init__(f"{path}: in use by {who}; stop that daemon first, or give this one a state_dir of its own")


class StoreLock:
    """The lock on one store.

    :param store_path: the database file; the lock is a file beside it.
    """

    def __init__(self, store_path: Path) -> None:
        self.path = _lock_path(store_path)
        self._fd = -1

    def acquire(self, now: datetime) -> None:
        """Become the owner; StoreOwned if another is."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            text = f"{self.path}: {error.strerror}; state_dir must be a folder that can be written, with space left"
            raise StoreError(text) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise StoreOwned(self.path, _read(self.path)) from None
        pid = os.getpid()
        owner = Owner(pid, socket.gethostname(), birth(pid), now.isoformat(timespec="seconds"))
        self._fd = fd
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, json.dumps(asdict(owner)).encode(), 0)
        except OSError as error:
            self.release()
            raise StoreError(f"{self.path}: {error.strerror}; make space") from error

    def release(self) -> None:
        if self._fd != -1:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1


def find_owner(store_path: Path) -> Owner | None:
    """The living daemon that owns the store; None if there is none.

    Only of one that another machine, or another container, says it is, the lock itself is tried, for an instant.
    """
    owner = _read(_lock_path(store_path))
    if owner is None:
        return None
    if not owner.here:
        return owner if _held(_lock_path(store_path)) else None
    return owner if birth(owner.pid) == owner.birth else None


def _held(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _lock_path(store_path: Path) -> Path:
    return store_path.with_name(store_path.name + ".lock")


def _read(path: Path) -> Owner | None:
    try:
        return Owner(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None  # no daemon yet, or one that is about to write its name
