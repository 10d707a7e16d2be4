"""What of the config this version can do."""

from orchestrator.config import TradingConfig

__all__ = ["check_supported"]


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
