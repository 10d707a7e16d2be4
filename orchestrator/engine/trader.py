"""From decisions to orders: those of the strategy, and those that a limit forces upon it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from orchestrator.config import RiskConfig, TradingConfig
from orchestrator.engine.alerts import RiskAlerts
from orchestrator.engine.broker import Broker
from orchestrator.engine.clearing import WAIT, Clearance, check_orders, clear_order
from orchestrator.engine.exits import BREAKER, STOP_LOSS, Exits, lost_too_much
from orchestrator.engine.hours import TradingDay, TradingHours
from orchestrator.engine.journal import Journal, order_ref
from orchestrator.engine.limits import Limits, Plan, Returns, Situation
from orchestrator.engine.orders import OrderHandler
from orchestrator.engine.portfolio import Portfolio
from orchestrator.engine.prices import Price
from orchestrator.engine.records import Action, Fill, Order, OrderRecord
from orchestrator.engine.risk import plan_rebalance
from orchestrator.engine.runner import StrategyRunner
from orchestrator.engine.watch import EquityWatch

__all__ = ["Trader"]

logger = logging.getLogger(__name__)

Prices = dict[str, Price]


class Trader:
    """Decides, and follows what was decided. `orders` and `fills` count.

    :param runner: of the strategy.
    :param returns: recent daily returns of a symbol at a time.
    """

    def __init__(
        self,
        config: TradingConfig,
        hours: TradingHours,
        journal: Journal,
        broker: Broker,
        portfolio: Portfolio,
        watch: EquityWatch,
        alerts: RiskAlerts,
        returns: Callable[[str, datetime], Returns],
        runner: Callable[[], StrategyRunner],
    ) -> None:
        self._config, self._limits = config, Limits.of(config)
        self._hours, self._journal, self._portfolio, self._watch = hours, journal, portfolio, watch
        self._alerts, self._returns, self._runner = alerts, returns, runner
        self.handler = OrderHandler(journal, broker, self._clear)
        self._broker = broker
        self.orders = self.fills = 0
        self._day: TradingDay | None = None
        self._exits = Exits.of(())
        self._remarks: set[str] = set()

    def apply_risk(self, risk: RiskConfig) -> None:
        """Take up new limits; they hold from now on."""
        self._config = replace(self._config, risk=risk)
        self._limits = Limits.of(self._config)
        self._watch.risk = risk

    # --- the day ---

    def begin(self, day: TradingDay | None, now: datetime) -> None:
        """Reconcile journal and broker; the next turn sends what was left over."""
        self._turn_to(day)
        session = "" if day is None else day.name
        self._take(self.handler.reconcile(session, now), session, now)

    def enter(self, day: TradingDay | None, now: datetime) -> None:
        """A new session ends what belongs to the old one."""
        if day is not self._day:
            self._turn_to(day)
            self.end_orders("" if day is None else day.name, now)

    def close(self, day: TradingDay, now: datetime) -> None:
        """The session is over, and so are its orders."""
        if self.handler.waiting():
            self.end_orders("", now)
            self.turn(day, now)

    def end_orders(self, session: str, now: datetime) -> None:
        """End those of every other session."""
        self.handler.expire(session, now)

    def _turn_to(self, day: TradingDay | None) -> None:
        self._day, self._remarks = day, set()
        self._exits = Exits.of(() if day is None else self._journal.orders(day.name))

    def look(self, day: TradingDay, now: datetime) -> Prices:
        """Value the account, and do what its losses demand."""
        prices = self._portfolio.look(day.name, now)
        halted = self._halted()
        if halted:
            self.handler.cancel(lambda record: record.action is Action.BUY, now, halted)
        if self._breaker_tripped() and self._config.risk.flatten_on_breaker:
            self._flatten(day, now)
        self._stop_losses(day, now, prices)
        return prices

    def turn(self, day: TradingDay, now: datetime) -> None:
        """Send what may be sent, and take the broker's news."""
        self._take(self.handler.turn(now), day.name, now)

    def _take(self, fills: Sequence[Fill], session: str, now: datetime) -> None:
        """Let everybody know of the fills, the strategy last: it may fail."""
        if not fills:
            return
        self.fills += len(fills)
        self._portfolio.refresh()
        self._portfolio.look(session, now, news=True)
        for fill in fills:
            self._runner().fill(fill)

    # --- the strategy's decisions ---

    def decide(self, day: TradingDay, label: str, now: datetime, prices: Prices) -> str:
        """Make a decision on target weights, if it is due; the answer is for people."""
        why_not = self._not_due(day, label)
        if why_not is not None:
            return why_not
        fresh = _fresh(prices)
        if not fresh:
            return f"decision {label} is not made: no symbol has a price now"
        weights = self._runner().weights(now, fresh)
        if weights is None:
            return f"decision {label}: the strategy wants no change"
        plan = plan_rebalance(weights, self._situation(prices, now))
        self._report(plan, day, now)
        new = self._intend([self._record(order, day, label, now) for order in plan.orders], day, label)
        self.turn(day, now)
        return f"decision {label}: {len(new)} orders"

    def _not_due(self, day: TradingDay, label: str) -> str | None:
        frequency, made = self._config.strategy.rebalance_frequency, self._journal.decisions(day.name)
        if label in made:
            return f"decision {label} of {day.name} is made already"
        if frequency == "weekly" and not day.first_of_week:
            return "rebalance_frequency is weekly, and this is not the week's first session"
        if frequency != "intraday" and made:
            return f"rebalance_frequency is {frequency}, and decision {made[0]} of {day.name} is made already"
        return None

    def ask_for_orders(self, day: TradingDay, now: datetime, prices: Prices) -> None:
        """Send the orders that the strategy gives itself."""
        orders = self._runner().orders(now, _fresh(prices))
        if not orders:
            return
        plan = check_orders(orders, self._situation(prices, now))
        self._report(plan, day, now)
        label = self._hours.label(now)
        records = [self._record(order, day, name, now) for order, name in _labelled(plan.orders, label)]
        if records:
            self._intend(records, day)
            self.turn(day, now)

    # --- what limits force ---

    def _stop_losses(self, day: TradingDay, now: datetime, prices: Prices) -> None:
        """Sell what has lost too much and is not on its way out already."""
        limit = self._config.risk.position_stop_loss
        for position, price in lost_too_much(self._portfolio.account, prices, limit):
            if not self._exits.has(position.symbol, STOP_LOSS, BREAKER):
                self._alerts.stop_loss(position, price.value, limit, day.name, now)
                self._sell_out([position.symbol], STOP_LOSS, day, now)

    def cancel_all(self, now: datetime) -> None:
        """Have all open orders cancelled, but for the sales by which the circuit breaker flattens."""
        self.handler.cancel(lambda record: record.decision != BREAKER, now, "trading is halted")

    def sell_all(self, label: str, day: TradingDay, now: datetime) -> None:
        """Sell at the market what has not been sold under this label, and in which no order is open any more."""
        symbols = [symbol for symbol in self._portfolio.account.positions if not self._exits.has(symbol, label)]
        ready = [symbol for symbol in symbols if not self.handler.has_open(symbol)]
        if ready:
            self._sell_out(ready, label, day, now)

    def _flatten(self, day: TradingDay, now: datetime) -> None:
        """The circuit breaker sells what it has not sold in this session."""
        held = self._portfolio.account.positions
        symbols = [symbol for symbol in held if not self._exits.has(symbol, BREAKER)]
        if symbols:
            self._sell_out(symbols, BREAKER, day, now)

    def _sell_out(self, symbols: Sequence[str], label: str, day: TradingDay, now: datetime) -> list[OrderRecord]:
        """Sell all that is held of these, as soon as no other order in them is open: what is being cancelled may still
        fill."""
        self.handler.cancel(lambda record: record.symbol in symbols, now, f"{label} sells the position")
        self.turn(day, now)
        held = {symbol: self._portfolio.account.held(symbol) for symbol in symbols if not self.handler.has_open(symbol)}
        sales = [Order(symbol, Action.SELL, shares) for symbol, shares in held.items() if shares]
        sold = self._intend([self._record(order, day, label, now) for order in sales], day)
        for record in sold:
            self._exits.add(record)
        self.turn(day, now)
        return sold

    def _halted(self) -> str:
        """Why nothing may be bought now; empty if it may."""
        risk = self._config.risk
        if self._day is None:
            return "there is no session"
        if self._breaker_tripped():
            return "the circuit breaker has tripped"
        if self._portfolio.loss() >= risk.max_portfolio_drawdown:
            return "the loss has reached max_portfolio_drawdown"
        return ""

    def _breaker_tripped(self) -> bool:
        return self._config.risk.enable_circuit_breaker and self._watch.tripped

    # --- orders ---

    def _situation(self, prices: Prices, now: datetime) -> Situation:
        return Situation(
            account=self._portfolio.account,
            waiting=self.handler.waiting(),
            prices=prices,
            limits=self._limits,
            halted=self._halted(),
            barred=self._exits.barred(),
            returns=lambda symbol: self._returns(symbol, now),
        )

    def _clear(self, order: Order, live: Sequence[Order], sent: Sequence[datetime], now: datetime) -> Clearance:
        if not self._broker.is_connected():
            return WAIT
        self._portfolio.refresh()
        return clear_order(order, live, sent, now, self._situation(self._portfolio.prices(now), now))

    def _record(self, order: Order, day: TradingDay, label: str, now: datetime) -> OrderRecord:
        strategy = self._config.strategy.name
        return OrderRecord(
            order_ref=order_ref(day.name, strategy, order.symbol, label),
            session=day.name,
            strategy=strategy,
            decision=label,
            symbol=order.symbol,
            action=order.action,
            total_quantity=order.quantity,
            submitted_at=now,
            updated_at=now,
            order_type=order.order_type,
            limit_price=order.price,
        )

    def _intend(self, records: list[OrderRecord], day: TradingDay, decision: str | None = None) -> list[OrderRecord]:
        if not records and decision is None:
            return []
        new = self.handler.intend(records, day.name, decision)
        self.orders += len(new)
        return new

    def _report(self, plan: Plan, day: TradingDay, now: datetime) -> None:
        for cut in plan.cuts:
            logger.info("cut: %s", cut.reason)
            self._alerts.cut(cut, day.name, now)
        for remark in plan.remarks:
            if remark not in self._remarks:
                self._remarks.add(remark)
                logger.warning("%s", remark)


def _fresh(prices: Prices) -> Prices:
    return {symbol: price for symbol, price in prices.items() if not price.stale}


def _labelled(orders: Sequence[Order], label: str) -> list[tuple[Order, str]]:
    """Each order with the name of its decision: the time, and a number for a second order in the same symbol."""
    seen: dict[str, int] = {}
    labelled = []
    for order in orders:
        count = seen[order.symbol] = seen.get(order.symbol, 0) + 1
        labelled.append((order, label if count == 1 else f"{label}-{count}"))
    return labelled
