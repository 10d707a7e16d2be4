"""Jobs of one's own as functions: called without arguments, in a process of their own. An exception is a failed run."""

import os
from datetime import date, timedelta

from calendars import MarketCalendar

SESSION = "ORCHESTRATOR_SESSION"


def scan():
    """Runs every five minutes; what it prints is kept."""
    print(f"session {os.environ[SESSION]}, state {os.environ['ORCHESTRATOR_STATE']}")


def download():
    """Fetches what the strategy needs. Raises OSError where the service does not answer: the run is tried again."""


def first_session_of_month():
    """Does its work on one day of the month only: the first on which the exchange is open."""
    today = date.fromisoformat(os.environ[SESSION])
    earlier = MarketCalendar("NYSE").sessions(today.replace(day=1), today - timedelta(days=1))
    if earlier:
        print("not the first session of the month")
        return
    print("invoice")
