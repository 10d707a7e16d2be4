"""orchestrator status: what the daemon is doing, for people, programs and health checks."""

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import click

from orchestrator.cli.errors import Failed, NoDaemon
from orchestrator.cli.output import ago, echo_json, in_words, json_option
from orchestrator.cli.settings import Settings
from orchestrator.cli.terminal import fit, one_line, painted, redraw
from orchestrator.inbox import Inbox
from orchestrator.status.file import read_status, status_path
from orchestrator.status.status import SILENCE, ailment, market_document
from orchestrator.store import StoreError

__all__ = ["status"]

LOOK_EVERY = 2.0


@click.command()
@click.option(
    "--watch",
    "every",
    is_flag=False,
    flag_value=LOOK_EVERY,
    type=click.FloatRange(min=0.2, max=3600),
    metavar="[SECONDS]",
    help=f"Look again and again, every {LOOK_EVERY:g} seconds if not said, until Ctrl-C; a line a look where the "
    "output is no terminal.",
)
@click.option(
    "--healthcheck", is_flag=True, help="Say in one line whether all is well: exit code 0 if it is, 1 if it is not."
)
@json_option
@click.pass_obj
def status(settings: Settings, every: float | None, healthcheck: bool, as_json: bool) -> None:
    """Show what the daemon is doing. Exit code 4 if none runs.

    With --healthcheck all is well if the daemon lives, its loop has turned within the last 3 minutes, its store can be
    written, the engine was not given up and trading is not interrupted, and the last health check found nothing. A halt
    is no ailment. A config that can't be read is none either, as long as it can be told where the state is.

    Example: orchestrator status --watch 5
    """
    if healthcheck:
        if every is not None or as_json:
            raise click.UsageError("--healthcheck goes with no other option")
        _check_health(settings)
    elif every is not None:
        _watch(settings, every, as_json)
    else:
        _show(settings, as_json)


def _show(settings: Settings, as_json: bool) -> None:
    settings.tolerate()
    document = _document(settings)
    if as_json:
        echo_json(document)
    else:
        click.echo(fit(_text(document, settings)))
    if document["pid"] is None:
        if other := settings.stray():
            click.echo(f"warning: {other}", err=True)
        click.get_current_context().exit(NoDaemon.exit_code)
    if document["silent_s"] is not None and document["silent_s"] > SILENCE:
        raise Failed(
            f"process {document['pid']} has not turned its loop for {in_words(document['silent_s'])}: it hangs"
        )


# --- for health checks ---


def _check_health(settings: Settings) -> None:
    """Whatever keeps it from being told: it is not well. A health check knows no other codes than 0 and 1."""
    try:
        settings.tolerate(missing=True, aloud=False)
        settings.daemon()
        said = _said(settings)
        trouble = ailment(said)
    except Exception as error:
        raise Failed(f"unhealthy: {getattr(error, 'message', None) or error}") from error
    if trouble:
        raise Failed(f"unhealthy: {trouble}")
    click.echo(f"healthy: {said['state']}, engine {said['engine']['state']}")


# --- again and again ---


def _watch(settings: Settings, every: float, as_json: bool) -> None:
    inbox = Inbox()
    try:
        while True:
            try:
                _look(settings.again(), as_json)
            except (StoreError, sqlite3.Error, OSError) as error:  # the next look may succeed
                click.echo(f"error: {error}", err=True)
            settings.clock.wait(inbox, settings.clock.now() + timedelta(seconds=every))
    except KeyboardInterrupt:
        return
    finally:
        inbox.close()


def _look(settings: Settings, as_json: bool) -> None:
    settings.tolerate(missing=True, aloud=False)
    document = _document(settings)
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False))
    elif not redraw(_text(document, settings)):
        click.echo(_line(document, settings))


