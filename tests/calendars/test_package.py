import subprocess
import sys
from pathlib import Path

import calendars

ROOT = Path(calendars.__file__).parents[1]

LAZY = """
import sys
from datetime import date
import calendars
calendar = calendars.MarketCalendar("NYSE", overrides={"2026-07-02": "closed"})
always = calendars.MarketCalendar("ALWAYS").session(date(2026, 7, 2))
assert "holidays" not in sys.modules, "imported before a question needs it"
calendar.session(date(2026, 7, 2))
assert "holidays" not in sys.modules, "imported for what the table has"
calendars.MarketCalendar("XLON").session(date(2026, 7, 2))
assert "holidays" in sys.modules
assert "pandas" not in sys.modules
assert "numpy" not in sys.modules
"""


def test_the_library_is_imported_by_the_first_question_that_needs_it() -> None:
    subprocess.run([sys.executable, "-c", LAZY], cwd=ROOT, check=True)


def test_exported_names() -> None:
    assert sorted(calendars.__all__) == [
        "ALWAYS",
        "Clock",
        "MarketCalendar",
        "MarketState",
        "Session",
        "SystemClock",
        "VirtualClock",
        "Waitable",
        "exchange_names",
    ]
    assert all(hasattr(calendars, name) for name in calendars.__all__)
