"""The trading engine: what the daemon needs of one, and ours."""

from orchestrator.engine.account import Account, Position
from orchestrator.engine.interface import EngineError, TradingEngine
from orchestrator.engine.prices import Price
from orchestrator.engine.records import Action, Fill, Order, OrderRecord, OrderStatus, OrderType
from orchestrator.engine.strategy import Context, Strategy, load_strategy
from orchestrator.engine.support import check_supported

__all__ = [
    "TradingEngine",
    "EngineError",
    "Strategy",
    "Context",
    "Order",
    "Action",
    "OrderType",
    "OrderRecord",
    "OrderStatus",
    "Fill",
    "Price",
    "Account",
    "Position",
    "load_strategy",
    "check_supported",
]
