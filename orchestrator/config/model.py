"""Every option there is: its name, type, default, doc, constraint and when a change takes effect.

The Cerberus schema, the commented file that ``orchestrator config init`` writes and the reference table are
derived from these classes. Lengths of time are seconds; a file may also say ``90s``, ``5m`` or ``1h30m``.
"""

# ruff: noqa: RUF009  -- option() and section() make a dataclass field; they are no shared default

from dataclasses import dataclass
from typing import Any

from orchestrator.config import formats
from orchestrator.config.errors import Path
from orchestrator.config.options import option, option_at, section

__all__ = [
    "BrokerConfig",
    "DataConfig",
    "EngineConfig",
    "HealthConfig",
    "HousekeepingConfig",
    "LoggingConfig",
    "NotificationConfig",
    "RiskConfig",
    "RouteConfig",
    "StrategyConfig",
    "TradingConfig",
    "TradingScheduleConfig",
    "embedded_defaults",
    "is_secret",
]

DAY = 86_400

LEVELS = ["info", "warning", "critical"]
TOPICS = ["order", "risk", "engine", "config", "job", "heartbeat"]

CALENDAR_EXAMPLE = """\
"2026-07-02": {close: "13:00"}
"2025-01-09": closed"""

JOBS_EXAMPLE = """\
heartbeat: {interval: 10m}
report: {session: "close + 30m", command: [python, report.py], timeout: 10m}
post_market_end: false"""

APPRISE_EXAMPLE = """\
phone: "ntfy://my-topic\""""

ROUTES_EXAMPLE = """\
- {levels: [critical], channels: [phone]}
- {topics: [order], quiet_hours: "22:00-07:00", channels: [slack]}"""


@dataclass
class TradingScheduleConfig:
    """When the engine trades, and what else runs when."""

    timezone: str = option("America/New_York", "times are shown in it, and cron jobs go by it", format=formats.TIMEZONE)
    calendar: str = option(
        "NYSE",
        "exchange whose sessions are followed; ALWAYS is open day and night",
        empty=False,
    )
    calendar_overrides: dict[str, Any] = option(
        {},
        'by date: closed, open, or {open: "HH:MM", close: "HH:MM"}',
        example=CALENDAR_EXAMPLE,
    )
    enable_pre_market: bool = option(False, "the engine also runs from 04:00 to the open")
    enable_post_market: bool = option(False, "the engine also runs from the close to 20:00")
    auto_start: bool = option(True, "start the engine at the open")
    auto_stop: bool = option(True, "stop the engine at the close")
    jobs: dict[str, Any] = option(
        {}, "jobs by name, merged over the built-in ones; false turns one off", example=JOBS_EXAMPLE
    )


@dataclass
class StrategyConfig:
    """What is traded, and how much of it."""

    name: str = option(
        "equal_weight",
        'equal_weight | buy_and_hold | momentum | "package.module:Class"',
        apply="engine",
        format=formats.STRATEGY,
    )
    params: dict[str, Any] = option({}, "passed to the strategy", apply="engine")
    symbols: list[str] = option(
        ["AAPL", "MSFT"], "what is traded", apply="engine", unique=True, schema={"format": formats.SYMBOL}
    )
    max_positions: int = option(10, "most positions held at once", apply="engine", min=1)
    position_size_pct: float = option(0.10, "fraction of equity in one position", apply="engine", above=0, max=1)
    rebalance_frequency: str = option(
        "daily", "daily | weekly | intraday", apply="engine", allowed=["daily", "weekly", "intraday"]
    )


@dataclass
class RiskConfig:
    """Limits that every order passes. Fractions are of equity, unless said otherwise."""

    max_portfolio_drawdown: float = option(0.12, "largest loss from the highest equity", above=0, max=1)
    max_position_size: float = option(0.10, "largest fraction in one position", above=0, max=1)
    position_stop_loss: float = option(0.05, "a position that has lost this fraction is closed", above=0, max=1)
    enable_circuit_breaker: bool = option(True, "halt trading at circuit_breaker_threshold, until: orchestrator resume")
    circuit_breaker_threshold: float = option(
        0.10, "drawdown that halts; at most max_portfolio_drawdown", above=0, max=1
    )
    flatten_on_breaker: bool = option(False, "sell all positions when the circuit breaker trips")
    min_cash_buffer: float = option(0.20, "fraction that stays in cash", min=0, max=1)
    max_cash_buffer: float = option(0.80, "largest fraction held in cash when risk is cut", min=0, max=1)
    max_correlation: float = option(0.80, "highest correlation between two positions", min=0, max=1)
    enable_volatility_targeting: bool = option(True, "scale positions to target_portfolio_volatility")
    target_portfolio_volatility: float = option(0.15, "a year, as a fraction", above=0, max=1)
    max_orders_per_minute: int = option(60, "more than these wait", min=1)


