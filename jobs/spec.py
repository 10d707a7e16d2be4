"""A job as the config describes it, checked and put in order."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, NamedTuple, Self

from calendars import MarketCalendar, Session
from jobs.builtin import TABLE
from jobs.triggers import IntervalTrigger, SessionTrigger, Trigger, cron_trigger
from jobs.values import READERS, Misfire, Notify, Overlap, WrongValue, nearest, shown

__all__ = ["JobSpec", "JobSpecError", "Misfire", "Notify", "Overlap", "Problem", "check_job", "job_specs", "parse_job"]

SCHEDULES = ("cron", "interval", "session")
PROCESS_KEYS = ("overlap", "timeout", "retries")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


class Problem(NamedTuple):
    """Something wrong with a job.

    :param path: where in the job's mapping.
    :param at_key: it is the key that is wrong, not its value.
    """

    path: tuple[str | int, ...]
    value: object
    message: str
    remedy: str = ""
    at_key: bool = False

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}" if self.remedy else self.message


class JobSpecError(ValueError):
    """A job's mapping does not describe a job; `problems` lists everything that is wrong with it."""

    def __init__(self, name: str, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{'.'.join(map(str, (name, *each.path)))}: {each}" for each in problems))


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

    @cached_property
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
            raise JobSpecError(name, [_nothing_to_switch_off(name, raw)])
        raw = {"enabled": False}
    if not isinstance(raw, Mapping):
        remedy = "write a mapping such as {interval: 5m}, or off to switch a built-in job off"
        raise JobSpecError(name, [Problem((), raw, f"{shown(raw)} is not a job", remedy)])
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


def _nothing_to_switch_off(name: str, raw: object) -> Problem:
    close = nearest(name, TABLE)
    remedy = (
        f"did you mean {close}?" if close else f"built in are {', '.join(TABLE)}; a job of yours is left out instead"
    )
    return Problem((), raw, f"there is no built-in job {shown(name)} to switch off", remedy, at_key=True)


class _Reader:
    """Reads one mapping; collects problems instead of stopping at the first."""

    def __init__(self, name: str, raw: Mapping[str, Any], calendar: MarketCalendar, body: str | None) -> None:
        self.name, self.raw, self.calendar, self.body = name, raw, calendar, body
        self.problems: list[Problem] = []

    def fields(self) -> dict[str, Any]:
        self.keys()
        kind = self.kind()
        policy = {**DEFAULTS, **{key: self.read(key) for key in READERS if key in OPTIONS and key in self.raw}}
        return {
            "schedule": self.schedule_text(kind),
            "kind": kind,
            "trigger": self.trigger(kind, policy),
            "action": self.action(),
            "source": "builtin" if self.body else "config",
            **policy,
        }

    def problem(self, key: str, message: str, remedy: str = "") -> None:
        self.problems.append(Problem((key,), self.raw[key], message, remedy))

    def whole(self, found: object, message: str, remedy: str = "", *, at_key: bool = False) -> None:
        """Something that is wrong with the mapping, not with one of its keys."""
        self.problems.append(Problem((), found, message, remedy, at_key))

    def keys(self) -> None:
        """The job's name, and the keys that it may have."""
        if not NAME.fullmatch(self.name):
            message = f"{shown(self.name)} is not a job's name"
            remedy = "write a letter, then letters, digits, '_', '-' or '.', 64 at most"
            self.whole(self.name, message, remedy, at_key=True)
        for key in (each for each in self.raw if each not in READERS):
            close = nearest(key, READERS)
            remedy = f"did you mean {close}?" if close else f"known are {', '.join(READERS)}"
            self.problems.append(Problem((str(key),), key, "a job has no such key", remedy, at_key=True))
        for key in (each for each in PROCESS_KEYS if each in self.raw and self.body is not None):
            self.problem(
                key, f"{key} goes with run and command only; {self.name} is short and built in", "leave it out"
            )

    def read(self, key: str, default: object = None) -> Any:
        """The value of a key, read by its reader; a bad one is a problem and reads as None."""
        value = self.raw.get(key, default)
        if value is None:
            if key in self.raw:
                self.problem(key, "null says nothing", "leave the key out, or give it a value")
            return None
        try:
            return READERS[key](value)
        except ValueError as error:
            wrong = WrongValue.of(error)
            path, found = ((key,), value) if wrong.at is None else ((key, wrong.at), value[wrong.at])
            self.problems.append(Problem(path, found, wrong.message, wrong.remedy))
            return None

    def kind(self) -> str:
        given = [key for key in SCHEDULES if key in self.raw]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            remedy = "keep one of them" if given else self.missing("write one such as interval: 5m")
            self.whole(found, f"a job has exactly one of cron, interval and session; this one has {found}", remedy)
        return given[0] if given else "interval"

    def missing(self, remedy: str) -> str:
        """What to do about a missing key: a job whose name is nearly that of a built-in one was meant to be it."""
        close = nearest(self.name, TABLE, likeness=0.8) if self.body is None else None
        return f"{remedy}, or did you mean the job {close}?" if close else remedy

    def schedule_text(self, kind: str) -> str:
        text = f"{kind} {self.raw.get(kind)}"
        if "every" in self.raw:
            text = f"{text} until {self.raw.get('until', 'close')} every {self.raw['every']}"
        return f"{text} {self.raw['timezone']}" if "timezone" in self.raw else text

    def trigger(self, kind: str, policy: Mapping[str, Any]) -> Trigger | None:
        for key, owner in (("every", "session"), ("until", "session"), ("timezone", "cron")):
            if key in self.raw and kind != owner:
                repeats = key == "every" and kind not in self.raw
                remedy = "to repeat all day, write interval instead" if repeats else "leave it out"
                self.problem(key, f"{key} goes with {owner} only", remedy)
        if kind not in self.raw:
            return None
        match kind:
            case "cron":
                return self.cron()
            case "interval":
                return self.interval(policy["jitter"])
            case _:
                return self.session(policy["only_when"])

    def cron(self) -> Trigger | None:
        text, zone = self.read("cron"), self.read("timezone")
        if text is None or ("timezone" in self.raw and zone is None):
            return None
        try:
            return cron_trigger(text, zone or self.calendar.timezone)
        except ValueError as error:
            self.problem("cron", str(error))
            return None

    def interval(self, jitter: timedelta | None) -> Trigger | None:
        seconds = self.read("interval")
        if seconds is None:
            return None
        if jitter is not None and jitter.total_seconds() >= seconds:
            message = f"{shown(self.raw['jitter'])} is not less than the interval of {seconds:g} s"
            self.problem("jitter", message, "write less, or a longer interval")
        return IntervalTrigger(seconds)

    def session(self, states: frozenset[str] | None) -> Trigger | None:
        start, every = self.read("session"), self.read("every")
        until = self.read("until", default="close" if "every" in self.raw else None)
        if "until" in self.raw and "every" not in self.raw:
            self.problem("until", "until needs every", "write how often, as in every: 5m, or leave it out")
        if start is None:
            return None
        trigger = SessionTrigger(self.calendar, start, until, None if every is None else timedelta(seconds=every))
        if (usual := trigger.usual_session()) is not None:
            self.usual_day(trigger, usual, states)
        return trigger

    def usual_day(self, trigger: SessionTrigger, usual: Session, states: frozenset[str] | None) -> None:
        """What is sensible fires on a usual day, and at a time when its states can hold."""
        fires, text = trigger.fires(usual), self.raw["session"]
        if not fires:
            span = f"{text} until {self.raw.get('until', 'close')}"
            message = f"{span} never fires: in a regular session it ends before it begins"
            self.problem("session", message, "write an until that comes later")
        elif states and "stopped" not in states and not any(usual.pre_open <= at < usual.post_close for at in fires):
            message = f"{text} is outside the trading day, where only_when never holds"
            self.problem("session", message, "move it, or leave only_when out")

    def action(self) -> str | tuple[str, ...] | None:
        given = [key for key in ("run", "command") if key in self.raw]
        if self.body is not None and not given:
            return self.body
        if self.body is not None:
            self.problem(given[0], f"{self.name} is a built-in job and has its own work", "give yours another name")
        elif len(given) != 1:
            found = " and ".join(given) or "none"
            remedy = "keep one of them" if given else self.missing("write what it is to do")
            message = f'a job needs run: "module:function" or command: [...]; this one has {found}'
            self.whole(found, message, remedy)
        return self.read(given[0]) if given else None


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
