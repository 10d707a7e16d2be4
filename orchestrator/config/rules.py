"""What options must be to each other: a table of rules, each with the options that it reads."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from calendars import MarketCalendar, exchange_names
from orchestrator.config.errors import Finding, Path, outline, overlaps, shown
from orchestrator.config.formats import nearest
from orchestrator.config.model import TradingConfig

__all__ = ["BUILTIN_CHANNELS", "drop_wrong_schedule", "market_calendar", "rule_findings"]

PAPER_PORTS = {7497: "TWS", 4002: "the Gateway"}

BUILTIN_CHANNELS: Mapping[str, tuple[str, ...]] = {
    "console": (),
    "slack": ("slack_webhook_url",),
    "discord": ("discord_webhook_url",),
    "email": ("smtp_host", "email_from", "email_to"),
    "webhook": ("webhook_url",),
}
"""The channels that need no Apprise URL, and the options without which each cannot send."""

Check = Callable[[TradingConfig], Iterator[Finding]]


@dataclass(frozen=True)
class Rule:
    """A rule is not asked where one of the options that it reads is wrong by itself."""

    check: Check
    reads: tuple[Path, ...]


def rule_findings(config: TradingConfig, broken: Sequence[Path] = ()) -> list[Finding]:
    """Everything in which options disagree.

    :param broken: paths of options that are wrong by themselves, and have their defaults here.
    """
    asked = [rule for rule in RULES if not any(overlaps(path, other) for path in rule.reads for other in broken)]
    return [finding for rule in asked for finding in rule.check(config)]


def market_calendar(config: TradingConfig) -> MarketCalendar:
    """The calendar that the config describes; raises ValueError if it describes none."""
    schedule = config.schedule
    overrides = dict[date | str, object](schedule.calendar_overrides.items())
    return MarketCalendar(schedule.calendar, schedule.timezone, overrides)


def _money(config: TradingConfig) -> Iterator[Finding]:
    """Mode and broker agree on whether money is real."""
    path, paper = ("broker", "paper_trading"), config.broker.paper_trading
    if config.mode == "live" and paper:
        yield Finding(path, paper, "mode: live trades real money", "write paper_trading: false, or mode: paper")
    if config.mode == "paper" and not paper:
        yield Finding(path, paper, "mode: paper trades no real money", "write paper_trading: true, or mode: live")
    if config.mode == "live" and config.broker.broker_type == "paper":
        yield Finding(
            ("broker", "broker_type"),
            "paper",
            "the paper broker has no real money",
            "write ibkr, or mode: paper",
        )


def _live_port(config: TradingConfig) -> Iterator[Finding]:
    port = config.broker.port
    if config.mode == "live" and config.broker.broker_type == "ibkr" and port in PAPER_PORTS:
        message = f"{port} is the paper port of {PAPER_PORTS[port]}, and mode is live"
        yield Finding(("broker", "port"), port, message, "write 7496 for TWS, or 4001 for the Gateway")


def _account(config: TradingConfig) -> Iterator[Finding]:
    path, account = ("broker", "account_number"), config.broker.account_number
    if account is None:
        if config.mode == "live":
            yield Finding(
                path,
                None,
                "mode: live needs the account that may be traded",
                "write it as the broker shows it",
            )
    elif config.broker.broker_type == "ibkr" and (config.mode == "live") == account.startswith("D"):
        kind = "a paper account, and mode is live" if config.mode == "live" else "no paper account, and mode is paper"
        yield Finding(path, account, f"{shown(account)} is {kind}", "paper accounts begin with D, others do not")


def _circuit_breaker(config: TradingConfig) -> Iterator[Finding]:
    threshold, limit = config.risk.circuit_breaker_threshold, config.risk.max_portfolio_drawdown
    if threshold > limit:
        message = f"{threshold:g} is more than max_portfolio_drawdown {limit:g}, so it would never be reached"
        yield Finding(("risk", "circuit_breaker_threshold"), threshold, message, f"write at most {limit:g}")


def _cash_buffers(config: TradingConfig) -> Iterator[Finding]:
    low, high = config.risk.min_cash_buffer, config.risk.max_cash_buffer
    if low > high:
        message = f"{low:g} is more than max_cash_buffer {high:g}"
        yield Finding(("risk", "min_cash_buffer"), low, message, f"write at most {high:g}")


def _backoff(config: TradingConfig) -> Iterator[Finding]:
    first, longest = config.engine.backoff_initial, config.engine.backoff_max
    if first > longest:
        message = f"{first:g} is more than backoff_max {longest:g}"
        yield Finding(("engine", "backoff_initial"), first, message, f"write at most {longest:g}")


def _csv_folder(config: TradingConfig) -> Iterator[Finding]:
    if config.data.primary_source == "csv" and config.data.path is None:
        yield Finding(("data", "path"), None, "primary_source: csv needs a folder", "write the folder of the csv files")


def _channels(config: TradingConfig) -> Iterator[Finding]:
    known = [*BUILTIN_CHANNELS, *config.notifications.apprise]
    for index, name in enumerate(config.notifications.channels):
        if name not in known:
            close = nearest(name, known)
            remedy = f"write {close}" if close else "give it a URL under notifications.apprise"
            yield Finding(("notifications", "channels", index), name, f"there is no channel {shown(name)}", remedy)


def _channel_settings(name: str, config: TradingConfig) -> Iterator[Finding]:
    """A built-in channel that is used has what it needs to send."""
    said = config.notifications
    missing = [key for key in BUILTIN_CHANNELS[name] if not getattr(said, key)]
    if said.enabled and missing and name in said.channels:
        path = ("notifications", "channels", said.channels.index(name))
        remedy = f"write {'them' if len(missing) > 1 else 'it'} under notifications"
        yield Finding(path, name, f"the channel {name} needs {' and '.join(missing)}", remedy)


def _apprise_names(config: TradingConfig) -> Iterator[Finding]:
    for name in config.notifications.apprise:
        if name in BUILTIN_CHANNELS:
            path = ("notifications", "apprise", name)
            yield Finding(path, name, f"{shown(name)} is a built-in channel", "choose another name", at_key=True)


def _routes(config: TradingConfig) -> Iterator[Finding]:
    for row, route in enumerate(config.notifications.routes):
        for index, name in enumerate(route.channels):
            if name not in config.notifications.channels:
                path = ("notifications", "routes", row, "channels", index)
                yield Finding(path, name, f"{shown(name)} is not in notifications.channels", "add it there")
        if not route.channels:
            yield Finding(
                ("notifications", "routes", row), "a mapping", "the route leads nowhere", "write its channels"
            )


def _smtp_login(config: TradingConfig) -> Iterator[Finding]:
    said = config.notifications
    if (said.smtp_username is None) != (said.smtp_password is None):
        missing = "smtp_username" if said.smtp_username is None else "smtp_password"
        yield Finding(("notifications", missing), None, "a login is a name and a password", "write both, or neither")


def _calendar(config: TradingConfig) -> Iterator[Finding]:
    name = config.schedule.calendar
    try:
        MarketCalendar(name)
    except ValueError as error:
        message, _, known = str(error).partition("; ")
        close = nearest(name, exchange_names())
        yield Finding(("schedule", "calendar"), name, message, f"write {close}" if close else known)


def _calendar_overrides(config: TradingConfig) -> Iterator[Finding]:
    if any(_calendar(config)):
        return
    for day, hours in config.schedule.calendar_overrides.items():
        try:
            MarketCalendar(config.schedule.calendar, overrides={day: hours})
        except ValueError as error:
            message = str(error).removeprefix(f"calendar override {day}: ")
            yield Finding(("schedule", "calendar_overrides", day), outline(hours), message)


def _jobs(config: TradingConfig) -> Iterator[Finding]:
    """Every job can be read. Where the calendar is wrong they are read by New York's."""
    from jobs.spec import check_job

    wrong = any(_calendar(config)) or any(_calendar_overrides(config))
    calendar = MarketCalendar() if wrong else market_calendar(config)
    for name, raw in config.schedule.jobs.items():
        for path, value, message in check_job(name, raw, calendar):
            yield Finding(("schedule", "jobs", name, *path), outline(value), message)


