"""What ``orchestrator start`` says first: what it is about to do, and when."""

from importlib.metadata import version

from orchestrator.cli.jobs import job_rows
from orchestrator.cli.output import in_words, moment, table
from orchestrator.cli.settings import Settings
from orchestrator.config import warnings

__all__ = ["start_screen"]

SHOWN_JOBS = 7


def start_screen(settings: Settings) -> str:
    """Config, state folder, market, the jobs ahead, and what to try next."""
    lines = [
        f"Trading Orchestrator {version('trading-orchestrator')}",
        "",
        *_facts(settings),
        *_market(settings),
    ]
    lines += ["", *_jobs(settings), "", *_advice(settings)]
    return "\n".join(lines)


def _facts(settings: Settings) -> list[str]:
    config = settings.config
    where = "embedded defaults; to have a file to edit: orchestrator config init"
    source = config.data.primary_source or ("ibkr" if config.broker.broker_type == "ibkr" else "synthetic")
    return [
        f"config   {where if settings.path is None else settings.path}",
        f"state    {settings.state_dir}",
        f"mode     {config.mode}: broker {config.broker.broker_type}, prices {source}",
        f"trades   {config.strategy.name} on {', '.join(config.strategy.symbols)}",
        f"alerts   {', '.join(config.notifications.alert_levels)} to {', '.join(config.notifications.channels)}",
    ]


def _market(settings: Settings) -> list[str]:
    calendar, now = settings.calendar, settings.clock.now()
    lines = [f"market   {calendar.name} is {calendar.get_market_state(now)} now: {calendar.why(now)}"]
    if calendar.next_change(now) is None:
        return lines
    opens, closes = calendar.get_next_market_open(now), calendar.get_next_market_close(now)
    for word, at in sorted((("opens", opens), ("closes", closes)), key=lambda pair: pair[1]):
        lines.append(f"         it {word} {at:%a %d %b %Y %H:%M %Z}, in {in_words((at - now).total_seconds())}")
    return lines


def _jobs(settings: Settings) -> list[str]:
    now, zone = settings.clock.now(), settings.calendar.timezone
    rows = [row for row in job_rows(settings, now) if row.next_run is not None][:SHOWN_JOBS]
    return table(
        ["next", "when", "schedule"],
        [[row.name, moment(row.next_run, zone, now), row.schedule] for row in rows],
    ).splitlines()


def _advice(settings: Settings) -> list[str]:
    doubtful = [
        f"warning: {problem}" for problem in warnings(settings.config, settings.source.name, settings.source.path)
    ]
    return [
        *doubtful,
        "To see a whole trading day at once:  orchestrator simulate",
        "In another terminal:                 orchestrator status, orchestrator jobs list, orchestrator stop",
        "It runs until Ctrl-C.",
    ]
