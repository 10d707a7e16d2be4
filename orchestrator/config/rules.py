"""What options must be to each other: a table of rules, each with the options that it reads."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from calendars import MarketCalendar, exchange_names
from orchestrator.config.errors import MASK, SECRET_IN_URL, Finding, Path, number, outline, overlaps, shown
from orchestrator.config.formats import nearest
from orchestrator.config.model import NotificationConfig, TradingConfig

__all__ = ["BUILTIN_CHANNELS", "drop_wrong_schedule", "market_calendar", "rule_findings"]

PAPER_PORTS = {7497: "TWS", 4002: "the Gateway"}
HOURS_KEYS = ("open", "close", "reason")

BUILTIN_CHANNELS: Mapping[str, tuple[str, ...]] = {
    "console": (),
    "slack": ("slack_webhook_url",),
    "discord": ("discord_webhook_url",),
    "email": ("smtp_host", "email_from", "email_to"),
    "webhook": ("webhook_url",),
}
"""The channels that need no Apprise URL, and the options without which each cannot send."""

OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "slack": ("slack_channel",),
    "email": ("smtp_port", "smtp_username", "smtp_password"),
    "webhook": ("webhook_headers",),
}
"""What these channels may be told besides."""

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
    found = (finding for rule in asked for finding in rule.check(config))
    return [replace(each, value=outline(each.value)) for each in found]


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
        message = f"{shown(port)} is the paper port of {PAPER_PORTS[port]}, and mode is live"
        yield Finding(("broker", "port"), port, message, "write 7496 for TWS, or 4001 for the Gateway")


def _live_prices(config: TradingConfig) -> Iterator[Finding]:
    """The built-in engine trades no real money by prices that are invented."""
    path, source, broker = ("data", "primary_source"), config.data.primary_source, config.broker.broker_type
    if config.mode != "live" or config.engine.target != "builtin":
        return
    if source == "synthetic":
        yield Finding(path, source, "mode is live, and synthetic prices are invented", "write ibkr or csv")
    elif source is None and broker not in {"ibkr", "paper"}:
        message = f"mode is live, and with the broker {shown(broker)} null means synthetic prices"
        yield Finding(path, None, message, "write ibkr or csv")


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
    if config.risk.enable_circuit_breaker and threshold > limit:
        message = (
            f"{number(threshold)} is more than max_portfolio_drawdown {number(limit)}, so it would never be reached"
        )
        yield Finding(("risk", "circuit_breaker_threshold"), threshold, message, f"write at most {number(limit)}")


def _cash_buffers(config: TradingConfig) -> Iterator[Finding]:
    low, high = config.risk.min_cash_buffer, config.risk.max_cash_buffer
    if low > high:
        message = f"{number(low)} is more than max_cash_buffer {number(high)}"
        yield Finding(("risk", "min_cash_buffer"), low, message, f"write at most {number(high)}")


def _symbols(config: TradingConfig) -> Iterator[Finding]:
    """No share is traded twice: to an exchange aapl is AAPL, and to IBKR "BRK B" is BRK.B."""
    before: dict[str, str] = {}
    for index, symbol in enumerate(config.strategy.symbols):
        first = before.setdefault(symbol.upper().replace(" ", "."), symbol)
        if first != symbol:
            message = f"{shown(symbol)} is the same symbol as {shown(first)}, which stands before it in the list"
            yield Finding(("strategy", "symbols", index), symbol, message, "name it once")


def _backoff(config: TradingConfig) -> Iterator[Finding]:
    first, longest = config.engine.backoff_initial, config.engine.backoff_max
    if first > longest:
        message = f"{number(first)} is more than backoff_max {number(longest)}"
        yield Finding(("engine", "backoff_initial"), first, message, f"write at most {number(longest)}")


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
    missing = _incomplete(name, said)
    if said.enabled and missing and name in said.channels:
        path = ("notifications", "channels", said.channels.index(name))
        remedy = f"write {'them' if len(missing) > 1 else 'it'} under notifications"
        yield Finding(path, name, f"the channel {name} needs {' and '.join(missing)}", remedy)


def _apprise_names(config: TradingConfig) -> Iterator[Finding]:
    for name in config.notifications.apprise:
        if name in BUILTIN_CHANNELS:
            path = ("notifications", "apprise", name)
            yield Finding(path, name, f"{shown(name)} is a built-in channel", "choose another name", at_key=True)


def _channel_accepts(name: str, config: TradingConfig) -> Iterator[Finding]:
    """A built-in channel that is used takes what it is given: the address for Slack is one of Slack's."""
    said = config.notifications
    if not said.enabled or name not in said.channels or _incomplete(name, said) or any(_smtp_login(config)):
        return
    from notifiers import build_notifier
    from orchestrator.alerts.channels import channels

    channel = channels(replace(said, channels=[name]))[name]
    try:
        build_notifier(channel.kind, channel.settings)
    except ValueError as error:
        message, _, remedy = str(error).partition("; ")
        path = ("notifications", "channels", said.channels.index(name))
        yield Finding(path, name, f"the channel {name} cannot send: {message}", remedy)


