"""orchestrator service: run the daemon under supervisord, systemd or Docker."""

import getpass
import os
import pwd
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from orchestrator.cli.errors import Failed, guard_money
from orchestrator.cli.settings import Settings
from orchestrator.config.files import replace_file
from orchestrator.config.paths import backup_dir, cache_dir, log_file
from orchestrator.installation import FILES, Installation, Unwritable, render

__all__ = ["service"]

UNITS = Path("/etc/systemd/system")
READABLE = 0o644

KIND = click.argument("kind", type=click.Choice(list(FILES)))
USER = click.option("--user", help="Who the daemon runs as; you, if not given, or who called sudo.")
LIVE = click.option("--live", is_flag=True, help="It is to trade real money: needed in addition to mode: live.")


@click.group()
def service() -> None:
    """Write the files by which supervisord, systemd or Docker run the daemon.

    Example: orchestrator service install supervisord
    """


@service.command()
@KIND
@USER
@LIVE
@click.pass_obj
def show(settings: Settings, kind: str, user: str | None, live: bool) -> None:
    """Print the file, with the program, the config and the user of this installation.

    Example: orchestrator service show systemd --user trader
    """
    click.echo(_text(settings, kind, user, live), nl=False)


@service.command()
@KIND
@USER
@LIVE
@click.option("--path", type=click.Path(path_type=Path), help="Where to write it; the usual place if not given.")
@click.option("--force", is_flag=True, help="Replace a file that exists and says something else.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.pass_obj
def install(
    settings: Settings, kind: str, user: str | None, live: bool, path: Path | None, force: bool, dry_run: bool
) -> None:
    """Write the file, and say which commands come next.

    The usual place of the systemd unit is /etc/systemd/system; that of the other files the folder of the config.

    Example: orchestrator --config /opt/trader/my.yaml service install systemd --user trader
    """
    text = _text(settings, kind, user, live)
    path = (path or _usual_place(settings, kind)).absolute()
    if path.is_dir():
        path /= FILES[kind]
    same = path.exists() and path.read_bytes() == text.encode()
    if path.exists() and not same and not force:
        raise Failed(f"{path} exists and says something else; name another one with --path, or replace it with --force")
    if dry_run:
        click.echo(f"would write {path}; to see it: the same with show in place of install")
    else:
        _write(path, text)
        click.echo(f"{path} is up to date" if same else f"wrote {path}")
    click.echo("\n".join(["next:", *(f"  {line}" for line in _next_steps(settings, kind, path))]))


def _write(path: Path, text: str) -> None:
    new = not path.exists()
    try:
        replace_file(path, text.encode())
    except PermissionError as error:
        raise Failed(f"{path}: {error.strerror}; run it with sudo, or name another place with --path") from error
    if new:
        path.chmod(READABLE)


def _text(settings: Settings, kind: str, user: str | None, live: bool) -> str:
    settings.tolerate(missing=True)
    guard_money(settings.config, live, f"service install {kind}")
    try:
        return render(kind, _installation(settings, kind, user, live))
    except Unwritable as error:
        raise Failed(str(error)) from error


RUN_AS_USER = ("supervisord", "systemd")


def _installation(settings: Settings, kind: str, user: str | None, live: bool) -> Installation:
    name = user or os.environ.get("SUDO_USER") or getpass.getuser()
    try:
        account = pwd.getpwnam(name)
    except KeyError:
        raise Failed(f"there is no user {name!r} on this machine; make one, or name another with --user") from None
    if account.pw_uid == 0 and kind in RUN_AS_USER:
        click.echo("warning: it would run as root, which it never needs; name another user with --user", err=True)
    return Installation(
        program=_program(),
        config=_config_file(settings),
        writable=_writable(settings),
        user=name,
        home=Path(account.pw_dir),
        stop_timeout=settings.config.engine.stop_timeout,
        live=live,
    )


def _program() -> list[str]:
    """This very command line: its script, or the interpreter and the module where it has none."""
    called, beside = Path(sys.argv[0]), Path(sys.executable).with_name("orchestrator")
    script = next((each for each in (called, beside) if each.name == "orchestrator" and os.access(each, os.X_OK)), None)
    if script is not None and script.is_file():
        return [str(script.absolute())]
    return [sys.executable, "-m", "orchestrator"]


def _config_file(settings: Settings) -> Path:
    if settings.path is not None:
        return settings.path.absolute()
    path = Path("config.paper.yaml").absolute()
    click.echo(f"note: there is no config yet; before the first start: orchestrator config init {path}", err=True)
    return path


def _writable(settings: Settings) -> list[Path]:
    """The folder of the config, and what the daemon writes elsewhere."""
    folder = settings.source.base_dir
    config, log = settings.config, log_file(settings.config, folder)
    others = [
        settings.state_dir,
        settings.store_path.parent,
        cache_dir(config, folder),
        backup_dir(config, folder),
        None if log is None else log.parent,
    ]
    found = [folder]
    for each in others:
        if each is not None and not any(each.is_relative_to(known) for known in found):
            found.append(each)
    return found


def _usual_place(settings: Settings, kind: str) -> Path:
    return (UNITS if kind == "systemd" else _config_file(settings).parent) / FILES[kind]


def _next_steps(settings: Settings, kind: str, path: Path) -> list[str]:
    missing = [each for each in _writable(settings)[1:] if not each.is_dir()]
    return [f"mkdir -p {_quoted(each)}  # and make it the user's" for each in missing] + STEPS[kind](path)


def _quoted(path: object) -> str:
    """As a shell wants it."""
    return shlex.quote(str(path))


STEPS: Mapping[str, Callable[[Path], list[str]]] = {
    "supervisord": lambda path: [
        f"supervisord -c {_quoted(path)}",
        f"supervisorctl -c {_quoted(path)} status",
    ],
    "systemd": lambda path: [
        f"systemd-analyze verify {_quoted(path)}",
        "systemctl daemon-reload",
        f"systemctl enable --now {_quoted(path.name)}",
        f"journalctl -u {_quoted(path.name)} -f",
    ],
    "docker": lambda path: [
        f"docker build -f {_quoted(path)} -t trading-orchestrator SOURCE  # the folder of the project's source",
        f"orchestrator service install compose --path {_quoted(path.with_name(FILES['compose']))}",
        f"docker compose -f {_quoted(path.with_name(FILES['compose']))} up -d",
    ],
    "compose": lambda path: [f"docker compose -f {_quoted(path)} up -d"],
}
"""By kind, what to do with its file."""
