"""orchestrator simulate: the daemon on a virtual clock."""

import json
import logging
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import click

from orchestrator.cli.errors import refuse_unsupported
from orchestrator.cli.output import in_words
from orchestrator.cli.settings import Settings
from orchestrator.config.editing.yaml_writing import flow
from orchestrator.events import Event
from orchestrator.scenario import read_scenario
from orchestrator.scenario.manual import fault_list
from orchestrator.scenario.writing import plain_fault
from orchestrator.simulation import Simulation, Summary
from orchestrator.timeline import Timeline, as_document

__all__ = ["simulate"]

DAY = click.DateTime(["%Y-%m-%d"])
LIST_HELP = "Show what a scenario can make go wrong, and exit."


def list_faults(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(fault_list())
        context.exit()


@click.command()
@click.option("--from", "start", type=DAY, help="First day, YYYY-MM-DD; the last finished session if not given.")
@click.option("--to", "end", type=DAY, help="Last day, included; the same as --from if not given.")
@click.option("--scenario", "scenario_path", type=Path, metavar="FILE", help="What goes wrong, and when; see the docs.")
@click.option("--list-faults", is_flag=True, is_eager=True, expose_value=False, callback=list_faults, help=LIST_HELP)
@click.option("--seed", type=int, help="Of everything random; the scenario's, or 0, if not given.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines: events, and a summary last.")
@click.pass_obj
def simulate(
    settings: Settings,
    start: datetime | None,
    end: datetime | None,
    scenario_path: Path | None,
    seed: int | None,
    as_json: bool,
) -> None:
    """Run days or years through the very daemon that will run them, at once and without touching anything.

    Example: orchestrator simulate --from 2026-11-23 --to 2026-11-30

    With things going wrong: orchestrator simulate --scenario config/scenarios/worst_week.yaml
    """
    refuse_unsupported(settings.config, rehearsal=True)
    logging.disable(logging.CRITICAL)
    began = settings.clock.monotonic()
    scenario = None if scenario_path is None else read_scenario(scenario_path, settings.calendar)
    named = None if scenario is None else scenario.days()
    first = start.date() if start is not None else named[0] if named else _last_session(settings)
    last = end.date() if end is not None else named[1] if named and start is None else first
    if last < first:
        raise click.UsageError(f"--to {last} is before --from {first}")
    calendar = settings.calendar
    timeline = Timeline(calendar)

    def show(event: Event) -> None:
        if as_json:
            if (document := as_document(event, calendar)) is not None:
                click.echo(json.dumps(document))
        elif not settings.quiet:
            for line in timeline.lines(event):
                click.echo(line)

    sys.path.append(str(settings.source.base_dir))  # strategies are found where the daemon finds them
    target = settings.config.engine.target
    if target != "builtin" and not settings.quiet:
        click.echo(f"note: engine.target {target} is not simulated; the built-in engine stands in for it", err=True)
    if "ibkr" in {settings.config.broker.broker_type, settings.config.data.primary_source} and not settings.quiet:
        click.echo("note: Interactive Brokers is not simulated; paper orders and synthetic prices stand in", err=True)
    simulation = Simulation(settings.path, first, last, seed, show, scenario)
    for fault in simulation.unused if not settings.quiet else ():
        click.echo(f"note: no occasion from {first} to {last}: {flow(plain_fault(fault, calendar))}", err=True)
    summary = simulation.run()
    if as_json:
        click.echo(json.dumps({"kind": "summary", **summary.to_dict()}))
        return
    click.echo(_summary_text(summary, settings.clock.monotonic() - began))


def _last_session(settings: Settings) -> date:
    now = settings.clock.now()
    today = now.astimezone(settings.calendar.exchange_timezone).date()
    sessions = settings.calendar.sessions(today - timedelta(days=14), today)
    return next(s.date for s in reversed(sessions) if s.close <= now)


def _summary_text(summary: Summary, seconds: float) -> str:
    counts = summary.to_dict()
    fires = ", ".join(f"{name} {n}" for name, n in counts["fires"].items())
    alerts = ", ".join(f"{n} {level}" for level, n in counts["alerts"].items()) or "none"
    lines = [
        "",
        f"{counts['sessions']} sessions from {counts['from']} to {counts['to']}, simulated in {in_words(seconds)}",
        f"jobs     {fires}; missed {counts['missed']}",
        f"engine   {counts['engine_starts']} starts, {counts['restarts']} of them restarts",
        f"orders   {counts['orders']}, fills {counts['fills']}, commission {counts['commission']:,.2f}",
        f"alerts   {alerts}",
    ]
    if counts["equity"] is not None:
        result = f"equity {counts['equity']:,.2f}, profit {counts['profit']:+,.2f}"
        lines.append(f"account  {result}, worst drawdown {counts['worst_drawdown']:.2%}")
    if counts["halted"] is not None:
        lines.append(f"HALTED   {counts['halted']}")
    return "\n".join(lines)