def _incomplete(name: str, said: NotificationConfig) -> list[str]:
    """The options that a built-in channel lacks."""
    return [key for key in BUILTIN_CHANNELS[name] if not getattr(said, key)]


def _route_channels(config: TradingConfig) -> Iterator[Finding]:
    for row, route in enumerate(config.notifications.routes):
        at: Path = ("notifications", "routes", row)
        for index, name in enumerate(route.channels):
            if name not in config.notifications.channels:
                path = (*at, "channels", index)
                close = nearest(name, config.notifications.channels)
                remedy = f"write {close}, or add it there" if close else "add it there"
                yield Finding(path, name, f"{shown(name)} is not in notifications.channels", remedy)
        if not route.channels:
            yield Finding(at, "a mapping", "the route leads nowhere", "write its channels")
        if route in config.notifications.routes[:row]:
            first = config.notifications.routes.index(route) + 1
            message = f"the route is the same as number {first}"
            yield Finding(at, "a mapping", message, "remove one of the two")


def _route_levels(config: TradingConfig) -> Iterator[Finding]:
    """A route lets something through, and its quiet hours hold something back."""
    sent = config.notifications.alert_levels
    for row, route in enumerate(config.notifications.routes):
        at: Path = ("notifications", "routes", row)
        for index, level in enumerate(route.levels):
            if level not in sent:
                message = f"{level} is not in notifications.alert_levels, so it is never sent"
                yield Finding((*at, "levels", index), level, message, "add it there, or take it out here")
        if route.quiet_hours is not None and set(route.levels or sent) == {"critical"}:
            message = "quiet hours hold back nothing critical, and this route is for nothing else"
            remedy = "leave them out, or add a level"
            yield Finding((*at, "quiet_hours"), route.quiet_hours, message, remedy)


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
    before: dict[date, str] = {}
    for day, hours in config.schedule.calendar_overrides.items():
        path, on = ("schedule", "calendar_overrides", day), _date(day)
        if on is None:
            yield Finding(path, day, f"{shown(day)} is not a date", "write it as 2026-07-02", at_key=True)
        elif on in before:
            message = f"{on} stands here twice, first as {shown(before[on])}"
            yield Finding(path, day, message, "remove one of the two", at_key=True)
        elif (strange := _no_hours(hours)) is not None:
            yield replace(strange, path=(*path, *strange.path))
        else:
            yield from _refused_override(config.schedule.calendar, day, hours)
        if on is not None:
            before.setdefault(on, day)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _no_hours(hours: object) -> Finding | None:
    """What is not even of the right kind, in the words of the file."""
    if isinstance(hours, Mapping):
        return _no_such_key(hours) or _no_time(hours)
    if isinstance(hours, str):
        return None
    remedy = 'write closed, open, or a mapping such as {close: "13:00"}'
    return Finding((), outline(hours), f"{shown(hours)} says nothing about a day", remedy)