def drop_wrong_schedule(config: TradingConfig) -> None:
    """Take out of a config what would keep its calendar and its job table from being made."""
    schedule, defaults = config.schedule, TradingConfig().schedule
    if any(_calendar(config)):
        schedule.calendar, schedule.calendar_overrides = defaults.calendar, {}
    if any(_calendar_overrides(config)):
        schedule.calendar_overrides = {}
    for finding in list(_jobs(config)):
        schedule.jobs.pop(str(finding.path[2]), None)


def _of(section: str, *names: str) -> tuple[Path, ...]:
    return tuple((section, name) for name in names)


RULES: Sequence[Rule] = (
    Rule(_money, (("mode",), *_of("broker", "paper_trading", "broker_type"))),
    Rule(_live_port, (("mode",), *_of("broker", "port", "broker_type"))),
    Rule(_account, (("mode",), *_of("broker", "account_number", "broker_type"))),
    Rule(_circuit_breaker, _of("risk", "circuit_breaker_threshold", "max_portfolio_drawdown")),
    Rule(_cash_buffers, _of("risk", "min_cash_buffer", "max_cash_buffer")),
    Rule(_backoff, _of("engine", "backoff_initial", "backoff_max")),
    Rule(_csv_folder, _of("data", "primary_source", "path")),
    Rule(_channels, _of("notifications", "channels", "apprise")),
    *(
        Rule(partial(_channel_settings, name), _of("notifications", "enabled", "channels", *needs))
        for name, needs in BUILTIN_CHANNELS.items()
    ),
    Rule(_apprise_names, _of("notifications", "apprise")),
    Rule(_routes, _of("notifications", "routes", "channels")),
    Rule(_smtp_login, _of("notifications", "smtp_username", "smtp_password")),
    Rule(_calendar, _of("schedule", "calendar")),
    Rule(_calendar_overrides, _of("schedule", "calendar", "calendar_overrides")),
    Rule(_jobs, _of("schedule", "jobs")),
)
