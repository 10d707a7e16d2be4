"""A job as the config describes it, checked and put in order."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Self
from zoneinfo import ZoneInfo

from calendars import MarketCalendar, Session
from jobs.builtin import TABLE
from jobs.durations import parse_duration
from jobs.triggers import CronTrigger, IntervalTrigger, SessionTrigger, Trigger, parse_anchor

__all__ = ["JobSpec", "JobSpecError", "Misfire", "Notify", "Overlap", "Problem", "check_job", "job_specs", "parse_job"]

Problem = tuple[tuple[str, ...], object, str]
"""Where in the job's mapping, the value found there, and what is wrong with it and what would be right."""

STATES = ("stopped", "pre_market", "trading", "post_market", "error")
SCHEDULES = ("cron", "interval", "session")
PROCESS_KEYS = ("overlap", "timeout", "retries")
MOST_RETRIES = 100
IMPORT_STRING = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
NAME = re.compile(r"[A-Za-z][\w.-]{0,63}")


class Misfire(StrEnum):
    """What to do with a fire whose time passed while the daemon was away, or too busy, by more than `grace`."""

    SKIP = "skip"
    RUN = "run"
    RUN_IF_SAME_SESSION = "run_if_same_session"


class Overlap(StrEnum):
    """What to do with a fire that comes while the run before is still going on."""

    SKIP = "skip"
    QUEUE = "queue"
    """Begin it when that run ends; one fire waits at most, and a further one is skipped."""


class Notify(StrEnum):
    """Which runs of a job raise an alert."""

    NEVER = "never"
    FAILURE = "failure"
    ALWAYS = "always"


class JobSpecError(ValueError):
    """A job's mapping does not describe a job; `problems` lists everything that is wrong with it."""

    def __init__(self, name: str, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(".".join((name, *path)) + ": " + text for path, _, text in problems))


@dataclass(frozen=True)
class JobSpec:
    """What runs when, and how.

    :param definition: the mapping it was read from, merged with the built-in one; JSON-ready. Two specs with the same
        definition are the same job.
    :param action: the name of a built-in body, an import string ``module:function``, or a command's words.
    :param grace: how late a fire may run without being called a misfire.
    :param timeout: of a run in its own process; after it the run's whole process group is killed.
    :param retries: how often a failed run of an own process is tried again, ten seconds later, then twenty, and so on.
    :param jitter: a run begins up to this much later than its fire, at random.
    """

    name: str
    definition: Mapping[str, Any]
    schedule: str
    kind: str
    trigger: Trigger
    action: str | tuple[str, ...]
    source: str
    enabled: bool
    misfire: Misfire
    grace: timedelta
    overlap: Overlap
    timeout: timedelta
    retries: int
    jitter: timedelta
    only_when: frozenset[str]
    trading_days_only: bool
    notify: Notify

    @property
    def builtin(self) -> bool:
        """Whether it runs in the daemon's loop; every other job has a process of its own."""
        return isinstance(self.action, str) and ":" not in self.action

    @classmethod
    def parse(cls, name: str, definition: Mapping[str, Any], calendar: MarketCalendar, body: str | None) -> Self:
        """Read one job.

        :param body: the built-in body of this name, if there is one; without one the job needs ``run`` or ``command``.
        :raises JobSpecError: with everything that is wrong.
        """
        reader = _Reader(name, definition, calendar, body)
        spec = reader.fields()
        if reader.problems:
            raise JobSpecError(name, reader.problems)
        return cls(name=name, definition=dict(definition), **spec)


def parse_job(name: str, raw: object, calendar: MarketCalendar) -> JobSpec:
    """Read a job of the config, merged over the built-in job of that name.

    :param raw: a mapping, or false (``off``) for a disabled built-in job.
    :raises JobSpecError: with everything that is wrong.
    """
    body = name if name in TABLE else None
    if raw is False or raw == "off":
        if body is None:
            raise JobSpecError(
                name,
                [((), raw, f"there is no built-in job {name!r} to switch off{_did_you_mean(name, TABLE)}")],
            )
        raw = {"enabled": False}
    if not isinstance(raw, Mapping):
        raise JobSpecError(name, [((), raw, f"{raw!r} is not a job: write a mapping such as {{interval: 5m}}, or off")])
    base = TABLE.get(name, {})
    if any(key in raw for key in SCHEDULES):
        base = {key: value for key, value in base.items() if key not in SCHEDULES}
    return JobSpec.parse(name, {**base, **raw}, calendar, body)