def _line(document: Mapping[str, Any], settings: Settings) -> str:
    """The whole in a line, for a log."""
    parts = ["no daemon" if document["pid"] is None else f"process {document['pid']}", document["state"]]
    parts += [f"{part} {document[part]['state']}" for part in ("engine", "market")]
    if document["halted"]:
        parts.append(f"halted: {document['halted']['reason']}")
    if document["account"] is not None:
        parts.append(f"equity {document['account']['equity']:,.2f}")
    parts.append(f"{document['alerts']['pending']} alerts pending")
    return f"{settings.clock.now().astimezone(settings.calendar.timezone):%Y-%m-%d %H:%M:%S %Z} {', '.join(parts)}"


# --- what is known ---


def _document(settings: Settings) -> dict[str, Any]:
    """What the daemon said last, and what can be computed beside it."""
    now, zone = settings.clock.now(), settings.calendar.timezone
    known = _said(settings)
    known.pop("at", None)
    known["market"] = market_document(settings.calendar, now)
    known["jobs"] = jobs_document(settings, now, zone)
    return known


def _said(settings: Settings) -> dict[str, Any]:
    """What the daemon said last, with the ages that this has now."""
    now = settings.clock.now()
    owner, known = settings.owner(), _last_word(settings)
    if owner is None:
        known.update(state="stopped", pid=None, engine=dict.fromkeys(ENGINE) | {"state": "stopped"})
    elif known["pid"] != owner.pid:  # it has only just started, and these are an earlier one's words
        known = {**_unknown(settings), "pid": owner.pid, "at": owner.started_at}
    known.pop("started_at", None)
    age = known["engine"]["last_beat_age_s"]
    known["uptime_s"] = None if owner is None else round(_seconds(owner.started_at, now), 1)
    if age is not None:
        known["engine"]["last_beat_age_s"] = round(age + _seconds(known["at"], now), 3)
    known["silent_s"] = None if owner is None else round(_seconds(known["at"], now), 1)
    return known


ENGINE = ("state", "pid", "restarts", "since", "last_beat_age_s", "connected", "progress", "reason")


def _unknown(settings: Settings) -> dict[str, Any]:
    """What is said of a daemon that has not said anything."""
    return {
        "state": "stopped",
        "since": None,
        "mode": settings.config.mode,
        "halted": None,
        "pid": None,
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
        "problems": [],
        "store_error": None,
    }


def _last_word(settings: Settings) -> dict[str, Any]:
    """What a daemon said last: in the store, or in its file while the store can't be written."""
    unknown, store = _unknown(settings), settings.glance()
    stored: dict[str, Any] = {}
    if store is not None:
        with store:
            stored = store.read_meta("status") or {}
    written = read_status(status_path(settings.state_dir))
    newer = written is not None and written["pid"] is not None and (not stored or _is_later(written, stored))
    return {**unknown, **(written if newer and written is not None else stored)}


def _is_later(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return datetime.fromisoformat(one["at"]) > datetime.fromisoformat(other["at"])


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
        lines.append(f"state    {painted(document['state'])} since {_ago(document['since'], now)}")
        lines.append(f"engine   {_engine_text(engine, now)}")
        lines += _broker_lines((engine["progress"] or {}).get("broker"))
        lines += _config_lines(document["config"], now)
        lines += [f"problem  {each}" for each in document["problems"]]
    if document["halted"]:
        at = datetime.fromisoformat(document["halted"]["at"]).astimezone(settings.calendar.timezone)
        reason = one_line(document["halted"]["reason"])
        since = f"{at:%a %d %b %H:%M %Z}"
        lines.append(f"{painted('HALTED')}   {reason}, since {since}; lift it with: orchestrator resume")
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
    text = painted(engine["state"])
    if engine["since"]:
        text += f" since {_ago(engine['since'], now)}"
    if engine["pid"]:
        text += f", process {engine['pid']}"
    if engine.get("reason"):
        text += f": {one_line(engine['reason'])}"
    return f"{text}, {engine['restarts'] or 0} restarts"


def _seconds(text: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(text)).total_seconds()


def _ago(text: str | None, now: datetime) -> str:
    return "?" if text is None else ago(datetime.fromisoformat(text), now)


def _at(text: str, now: datetime) -> str:
    at = datetime.fromisoformat(text)
    return f"{at:%a %d %b %H:%M} (in {in_words((at - now).total_seconds())})"
