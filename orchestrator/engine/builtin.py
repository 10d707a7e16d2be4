"""The built-in engine: strategy, target weights, risk, orders, broker, fills, journal, events.

It is driven from outside: :meth:`BuiltinEngine.step` looks at the market once and says when to look again. Nothing in
it waits, and time comes from the clock that it is given. Killed at any moment and built anew on the same store, it goes
on where it was: no order is sent twice, and cash and positions are what the fills add up to.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from calendars import Clock, MarketCalendar
from notifiers import OrderNotificationAdapter, RiskNotificationAdapter
from orchestrator.config import RiskConfig, TradingConfig
from orchestrator.engine.alerts import AlertEmitter
from orchestrator.engine.broker import Broker
from orchestrator.engine.clearing import Clearance, check_orders, clear_order
from orchestrator.engine.data import price_source
from orchestrator.engine.hours import TradingDay, TradingHours
from orchestrator.engine.interface import EngineError
from orchestrator.engine.journal import Journal, order_ref
from orchestrator.engine.notices import Notices
from orchestrator.engine.orders import ErrorCallback, FillCallback, OrderHandler, StatusCallback
from orchestrator.engine.paper import PaperBroker
from orchestrator.engine.portfolio import Portfolio
from orchestrator.engine.prices import Price
from orchestrator.engine.quality import DataQuality
from orchestrator.engine.records import Fill, Order, OrderRecord
from orchestrator.engine.reporter import Reporter
from orchestrator.engine.risk import Cut, Limits, plan_rebalance
from orchestrator.engine.runner import StrategyRunner
from orchestrator.engine.strategy import Context, Strategy, load_strategy
from orchestrator.engine.support import check_supported
from orchestrator.engine.watch import EquityWatch
from orchestrator.events import EngineEvent
from orchestrator.store import Store

__all__ = ["BuiltinEngine"]

logger = logging.getLogger(__name__)


class BuiltinEngine:
    """Trades one strategy.

    :param store: open; where orders matter, a durable one.
    :param base_dir: where relative paths in the config begin.
    :param emit: takes the events OrderUpdated, OrderFilled, EquityMarked and AlertRaised.
    :param seed: of synthetic prices.
    :raises EngineError: the config asks for what this version can't do.
    """

    def __init__(
        self,
        config: TradingConfig,
        store: Store,
        calendar: MarketCalendar,
        base_dir: Path,
        clock: Clock,
        emit: Callable[[EngineEvent], None],
        seed: int = 0,
    ) -> None:
        reason = check_supported(config)
        if reason is not None:
            raise EngineError(reason)
        self._config, self._clock, costs = config, clock, config.broker
        self._limits = Limits.of(config)
        self._hours = TradingHours(calendar, config.schedule)
        self._day: TradingDay | None = None
        self._journal = Journal(store)
        self._notices = Notices(store)
        self._prices = price_source(config, base_dir, calendar, seed)
        self._quality = DataQuality(AlertEmitter("engine", emit), self._notices)
        self._broker: Broker = PaperBroker(
            self._journal, self._prices, costs.starting_cash, costs.slippage, costs.commission
        )
        self._risk_alerts = RiskNotificationAdapter([AlertEmitter("risk", emit)], now=clock.now)
        self._watch = EquityWatch(store, config.risk, self._risk_alerts, self._notices, costs.starting_cash)
        reporter = Reporter(emit, self._hours.stamp)
        self._portfolio = Portfolio(self._prices, self._broker, self._watch, reporter)
        self._handler = OrderHandler(self._journal, self._broker, self._clear)
        self._connect_callbacks(reporter, OrderNotificationAdapter([AlertEmitter("order", emit)], now=clock.now))
        self._strategy: Strategy | None = None
        self._runner: StrategyRunner | None = None
        self._counts = {"steps": 0, "orders": 0, "fills": 0}
        self._last_data_at: datetime | None = None

    def _connect_callbacks(self, reporter: Reporter, alerts: OrderNotificationAdapter) -> None:
        for told_of_fill in (reporter.order_filled, alerts.on_order_filled):
            self._handler.register_fill_callback(told_of_fill)
        for told_of_status in (reporter.order_changed, alerts.on_order_status_changed):
            self._handler.register_status_callback(told_of_status)
        for told_of_error in (reporter.order_changed, alerts.on_order_error):
            self._handler.register_error_callback(told_of_error)

    # --- the engine interface ---

    def connect(self) -> bool:
        """Load the strategy, reach data and broker.

        :raises ValueError: the strategy can't be loaded.
        :raises EngineError: there is no data.
        """
        if self._strategy is None:
            self._strategy = load_strategy(self._config.strategy)
        self._prices.connect()
        self._prices.watch(self._config.strategy.symbols)
        self._broker.connect()
        return True

    def start(self, symbols: Sequence[str]) -> bool:
        """Reconcile with the broker; the next step sends what was left over."""
        now = self._clock.now()
        self._day = self._hours.day(now)
        session = "" if self._day is None else self._day.name
        self._prices.watch(symbols)
        self._notices.load()
        self._watch.load()
        self._portfolio.follow(list(symbols))
        self._watch_the_rest()
        self._quality.report_problems(self._prices.problems, session, now)
        self._runner = self._make_runner()
        self._take(self._handler.reconcile(session, now), session, now)
        return True

    def stop(self) -> None:
        self._portfolio.close()
        self._running().finalize()

    def disconnect(self) -> None:
        self._broker.disconnect()
        self._prices.disconnect()

    def is_connected(self) -> bool:
        return self._broker.is_connected() and self._prices.is_connected()

    def add_strategy(self, strategy: Strategy) -> None:
        """Use this one in place of the config's; before :meth:`connect`."""
        self._strategy = strategy

    def register_fill_callback(self, callback: FillCallback) -> None:
        self._handler.register_fill_callback(callback)

    def register_status_callback(self, callback: StatusCallback) -> None:
        self._handler.register_status_callback(callback)

    def register_error_callback(self, callback: ErrorCallback) -> None:
        self._handler.register_error_callback(callback)

    def progress(self) -> dict[str, Any]:
        """Counters of this run; `last_data_at` is the time of the newest price, `positions` how many there are."""
        seen = self._last_data_at
        at = None if seen is None else self._hours.stamp(seen)
        return {**self._counts, "last_data_at": at, "positions": len(self._portfolio.account.positions)}

    def apply_risk(self, risk: RiskConfig) -> None:
        """Take up new limits; they hold from the next order on."""
        self._config = replace(self._config, risk=risk)
        self._limits = Limits.of(self._config)
        self._watch.risk = risk

    def step(self, now: datetime) -> datetime:
        """Look at the market, follow the orders, ask the strategy; returns when to look again.

        The database is touched only when there is news.

        :raises EngineError: the strategy has failed.
        """
        self._counts["steps"] += 1
        day = self._enter(now)
        if day is not None and day.trades(now):
            prices = self._look(day, now)
            self._turn(day, now)
            if self._running().gives_orders:
                self._ask_for_orders(day, now, prices)
        return now + timedelta(seconds=self._config.data.update_interval)

    def rebalance(self, decision: str | None = None) -> str:
        """Ask the strategy for its target weights and order the difference.

        Each `decision` is made once in a session, also across restarts; what is left of it is completed. With
        ``rebalance_frequency`` daily the first decision of a session is its only one; weekly, that of the week's first
        session.

        :param decision: names the occasion; default the exchange's time, such as 0935.
        :return: what was done, or why nothing was, in words.
        :raises EngineError: the strategy has failed.
        """
        now = self._clock.now()
        day = self._enter(now)
        if day is None or not day.trades(now):
            answer = "nothing is decided while the market is closed"
        else:
            prices = self._look(day, now)
            self._turn(day, now)
            label = decision or self._hours.label(now)
            answer = self._not_due(day, label) or self._decide(day, label, now, prices)
        logger.info("rebalance: %s", answer)
        return answer

    # --- deciding ---

    def _not_due(self, day: TradingDay, label: str) -> str | None:
        frequency, made = self._config.strategy.rebalance_frequency, self._journal.decisions(day.name)
        if label in made:
            return f"decision {label} of {day.name} is made already"
        if frequency == "weekly" and not day.first_of_week:
            return "rebalance_frequency is weekly, and this is not the week's first session"
        if frequency != "intraday" and made:
            return f"rebalance_frequency is {frequency}, and decision {made[0]} of {day.name} is made already"
        return None

    def _decide(self, day: TradingDay, label: str, now: datetime, prices: dict[str, Price]) -> str:
        fresh = _fresh(prices)
        if not fresh:
            return f"decision {label} is not made: no symbol has a price now"
        weights = self._running().weights(now, fresh)
        if weights is None:
            return f"decision {label}: the strategy wants no change"
        waiting, may_buy = self._handler.waiting(), self._may_buy(day)
        plan = plan_rebalance(weights, self._portfolio.account, waiting, prices, self._limits, may_buy=may_buy)
        self._report_cuts(day, plan.cuts)
        new = self._intend([self._record(order, day, label, now) for order in plan.orders], day, label)
        self._turn(day, now)
        return f"decision {label}: {len(new)} orders"

    def _ask_for_orders(self, day: TradingDay, now: datetime, prices: dict[str, Price]) -> None:
        orders = self._running().orders(now, _fresh(prices))
        if not orders:
            return
        waiting, may_buy = self._handler.waiting(), self._may_buy(day)
        plan = check_orders(orders, self._portfolio.account, waiting, prices, self._limits, may_buy=may_buy)
        self._report_cuts(day, plan.cuts)
        label = self._hours.label(now)
        records = [self._record(order, day, name, now) for order, name in _labelled(plan.orders, label)]
        if records:
            self._intend(records, day)
            self._turn(day, now)

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
            limit_price=order.limit_price,
        )

    def _intend(self, records: list[OrderRecord], day: TradingDay, decision: str | None = None) -> list[OrderRecord]:
        new = self._handler.intend(records, day.name, decision)
        self._counts["orders"] += len(new)
        return new

    def _report_cuts(self, day: TradingDay, cuts: Sequence[Cut]) -> None:
        """All go to the log; a position that is wanted larger than allowed is told, once in a session."""
        for cut in cuts:
            logger.info("cut: %s", cut.reason)
            if cut.limit == "max_position_size" and self._notices.first(day.name, f"{cut.limit} {cut.symbol}"):
                self._risk_alerts.on_risk_limit_breach(cut.limit, cut.wanted, cut.allowed, cut.symbol)

    def _may_buy(self, day: TradingDay) -> bool:
        return not self._watch.tripped(day.name)

    def _clear(self, order: Order, live: Sequence[Order], sent: Sequence[datetime], now: datetime) -> Clearance:
        self._portfolio.refresh()
        may_buy = self._day is not None and self._may_buy(self._day)
        prices = self._portfolio.prices(now)
        return clear_order(order, live, sent, now, self._portfolio.account, prices, self._limits, may_buy=may_buy)

    # --- following market and account ---

    def _enter(self, now: datetime) -> TradingDay | None:
        """The day that it is; a new session ends what belongs to the old one."""
        day = self._hours.day(now)
        if day is not self._day:
            self._day = day
            if day is not None:
                self._handler.expire(day.name, now)
        return day

    def _look(self, day: TradingDay, now: datetime) -> dict[str, Price]:
        prices = self._portfolio.look(day.name, now)
        if not self._may_buy(day):
            self._handler.cancel_purchases(now, "the circuit breaker has tripped")
        newest = max((price.at for price in prices.values()), default=None)
        self._last_data_at = newest or self._last_data_at
        self._quality.report_missing(day, self._portfolio.watched, prices, now)
        return prices

    def _turn(self, day: TradingDay, now: datetime) -> None:
        self._take(self._handler.turn(now), day.name, now)

    def _take(self, fills: Sequence[Fill], session: str, now: datetime) -> None:
        """Let everybody know of the fills, the strategy last: it may fail."""
        if not fills:
            return
        self._counts["fills"] += len(fills)
        self._portfolio.refresh()
        self._portfolio.look(session, now, news=True)
        for fill in fills:
            self._running().fill(fill)

    def _watch_the_rest(self) -> None:
        """What is held and no longer traded needs a price too, to be valued and sold; it may not have one."""
        for symbol in self._portfolio.watched:
            if symbol not in self._portfolio.symbols:
                try:
                    self._prices.watch([symbol])
                except EngineError as error:
                    logger.warning("%s is held and has no prices: %s", symbol, error)

    def _make_runner(self) -> StrategyRunner:
        if self._strategy is None:
            raise EngineError("the engine is started before it is connected")
        settings = self._config.strategy
        runner = StrategyRunner(self._strategy, settings.name, self._hours.stamp)
        portfolio = self._portfolio
        runner.initialize(
            Context(
                symbols=tuple(portfolio.symbols),
                max_positions=settings.max_positions,
                position_size_pct=settings.position_size_pct,
                account=portfolio.account,
                equity=portfolio.equity,
                past_price=portfolio.past_price,
            )
        )
        return runner

    def _running(self) -> StrategyRunner:
        if self._runner is None:
            raise EngineError("the engine has not been started")
        return self._runner


def _fresh(prices: dict[str, Price]) -> dict[str, Price]:
    return {symbol: price for symbol, price in prices.items() if not price.stale}


def _labelled(orders: Sequence[Order], label: str) -> list[tuple[Order, str]]:
    """Each order with the name of its decision: the time, and a number for a second order in the same symbol."""
    seen: dict[str, int] = {}
    labelled = []
    for order in orders:
        count = seen[order.symbol] = seen.get(order.symbol, 0) + 1
        labelled.append((order, label if count == 1 else f"{label}-{count}"))
    return labelled