def job_specs(jobs: Mapping[str, Any], calendar: MarketCalendar) -> dict[str, JobSpec]:
    """The whole job table: the built-in jobs with the config's ``schedule.jobs`` merged over them.

    :raises JobSpecError: for the first job that is wrong; :func:`check_job` finds them all beforehand.
    """
    own = [name for name in jobs if name not in TABLE]
    return {name: parse_job(name, jobs.get(name, {}), calendar) for name in [*TABLE, *own]}


def check_job(name: str, raw: object, calendar: MarketCalendar) -> list[Problem]:
    """Everything that is wrong with a job of the config; an empty list if it is right."""
    try:
        parse_job(name, raw, calendar)
    except JobSpecError as error:
        return error.problems
    return []


def _did_you_mean(word: str, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?" if close else f" (known: {', '.join(known)})"


class _Reader:
    """Reads one mapping; collects problems instead of stopping at the first."""

    def __init__(self, name: str, raw: Mapping[str, Any], calendar: MarketCalendar, body: str | None) -> None:
        self.name, self.raw, self.calendar, self.body = name, raw, calendar, body
        self.problems: list[Problem] = []

    def fields(self) -> dict[str, Any]:
        if not NAME.fullmatch(self.name):
            self.problem((), self.name, "a job's name is a letter, then letters, digits, '_', '-' or '.', 64 at most")
        for key in self.raw:
            if key not in READERS:
                self.problem((str(key),), self.raw[key], f"no such key{_did_you_mean(str(key), tuple(READERS))}")
        for key in PROCESS_KEYS:
            if key in self.raw and self.body is not None:
                self.problem(
                    (key,), self.raw[key], f"{key} goes with run and command only; {self.name} is short and built in"
                )
        kind = self.kind()
        return {
            "schedule": self.schedule_text(kind),
            "kind": kind,
            "trigger": self.trigger(kind),
            "action": self.action(),
            "source": "builtin" if self.body else "config",
            **{key: self.read(key) for key in READERS if key in OPTIONS},
        }

    def problem(self, path: tuple[str, ...], value: object, text: str) -> None:
        self.problems.append((path, value, text))

    def read(self, key: str, default: object = None) -> Any:
        """The value of a key, read by its reader; a bad one is a problem and reads as None."""
        if key not in self.raw and key in DEFAULTS:
            return DEFAULTS[key]
        value = self.raw.get(key, default)
        if value is None:
            if key in self.raw:
                self.problem((key,), None, "null says nothing; leave the key out, or give it a value")
            return None
        try:
            return READERS[key](value)
        except ValueError as error:
            self.problem((key,), value, str(error))
            return None

    def kind(self) -> str:
        given = [key for key in SCHEDULES if key in self.raw]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            self.problem((), found, f"a job has exactly one of cron, interval and session; this one has {found}")
        return given[0] if given else "interval"

    def schedule_text(self, kind: str) -> str:
        text = f"{kind} {self.raw.get(kind)}"
        if "every" in self.raw:
            text = f"{text} until {self.raw.get('until', 'close')} every {self.raw['every']}"
        return f"{text} {self.raw['timezone']}" if "timezone" in self.raw else text

    def trigger(self, kind: str) -> Trigger | None:
        for key, owner in (("every", "session"), ("until", "session"), ("timezone", "cron")):
            if key in self.raw and kind != owner:
                self.problem((key,), self.raw[key], f"{key} goes with {owner} only; leave it out")
        if kind not in self.raw:
            return None
        return {"cron": self.cron, "interval": self.interval, "session": self.session}[kind]()

    def cron(self) -> Trigger | None:
        text, zone = self.read("cron"), self.read("timezone")
        if text is None or ("timezone" in self.raw and zone is None):
            return None
        try:
            return CronTrigger(text, zone or self.calendar.timezone)
        except ValueError as error:
            self.problem(("cron",), text, str(error))
            return None

    def interval(self) -> Trigger | None:
        seconds = self.read("interval")
        return None if seconds is None else IntervalTrigger(seconds)

    def session(self) -> Trigger | None:
        start, every = self.read("session"), self.read("every")
        until = self.read("until", default="close" if "every" in self.raw else None)
        if "until" in self.raw and "every" not in self.raw:
            self.problem(("until",), self.raw["until"], "until needs every, as in every: 5m")
        if start is None:
            return None
        trigger = SessionTrigger(self.calendar, start, until, None if every is None else timedelta(seconds=every))
        if (usual := trigger.usual_session()) is not None:
            self.usual_day(trigger, usual)
        return trigger

    def usual_day(self, trigger: SessionTrigger, usual: Session) -> None:
        """What is sensible fires on a usual day, and at a time when its states can hold."""
        fires, text, states = trigger.fires(usual), self.raw["session"], self.raw.get("only_when")
        if not fires:
            span = f"{text} until {self.raw.get('until', 'close')}"
            self.problem(("session",), text, f"{span} never fires: in a regular session it ends before it begins")
        elif states and "stopped" not in states and not any(usual.pre_open <= at < usual.post_close for at in fires):
            self.problem(("session",), text, f"{text} is outside the trading day, where only_when never holds")

    def action(self) -> str | tuple[str, ...] | None:
        given = [key for key in ("run", "command") if key in self.raw]
        if self.body is not None and not given:
            return self.body
        if self.body is not None:
            self.problem((given[0],), self.raw[given[0]], f"{self.name} is a built-in job; give yours another name")
        elif len(given) != 1:
            found = " and ".join(given) or "none"
            self.problem((), found, f'a job needs run: "module:function" or command: [...]; this one has {found}')
        return self.read(given[0]) if given else None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text; put it in quotes")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is not true or false")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is not a duration; write 90s, 5m or 1h30m")
    return parse_duration(value)


