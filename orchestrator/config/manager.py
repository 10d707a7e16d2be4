"""The documented way to a config file: load, save, reload, and back to a former version."""

import os
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from calendars import Clock, SystemClock
from orchestrator.config.files import replace_file
from orchestrator.config.loading import from_dict, load_file
from orchestrator.config.model import TradingConfig
from orchestrator.config.plain import to_dict
from orchestrator.config.versions import VersionFolder
from orchestrator.config.writing import to_text

__all__ = ["ConfigManager"]

VERSION_DIR = ".config_versions"


class ConfigManager:
    """Reads and writes one config file. Constructing one touches nothing.

    What it hands out is the caller's to change. The current config is changed by `load`, `reload`, `save` and
    `restore_version` only, and by none of them if it fails.

    :param config_path: a ``.yaml``, ``.toml`` or ``.json`` file.
    :param enable_versioning: keep what was saved, and what a save replaces.
    :param version_dir: where; ``.config_versions`` beside the file if not given.
    """

    def __init__(
        self,
        config_path: str | os.PathLike[str],
        enable_versioning: bool = True,
        version_dir: str | os.PathLike[str] | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        self.config_path = Path(config_path)
        self.enable_versioning = enable_versioning
        self.version_dir = Path(version_dir) if version_dir is not None else self.config_path.parent / VERSION_DIR
        self._clock = clock or SystemClock()
        self._current: TradingConfig | None = None

    def load(self) -> TradingConfig:
        """Read the file.

        :raises ConfigError: with everything that is wrong with it.
        :raises FileNotFoundError: saying how to make one.
        """
        return self._take(load_file(self.config_path))

    def reload(self) -> TradingConfig:
        """Read the file again. Where `load` raises, so does this, and the current config stays."""
        return self.load()

    def get_current_config(self) -> TradingConfig | None:
        """The config last loaded or saved; None before that."""
        return deepcopy(self._current)

    def save(self, config: TradingConfig, create_version: bool = True) -> None:
        """Write a config to the file: all of it or, if anything fails, nothing.

        Sets `updated_at` of the config, and `created_at` if it has none, to the present time.

        :raises ConfigError: with everything that is wrong with the config.
        """
        name, stamp = str(self.config_path), self._clock.now().isoformat(timespec="seconds")
        checked = from_dict(to_dict(config), name)
        stamped = replace(checked, created_at=checked.created_at or stamp, updated_at=stamp)
        text = to_text(stamped, self.config_path.suffix, name)
        self._replace(text.encode(), create_version)
        config.created_at, config.updated_at = stamped.created_at, stamped.updated_at
        self._take(stamped)

    def list_versions(self) -> list[Path]:
        """The versions that were kept, newest first."""
        return self._versions().paths()

    def restore_version(self, version: str | os.PathLike[str]) -> TradingConfig:
        """Make a version the file's text again.

        :param version: a path from `list_versions`, or its last part.
        :raises FileNotFoundError: if there is no such version.
        :raises ConfigError: if it is not a config that can be used now.
        """
        path = self._versions().find(version)
        config = load_file(path)
        self._replace(path.read_bytes(), create_version=True)
        return self._take(config)

    def _versions(self) -> VersionFolder:
        return VersionFolder(self.version_dir, self.config_path)

    def _take(self, config: TradingConfig) -> TradingConfig:
        self._current = deepcopy(config)
        return config

    def _replace(self, content: bytes, create_version: bool) -> None:
        """Replace the file; what it was and what it becomes are versions then, and neither if it fails."""
        kept = self._keep(content) if create_version and self.enable_versioning else []
        try:
            replace_file(self.config_path, content)
        except BaseException:
            for path in kept:
                path.unlink()
            raise

    def _keep(self, content: bytes) -> list[Path]:
        """Make versions of the present file and of what replaces it; the paths of those that are new."""
        present = [self.config_path.read_bytes()] if self.config_path.exists() else []
        kept = (self._versions().keep(each, self._clock.now()) for each in [*present, content])
        return [path for path in kept if path is not None]