@dataclass
class BrokerConfig:
    """Where orders go."""

    broker_type: str = option("ibkr", 'paper | ibkr | "package.module:Class"', apply="engine", format=formats.BROKER)
    host: str = option("127.0.0.1", "of TWS or the Gateway", apply="engine", format=formats.HOST)
    port: int = option(
        7497, "TWS 7496 live, 7497 paper; Gateway 4001 live, 4002 paper", apply="engine", min=1, max=65535
    )
    client_id: int = option(1, "one for each program that connects", apply="engine", min=1, max=2**31 - 1)
    account_number: str | None = option(
        None, "required for live money; paper accounts begin with D", apply="engine", format=formats.ACCOUNT
    )
    use_gateway: bool = option(False, "IB Gateway instead of TWS", apply="engine")
    paper_trading: bool = option(True, "false for live money", apply="engine")
    starting_cash: float = option(
        100_000, "of the paper broker; with ibkr change it by what you pay in or take out", apply="engine", above=0
    )
    commission: float = option(0.001, "paper broker: fraction of traded value", apply="engine", min=0, max=1)
    slippage: float = option(0.0005, "paper broker: fraction of price", apply="engine", min=0, max=1)
    maintenance_windows: list[str] = option(
        ["23:45-00:45"],
        "quiet times of the Gateway, exchange time",
        apply="engine",
        unique=True,
        schema={"format": formats.WINDOW},
    )


@dataclass
class DataConfig:
    """Where prices come from."""

    primary_source: str | None = option(
        None,
        "synthetic | csv | ibkr; null follows the broker: ibkr for ibkr, else synthetic",
        apply="engine",
        allowed=["synthetic", "csv", "ibkr"],
    )
    path: str | None = option(
        None,
        "csv: folder of SYMBOL.csv (date,open,high,low,close,volume)",
        apply="engine",
        format=formats.PLACE,
    )
    update_interval: float = option(
        1.0, "seconds between two looks at the market", apply="engine", duration=True, above=0
    )
    enable_reconnect: bool = option(True, "connect again when the data stops", apply="engine")
    cache_enabled: bool = option(True, "keep what was fetched", apply="engine")
    cache_dir: str = option("./data/cache", "relative to this file", apply="engine", format=formats.PLACE)


@dataclass
class EngineConfig:
    """The engine's process and how it is supervised."""

    target: str = option("builtin", 'builtin | "package.module:Class"', apply="engine", format=formats.ENGINE)
    start_timeout: float = option(60, "seconds from start to the first beat", duration=True, above=0)
    stop_timeout: float = option(30, "seconds from a stop to a kill", duration=True, above=0)
    heartbeat_timeout: float = option(30, "seconds without a beat after which it is restarted", duration=True, above=0)
    max_restart_attempts: int = option(3, "in one session; then it stays down and you are told", min=0)
    restart_cooldown: float = option(300, "healthy seconds after which restarts are forgotten", duration=True, min=0)
    backoff_initial: float = option(1, "seconds before the first restart; doubles each time", duration=True, above=0)
    backoff_max: float = option(60, "longest wait before a restart", duration=True, above=0)
    auto_rollback: bool = option(True, "if it does not start after an edit, go back to the last config that worked")


@dataclass
class HealthConfig:
    """What the health check looks at."""

    min_free_disk_mb: int = option(200, "megabytes free in state_dir", min=0)
    max_data_age: float = option(120, "seconds since the last price while the market is open", duration=True, above=0)
    max_clock_jump: float = option(30, "seconds the wall clock may jump unreported", duration=True, above=0)
    ping_url: str | None = option(
        None,
        "fetched at each heartbeat while all is well, for a dead-man service",
        secret=True,
        format=formats.HTTP_URL,
    )


@dataclass
class HousekeepingConfig:
    """How long history is kept. Orders and fills are kept for ever: they are the account's only record."""

    job_runs: float = option(30 * DAY, "runs of jobs; the last of each job stays", duration=True, min=DAY)
    transitions: float = option(365 * DAY, "changes of state", duration=True, min=DAY)
    alerts: float = option(90 * DAY, "alerts; one that is not delivered or not over stays", duration=True, min=DAY)
    incidents: float = option(90 * DAY, "failures of the engine, with their files", duration=True, min=DAY)
    equity: float = option(
        30 * DAY, "every mark of the equity; after that a session's last and worst", duration=True, min=DAY
    )
    requests: float = option(7 * DAY, "what commands asked of the daemon", duration=True, min=DAY)
    config_versions: int = option(200, "config texts besides the current and the last that worked", min=1)
    backup_dir: str | None = option(
        None, "folder of a daily backup of the database, relative to this file", format=formats.PLACE
    )
    backups: int = option(7, "daily backups that are kept there", min=1)


@dataclass
class RouteConfig:
    """Which alerts go to which channels; what is not said is not asked."""

    levels: list[str] = option([], "of these levels; empty: any", unique=True, schema={"allowed": LEVELS})
    topics: list[str] = option([], "of these topics; empty: any", unique=True, schema={"allowed": TOPICS})
    quiet_hours: str | None = option(
        None, "held back between these times (exchange time), unless critical", format=formats.WINDOW
    )
    channels: list[str] = option([], "go to these", unique=True, empty=False, schema={"format": formats.NAME})


