"""``python -m copilot_quant.orchestrator.trading_orchestrator --config X`` is ``orchestrator --config X start``."""

from orchestrator.cli import main_start
from orchestrator.daemon import TradingOrchestrator
from orchestrator.states import EngineState, OrchestratorState

__all__ = ["EngineState", "OrchestratorState", "TradingOrchestrator"]

if __name__ == "__main__":
    main_start()
