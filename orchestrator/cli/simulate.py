"""orchestrator simulate: the daemon on a virtual clock."""

import json
import logging
import shlex
import sys
from contextlib import redirect_stdout
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import click

from orchestrator.cli.errors import refuse_unsupported
from orchestrator.cli.output import in_words
from orchestrator.cli.progress import Progress
from orchestrator.cli.settings import Settings
from orchestrator.config.editing.yaml_writing import flow
from orchestrator.events import Event
from orchestrator.rehearsal.chaos import Campaign, Case, Failure
from orchestrator.rehearsal.rehearsal import Rehearsal
from orchestrator.rehearsal.scenario import Scenario, read_scenario
from orchestrator.rehearsal.scenario.manual import fault_list
from orchestrator.rehearsal.scenario.writing import plain_fault
from orchestrator.rehearsal.summary import Summary, counted, summary_lines
from orchestrator.rehearsal.timeline import Timeline, as_document

__all__ = ["simulate"]

DAY = click.DateTime(["%Y-%m-%d"])
LIST_HELP = "Show what a scenario can make go wrong, and exit."
LONG = 14
"""Days from which on a range is worth a progress bar."""

YEAR = 364
"""Days that chaos draws its weeks from, if no range is given."""


def list_faults(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(fault_list())
        context.exit()


@click.command()
@click.option("--from", "start", type=DAY, help="First day, YYYY-MM-DD; the last finished session if not given.")
@click.option("--to", "end", type=DAY, help="Last day, included; the same as --from if not given.")
@click.option("--scenario", "scenario_path", type=Path, metavar="FILE", help="What goes wrong, and when; see the docs.")
@click.option("--list-faults", is_flag=True, is_eager=True, expose_value=False, callback=list_faults, help=LIST_HELP)
@click.option("--chaos", type=click.IntRange(1), metavar="N", help="Run N random scenarios of a week each instead.")
@click.option("--seed", type=int, help="Of everything random; the scenario's, or 0, if not given.")
@click.option("-q", "--quiet", is_flag=True, help="Print the summary only.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines: events, and a summary last.")
@click.pass_context
def simulate(
    context: click.Context,
    start: datetime | None,
    end: datetime | None,
    scenario_path: Path | None,
    chaos: int | None,
    seed: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run days or years through the very daemon that will run them, at once and without touching anything.

    What must always hold is watched on the way; if something does not, it says what led to it, and the exit code is 1.

    Example: orchestrator simulate --from 2026-11-23 --to 2026-11-30

    With things going wrong: orchestrator simulate --scenario config/scenarios/worst_week.yaml

    With whatever may go wrong: orchestrator simulate --chaos 20 --seed 1 --from 2026-01-01 --to 2026-12-31
    """
    settings: Settings = context.obj
    settings.quiet = settings.quiet or quiet
    if chaos is not None and (scenario_path is not None or as_json):
        raise click.UsageError("--chaos draws its own scenarios and prints text; leave --scenario and --json out")
    refuse_unsupported(settings.config, rehearsal=True)
    logging.disable(logging.CRITICAL)
    sys.path.append(str(settings.source.base_dir))  # strategies are found where the daemon finds them
    if not settings.quiet:
        _say_what_stands_in(settings)
    if chaos is not None:
        first, last = _chaos_range(settings, start, end)
        context.exit(_run_chaos(settings, Campaign(settings.path, first, last, seed or 0, settings.calendar), chaos))
    scenario = None if scenario_path is None else read_scenario(scenario_path, settings.calendar)
    first, last = _range(settings, start, end, scenario)
    context.exit(_run(settings, first, last, seed, scenario, as_json))


# --- one rehearsal ---


class Printer:
    """Prints events, as lines of JSON or for a reader, to what is the standard output when it is made."""

    def __init__(self, settings: Settings, start: date, *, as_json: bool, progress: Progress) -> None:
        self._calendar, self._as_json, self._quiet = settings.calendar, as_json, settings.quiet
        self._timeline = Timeline(settings.calendar, full=settings.verbose)
        self._start, self._progress, self._midnight = start, progress, self._end_of(start)
        self._output = sys.stdout

    def take(self, event: Event) -> None:
        if self._as_json:
            document = as_document(event, self._calendar)
            if document is not None:
                click.echo(json.dumps(document), file=self._output)
            return
        if not self._quiet:
            self._print(event)
        if event.at >= self._midnight:
            self._advance(event.at)

    def _print(self, event: Event) -> None:
        lines = list(self._timeline.lines(event))
        if lines and self._output.isatty():
            self._progress.make_room()
        for line in lines:
            click.echo(line, file=self._output)

    def _advance(self, at: datetime) -> None:
        day = at.astimezone(self._calendar.exchange_timezone).date()
        self._midnight = self._end_of(day)
        self._progress.reach((day - self._start).days)

    def _end_of(self, day: date) -> datetime:
        zone = self._calendar.exchange_timezone
        return datetime.combine(day + timedelta(days=1), time(0), zone).astimezone(UTC)


def _run(
    settings: Settings, first: date, last: date, seed: int | None, scenario: Scenario | None, as_json: bool
) -> int:
    began, days = settings.clock.monotonic(), (last - first).days + 1
    wanted = days > LONG and not settings.quiet and not as_json
    with Progress(days, "simulated", wanted=wanted) as progress:
        printer = Printer(settings, first, as_json=as_json, progress=progress)
        rehearsal = Rehearsal(settings.path, first, last, seed, printer.take, scenario)
        for fault in rehearsal.simulation.unused if not settings.quiet else ():
            told = flow(plain_fault(fault, settings.calendar))
            click.echo(f"note: no occasion from {first} to {last}: {told}", err=True)
        with redirect_stdout(sys.stderr):  # what a strategy prints is no line of ours
            summary = rehearsal.run()
    _print_summary(settings, summary, as_json)
    if sys.stderr.isatty() and not settings.quiet and not as_json:  # beside the output, which is the same each time
        click.echo(f"simulated in {in_words(settings.clock.monotonic() - began)}", err=True)
    return 1 if summary.broken else 0


def _print_summary(settings: Settings, summary: Summary, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"kind": "summary", **summary.to_dict()}))
        return
    if not settings.quiet:
        click.echo()
    for line in summary_lines(summary):
        click.echo(line)


def _range(
    settings: Settings, start: datetime | None, end: datetime | None, scenario: Scenario | None
) -> tuple[date, date]:
    named = None if scenario is None else scenario.days()
    first = start.date() if start is not None else named[0] if named else _last_session(settings)
    last = end.date() if end is not None else named[1] if named and start is None else first
    return _checked(first, last)


def _checked(first: date, last: date) -> tuple[date, date]:
    if last < first:
        raise click.UsageError(f"--to {last} is before --from {first}")
    return first, last


def _last_session(settings: Settings) -> date:
    now = settings.clock.now()
    today = now.astimezone(settings.calendar.exchange_timezone).date()
    sessions = settings.calendar.sessions(today - timedelta(days=14), today)
    return next(s.date for s in reversed(sessions) if s.close <= now)


def _say_what_stands_in(settings: Settings) -> None:
    config = settings.config
    if config.engine.target != "builtin":
        text = f"engine.target {config.engine.target} is not simulated; the built-in engine stands in for it"
        click.echo(f"note: {text}", err=True)
    if "ibkr" in {config.broker.broker_type, config.data.primary_source}:
        click.echo("note: Interactive Brokers is not simulated; paper orders and synthetic prices stand in", err=True)


# --- chaos ---


def _chaos_range(settings: Settings, start: datetime | None, end: datetime | None) -> tuple[date, date]:
    last = end.date() if end is not None else None
    first = start.date() if start is not None else (last or _last_session(settings)) - timedelta(days=YEAR)
    return _checked(first, last or first + timedelta(days=YEAR))


def _run_chaos(settings: Settings, campaign: Campaign, count: int) -> int:
    failure = None
    with Progress(count, "scenarios", wanted=not settings.quiet) as progress:
        for number in range(count):
            failure = campaign.run(campaign.case(number))
            progress.reach(number + 1)
            if failure is not None:
                break
    if failure is None:
        click.echo(f"{counted(count, 'scenario')}, seed {campaign.seed}: all invariants held")
        return 0
    click.echo(f"scenario {number} of seed {campaign.seed} breaks {failure.rule}: {failure.detail}")
    _shrink(settings, campaign, failure, number)
    return 1


def _shrink(settings: Settings, campaign: Campaign, failure: Failure, number: int) -> None:
    """Make it small, and write it down."""
    click.echo("looking for the smallest scenario that still does ...", err=True)

    def tried(case: Case) -> None:
        if not settings.quiet:
            click.echo(f"  {_size(case)}", err=True)

    smallest = campaign.shrink(failure, tried)
    path = Path(f"chaos-{campaign.seed}-{number}.yaml")
    command = _command(settings, smallest.case, path)
    path.write_text(campaign.document(smallest, command), encoding="utf-8")
    for line in _account(settings, smallest):
        click.echo(line)
    click.echo(f"{path} has the smallest: {_size(smallest.case)}; run it with: {command}")


def _account(settings: Settings, failure: Failure) -> list[str]:
    """What is broken, with what led there."""
    if failure.broken is None:
        return [f"  {failure.rule}: {failure.detail}"]
    return list(Timeline(settings.calendar).lines(failure.broken))


def _size(case: Case) -> str:
    days = counted((case.end - case.start).days + 1, "day")
    return f"{counted(len(case.scenario.faults), 'fault')} in {days}"


def _command(settings: Settings, case: Case, path: Path) -> str:
    config = [] if settings.path is None else ["--config", str(settings.path)]
    words = ["orchestrator", *config, "simulate", "--from", str(case.start), "--to", str(case.end)]
    return shlex.join([*words, "--scenario", str(path)])
