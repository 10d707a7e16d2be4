"""A database, and databases that were left in the middle of something."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import orchestrator
from orchestrator.cli import main

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(orchestrator.__file__).parents[1])}

TEAR = """
import os, signal, sys
from orchestrator.store import Store
store = Store(f"sqlite:///{sys.argv[1]}").open()
store.write_meta("halt", {"reason": "looking"})
store.write_meta("mark", "in the log")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orchestrator.db"


@pytest.fixture
def run_python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a script in a process of its own, which may kill itself."""

    def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", script, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)

    return run


@pytest.fixture(scope="session")
def torn_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What a killed daemon has left: a database, its log, and the index of that."""
    path = tmp_path_factory.mktemp("torn") / "orchestrator.db"
    subprocess.run([sys.executable, "-c", TEAR, str(path)], env=ENVIRONMENT, check=False)
    assert path.with_name("orchestrator.db-wal").stat().st_size > 0
    return [path.with_name(f"{path.name}{ending}") for ending in ("", "-wal", "-shm")]


@pytest.fixture
def torn(path: Path, torn_files: list[Path]) -> Path:
    """A database whose daemon was killed: the last of it, a halt and a mark, is in the log only."""
    for file in torn_files:
        shutil.copy(file, path.parent)
    return path


@dataclass(frozen=True)
class Done:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of an error."""
        assert self.err.startswith("error: ")
        assert self.err.count("\n") == 1
        return self.err.removeprefix("error: ").rstrip()


@pytest.fixture
def command_line(workplace: Any, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Runs the whole command line, which says errors in one line, in the workplace."""

    def run(*words: str) -> Any:
        with pytest.raises(SystemExit) as end:
            main(list(words))
        return Done(int(str(end.value.code)), *capsys.readouterr())

    return run
