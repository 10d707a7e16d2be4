"""The built-in engine: strategy, target weights, risk, orders, broker, fills, journal, events.

It is driven from outside: :meth:`BuiltinEngine.step` looks at the market once and says when to look again. Nothing in
it waits, and time comes from the clock that it is given. Killed at any moment and built anew on the same store, it goes
on where it was: no order is sent twice, and cash and positions are what the fills add up to.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from calendars import Clock, MarketCalendar
from notifiers import OrderNotificationAdapter, RiskNotificationAdapter
from orchestrator.config import RiskConfig, TradingConfig
from orchestrator.engine.account import Account
from orchestrator.engine.alerts import AlertEmitter, RiskAlerts
from orchestrator.engine.hours import TradingDay, TradingHours
from orchestrator.engine.interface import EngineError
from orchestrator.engine.journal import Journal
from orchestrator.engine.notices import Notices
from orchestrator.engine.orders import ErrorCallback, FillCallback, StatusCallback
from orchestrator.engine.ownership import PAPER, take_over
from orchestrator.engine.portfolio import Portfolio
from orchestrator.engine.prices import Price
from orchestrator.engine.quality import DataQuality
from orchestrator.engine.reporter import Reporter
from orchestrator.engine.returns import PastReturns
from orchestrator.engine.runner import StrategyRunner
from orchestrator.engine.strategy import Context, Strategy, load_strategy
from orchestrator.engine.support import check_supported
from orchestrator.engine.trader import Trader
from orchestrator.engine.venue import Line, open_venue
from orchestrator.engine.watch import EquityWatch
from orchestrator.events import EngineEvent
from orchestrator.store import Store

__all__ = ["BuiltinEngine"]

logger = logging.getLogger(__name__)


class BuiltinEngine:
    """Trades one strategy.

    :param store: open; where orders matter, a durable one.
    :param base_dir: where relative paths in the config begin.
    :param emit: takes the events OrderUpdated, OrderFilled, EquityMarked, AlertRaised and BreakerTripped.
    :param seed: of synthetic prices.
    :param line: what the paper broker and its prices are reached through, if anything.
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
        line: Line | None = None,
    ) -> None:
        reason = check_supported(config)
        if reason is not None:
            raise EngineError(reason)
        self._config, self._clock, self._store = config, clock, store
        self._hours = TradingHours(calendar, config.schedule)
        self._journal, self._notices = Journal(store), Notices(store)
        told = AlertEmitter("engine", emit)
        venue = open_venue(config, self._journal, store, calendar, base_dir, clock, told, seed, line)
        self._prices, self._broker = venue.prices, venue.broker
        self._quality = DataQuality(told, self._notices)
        risk_told = AlertEmitter("risk", emit)
        adapter = RiskNotificationAdapter([risk_told], now=clock.now)
        cash = config.broker.starting_cash
        self._watch = EquityWatch(store, config.risk, adapter, emit, self._notices, cash, venue.begun_with)
        alerts, reporter = RiskAlerts(risk_told, self._notices), Reporter(emit, self._hours.stamp)
        self._portfolio = Portfolio(self._prices, self._broker, self._watch, reporter, alerts)
        self._trader = Trader(
            config,
            self._hours,
            self._journal,
            self._broker,
            self._portfolio,
            self._watch,
            alerts,
            PastReturns(self._prices, calendar).of,
            self._running,
        )
        order_told = AlertEmitter("order", emit, lambda: self._trader.handler.telling)
        self._connect_callbacks(reporter, OrderNotificationAdapter([order_told], now=clock.now))
        self._strategy: Strategy | None = None
        self._runner: StrategyRunner | None = None
        self._steps = 0
        self._halt_label = ""
        self._last_look: tuple[datetime, datetime | None, int] | None = None
        self._postponed: str | None = None

    def _connect_callbacks(self, reporter: Reporter, alerts: OrderNotificationAdapter) -> None:
        handler = self._trader.handler
        for told_of_fill in (reporter.order_filled, alerts.on_order_filled):
            handler.register_fill_callback(told_of_fill)
        for told_of_status in (reporter.order_changed, alerts.on_order_status_changed):
            handler.register_status_callback(told_of_status)
        for told_of_error in (reporter.order_changed, alerts.on_order_error):
            handler.register_error_callback(told_of_error)
        handler.register_news_callback(reporter.news_told)

    # --- the engine interface ---

    def connect(self) -> bool:
        """Load the strategy, reach data and broker.

        :raises ValueError: the strategy can't be loaded.
        :raises EngineError: there is no data.
        :raises EngineRefused: the account is another than config and journal say.
        """
        if self._strategy is None:
            self._strategy = load_strategy(self._config.strategy)
        if self._config.broker.broker_type == "paper":
            take_over(self._store, self._journal, PAPER)
        self._prices.connect()
        self._prices.watch(self._config.strategy.symbols)
        self._broker.connect()
        return True

    def start(self, symbols: Sequence[str]) -> bool:
        """Reconcile with the broker; the next step sends what was left over.

        :raises EngineError: the broker's positions are not those of the journal.
        """
        now = self._clock.now()
        self._prices.watch(symbols)
        self._notices.load()
        self._watch.load()
        self._portfolio.follow(list(symbols))
        self._watch_the_rest()
        self._quality.report_problems(self._prices.problems, now)
        self._runner = self._make_runner()
        self._trader.begin(self._hours.day(now), now)
        self._compare_positions()
        return True

    def stop(self) -> None:
        """The strategy's end; after the close also that of the session's orders."""
        now = self._clock.now()
        day = self._hours.day(now)
        if day is not None and day.over(now):
            self._trader.close(day, now)
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
        self._trader.handler.register_fill_callback(callback)

    def register_status_callback(self, callback: StatusCallback) -> None:
        self._trader.handler.register_status_callback(callback)

    def register_error_callback(self, callback: ErrorCallback) -> None:
        self._trader.handler.register_error_callback(callback)

    def progress(self) -> dict[str, Any]:
        """Counters of this run, and the state of the data as of the last look: `last_data_at` is the time of the newest
        price, `data_age` how many seconds old it was, `stale` how many symbols had no fresh price; `positions` is how
        many there are."""
        at, newest, stale = self._last_look or (None, None, 0)
        figures = self._broker.figures()
        return {
            "steps": self._steps,
            "orders": self._trader.orders,
            "fills": self._trader.fills,
            "last_data_at": None if newest is None else self._hours.stamp(newest),
            "data_age": None if newest is None or at is None else round((at - newest).total_seconds(), 3),
            "stale": stale,
            "positions": len(self._portfolio.account.positions),
            **({"broker": figures} if figures else {}),
        }

    def apply_risk(self, risk: RiskConfig) -> None:
        """Take up new limits; they hold from now on."""
        self._trader.apply_risk(risk)

    def step(self, now: datetime) -> datetime:
        """Look at the market, follow the orders, ask the strategy; returns when to look again.

        The database is touched only when there is news.

        :raises EngineError: the strategy has failed.
        """
        self._steps += 1
        day = self._enter(now)
        if day is not None and not self._broker.is_connected():
            self._trader.turn(day, now)
        elif day is not None and day.trades(now):
            prices = self._look(day, now)
            self._trader.turn(day, now)
            if self._running().gives_orders:
                self._trader.ask_for_orders(day, now, prices)
            self._make_up_for(now)
        elif day is not None and day.over(now):
            self._trader.close(day, now)
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
        day, label = self._enter(now), decision or self._hours.label(now)
        if day is None or not day.trades(now):
            answer = "nothing is decided while the market is closed"
        else:
            answer = self._postpone(label) or self._look_and_decide(day, label, now)
        logger.info("rebalance: %s", answer)
        return answer

    def halt(self, flatten: bool) -> bool:
        """Cancel all open orders and, with `flatten`, sell all positions at the market; whether that is done.

        To be called until it is. While the market is closed there is nothing that could be done.
        """
        now = self._clock.now()
        day = self._enter(now)
        if day is None or not day.trades(now):
            logger.info("halt: nothing is cancelled or sold while the market is closed")
            return True
        self._look(day, now)
        if not self._halt_label:
            self._halt_label = f"halt_{self._hours.label(now)}"
            self._trader.cancel_all(now)
        if flatten:
            self._trader.sell_all(self._halt_label, day, now)
        self._trader.turn(day, now)
        return not self._trader.handler.waiting() and not (flatten and self._portfolio.account.positions)

    # --- what has to wait ---

    def _look_and_decide(self, day: TradingDay, label: str, now: datetime) -> str:
        prices = self._look(day, now)
        self._trader.turn(day, now)
        return self._postpone(label) or self._trader.decide(day, label, now, prices)

    def _postpone(self, label: str) -> str | None:
        """Keep a decision for later, if it can't be made now; it can again when the answer is None."""
        waits_for = self._waits_for()
        self._postponed = label if waits_for else None
        return f"decision {label} waits for {waits_for}" if waits_for else None

    def _waits_for(self) -> str:
        """What has to be there before anything is decided; empty if it is."""
        return self._prices.loading if self._broker.is_connected() else "the broker"

    def _make_up_for(self, now: datetime) -> None:
        """Make a decision that had to wait."""
        if self._postponed is not None and not self._waits_for():
            self.rebalance(self._postponed)

    # --- following the market ---

    def _enter(self, now: datetime) -> TradingDay | None:
        self._broker.attend(now)
        day = self._hours.day(now)
        self._trader.enter(day, now)
        return day

    def _look(self, day: TradingDay, now: datetime) -> dict[str, Price]:
        prices, watched = self._trader.look(day, now), self._portfolio.watched
        newest = max((price.at for price in prices.values()), default=None)
        stale = sum(1 for symbol in watched if symbol not in prices or prices[symbol].stale)
        self._last_look = now, newest, stale
        self._quality.report_missing(day, watched, prices, self._portfolio.why_not, now)
        return prices

    def _compare_positions(self) -> None:
        """Nothing is sent by an account that is another than the journal knows."""
        journal, costs = self._journal, self._config.broker
        known = Account.of(costs.starting_cash, journal.fills(), journal.splits()).positions
        held = self._broker.positions()
        for symbol in sorted({*known, *held}):
            there, here = (each[symbol].quantity if symbol in each else 0.0 for each in (held, known))
            if there != here:
                raise EngineError(f"the broker holds {there:g} {symbol}, and by the journal it is {here:g}")

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
        runner = StrategyRunner(self._strategy, settings.name)
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
