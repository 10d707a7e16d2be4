"""Former states of a config file, as files in a folder beside it."""

import json
import os
import re
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from orchestrator.config.errors import ConfigError
from orchestrator.config.files import replace_file
from orchestrator.config.loading import load_text
from orchestrator.config.plain import to_dict

__all__ = ["VersionFolder"]

DIGITS = 12
UNCOUNTED = ("created_at", "updated_at")
"""Options that do not make another version."""


class VersionFolder:
    """The versions of one config file, one for each content.

    They are named by number, time and content: ``config.paper.v0002.20261124T143000Z.1f0c3a9b27de.yaml``.
    """

    def __init__(self, folder: Path, config_path: Path) -> None:
        self.folder = folder
        self.suffix = config_path.suffix
        self.stem = config_path.stem
        self._name = re.compile(rf"{re.escape(self.stem)}\.v(\d+)\.\w+\.[0-9a-f]{{{DIGITS}}}{re.escape(self.suffix)}")

    def paths(self) -> list[Path]:
        """The versions, newest first."""
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        return sorted((path for path in found if self._name.fullmatch(path.name)), key=self._number, reverse=True)

    def keep(self, content: bytes, at: datetime) -> Path | None:
        """Store a file's content unless what it says is stored already; the path of a new version."""
        digest, paths = self._digest(content), self.paths()
        if any(path.name.endswith(f".{digest}{self.suffix}") for path in paths):
            return None
        number = self._number(paths[0]) + 1 if paths else 1
        path = self.folder / f"{self.stem}.v{number:04}.{at:%Y%m%dT%H%M%SZ}.{digest}{self.suffix}"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, content)
        return path

    def find(self, version: str | os.PathLike[str]) -> Path:
        """A version by its path or its name; raises FileNotFoundError if there is none."""
        wanted = Path(version)
        for path in self.paths():
            if path.name == str(wanted) or path.resolve() == wanted.resolve():
                return path
        raise FileNotFoundError(f"no version {str(version)!r} in {self.folder}; list_versions() names them")

    def _number(self, path: Path) -> int:
        match = self._name.fullmatch(path.name)
        return int(match[1]) if match else 0

    def _digest(self, content: bytes) -> str:
        """Of what the content says; of its bytes, if it says nothing that can be read."""
        try:
            data = to_dict(load_text(content.decode(), self.suffix))
        except (ConfigError, UnicodeDecodeError):
            return sha256(content).hexdigest()[:DIGITS]
        said = {key: value for key, value in data.items() if key not in UNCOUNTED}
        return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:DIGITS]
