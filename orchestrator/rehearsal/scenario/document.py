"""A scenario file, read and checked; everything that is wrong with it is said at once."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path as FilePath
from typing import Any

from calendars import MarketCalendar
from jobs.values import WrongValue, nearest, shown
from orchestrator.config.errors import ConfigError, Finding, Path
from orchestrator.config.loading import read_document, read_text
from orchestrator.rehearsal.scenario.faults import FAULTS, FaultKind, Lasts
from orchestrator.rehearsal.scenario.occasions import OCCASIONS
from orchestrator.rehearsal.scenario.shapes import DURATION
from orchestrator.rehearsal.scenario.values import ANY, TRADING, Fault, Once, Scenario, When

__all__ = ["parse_scenario", "read_scenario"]

KEYS = ("seed", "faults")
COMMON = ("fault", "for", "during")
"""Keys of every fault, besides the occasions."""

EXAMPLE = '{at: "open + 30m", fault: engine_crash}'


def read_scenario(path: FilePath, calendar: MarketCalendar) -> Scenario:
    """Read a scenario file: YAML, TOML or JSON, by its suffix.

    :param calendar: of the exchange by whose time it goes.
    :raises ConfigError: with everything that is wrong.
    :raises FileNotFoundError, IsADirectoryError: there is no such file.
    """
    try:
        text = read_text(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"no scenario file {path}; examples are in config/scenarios") from None
    except IsADirectoryError:
        raise IsADirectoryError(f"{path} is a folder; name the scenario file in it") from None
    return parse_scenario(text, path.suffix, str(path), calendar)


def parse_scenario(text: str, suffix: str, name: str, calendar: MarketCalendar) -> Scenario:
    """Read a scenario.

    :param name: of the file, as errors show it.
    :raises ConfigError: with everything that is wrong.
    """
    document = read_document(text, suffix, name)
    reader = _Reader(calendar)
    scenario = reader.scenario(document.data)
    found = [*document.findings, *reader.findings]
    if found:
        raise ConfigError(document.problems(found))
    return scenario


class _Reader:
    """Reads plain data; collects findings instead of stopping at the first."""

    def __init__(self, calendar: MarketCalendar) -> None:
        self.calendar = calendar
        self.findings: list[Finding] = []

    def scenario(self, data: object) -> Scenario:
        if not isinstance(data, Mapping):
            self._wrong((), data, f"{shown(data)} is not a scenario", f"write faults: and below it - {EXAMPLE}")
            return Scenario()
        for key in (each for each in data if each not in KEYS):
            self._unknown((key,), key, "a scenario has no such key", KEYS)
        faults = data.get("faults")
        if not isinstance(faults, list):
            text = "there are no faults" if faults is None else f"{shown(faults)} is not a list of faults"
            self._wrong(
                ("faults",) if "faults" in data else (), faults, text, f"write faults: and below it - {EXAMPLE}"
            )
            faults = []
        read = [self._fault(("faults", number), each) for number, each in enumerate(faults)]
        return Scenario(tuple(each for each in read if each is not None), self._seed(data))

    def _seed(self, data: Mapping[str, Any]) -> int | None:
        seed = data.get("seed")
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
            self._wrong(("seed",), seed, f"{shown(seed)} is not a whole number", "write one such as 7")
            return None
        return seed

    def _fault(self, path: Path, raw: object) -> Fault | None:
        if not isinstance(raw, Mapping):
            self._wrong(path, raw, f"{shown(raw)} is not a fault", f"write one such as {EXAMPLE}")
            return None
        when, kind = self._when(path, raw), self._kind(path, raw)
        if kind is None:
            return None
        self._keys(path, raw, kind)
        lasts, parameters = self._lasts(path, raw, kind), dict(self._parameters(path, raw, kind))
        during = self._during(path, raw, when)
        return None if when is None else Fault(kind.name, when, lasts, parameters, during)

    def _kind(self, path: Path, raw: Mapping[str, Any]) -> FaultKind | None:
        name = raw.get("fault")
        if isinstance(name, str) and name in FAULTS:
            return FAULTS[name]
        close = nearest(name, FAULTS)
        if "fault" not in raw:
            self._wrong(path, None, "it does not say which fault", f"write fault: and one of {', '.join(FAULTS)}")
        else:
            remedy = f"did you mean {close}?" if close else f"known are {', '.join(FAULTS)}"
            self._wrong((*path, "fault"), name, f"there is no fault {shown(name)}", remedy)
        return None

    def _when(self, path: Path, raw: Mapping[str, Any]) -> When | None:
        given = [key for key in OCCASIONS if key in raw]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            remedy = "keep one of them" if given else 'write one such as at: "open + 30m"'
            self._wrong(path, None, f"a fault has exactly one of {', '.join(OCCASIONS)}; this one has {found}", remedy)
            return None
        key = given[0]
        try:
            return OCCASIONS[key].read(raw[key], self.calendar.exchange_timezone)
        except ValueError as error:
            self._wrong_value((*path, key), raw[key], error)
            return None

    def _keys(self, path: Path, raw: Mapping[str, Any], kind: FaultKind) -> None:
        """The keys that it may have."""
        own = [each.name for each in kind.parameters]
        known = [*OCCASIONS, *COMMON, *own]
        for key in (each for each in raw if each not in known):
            self._unknown((*path, key), key, f"{kind.name} has no such key", known)

    def _lasts(self, path: Path, raw: Mapping[str, Any], kind: FaultKind) -> timedelta | None:
        if "for" not in raw:
            if kind.lasts is Lasts.MUST:
                self._wrong(path, None, f"{kind.name} needs for", "write how long it lasts, as in for: 10m")
            return None
        if kind.lasts is Lasts.NEVER:
            message = f"{kind.name} has no duration"
            self._wrong((*path, "for"), raw["for"], message, "leave it out", at_key=True)
            return None
        lasts: timedelta | None = self._read((*path, "for"), raw["for"], DURATION.read)
        return lasts

    def _parameters(self, path: Path, raw: Mapping[str, Any], kind: FaultKind) -> Iterator[tuple[str, Any]]:
        for parameter in kind.parameters:
            if parameter.name in raw:
                here = (*path, parameter.name)
                yield parameter.name, self._read(here, raw[parameter.name], parameter.shape.read)
            elif parameter.required:
                message = f"{kind.name} needs {parameter.name}"
                self._wrong(path, None, message, f"write {parameter.name}: {parameter.shape.example}")

    def _during(self, path: Path, raw: Mapping[str, Any], when: When | None) -> str:
        during = raw.get("during", ANY)
        if during not in (ANY, TRADING):
            close = nearest(during, (ANY, TRADING))
            remedy = f"write {close}" if close else f"write {TRADING}, or leave it out"
            self._wrong((*path, "during"), during, f"{shown(during)} is neither {ANY} nor {TRADING}", remedy)
            return ANY
        if during == TRADING and isinstance(when, Once):
            message = "during goes with what comes more than once"
            self._wrong((*path, "during"), during, message, "leave it out", at_key=True)
        return str(during)

    def _read(self, path: Path, value: object, read: Any) -> Any:
        try:
            return read(value)
        except ValueError as error:
            self._wrong_value(path, value, error)
            return None

    def _wrong_value(self, path: Path, value: object, error: ValueError) -> None:
        wrong = WrongValue.of(error)
        if wrong.at is not None and isinstance(value, list | tuple):
            path, value = (*path, wrong.at), value[wrong.at]
        self._wrong(path, value, wrong.message, wrong.remedy)

    def _unknown(self, path: Path, key: object, message: str, known: Any) -> None:
        close = nearest(key, known)
        remedy = f"did you mean {close}?" if close else f"known are {', '.join(known)}"
        self._wrong(path, key, message, remedy, at_key=True)

    def _wrong(self, path: Path, value: object, message: str, remedy: str, *, at_key: bool = False) -> None:
        self.findings.append(Finding(path, value, message, remedy, at_key))
