"""What the daemon needs of a trading engine."""

from typing import Protocol

__all__ = ["EngineError", "EngineRefused", "EngineUnreachable", "TradingEngine"]


class EngineError(Exception):
    """The engine cannot go on; the text says what is wrong, where, and what to do."""


class EngineRefused(EngineError):
    """A guard rail: it could go on, and must not. The account is another than mode and config say."""


class EngineUnreachable(EngineError):
    """Nobody is there to trade with, for now: it is tried again, however often, until the session ends."""


class TradingEngine(Protocol):
    """The live engine of a platform; ``engine.target`` takes any class that has these five.

    They are called in this order, all in one thread: connect, start, then the optional ones any number of times, stop,
    disconnect. An engine may have any of these as well:

    - ``step(now) -> datetime``: one turn; returns when it wants the next. An engine that has it is driven by the host's
      loop and must not block; one without it works in threads of its own.
    - ``rebalance(decision=None) -> str``: decide on the positions. `decision` names the occasion within the session, so
      that an occasion is not acted on twice; an engine without ``step`` is called without it. The answer is for the
      log.
    - ``progress() -> dict``: counters that grow while the engine works, and whatever else should be seen of it. An
      engine that counts the laps of its own loop under ``steps`` is restarted if that count stands still while the
      market is open; its ``last_data_at`` (ISO 8601) is watched by the health check.
    - ``halt(flatten) -> bool``: cancel what rests at the broker and, with `flatten`, sell what is held. It is called
      every half second, in place of everything else, until it returns True; then the engine is stopped.
    - ``add_strategy(strategy)``, before start.
    - ``register_fill_callback``, ``register_status_callback``, ``register_error_callback``: for those who follow
      orders. Where it has them, its fills, cancellations and errors become alerts.
    - ``register_circuit_breaker_callback(callback)``: of such an engine the losses are not watched from outside. If it
      has this and calls ``callback(reason, drawdown=None, threshold=None)``, from any thread, trading is halted as by
      ``orchestrator halt`` (with ``--flatten``, if ``risk.flatten_on_breaker`` is on), over restarts, until
      ``orchestrator resume``. From which peak it counts after that is its own business.
    """

    def connect(self) -> bool:
        """Reach broker and data; False, or an exception that says why, if that fails."""

    def start(self, symbols: list[str]) -> bool:
        """Be ready to trade these; False, or an exception that says why, if that fails."""

    def stop(self) -> None:
        """Stop trading. Positions and resting orders stay as they are."""

    def disconnect(self) -> None:
        """Leave broker and data."""

    def is_connected(self) -> bool:
        """Whether broker and data can be reached."""
