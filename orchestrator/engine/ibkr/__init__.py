"""Interactive Brokers: orders, prices and the account, through TWS or IB Gateway.

One connection, in the engine's process only, pumped in each step and never waited for there. What the broker has done
is believed from its order statuses and executions alone; after every return of the connection all of it is asked for
again before anything new is sent.
"""

from orchestrator.engine.ibkr.build import Ibkr
from orchestrator.engine.ibkr.probe import Finding, probe

__all__ = ["Finding", "Ibkr", "probe"]