def _no_such_key(hours: Mapping[str, object]) -> Finding | None:
    for key in hours:
        if key not in HOURS_KEYS:
            close = nearest(key, HOURS_KEYS)
            remedy = f"did you mean {close}?" if close else f"known are {', '.join(HOURS_KEYS)}"
            return Finding((key,), key, "hours have no such key", remedy, at_key=True)
    return None


def _no_time(hours: Mapping[str, object]) -> Finding | None:
    times = [key for key in ("open", "close") if key in hours]
    if not times:
        return Finding((), "a mapping", "no time is given", "write open, close or both")
    for key in times:
        if not isinstance(hours[key], str):
            message = f"{shown(hours[key])} is not a time of the day"
            return Finding((key,), outline(hours[key]), message, 'write it as "13:00", in quotes')
    return None


def _refused_override(calendar: str, day: str, hours: object) -> Iterator[Finding]:
    """What the calendar itself says of an override."""
    try:
        MarketCalendar(calendar, overrides={day: hours})
    except ValueError as error:
        message, _, remedy = str(error).removeprefix(f"calendar override {day}: ").partition("; ")
        yield Finding(("schedule", "calendar_overrides", day), outline(hours), message, remedy)


def _jobs(config: TradingConfig) -> Iterator[Finding]:
    """Every job can be read. Where the calendar is wrong they are read by New York's."""
    from jobs.spec import check_job

    wrong = any(_calendar(config)) or any(_calendar_overrides(config))
    calendar = MarketCalendar() if wrong else market_calendar(config)
    for name, raw in config.schedule.jobs.items():
        for path, value, message, remedy, at_key in check_job(name, raw, calendar):
            where = ("schedule", "jobs", name, *path)
            yield Finding(where, value, _hidden(message), _hidden(remedy), at_key)


def _hidden(text: str) -> str:
    """A command line may hold an address that is a password."""
    return SECRET_IN_URL.sub(rf"\1{MASK}", text)


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
    Rule(_live_prices, (("mode",), ("data", "primary_source"), ("broker", "broker_type"), ("engine", "target"))),
    Rule(_account, (("mode",), *_of("broker", "account_number", "broker_type"))),
    Rule(
        _circuit_breaker, _of("risk", "enable_circuit_breaker", "circuit_breaker_threshold", "max_portfolio_drawdown")
    ),
    Rule(_cash_buffers, _of("risk", "min_cash_buffer", "max_cash_buffer")),
    Rule(_symbols, _of("strategy", "symbols")),
    Rule(_backoff, _of("engine", "backoff_initial", "backoff_max")),
    Rule(_csv_folder, _of("data", "primary_source", "path")),
    Rule(_channels, _of("notifications", "channels", "apprise")),
    *(
        Rule(partial(_channel_settings, name), _of("notifications", "enabled", "channels", *needs))
        for name, needs in BUILTIN_CHANNELS.items()
    ),
    Rule(_apprise_names, _of("notifications", "apprise")),
    *(
        Rule(
            partial(_channel_accepts, name),
            _of("notifications", "enabled", "channels", "apprise", *needs, *OPTIONAL.get(name, ())),
        )
        for name, needs in BUILTIN_CHANNELS.items()
        if needs
    ),
    Rule(_route_channels, _of("notifications", "routes", "channels")),
    Rule(_route_levels, _of("notifications", "routes", "alert_levels")),
    Rule(_smtp_login, _of("notifications", "smtp_username", "smtp_password")),
    Rule(_calendar, _of("schedule", "calendar")),
    Rule(_calendar_overrides, _of("schedule", "calendar", "calendar_overrides")),
    Rule(_jobs, _of("schedule", "jobs")),
)
