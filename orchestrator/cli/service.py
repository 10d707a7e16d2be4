"""orchestrator start, stop, status."""

import os
import signal
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import click
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.cli.errors import Failed, NoDaemon, Refused, refuse_unsupported
from orchestrator.cli.output import ago, echo_json, in_words, json_option
from orchestrator.cli.settings import Settings
from orchestrator.config import log_file
from orchestrator.control import NoAnswer, ask
from orchestrator.inbox import Inbox
from orchestrator.lock import StoreOwned
from orchestrator.store import StoreError

__all__ = ["start", "status", "stop"]


@click.command()
@click.option("--live", is_flag=True, help="Trade real money: needed in addition to mode: live.")
@click.pass_obj
def start(settings: Settings, live: bool) -> None:
    """Run the daemon in the foreground, until SIGTERM, Ctrl-C or orchestrator stop.

    Example: orchestrator --config my.yaml start
    """
    from orchestrator.cli.screen import start_screen
    from orchestrator.daemon import TradingOrchestrator
    from orchestrator.engine.interface import EngineRefused
    from orchestrator.logs import configure_logging

    _guard(settings, live)
    if (owner := settings.owner()) is not None and owner.here:  # of another machine's only the lock itself can tell
        raise StoreOwned(settings.store_path, owner)
    if not settings.quiet:
        click.echo(start_screen(settings))
    os.umask(0o077)  # what the daemon writes is its owner's alone
    level = "DEBUG" if settings.verbose else "WARNING" if settings.quiet else None
    configure_logging(settings.config.logging, log_file(settings.config, settings.source.base_dir), level)
    try:
        TradingOrchestrator(settings.path).start()
    except EngineRefused as error:
        raise Refused(str(error)) from error


def _guard(settings: Settings, live: bool) -> None:
    """Real money needs two signs, and nothing starts that could not work."""
    config = settings.config
    if config.mode == "live" and not live:
        raise Refused("mode is live: real money; if you mean it, write: orchestrator start --live")
    if live and config.mode != "live":
        raise Refused("--live goes with mode: live, and the config says mode: paper")
    refuse_unsupported(config)


@click.command()
@click.option("--timeout", type=float, help="Seconds to wait for its end; its stop_timeout and a little if not given.")
@click.pass_obj
def stop(settings: Settings, timeout: float | None) -> None:
    """Have the running daemon come to an orderly end, and wait for it.

    Example: orchestrator stop
    """
    settings.tolerate(missing=True)
    owner = settings.daemon()
    timeout = settings.config.engine.stop_timeout + 10 if timeout is None else timeout
    deadline = settings.clock.monotonic() + timeout
    try:
        with settings.writer() as store:
            ask(store, settings.clock, owner, "stop", {}, timeout=5)
    except (NoAnswer, StoreError, SQLAlchemyError):
        if not owner.here:
            raise
        with suppress(ProcessLookupError):
            os.kill(owner.pid, signal.SIGTERM)
    inbox = Inbox()
    try:
        while settings.owner() is not None:
            if settings.clock.monotonic() > deadline:
                raise Failed(
                    f"process {owner.pid} still runs after {timeout:g} s; to end it at once: kill -9 {owner.pid}"
                )
            settings.clock.wait(inbox, settings.clock.now() + timedelta(milliseconds=50))
    finally:
        inbox.close()
    click.echo("stopped")


@click.command()
@json_option
@click.pass_obj
def status(settings: Settings, as_json: bool) -> None:
    """Show what the daemon is doing. Exit code 4 if none runs.

    Example: orchestrator status --json
    """
    settings.tolerate()
    document = _document(settings)
    if as_json:
        echo_json(document)
    else:
        click.echo(_text(document, settings))
    if document["pid"] is None:
        click.get_current_context().exit(NoDaemon.exit_code)
    if document["silent_s"] is not None and document["silent_s"] > SILENCE:
        raise Failed(
            f"process {document['pid']} has not turned its loop for {in_words(document['silent_s'])}: it hangs"
        )


def _document(settings: Settings) -> dict[str, Any]:
    """What the daemon wrote last, and what can be computed beside it."""
    now, zone = settings.clock.now(), settings.calendar.timezone
    owner, known = settings.owner(), _snapshot(settings)
    if owner is None:
        known.update(state="stopped", pid=None, engine=dict.fromkeys(ENGINE) | {"state": "stopped"})
    elif known["pid"] != owner.pid:  # it has only just started, and these are an earlier one's words
        known = {**_unknown(settings), "pid": owner.pid, "started_at": owner.started_at}
    started, age = known.pop("started_at"), known["engine"]["last_beat_age_s"]
    known["uptime_s"] = None if owner is None else round(_seconds(started, now), 1)
    if age is not None:
        known["engine"]["last_beat_age_s"] = round(age + _seconds(known["at"], now), 3)
    said_at = known.pop("at", None)
    known["silent_s"] = None if owner is None or said_at is None else round(_seconds(said_at, now), 1)
    known["market"] = market_document(settings, now)
    known["jobs"] = jobs_document(settings, now, zone)
    return known


SILENCE = 180.0
"""Seconds. A loop that turns writes its status at least once a minute."""

ENGINE = ("state", "pid", "restarts", "since", "last_beat_age_s", "connected", "progress", "reason")


def _unknown(settings: Settings) -> dict[str, Any]:
    """What is said of a daemon that has not said anything."""
    return {
        "state": "stopped",
        "since": None,
        "mode": settings.config.mode,
        "halted": None,
        "pid": None,
        "started_at": None,
        "config": {
            "path": None if settings.path is None else str(settings.path),
            "version": None,
            "loaded_at": None,
            "rejected": None,
            "rolled_back": None,
            "waiting": [],
        },
        "engine": dict.fromkeys(ENGINE) | {"state": "stopped"},
        "alerts": {"pending": 0, "failed": 0, "channels": {}},
        "account": None,
    }


