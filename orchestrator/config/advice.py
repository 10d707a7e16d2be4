"""What is allowed but risky: a table of warnings."""

import stat
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path as FilePath

from orchestrator.config.documents import Document
from orchestrator.config.errors import ConfigError, Finding, Path, Problem, dotted, number
from orchestrator.config.loading import read_document, read_text
from orchestrator.config.model import TradingConfig, is_secret
from orchestrator.config.plain import as_written
from orchestrator.config.references import FromReference, holds_secret
from orchestrator.config.resolution import leaves
from orchestrator.config.targets import job_targets

__all__ = ["exposed_secrets", "warnings"]

LIVE_PORTS = {7496: "TWS", 4001: "the Gateway"}
GATEWAY_PORTS = (4001, 4002)
TWS_PORTS = (7496, 7497)
HIGH_COST = 0.05


def warnings(config: TradingConfig, name: str = "", path: FilePath | None = None) -> list[Problem]:
    """What in a valid config its author may not have meant.

    :param name: of the file, if it is to be shown.
    :param path: of the file, if there is one, to be looked at as well.
    """
    found = [finding for advice in ADVICE for finding in advice(config)]
    if path is None:
        return Document(name).problems(found)
    found += job_targets(config, path.resolve().parent)
    return [*exposed_secrets(config, path), *_read(path, name).problems(found)]


def _read(path: FilePath, name: str) -> Document:
    """The file with the places in it; without any if it is no config any more."""
    try:
        return read_document(read_text(path), path.suffix, name)
    except (OSError, ConfigError):
        return Document(name)


def exposed_secrets(config: TradingConfig, path: FilePath) -> list[Problem]:
    """A warning if a config's file holds secrets that others than its owner can read."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:  # removed since it was read
        return []
    readers = [who for who, bit in (("its group", stat.S_IRGRP), ("everybody", stat.S_IROTH)) if mode & bit]
    secrets = [dotted(each) for each, text in leaves(as_written(config)) if is_secret(each) and _in_clear(each, text)]
    if not readers or not secrets:
        return []
    message = f"{readers[-1]} can read it (mode {mode:04o}), and it holds {', '.join(secrets)}"
    remedy = f"chmod 600 {path}, or write ${{NAME}} or ${{file:PATH}} in the place of what is secret"
    return [Problem(str(path), None, None, "", f"{mode:04o}", message, remedy)]


def _in_clear(path: Path, text: object) -> bool:
    """Whether the text of a secret option tells the secret; the name of a database file is none."""
    local = path == ("store_url",) and str(text).startswith("sqlite:")
    return isinstance(text, str) and holds_secret(text) and not local


def _cut_positions(config: TradingConfig) -> Iterator[Finding]:
    strategy, cash = config.strategy, config.risk.min_cash_buffer
    positions = min(strategy.max_positions, len(strategy.symbols))
    wanted = strategy.position_size_pct * positions + cash
    if wanted > 1 + 1e-9:
        message = (
            f"{positions} positions of {number(strategy.position_size_pct)} and min_cash_buffer "
            f"{number(cash)} are {wanted:g} of equity: the last positions will be cut"
        )
        at_most = (1 - cash) / positions
        yield Finding(
            ("strategy", "position_size_pct"), strategy.position_size_pct, message, f"{at_most:.3g} would fit"
        )


def _no_ibkr_library(config: TradingConfig) -> Iterator[Finding]:
    path = ("broker", "broker_type") if config.broker.broker_type == "ibkr" else ("data", "primary_source")
    wanted = "ibkr" in {config.broker.broker_type, config.data.primary_source} and config.engine.target == "builtin"
    if wanted and not any(find_spec(name) for name in ("ib_async", "ib_insync")):
        message = "ibkr needs a client library, and none is installed"
        yield Finding(path, "ibkr", message, "pip install 'trading-orchestrator[ibkr]'")


def _position_over_limit(config: TradingConfig) -> Iterator[Finding]:
    size, limit = config.strategy.position_size_pct, config.risk.max_position_size
    if size > limit:
        message = (
            f"{number(size)} is more than risk.max_position_size {number(limit)}: every position will be cut to that"
        )
        yield Finding(("strategy", "position_size_pct"), size, message)


def _nothing_to_trade(config: TradingConfig) -> Iterator[Finding]:
    if not config.strategy.symbols:
        yield Finding(("strategy", "symbols"), "a list", "the list is empty: nothing will be traded")


def _nobody_told(config: TradingConfig) -> Iterator[Finding]:
    said = config.notifications
    if not said.enabled:
        yield Finding(("notifications", "enabled"), False, "no alert will be sent")
    elif not said.channels:
        yield Finding(("notifications", "channels"), "a list", "the list is empty: no alert will be sent")
    elif "critical" not in said.alert_levels:
        yield Finding(("notifications", "alert_levels"), "a list", "critical is missing: the worst will not be told")
    elif config.mode == "live" and set(said.channels) == {"console"}:
        yield Finding(("notifications", "channels"), "a list", "mode is live, and alerts go to the console only")


def _no_circuit_breaker(config: TradingConfig) -> Iterator[Finding]:
    if config.mode == "live" and not config.risk.enable_circuit_breaker:
        yield Finding(("risk", "enable_circuit_breaker"), False, "mode is live, and no drawdown halts trading")


def _port(config: TradingConfig) -> Iterator[Finding]:
    broker, path = config.broker, ("broker", "port")
    if broker.broker_type != "ibkr":
        return
    if config.mode == "paper" and broker.port in LIVE_PORTS:
        yield Finding(
            path,
            broker.port,
            f"{number(broker.port)} is the live port of {LIVE_PORTS[broker.port]}, and mode is paper",
        )
    if broker.port in (TWS_PORTS if broker.use_gateway else GATEWAY_PORTS):
        message = f"{number(broker.port)} is a port of {'TWS' if broker.use_gateway else 'the Gateway'}"
        yield Finding(path, broker.port, f"{message}, and use_gateway is {str(broker.use_gateway).lower()}")


def _costs(config: TradingConfig) -> Iterator[Finding]:
    for name in ("commission", "slippage"):
        value = getattr(config.broker, name)
        if value > HIGH_COST:
            share = f"more than {HIGH_COST:.0%}" if isinstance(value, FromReference) else f"{value:.0%}"
            yield Finding(("broker", name), value, f"{number(value)} is {share} of each trade", "0.001 is 0.1%")


def _slow_data(config: TradingConfig) -> Iterator[Finding]:
    interval = config.data.update_interval
    for section, name in (("engine", "heartbeat_timeout"), ("health", "max_data_age")):
        limit = getattr(getattr(config, section), name)
        if interval >= limit:
            message = (
                f"{_seconds(interval)} is not below {section}.{name} {_seconds(limit)}: it will look like a failure"
            )
            yield Finding(("data", "update_interval"), interval, message)


def _seconds(value: float) -> str:
    return number(value) if isinstance(value, FromReference) else f"{value:g} s"


ADVICE: Sequence[Callable[[TradingConfig], Iterator[Finding]]] = (
    _no_ibkr_library,
    _cut_positions,
    _position_over_limit,
    _nothing_to_trade,
    _nobody_told,
    _no_circuit_breaker,
    _port,
    _costs,
    _slow_data,
)
