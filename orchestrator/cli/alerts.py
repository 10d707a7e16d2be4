"""orchestrator alerts: what a human was told, and whether it arrived."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click
from sqlalchemy import ColumnElement, Select, and_, exists, literal_column, or_, select

from notifiers import AlertLevel
from notifiers.text import clean
from orchestrator.cli.completers import alert_ids, channel_names
from orchestrator.cli.errors import Failed, NoDaemon
from orchestrator.cli.output import echo_json, json_option, table
from orchestrator.cli.settings import Settings
from orchestrator.cli.terminal import one_line
from orchestrator.config.model import TOPICS
from orchestrator.control import ask
from orchestrator.store import alerts as alerts_table
from orchestrator.store import deliveries as deliveries_table

__all__ = ["alerts"]

SHORT = 8
"""Characters of an id that are shown in a table, and are nearly always enough to name it."""

LAST_CHARACTER = "\U0010ffff"

Row = dict[str, Any]


@click.group()
def alerts() -> None:
    """List alerts, and send again what did not arrive.

    Example: orchestrator alerts list --failed
    """


# --- which ---

PENDING = deliveries_table.c.state == "pending"
FAILED = or_(deliveries_table.c.state.in_(("failed", "expired")), and_(PENDING, deliveries_table.c.last_error != ""))
"""Given up, or tried in vain until now; the daemon's status counts the latter."""