def _interval(value: object) -> float:
    seconds = _seconds(value)
    if seconds < 1:
        raise ValueError(f"{value!r} is too short; the shortest interval is 1s")
    return seconds


def _timedelta(value: object) -> timedelta:
    return timedelta(seconds=_seconds(value))


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_RETRIES:
        raise ValueError(f"{value!r} is not a whole number from 0 to {MOST_RETRIES}")
    return value


def _import_string(value: object) -> str:
    if not IMPORT_STRING.fullmatch(_text(value)):
        raise ValueError(f'{value!r} does not name a function; write "package.module:function"')
    return str(value)


def _command(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value or not all(isinstance(w, str) and "\0" not in w for w in value):
        raise ValueError(f'{value!r} is not a list of words; write ["python", "report.py"]')
    return tuple(value)


def _states(value: object) -> frozenset[str]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(word in STATES for word in words):
        raise ValueError(f"{value!r} is not a list of states; choose from {', '.join(STATES)}")
    return frozenset(words)


def _one_of(kind: type[StrEnum]) -> Callable[[object], StrEnum]:
    def read(value: object) -> StrEnum:
        try:
            return kind(value)  # type: ignore[arg-type]
        except ValueError:
            raise ValueError(f"{value!r} is not one of {', '.join(kind)}") from None

    return read


def _zone(value: object) -> ZoneInfo:
    try:
        return ZoneInfo(_text(value))
    except (KeyError, OSError, ValueError):
        raise ValueError(f"{value!r} is not a time zone; write one such as America/New_York") from None


READERS: Mapping[str, Callable[[object], Any]] = {
    "cron": _text,
    "interval": _interval,
    "session": lambda value: parse_anchor(_text(value)),
    "every": _interval,
    "until": lambda value: parse_anchor(_text(value)),
    "timezone": _zone,
    "run": _import_string,
    "command": _command,
    "enabled": _flag,
    "misfire": _one_of(Misfire),
    "grace": _timedelta,
    "overlap": _one_of(Overlap),
    "timeout": _timedelta,
    "retries": _count,
    "jitter": _timedelta,
    "only_when": _states,
    "trading_days_only": _flag,
    "notify": _one_of(Notify),
}

OPTIONS: Mapping[str, object] = {
    "enabled": True,
    "misfire": "run_if_same_session",
    "grace": "60s",
    "overlap": "skip",
    "timeout": "10m",
    "retries": 0,
    "jitter": "0s",
    "only_when": [],
    "trading_days_only": False,
    "notify": "failure",
}
"""The policy of a job that says nothing; what the built-in jobs say instead is in their table."""

DEFAULTS = {key: READERS[key](value) for key, value in OPTIONS.items()}
