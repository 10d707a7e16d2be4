"""The config file, and the folders and files of the state."""

import os
import re
import shutil
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from orchestrator.config import ConfigError, log_file, to_dict, warnings
from orchestrator.config.paths import backup_dir
from orchestrator.config.references import Failure, Surroundings, Unresolvable, resolve, watched_files
from orchestrator.config.resolution import from_references
from orchestrator.config.targets import job_targets, missing_targets
from orchestrator.doctor.findings import Finding, fail, ok, warn
from orchestrator.doctor.patient import Patient

__all__ = ["backups", "config", "disk", "logs", "secrets", "state_folder", "targets"]

COMMENT = re.compile(r"(^|\s)#.*$")

MANY = 5
"""Problems of one kind that are listed; the rest is a number."""


def config(patient: Patient) -> Iterator[Finding]:
    """Can it be used, and what in it may not be meant?"""
    trouble, name = patient.trouble, str(patient.path)
    if patient.path is None:
        yield ok("config", "no file; the embedded defaults are used: paper trading")
        return
    if isinstance(trouble, ConfigError):
        for problem in trouble.problems[:MANY]:
            yield fail("config", str(problem).removesuffix(f"; {problem.remedy}"), problem.remedy or "correct it")
        if len(trouble.problems) > MANY:
            more = len(trouble.problems) - MANY
            yield fail("config", f"{name}: {more} more", f"orchestrator --config {name} config validate")
        return
    if trouble is not None:
        yield _not_read(trouble, name)
        return
    yield ok("config", f"{name}: mode {patient.config.mode}, broker {patient.config.broker.broker_type}")
    for problem in warnings(patient.config, name, patient.path):
        yield warn("config", str(problem).removesuffix(f"; {problem.remedy}"), problem.remedy or "see that it is meant")


def _not_read(error: OSError, name: str) -> Finding:
    if isinstance(error, FileNotFoundError):
        return fail("config", f"{name}: there is no such file", f"orchestrator config init {name}")
    if isinstance(error, IsADirectoryError):
        return fail("config", f"{name} is a folder", "name the config file in it")
    return fail("config", f"{name}: {error.strerror or error}", "let the user who runs this read it")


def secrets(patient: Patient) -> Iterator[Finding]:
    """Has every reference a value, and is what it leads to private?"""
    if patient.path is None or not patient.path.is_file():
        yield ok("secrets", "no file, so no reference to any")
        return
    text = patient.path.read_bytes().decode(errors="replace")
    failures = _unresolvable(text, patient) if patient.trouble is not None else []
    yield from (fail("secrets", each.message, each.remedy) for each in failures[:MANY])
    for file in watched_files(text, patient.base_dir):
        if file.exists() and stat.S_IMODE(file.stat().st_mode) & (stat.S_IRGRP | stat.S_IROTH):
            yield warn("secrets", f"others than its owner can read {file}", f"chmod 600 {file}")
    if not failures:
        count = sum(1 for _ in from_references(to_dict(patient.config)))
        yield ok("secrets", f"references with a value: {count}" if count else "no references")


def _unresolvable(text: str, patient: Patient) -> list[Failure]:
    """What in the lines of the file has no value; comments are left out."""
    surroundings, failures = Surroundings(patient.base_dir, patient.environ), []
    for line in text.splitlines():
        try:
            resolve(COMMENT.sub("", line), surroundings)
        except Unresolvable as error:
            failures += error.failures
    return failures


def state_folder(patient: Patient) -> Iterator[Finding]:
    """Is it there, private, and may it be written?"""
    folder = patient.state_dir
    if not folder.exists():
        parent = _existing(folder)
        if os.access(parent, os.W_OK | os.X_OK) and parent.is_dir():
            yield ok("state folder", f"{folder} is made at the first start")
        else:
            remedy = f"mkdir -m 700 -p {folder} as who may, and give it to the daemon's user"
            yield fail("state folder", f"{folder} is not there, and can't be made in {parent}", remedy)
        return
    if not folder.is_dir():
        yield fail("state folder", f"{folder} is a file", "move it away, or name another state_dir")
        return
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield fail("state folder", f"{folder} may not be written", f"chown -R {os.geteuid()} {folder}")
        return
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        yield warn(
            "state folder", f"others than its owner may look into {folder} (mode {mode:o})", f"chmod 700 {folder}"
        )
    else:
        yield ok("state folder", f"{folder}")


def disk(patient: Patient) -> Iterator[Finding]:
    """Is there room?"""
    least = patient.config.health.min_free_disk_mb
    free = shutil.disk_usage(_existing(patient.state_dir)).free / 1e6
    said = f"{free:,.0f} MB are free; health.min_free_disk_mb is {least:,}"
    if free < least:
        yield fail("disk", said, "make room: no engine starts before")
    elif free < 2 * least:
        yield warn("disk", said, "make room")
    else:
        yield ok("disk", said)


def logs(patient: Patient) -> Iterator[Finding]:
    """Can the log be written, and is it private?"""
    file = log_file(patient.config, patient.base_dir)
    if file is None:
        yield ok("log", "to the standard output only")
    elif not file.exists():
        yield ok("log", f"{file} is made at the first start")
    elif not os.access(file, os.W_OK):
        yield fail("log", f"{file} may not be written", f"chown {os.geteuid()} {file}")
    elif stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield warn("log", f"others than its owner can read {file}", f"chmod 600 {file}")
    else:
        yield ok("log", f"{file}")


def backups(patient: Patient) -> Iterator[Finding]:
    """Is there one, and how old is it?"""
    folder = backup_dir(patient.config, patient.base_dir)
    if folder is None:
        yield ok("backups", "housekeeping.backup_dir is not set; to make one: orchestrator backup FILE")
        return
    found = [path for path in folder.glob("*.db") if re.search(r"-\d{4}-\d\d-\d\d\.db$", path.name)]
    if not found:
        yield warn("backups", f"there is none in {folder} yet", "orchestrator jobs run housekeeping")
        return
    last = max(found, key=lambda path: path.name)
    if patient.now.timestamp() - last.stat().st_mtime > timedelta(days=2).total_seconds():
        yield warn("backups", f"the last one is {last.name}", "orchestrator jobs history housekeeping tells why")
    else:
        yield ok("backups", f"the last one is {last}")


def targets(patient: Patient) -> Iterator[Finding]:
    """Are the classes, functions and programs there that the config names?"""
    findings = [
        finding for check in (missing_targets, job_targets) for finding in check(patient.config, patient.base_dir)
    ]
    for each in findings:
        yield fail("targets", f"{'.'.join(map(str, each.path))}: {each.message}", each.remedy or "correct the name")
    if not findings:
        yield ok("targets", f"strategy {patient.config.strategy.name}, engine {patient.config.engine.target}")


def _existing(folder: Path) -> Path:
    """The innermost folder on the way that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())