@alerts.command("list")
@click.option("--last", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many, newest first.")
@click.option("--level", type=click.Choice([level.value for level in AlertLevel]), help="Only of this level.")
@click.option("--topic", type=click.Choice(TOPICS), help="Only of this topic.")
@click.option("--channel", shell_complete=channel_names, help="Only those that this channel is to get, or got.")
@click.option("--pending", "standing", flag_value="pending", help="Only those that are still to arrive somewhere.")
@click.option("--failed", "standing", flag_value="failed", help="Only those that some channel failed to deliver.")
@json_option
@click.pass_obj
def list_alerts(
    settings: Settings,
    last: int,
    level: str | None,
    topic: str | None,
    channel: str | None,
    standing: str | None,
    as_json: bool,
) -> None:
    """List alerts, the newest first, with the daemon up or down. Those of each level are kept, sent or not.

    Example: orchestrator alerts list --level critical --last 5
    """
    settings.tolerate()
    conditions = _conditions(level, topic, channel, standing)
    found = _read(settings, _query(conditions).limit(last))
    if as_json:
        echo_json([_document(each, settings) for each in found or []])
    elif found:
        heads = ["id", "at", "level", "topic", "deliveries", "alert"]
        click.echo(table(heads, [_cells(each, settings) for each in found]))
        if any(each["state"] == "collapsed" for alert in found for each in alert["deliveries"]):
            click.echo(
                "\ncollapsed: it said what another delivery to the same channel says too, and was not sent by itself"
            )
    elif found is None:
        click.echo(f"no alerts: no daemon has run on {settings.store_path} yet")
    else:
        click.echo("no such alerts" if conditions else "no alerts")


@alerts.command()
@click.argument("alert_id", metavar="ID", shell_complete=alert_ids)
@json_option
@click.pass_obj
def show(settings: Settings, alert_id: str, as_json: bool) -> None:
    """Show one alert whole, and how each channel delivered it.

    The beginning of ID is enough, if nothing else begins so. It may be the id of a delivery, as it stands in the
    message that arrived.

    Example: orchestrator alerts show 3f2a91c0
    """
    settings.tolerate()
    (alert,) = _named(settings, [alert_id])
    if as_json:
        echo_json(_document(alert, settings))
        return
    click.echo(_text(alert, settings))


@alerts.command()
@click.argument("alert_ids", metavar="[ID]...", nargs=-1, shell_complete=alert_ids)
@click.option(
    "--channel",
    shell_complete=channel_names,
    help="Only on this channel; without an ID: all that it has not delivered.",
)
@click.option("--all", "everything", is_flag=True, help="All that is pending. What was given up needs its ID.")
@click.pass_obj
def retry(settings: Settings, alert_ids: Sequence[str], channel: str | None, everything: bool) -> None:
    """Have the running daemon try now what it would try later, and once more what it has given up.

    Example: orchestrator alerts retry --channel slack
    """
    if everything and (alert_ids or channel):
        raise click.UsageError("--all goes with nothing else")
    if not (everything or alert_ids or channel):
        raise click.UsageError("name alerts by their ids, or a --channel, or write --all")
    settings.tolerate()
    owner = settings.owner()
    if owner is None:
        raise NobodySends(settings.store_path)
    ids = None if everything else _to_retry(settings, alert_ids, channel)
    with settings.writer() as store:
        count = ask(store, settings.clock, owner, "retry alerts", {"ids": ids}, timeout=15)
    if not count:
        click.echo("there is nothing to try again")
        return
    many = f"{count} deliveries are" if count > 1 else "1 delivery is"
    click.echo(f"{many} tried again now; to see how it ends: orchestrator alerts list --failed")


class NobodySends(click.ClickException):
    """There is no daemon that could send anything."""

    exit_code = NoDaemon.exit_code

    def __init__(self, store: object) -> None:
        super().__init__(f"{NoDaemon(store).message}; it sends what is pending anyway")


def _to_retry(settings: Settings, alert_ids: Sequence[str], channel: str | None) -> list[str]:
    """The ids of deliveries that have not arrived."""
    chosen = _named(settings, alert_ids) if alert_ids else _read(settings, _query([_delivered(channel, UNDELIVERED)]))
    ids = [
        each["id"]
        for alert in chosen or []
        for each in alert["deliveries"]
        if each["state"] in STATES_TO_RETRY and channel in {None, each["channel"]}
    ]
    if not ids:
        where = "" if channel is None else f" on channel {channel!r}"
        raise Failed(f"nothing to try again{where}; to see what became of alerts: orchestrator alerts list")
    return ids


# --- reading ---

STATES_TO_RETRY = ("pending", "failed", "expired")
UNDELIVERED = deliveries_table.c.state.in_(STATES_TO_RETRY)
STANDINGS = {"pending": PENDING, "failed": FAILED}


def _conditions(
    level: str | None, topic: str | None, channel: str | None, standing: str | None
) -> list[ColumnElement[bool]]:
    columns = alerts_table.c
    wanted = [
        column == value for column, value in ((columns.level, level), (columns.topic, topic)) if value is not None
    ]
    if channel is not None or standing is not None:
        wanted.append(_delivered(channel, None if standing is None else STANDINGS[standing]))
    return wanted


def _delivered(channel: str | None, standing: ColumnElement[bool] | None) -> ColumnElement[bool]:
    """Whether an alert has a delivery through this channel that stands so."""
    one = exists().where(deliveries_table.c.alert_id == alerts_table.c.id)
    if channel is not None:
        one = one.where(deliveries_table.c.channel == channel)
    return one if standing is None else one.where(standing)


WRITTEN: ColumnElement[int] = literal_column("alerts.rowid")
"""What is said in one turn is of one time."""


def _query(conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    return select(alerts_table).where(*conditions).order_by(alerts_table.c.at.desc(), WRITTEN.desc())


def _named(settings: Settings, beginnings: Sequence[str]) -> list[Row]:
    """The alerts of these ids, or of deliveries of these ids; Failed unless each means one alert."""
    return [_only(_read(settings, _beginning(each)) or [], each) for each in beginnings]


def _beginning(text: str) -> Select[Any]:
    """The alerts whose id, or that of a delivery, begins so: two suffice to see that there are several."""

    def named(column: Any) -> ColumnElement[bool]:
        return and_(column >= text, column < text + LAST_CHARACTER)

    of_delivery = select(deliveries_table.c.alert_id).where(named(deliveries_table.c.id))
    query = select(alerts_table).where(or_(named(alerts_table.c.id), alerts_table.c.id.in_(of_delivery)))
    return query.order_by(alerts_table.c.id != text).limit(2)


def _only(found: Sequence[Row], beginning: str) -> Row:
    exact = [each for each in found if each["id"] == beginning] or found
    if not exact:
        raise Failed(f"no alert {beginning!r}; to see what there is: orchestrator alerts list")
    if len(exact) > 1:
        raise Failed(f"{beginning!r} begins the ids of several alerts; write more of it")
    return exact[0]


def _read(settings: Settings, query: Select[Any]) -> list[Row] | None:
    """Alerts, each with its deliveries; None where no daemon has run yet."""
    store = settings.reader()
    if store is None:
        return None
    of_these = deliveries_table.c.alert_id.in_(query.with_only_columns(alerts_table.c.id))
    columns = deliveries_table.c
    try:
        with store.reader.connect() as connection:  # both as of one moment
            found: dict[str, Row] = {
                row["id"]: {**row, "deliveries": []} for row in connection.execute(query).mappings()
            }
            delivered = select(deliveries_table).where(of_these).order_by(columns.channel, columns.id)
            for delivery in connection.execute(delivered).mappings():
                found[delivery["alert_id"]]["deliveries"].append(delivery)
    finally:
        store.close()
    return list(found.values())


# --- showing ---


def _document(alert: Row, settings: Settings) -> dict[str, Any]:
    return {
        "id": alert["id"],
        "at": _iso(alert["at"], settings),
        "level": alert["level"],
        "topic": alert["topic"],
        "title": alert["title"],
        "message": alert["message"],
        "metadata": alert["metadata"],
        "count": alert["count"],
        "deliveries": [
            {
                "id": each["id"],
                "channel": each["channel"],
                "state": each["state"],
                "attempts": each["attempts"],
                "last_error": each["last_error"] or None,
                "next_attempt": _iso(each["next_attempt"], settings),
            }
            for each in alert["deliveries"]
        ],
    }


def _cells(alert: Row, settings: Settings) -> list[str]:
    times = f" (x {alert['count']})" if alert["count"] > 1 else ""
    at = _when(alert["at"], settings)
    return [
        alert["id"][:SHORT],
        at,
        alert["level"],
        alert["topic"],
        _summary(alert["deliveries"]),
        one_line(alert["title"]) + times,
    ]


def _summary(deliveries: Sequence[Mapping[str, Any]]) -> str:
    """What has not arrived, by channel; otherwise that all has."""
    open_ends = [f"{each['channel']} {_standing(each)}" for each in deliveries if each["state"] in STATES_TO_RETRY]
    return ", ".join(open_ends) or ", ".join(Counter(each["state"] for each in deliveries)) or "-"


def _standing(delivery: Mapping[str, Any]) -> str:
    failing = delivery["state"] == "pending" and delivery["last_error"]
    return f"failing ({delivery['attempts']})" if failing else str(delivery["state"])


def _text(alert: Row, settings: Settings) -> str:
    facts = {
        "id": alert["id"],
        "at": _when(alert["at"], settings),
        "level": alert["level"],
        "topic": alert["topic"],
        "count": alert["count"],
        **alert["metadata"],
    }
    width = max(map(len, facts)) + 2
    lines = [f"{key:<{width}}{one_line(str(value))}" for key, value in facts.items()]
    lines += ["", one_line(alert["title"]), *clean(alert["message"]).splitlines(), ""]
    heads = ["channel", "state", "attempts", "next attempt", "delivery", "last error"]
    rows = [_delivery_cells(each, settings) for each in alert["deliveries"]]
    return "\n".join([*lines, table(heads, rows) if rows else "to no channel: its level or its topic is not sent"])


def _delivery_cells(delivery: Mapping[str, Any], settings: Settings) -> list[str]:
    following = delivery["next_attempt"]
    return [
        delivery["channel"],
        delivery["state"],
        str(delivery["attempts"]),
        "-" if following is None else _when(following, settings),
        delivery["id"],
        one_line(delivery["last_error"] or "-"),
    ]


def _iso(at: datetime | None, settings: Settings) -> str | None:
    return None if at is None else at.astimezone(settings.calendar.timezone).isoformat()


def _when(at: datetime, settings: Settings) -> str:
    return f"{at.astimezone(settings.calendar.timezone):%a %d %b %H:%M:%S %Z}"
