"""What of the config this version can do."""

from importlib.util import find_spec

from orchestrator.config import TradingConfig

__all__ = ["IBKR_LIBRARIES", "NO_IBKR_LIBRARY", "check_supported", "missing_library"]

IBKR_LIBRARIES = ("ib_async", "ib_insync")
"""Any of them will do; the first that is installed is used."""

NO_IBKR_LIBRARY = (
    "Interactive Brokers needs a client library, and neither ib_async nor ib_insync is installed; "
    "pip install 'trading-orchestrator[ibkr]'"
)


def missing_library(config: TradingConfig) -> str | None:
    """What has to be installed before the built-in engine can run this config; None if nothing has."""
    wanted = "ibkr" in {config.broker.broker_type, config.data.primary_source}
    return None if not wanted or any(map(find_spec, IBKR_LIBRARIES)) else NO_IBKR_LIBRARY


def check_supported(config: TradingConfig) -> str | None:
    """Why the built-in engine can't run this config; None if it can."""
    broker, source = config.broker.broker_type, config.data.primary_source
    if broker not in {"paper", "ibkr"}:
        return f"broker {broker} is not part of this version; set broker.broker_type: paper or ibkr"
    if broker == "ibkr" and source not in {None, "ibkr"}:
        return f"orders for real shares can't be priced by {source}; set data.primary_source: ibkr"
    if source == "csv" and not config.data.path:
        return "data.primary_source csv needs data.path, the folder of SYMBOL.csv files"
    return None
