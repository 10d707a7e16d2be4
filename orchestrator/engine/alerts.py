"""Alerts of the engine, in the words of a trader, on their way to the daemon."""

from collections.abc import Callable, Mapping
from datetime import datetime

from notifiers import AlertLevel, NotificationMessage, Notifier
from orchestrator.engine.account import Position
from orchestrator.engine.limits import Cut
from orchestrator.engine.notices import Notices
from orchestrator.engine.records import Split
from orchestrator.events import AlertRaised, EngineEvent

__all__ = ["AlertEmitter", "RiskAlerts"]


class AlertEmitter(Notifier):
    """Hands each message to the daemon, which delivers it.

    :param news: names what is just being told, if it is told again until the daemon has taken it.
    """

    def __init__(self, topic: str, emit: Callable[[EngineEvent], None], news: Callable[[], str] = lambda: "") -> None:
        super().__init__()
        self._topic, self._emit, self._news = topic, emit, news

    def send(self, message: NotificationMessage) -> bool:
        told = message.to_dict()
        facts = told["metadata"]
        self._emit(AlertRaised(told["level"], self._topic, told["title"], told["message"], facts, self._news()))
        return True


CUTS: Mapping[str, tuple[AlertLevel, str]] = {
    "max_position_size": (AlertLevel.WARNING, "Position limited"),
    "max_positions": (AlertLevel.WARNING, "Too many positions wanted"),
    "max_correlation": (AlertLevel.WARNING, "Not bought, too much alike"),
    "max_cash_buffer": (AlertLevel.WARNING, "More volatile than the target"),
    "min_cash_buffer": (AlertLevel.INFO, "Purchases cut to keep the cash buffer"),
    "target_portfolio_volatility": (AlertLevel.INFO, "Positions scaled down to the target volatility"),
}
"""How what a limit has cut is told; what is not here has been told by other means, or is for the log only."""


class RiskAlerts:
    """What limits do, told once in a session for each limit and symbol."""

    def __init__(self, notifier: Notifier, notices: Notices) -> None:
        self._notifier, self._notices = notifier, notices

    def cut(self, cut: Cut, session: str, now: datetime) -> None:
        level, title = CUTS.get(cut.limit, (None, ""))
        if level is None:
            return
        facts = {"limit_type": cut.limit, "current_value": cut.wanted, "limit_value": cut.allowed, "symbol": cut.symbol}
        message = NotificationMessage(_of(title, cut.symbol), f"{cut.reason}.", level, now, facts)
        self._notices.once(session, f"{cut.limit} {cut.symbol}", lambda: self._tell(message))

    def stop_loss(self, position: Position, price: float, limit: float, session: str, now: datetime) -> None:
        loss = 1 - price / position.avg_price
        text = (
            f"{position.symbol} is at {price:.2f}, {loss:.1%} below its average entry {position.avg_price:.2f}; "
            f"position_stop_loss is {limit:.1%}. All {position.quantity:g} shares are sold at the market, and none is "
            f"bought in the rest of session {session}."
        )
        facts = {"limit_type": "position_stop_loss", "current_value": loss, "limit_value": limit}
        title = _of("Stop loss", position.symbol)
        message = NotificationMessage(title, text, AlertLevel.WARNING, now, {**facts, "symbol": position.symbol})
        self._notices.once(session, f"position_stop_loss {position.symbol}", lambda: self._tell(message))

    def split(self, split: Split, position: Position, now: datetime) -> None:
        text = (
            f"The prices of {split.symbol} show a split of {split.ratio:.6g} for 1 on {split.at:%Y-%m-%d}: "
            f"{position.quantity:g} shares at {position.avg_price:.2f} are {position.quantity * split.ratio:.10g} at "
            f"{position.avg_price / split.ratio:.2f} now. Nothing is gained or lost by it."
        )
        facts = {"symbol": split.symbol, "ratio": split.ratio}
        self._tell(NotificationMessage(_of("Split", split.symbol), text, AlertLevel.WARNING, now, facts))

    def _tell(self, message: NotificationMessage) -> None:
        self._notifier.notify(message)


def _of(title: str, symbol: str | None) -> str:
    return title if symbol is None else f"{title}: {symbol}"