@dataclass
class NotificationConfig:
    """Who is told what, and how."""

    enabled: bool = option(True, "false: nothing is sent")
    channels: list[str] = option(
        ["console"],
        "console, slack, discord, email, webhook, or a name under apprise",
        unique=True,
        schema={"format": formats.NAME},
    )
    alert_levels: list[str] = option(
        ["warning", "critical"],
        "exactly these are sent: info, warning, critical",
        unique=True,
        schema={"allowed": LEVELS},
    )
    slack_webhook_url: str | None = option(
        None, "https://hooks.slack.com/services/...", secret=True, format=formats.HTTP_URL
    )
    slack_channel: str | None = option(
        None, 'instead of the webhook\'s own, in quotes: "#alerts"', format=formats.SLACK_CHANNEL
    )
    discord_webhook_url: str | None = option(
        None, "https://discord.com/api/webhooks/...", secret=True, format=formats.HTTP_URL
    )
    smtp_host: str | None = option(None, "of the mail server", format=formats.HOST)
    smtp_port: int = option(587, "587 with STARTTLS", min=1, max=65535)
    smtp_username: str | None = option(None, "if the server wants one", empty=False)
    smtp_password: str | None = option(None, "of smtp_username", secret=True, empty=False)
    email_from: str | None = option(None, "sender", format=formats.EMAIL)
    email_to: list[str] = option([], "recipients", unique=True, schema={"format": formats.EMAIL})
    webhook_url: str | None = option(None, "gets each alert as JSON", secret=True, format=formats.HTTP_URL)
    webhook_headers: dict[str, str] = option({}, "sent with it", secret=True)
    apprise: dict[str, str] = option(
        {},
        "more channels: a name and its Apprise URL",
        secret=True,
        example=APPRISE_EXAMPLE,
        keysrules={"format": formats.NAME},
        valuesrules={"format": formats.APPRISE_URL},
    )
    routes: list[RouteConfig] = option(
        [], "what a channel gets; one that no route names gets everything", example=ROUTES_EXAMPLE
    )
    dedupe_window: float = option(
        300, "seconds in which the same alert is counted, not sent again; 0: never", duration=True, min=0
    )
    digest_after: int = option(20, "alerts a minute to one channel; what is above comes as one digest; 0: never", min=0)


@dataclass
class LoggingConfig:
    """The daemon's log."""

    level: str = option("INFO", "DEBUG | INFO | WARNING | ERROR", allowed=["DEBUG", "INFO", "WARNING", "ERROR"])
    format: str = option("text", "text | json", apply="daemon", allowed=["text", "json"])
    file: str = option(
        "orchestrator.log", 'relative to state_dir; "" for none', apply="daemon", format=formats.LOG_FILE
    )
    max_mb: int = option(10, "megabytes after which a new file is begun", apply="daemon", min=1)
    backups: int = option(10, "old files that are kept", apply="daemon", min=0)


@dataclass
class TradingConfig:
    """All of it."""

    version: str = option("1.0.0", "of this file, for your own counting", format=formats.VERSION)
    mode: str = option("paper", "paper | live", apply="daemon", allowed=["paper", "live"])
    schedule: TradingScheduleConfig = section(TradingScheduleConfig, "when the engine trades, and what else runs when")
    strategy: StrategyConfig = section(StrategyConfig, "what is traded, and how much of it")
    risk: RiskConfig = section(RiskConfig, "limits that every order passes; fractions of equity")
    broker: BrokerConfig = section(BrokerConfig, "where orders go")
    data: DataConfig = section(DataConfig, "where prices come from")
    engine: EngineConfig = section(EngineConfig, "the engine's process; seconds, or text such as 90s, 5m, 1h30m")
    health: HealthConfig = section(HealthConfig, "what the health check looks at")
    notifications: NotificationConfig = section(NotificationConfig, "who is told what, and how")
    housekeeping: HousekeepingConfig = section(
        HousekeepingConfig, "how long history is kept; orders and fills always are"
    )
    state_dir: str = option(
        ".orchestrator",
        "relative to this file; database, logs, incidents",
        apply="daemon",
        format=formats.PLACE,
    )
    store_url: str | None = option(
        None,
        "null is sqlite:///<state_dir>/orchestrator.db",
        apply="daemon",
        secret=True,
        format=formats.SQLITE_URL,
    )
    logging: LoggingConfig = section(LoggingConfig, "the daemon's log")
    created_at: str | None = option(None, "written by save", format=formats.MOMENT)
    updated_at: str | None = option(None, "written by save", format=formats.MOMENT)


def embedded_defaults() -> TradingConfig:
    """The config where there is no file: the defaults, with the paper broker."""
    return TradingConfig(broker=BrokerConfig(broker_type="paper"))


def is_secret(path: Path) -> bool:
    """Whether the value at a path is shown to nobody."""
    found = option_at(TradingConfig, path)
    return found is not None and found.secret
