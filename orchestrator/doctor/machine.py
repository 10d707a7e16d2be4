"""The machine: its clock, its time zones, what is known of the exchange, and who starts the daemon."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo

from orchestrator.doctor.findings import Finding, fail, ok, warn
from orchestrator.doctor.patient import Patient
from orchestrator.world import RealWorld

__all__ = ["calendar", "clock", "service_manager", "time_zones"]

AHEAD = timedelta(minutes=2)
"""A file may be so much younger than the clock before that is odd."""

HORIZON = timedelta(days=400)
OLD_CALENDAR = timedelta(days=400)
"""Exchanges publish their holidays a year ahead and more; mourning days they announce days before."""

OLD_ZONES = 2
"""Years."""

RELEASE = re.compile(r"# version (\d{4})(\w*)")


def calendar(patient: Patient) -> Iterator[Finding]:
    """Are the exchange's days known well ahead, and by a library that is not old?"""
    found, now = patient.calendar, patient.now
    today = now.astimezone(found.exchange_timezone).date()
    try:
        sessions = found.sessions(today, today + HORIZON)
    except (RuntimeError, ValueError) as error:
        yield fail("calendar", str(error), "pip install --upgrade holidays")
        return
    library = distribution("holidays")
    age = _age(library.locate_file("holidays/__init__.py"), now)
    said = (
        f"{found.name}: {found.why(now)}; {len(sessions)} sessions in {HORIZON.days} days (holidays {library.version})"
    )
    if age is not None and age > OLD_CALENDAR:
        remedy = "pip install --upgrade holidays; a day that it does not know goes into schedule.calendar_overrides"
        yield warn("calendar", f"{said}, installed {age.days} days ago", remedy)
    else:
        yield ok("calendar", said)


def clock(patient: Patient) -> Iterator[Finding]:
    """Is it plausible? Without the network nobody can say more than that."""
    now = patient.now
    if now < RealWorld.earliest:
        yield fail("clock", f"it says {now:%Y-%m-%d %H:%M} UTC", "set it, and have it kept: timedatectl set-ntp true")
        return
    youngest = max(_written(patient), default=None)
    if youngest is not None and youngest > now + AHEAD:
        said = f"it says {now:%Y-%m-%d %H:%M} UTC, and files were written at {youngest:%Y-%m-%d %H:%M} UTC"
        yield warn("clock", said, "it was set back, or was ahead before: timedatectl set-ntp true")
        return
    synchronized = Path("/run/systemd/timesync/synchronized").exists()
    yield ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC{', kept by systemd-timesyncd' if synchronized else ''}")


def _written(patient: Patient) -> Iterator[datetime]:
    """When the files were written that a daemon writes all the time."""
    for path in (patient.database, patient.database.with_name(f"{patient.database.name}-wal"), patient.state_dir):
        if path.exists():
            yield datetime.fromtimestamp(path.stat().st_mtime, UTC)


def time_zones(patient: Patient) -> Iterator[Finding]:
    """Are the zones of exchange and user known, by rules that are not old?"""
    zones = {patient.config.schedule.timezone, str(patient.calendar.exchange_timezone)}
    for zone in sorted(zones):
        ZoneInfo(zone)
    version = _system_version() or _package_version()
    said = f"{', '.join(sorted(zones))}, by the rules of {version or 'an unknown release'}"
    if version is not None and int(version[:4]) < patient.now.year - OLD_ZONES:
        yield warn("time zones", said, "update the system's tzdata, or without one: pip install --upgrade tzdata")
    else:
        yield ok("time zones", said)


def _system_version() -> str | None:
    """Of the system's own rules, which come first; None if there are none, or they do not say."""
    for folder in TZPATH:
        try:
            with open(Path(folder) / "tzdata.zi", encoding="utf-8") as rules:
                found = RELEASE.match(rules.readline())
        except OSError:
            continue
        if found:
            return found[1] + found[2]
    return None


def _package_version() -> str | None:
    try:
        return distribution("tzdata").version
    except PackageNotFoundError:
        return None


UNITS = (
    ("systemd", "/etc/systemd/system", "*orchestrator*.service"),
    ("systemd", "/usr/lib/systemd/system", "*orchestrator*.service"),
    ("systemd", "~/.config/systemd/user", "*orchestrator*.service"),
    ("supervisord", "/etc/supervisor/conf.d", "*orchestrator*.conf"),
    ("supervisord", "/etc/supervisord.d", "*orchestrator*.ini"),
)
"""Who may start the daemon, and where the files stand by which it is told so."""

MARKS = (("INVOCATION_ID", "systemd"), ("SUPERVISOR_ENABLED", "supervisord"))
"""What each puts into the environment of what it starts."""


def service_manager(patient: Patient, units: tuple[tuple[str, str, str], ...] = UNITS) -> Iterator[Finding]:
    """Does anybody start the daemon after a crash, and after a reboot?"""
    if (manager := _started_by(patient)) is not None:
        yield ok("service manager", f"{manager} has started the daemon that runs")
        return
    installed = [
        f"{manager}: {file}" for manager, folder, pattern in units for file in Path(folder).expanduser().glob(pattern)
    ]
    if installed:
        yield ok("service manager", ", ".join(installed))
    elif Path("/.dockerenv").exists():
        yield ok("service manager", "a container; see that its restart policy is unless-stopped")
    else:
        remedy = "run it as a service: orchestrator service show systemd (or supervisord, docker)"
        yield warn("service manager", "nothing starts the daemon after a crash or a reboot", remedy)


def _started_by(patient: Patient) -> str | None:
    owner = patient.owner
    if owner is None or not owner.here:
        return None
    try:
        environ = Path(f"/proc/{owner.pid}/environ").read_bytes().split(b"\0")
    except OSError:  # somebody else's, or no /proc
        return None
    if os.getsid(0) == os.getsid(owner.pid):
        return None  # started by hand here; what marks the environment marks this shell as well
    names = {entry.partition(b"=")[0].decode(errors="replace") for entry in environ}
    return next((manager for name, manager in MARKS if name in names), None)


def _age(path: object, now: datetime) -> timedelta | None:
    try:
        return now - datetime.fromtimestamp(Path(str(path)).stat().st_mtime, UTC)
    except OSError:
        return None
