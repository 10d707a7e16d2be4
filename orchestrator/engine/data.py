"""Which source of prices the config names."""

from pathlib import Path

from calendars import MarketCalendar
from orchestrator.config import TradingConfig, data_path
from orchestrator.engine.prices import PriceSource
from orchestrator.engine.replay import CsvPrices
from orchestrator.engine.synthetic import SyntheticPrices

__all__ = ["price_source"]


def price_source(config: TradingConfig, base_dir: Path, calendar: MarketCalendar, seed: int) -> PriceSource:
    """The source of ``data.primary_source``, for a config that ``check_supported`` has found good.

    :param base_dir: where a relative ``data.path`` begins.
    :param seed: of synthetic prices.
    """
    folder = data_path(config, base_dir)
    if config.data.primary_source == "csv" and folder is not None:
        return CsvPrices(folder, calendar)
    return SyntheticPrices(seed)
