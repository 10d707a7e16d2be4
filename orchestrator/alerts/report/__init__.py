"""What a session brought: money, trades, what went wrong, what comes next. Read from the store, told in plain lines."""

from orchestrator.alerts.report.session import (
    SessionReport,
    latest_session,
    reported_session,
    session_report,
    starting_cash,
)

__all__ = ["SessionReport", "latest_session", "reported_session", "session_report", "starting_cash"]
