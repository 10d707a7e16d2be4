"""Which edits want a second look before they come into force: a table by key."""

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["risk_of"]

Judge = Callable[[Any, Any], str]
"""Of the old and the new value: what is risky about the edit; empty if nothing is."""


def risk_of(key: tuple[str, ...], old: Any, new: Any) -> str:
    """What is risky about an edit of one key; empty if nothing is.

    :param old, new: the values as the config has them; None where the key was or is absent.
    """
    judge = RISKS.get(".".join(key)) or (_job if key[:2] == ("schedule", "jobs") else None)
    return judge(old, new) if judge is not None else ""


def _raised(words: str) -> Judge:
    return lambda old, new: words if new > old else ""


def _lowered(words: str) -> Judge:
    return lambda old, new: words if new < old else ""


def _off(words: str) -> Judge:
    return lambda old, new: words if old and not new else ""


def _on(words: str) -> Judge:
    return lambda old, new: words if new and not old else ""


def _any(words: str) -> Judge:
    return lambda old, new: words


def _removed(words: str) -> Judge:
    """Of lists: what the new one lacks, after the words."""

    def judge(old: list[str], new: list[str]) -> str:
        gone = [item for item in old if item not in new]
        return f"{words} {', '.join(gone)}" if gone else ""

    return judge


def _job(old: Any, new: Any) -> str:
    switched_off = new in (False, "off") or (isinstance(new, Mapping) and new.get("enabled") is False)
    removed = new is None and isinstance(old, Mapping) and ("run" in old or "command" in old)
    return "the job does not run any more" if switched_off or removed else ""


RISKS: Mapping[str, Judge] = {
    "mode": lambda old, new: "real money" if new == "live" else "",
    "broker.paper_trading": _off("real money"),
    "broker.account_number": _any("another account is traded"),
    "broker.broker_type": _any("orders go to another broker"),
    "broker.host": _any("orders go to another host"),
    "broker.port": _any("orders go to another port"),
    "strategy.name": _any("another strategy decides"),
    "strategy.symbols": _removed("not traded any more:"),
    "strategy.max_positions": _raised("more positions at once"),
    "strategy.position_size_pct": _raised("larger positions"),
    "risk.max_portfolio_drawdown": _raised("a larger loss is allowed"),
    "risk.max_position_size": _raised("larger positions are allowed"),
    "risk.position_stop_loss": _raised("positions are closed later"),
    "risk.enable_circuit_breaker": _off("no drawdown halts trading any more"),
    "risk.flatten_on_breaker": _on("everything is sold when the circuit breaker trips"),
    "risk.circuit_breaker_threshold": _raised("trading halts later"),
    "risk.min_cash_buffer": _lowered("less cash is kept"),
    "risk.max_correlation": _raised("positions may move together more"),
    "risk.enable_volatility_targeting": _off("positions are not scaled down in wild markets"),
    "risk.target_portfolio_volatility": _raised("the portfolio may move more"),
    "risk.max_orders_per_minute": _raised("more orders a minute"),
    "schedule.calendar": _any("another exchange's hours"),
    "schedule.auto_start": _off("the engine is not started at the open"),
    "schedule.auto_stop": _off("the engine is not stopped at the close"),
    "schedule.enable_pre_market": _on("it trades before the open"),
    "schedule.enable_post_market": _on("it trades after the close"),
    "engine.target": _any("another engine trades"),
    "engine.auto_rollback": _off("an edit with which the engine does not start is not undone"),
    "notifications.enabled": _off("no alert is sent any more"),
    "notifications.channels": _removed("no alert goes to"),
    "notifications.alert_levels": _removed("not sent any more:"),
    "state_dir": _any("orders, positions and history of the old place are left behind"),
    "store_url": _any("orders, positions and history of the old database are left behind"),
}