def _snapshot(settings: Settings) -> dict[str, Any]:
    unknown, store = _unknown(settings), settings.reader()
    if store is None:
        return unknown
    try:
        return {**unknown, **(store.read_meta("status") or {})}
    finally:
        store.close()


def market_document(settings: Settings, now: datetime) -> dict[str, Any]:
    """The ``market`` part of the status."""
    calendar = settings.calendar
    change = calendar.next_change(now)
    return {
        "exchange": calendar.name,
        "state": calendar.get_market_state(now).value,
        "why": calendar.why(now),
        "next_change": None if change is None else change.isoformat(),
        "next_open": calendar.get_next_market_open(now).isoformat(),
        "next_close": calendar.get_next_market_close(now).isoformat(),
    }


def jobs_document(settings: Settings, now: datetime, zone: Any) -> dict[str, Any]:
    """The ``jobs`` part of the status."""
    from orchestrator.cli.jobs import job_rows

    rows = job_rows(settings, now)
    upcoming = [(row.next_run.astimezone(zone), row.name) for row in rows if row.next_run is not None]
    return {
        "total": len(rows),
        "paused": sum(row.state == "paused" for row in rows),
        "parked": sum(row.state == "parked" for row in rows),
        "next": {"name": min(upcoming)[1], "at": min(upcoming)[0].isoformat()} if upcoming else None,
    }


def _text(document: dict[str, Any], settings: Settings) -> str:
    now = settings.clock.now()
    engine, market, jobs, account = (document[key] for key in ("engine", "market", "jobs", "account"))
    lines = []
    if document["pid"] is None:
        lines.append("daemon   not running; start it with: orchestrator start")
    else:
        lines.append(
            f"daemon   process {document['pid']}, up {in_words(document['uptime_s'] or 0)}, mode {document['mode']}"
        )
        lines.append(f"state    {document['state']} since {_ago(document['since'], now)}")
        lines.append(f"engine   {_engine_text(engine, now)}")
        lines += _broker_lines((engine["progress"] or {}).get("broker"))
        lines += _config_lines(document["config"], now)
    if document["halted"]:
        at = datetime.fromisoformat(document["halted"]["at"]).astimezone(settings.calendar.timezone)
        since = f"{at:%a %d %b %H:%M %Z}"
        lines.append(f"HALTED   {document['halted']['reason']}, since {since}; lift it with: orchestrator resume")
    change = f" until {_at(market['next_change'], now)}" if market["next_change"] else ""
    lines.append(f"market   {market['exchange']} {market['state']}{change}: {market['why']}")
    upcoming = f"; next {jobs['next']['name']} {_at(jobs['next']['at'], now)}" if jobs["next"] else ""
    lines.append(f"jobs     {jobs['total']}, {jobs['paused']} paused, {jobs['parked']} parked{upcoming}")
    lines.append(
        f"alerts   {document['alerts']['pending']} to be delivered, {document['alerts']['failed']} of them failing"
    )
    lines += [
        f"         {name} is {each['state']}: {each['last_error']}"
        for name, each in document["alerts"].get("channels", {}).items()
        if each["last_error"]
    ]
    if account is not None:
        lines.append(
            f"account  equity {account['equity']:,.2f}, cash {account['cash']:,.2f}, drawdown {account['drawdown']:.2%}"
        )
        lines += [f"         {p['quantity']:g} {p['symbol']} at {p['avg_price']:,.2f}" for p in account["positions"]]
    return "\n".join(lines)


def _config_lines(config: dict[str, Any], now: datetime) -> list[str]:
    """Which config is in force, and why it is not the file, if it is not."""
    since = "" if config["loaded_at"] is None else f", taken up {_ago(config['loaded_at'], now)}"
    lines = [f"config   {config['path'] or 'embedded defaults'}, version {config['version']}{since}"]
    if config["rejected"]:
        first, _, more = config["rejected"].partition("\n")
        lines.append(f"         the file was rejected: {first}{' (and more)' if more else ''}")
    if config["rolled_back"]:
        lines.append(f"         the edit {config['rolled_back']['from']} was rolled back; the file still holds it")
    if config["waiting"]:
        lines.append(f"         waits for a restart of the daemon: {', '.join(config['waiting'])}")
    return lines


def _engine_text(engine: dict[str, Any], now: datetime) -> str:
    text = f"{engine['state']}"
    if engine["since"]:
        text += f" since {_ago(engine['since'], now)}"
    if engine["pid"]:
        text += f", process {engine['pid']}"
    if engine.get("reason"):
        text += f": {engine['reason']}"
    return f"{text}, {engine['restarts'] or 0} restarts"


def _broker_lines(broker: dict[str, Any] | None) -> list[str]:
    """Whose account is traded, how the connection is, and what the broker says of profit; nothing on paper."""
    if not broker:
        return []
    lines = [f"broker   account {broker['account'] or 'not known yet'}, {broker['trouble'] or broker['state']}"]
    profits = [
        f"{name} {broker[key]:+,.2f}"
        for key, name in (("unrealized_pnl", "unrealized profit"), ("realized_pnl", "realized today"))
        if broker.get(key) is not None
    ]
    return [*lines, f"         {', '.join(profits)}"] if profits else lines


def _seconds(text: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(text)).total_seconds()


def _ago(text: str | None, now: datetime) -> str:
    return "?" if text is None else ago(datetime.fromisoformat(text), now)


def _at(text: str, now: datetime) -> str:
    at = datetime.fromisoformat(text)
    return f"{at:%a %d %b %H:%M} (in {in_words((at - now).total_seconds())})"
