"""The config in force, and how another one takes its place: whole or not at all.

::

    look        the file is not what it was, and has rested since    -> reload
    reload      it is read, checked, compared, and put in force      -> in force, on trial if the engine may mind
                or something is wrong with it                        -> rejected; the old one stays
    on trial    an engine comes up with it                           -> it works
                the engine is given up                               -> rolled back to the last one that worked
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestrator.alerts.alarms import Alarms
from orchestrator.config import ConfigError, TradingConfig
from orchestrator.config.changes import Change, changes, keep_until_restart, refuse_while_running
from orchestrator.config.source import ConfigSource, Reading
from orchestrator.history import History
from orchestrator.record import ConfigRecord, ConfigVersion, read_again
from orchestrator.store import WRITE_META, Store

__all__ = ["Adoption"]

logger = logging.getLogger("orchestrator.config")


REST = 2.0
"""Seconds for which an edited file must have stayed as it is: an editor may write it in two steps."""

GONE = 60.0
"""The same, for a file that is not there."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A config with which no engine has come up yet, and the one to go back to if none does."""

    version: str
    back_to: Reading


class Adoption:
    """Holds the config in force.

    :param first: what the daemon starts with.
    :param put_in_force: given a config and the time, makes everything else follow it, or nothing if it fails.
    :param monotonic: reads the monotonic clock.
    :param changed: called when the status is another.
    """

    def __init__(
        self,
        source: ConfigSource,
        first: Reading,
        store: Store,
        history: History,
        alarms: Alarms,
        put_in_force: Callable[[TradingConfig, list[Change], datetime], None],
        monotonic: Callable[[], float],
        changed: Callable[[], None],
        now: datetime,
    ) -> None:
        self.source, self._history, self._alarms = source, history, alarms
        self._put_in_force, self._monotonic, self._changed = put_in_force, monotonic, changed
        self._record = ConfigRecord(store, history, source.path)
        self.reading, self.loaded_at = first, now
        self.rejected = ""
        """Why the file, as it is now, was not taken up; empty if it was."""
        self.waiting: list[str] = []
        """The keys whose edit waits for a restart of the daemon."""
        self.rolled_back: dict[str, Any] | None = store.read_meta("config_rollback")
        """``{from, to, at, reason}`` while the file still holds an edit that was rolled back."""
        self.trial: Trial | None = None
        self._launched: Reading | None = None
        self._rejected_word = ""
        self._seen = ""
        self._rested_by: float | None = None
        self._good = self._read(self._record.last_that_worked())
        self._go_on(store.read_meta("config_trial"))

    @property
    def config(self) -> TradingConfig:
        return self.reading.config

    @property
    def version(self) -> str:
        return self.reading.version

    # --- the start ---

    def _go_on(self, trial: dict[str, Any] | None) -> None:
        """Take up the trial or the rollback in which an earlier daemon was, if the file is still the same."""
        if trial is not None and trial["version"] == self.version:
            back_to = self._read(self._record.find(trial["back_to"]))
            self.trial = None if back_to is None else Trial(self.version, back_to)
        if self.rolled_back is not None:
            good = self._read(self._record.find(self.rolled_back["to"]))
            if self.rolled_back["from"] == self.version and good is not None and good.config.mode == self.config.mode:
                keep_until_restart(self.config, good.config, changes(self.config, good.config))
                self.reading = good
            else:
                self._forget_rollback()

    def _read(self, recorded: ConfigVersion | None) -> Reading | None:
        return None if recorded is None else read_again(self.source, recorded)

    def begin(self, now: datetime, wrong: str = "") -> None:
        """Say and write down with which config the daemon starts.

        :param wrong: why that is not what the file says, if so.
        """
        if wrong:
            self.rejected, self._rejected_word = wrong, self.source.look()
            logger.error("the config file is wrong, and version %s is used: %s", self.version, wrong)
            self._alarms.config_wrong_at_start(self.version, wrong, now)
        if self.source.path is not None:
            self._record.applied(self.reading, "start", "the daemon started with it", now)
        if self.rolled_back is not None:
            text = f"The file still holds the edit that was rolled back, and {self.version} is in force. {MEND}"
            self._alarms.config_still_rolled_back(text, now)

    # --- the file ---

    def look(self, now: datetime, *, asked: bool = False) -> str:
        """Look at the file, and have it taken up once it has rested; returns what was seen, in words.

        :param asked: somebody asks for it: what was rejected or rolled back is tried once more.
        """
        word = self.source.look()
        if not asked and self.rejected and word == self._rejected_word:
            return self.rejected
        if word == self.version:
            if self.rejected:
                self.rejected = ""
                self._changed()
            self._rested_by = None
            self._forget_rollback()
            self._alarms.config_restored(now)
            return "unchanged"
        if not asked and self.rolled_back is not None and word == self.rolled_back["from"]:
            return "the file still holds the edit that was rolled back"
        if self._rested_by is None or word != self._seen:
            self._wait_for_rest(word)
        gone = "the file is gone; an editor may be replacing it"
        return gone if _is_gone(word) else "the file has changed; it is taken up when it has rested"

    def step(self, now: datetime) -> None:
        """Take up an edit that has rested."""
        if self._rested_by is None or self._monotonic() < self._rested_by:
            return
        word, self._rested_by = self.source.look(), None
        if word == self._seen:
            self._reload_quietly(now)
        elif word != self.version:
            self._wait_for_rest(word)

    def wait(self) -> float | None:
        """Seconds until an edit will have rested; None if there is none."""
        return None if self._rested_by is None else max(0.0, self._rested_by - self._monotonic())

    def _wait_for_rest(self, word: str) -> None:
        self._seen = word
        self._rested_by = self._monotonic() + (GONE if _is_gone(word) else REST)

    def _reload_quietly(self, now: datetime) -> None:
        try:
            self.reload(now)
        except (ConfigError, OSError):
            return  # it has been logged and told

    def reload(self, now: datetime) -> list[str]:
        """Take up the file as it is now, whole or not at all; returns what changed.

        :raises ConfigError, OSError: it can't be used; the old one stays in force.
        """
        self._rested_by = None
        try:
            reading = self.source.reload()
            found = changes(self.config, reading.config)
            refuse_while_running(self.config, reading.config, self.source.name)
        except (ConfigError, OSError) as error:
            self._reject(error, now)
            raise
        self.rejected = ""
        if reading.version == self.version and not found:
            self._forget_rollback()
            return []
        self._take_up(reading, found, "reload", now)
        self._forget_rollback()
        self._try_out(reading)
        listed = [str(change) for change in found]
        if listed:
            self._alarms.config_applied(listed, now)
        else:
            self._alarms.config_restored(now)
        return listed

    def _reject(self, error: Exception, now: datetime) -> None:
        self._rejected_word = self.source.look()
        if str(error) != self.rejected:
            self.rejected = str(error)
            self._changed()
            logger.error("config rejected: %s", error)
            self._alarms.config_rejected(str(error), now)

    def _take_up(self, reading: Reading, found: list[Change], author: str, now: datetime) -> None:
        before = self.reading
        keep_until_restart(self.config, reading.config, found)
        self.reading = reading
        try:
            self._put_in_force(reading.config, found, now)
        except BaseException:
            self.reading = before
            raise
        self.loaded_at = now
        self.waiting = [change.key for change in found if change.effect == "daemon"]
        listed = "; ".join(map(str, found)) or "its meaning is the same"
        logger.info("config %s is in force: %s", reading.version, listed)
        self._record.applied(reading, author, listed, now)

    # --- the engine's verdict ---

    def _try_out(self, reading: Reading) -> None:
        """Put an edit that may keep the engine from starting on trial, if there is something to go back to."""
        good = self._good
        if good is None or good.version == reading.version:
            self._end_trial()
        elif any(change.concerns_engine for change in changes(good.config, reading.config)):
            self.trial = Trial(reading.version, good)
            self._remember("config_trial", {"version": reading.version, "back_to": good.version})
        else:
            self._end_trial()

    def launched(self) -> None:
        """An engine is started with the config in force."""
        self._launched = self.reading

    def engine_came_up(self, now: datetime) -> None:
        """The engine that was started last runs."""
        if self._launched is not None and self.source.path is not None:
            self._good = self._launched
            self._record.worked(self._launched.version, now)
            if self.trial is not None and self.trial.version == self._launched.version:
                self._end_trial()

    def engine_given_up(self, reason: str, now: datetime) -> bool:
        """Go back to the last config that worked, if the one on trial is to blame; whether that was done."""
        trial, launched = self.trial, self._launched
        if trial is None or launched is None or launched.version != trial.version:
            return False
        if not self.config.engine.auto_rollback or trial.back_to.config.mode != self.config.mode:
            return False
        self._end_trial()
        self._roll_back(trial, reason, now)
        return True

    def _roll_back(self, trial: Trial, reason: str, now: datetime) -> None:
        undone = changes(trial.back_to.config, self.config)
        self._take_up(trial.back_to, changes(self.config, trial.back_to.config), "rollback", now)
        self.rolled_back = {
            "from": trial.version,
            "to": trial.back_to.version,
            "at": now.isoformat(timespec="seconds"),
            "reason": reason,
        }
        self._remember("config_rollback", self.rolled_back)
        listed = "\n".join(f"- {change.key}" for change in undone)
        text = (
            f"The engine did not start after the edit: {reason}. "
            f"Version {self.version}, the last that worked, is in force again, and the engine is tried with it. "
            f"Undone:\n{listed}\n{MEND}"
        )
        self._alarms.config_rolled_back(text, now)

    def _end_trial(self) -> None:
        if self.trial is not None:
            self.trial = None
            self._remember("config_trial", None)

    def _forget_rollback(self) -> None:
        if self.rolled_back is not None:
            self.rolled_back = None
            self._remember("config_rollback", None)

    def _remember(self, key: str, value: Any) -> None:
        self._history.add(WRITE_META, {"key": key, "value": value})
        self._changed()


MEND = "Correct the file and it is taken up; to try it once more as it is: orchestrator config reload"


def _is_gone(word: str) -> bool:
    return word.startswith("FileNotFoundError")
