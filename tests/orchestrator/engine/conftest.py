"""An engine on a real database file and a virtual clock, which can be abandoned at any moment and built anew."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from calendars import MarketCalendar, VirtualClock
from orchestrator.config import embedded_defaults
from orchestrator.engine import Strategy
from orchestrator.engine.account import Account
from orchestrator.engine.builtin import BuiltinEngine
from orchestrator.engine.journal import Journal
from orchestrator.events import AlertRaised, NewsTold, OrderFilled, OrderUpdated
from orchestrator.news import STRIKE_OFF
from orchestrator.store import Store

NEW_YORK = ZoneInfo("America/New_York")
PRICES = Path(__file__).parents[3] / "config" / "prices"
CALENDAR = MarketCalendar()


class Scripted(Strategy):
    """Gives the orders that it was given, each at its time of day: _0931=[Order(...)]."""

    def __init__(self, **orders):
        self.script = {f"{name[1:3]}:{name[3:]}": order for name, order in orders.items()}
        self.fills, self.life = [], []

    def initialize(self):
        self.life.append("initialized")

    def on_data(self, timestamp, data):
        return self.script.pop(f"{timestamp.astimezone(NEW_YORK):%H:%M}", [])

    def on_fill(self, fill):
        self.fills.append(fill)

    def finalize(self):
        self.life.append("finalized")


class Weights(Strategy):
    """Wants these weights."""

    def __init__(self, **weights):
        self.weights = weights

    def target_weights(self, timestamp, data):
        return self.weights


def flat_bar(day, price, volume=""):
    return f"{day},{price},{price},{price},{price},{volume}"


class Rig:
    """`engine` is the running one; `events` has everything that any engine here has emitted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = embedded_defaults()
        self.config.data.update_interval = 60.0
        self.config.strategy.symbols = ["AAPL", "IBM", "MSFT"]
        self.calendar = CALENDAR
        self.clock = VirtualClock(datetime(2012, 11, 19, 9, 30, tzinfo=NEW_YORK))
        self.events = []
        self.store = self.engine = None

    def replay(self):
        """Prices are the real ones of the sample."""
        self.config.data.primary_source, self.config.data.path = "csv", str(PRICES)

    def bars(self, **rows):
        """Prices are these: SYMBOL=["2012-11-19,10,10,10,10,1000", ...]."""
        for symbol, lines in rows.items():
            text = "\n".join(["date,open,high,low,close,volume", *lines, ""])
            (self.folder / f"{symbol}.csv").write_text(text, encoding="utf-8")
        self.config.strategy.symbols = list(rows)
        self.config.data.primary_source, self.config.data.path = "csv", "."

    def closes(self, until, **prices):
        """Prices stand still within a session: SYMBOL=[10.0, 11.0, ...], the last of them on the day `until`."""
        count = max(map(len, prices.values()))
        first = date.fromisoformat(until) - timedelta(days=2 * count + 10)
        days = [session.date for session in CALENDAR.sessions(first, date.fromisoformat(until))]
        self.bars(
            **{
                symbol: [flat_bar(day, price) for day, price in zip(days[-len(values) :], values, strict=True)]
                for symbol, values in prices.items()
            }
        )

    def at(self, text):
        """Go to this time in New York."""
        when = datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)
        self.clock.advance(when.astimezone(UTC) - self.clock.now())

    def build(self, strategy=None):
        """A new engine on the same file, as a new process would have; the old one is left where it was."""
        if self.store is not None:
            self.store.close()
        self.store = Store(f"sqlite:///{self.folder}/orchestrator.db").open()
        self.engine = BuiltinEngine(self.config, self.store, self.calendar, self.folder, self.clock, self.hear)
        if strategy is not None:
            self.engine.add_strategy(strategy)
        return self.engine

    def hear(self, told):
        """As the daemon does: what has been taken is struck off."""
        self.events.append(told)
        if isinstance(told, NewsTold):
            with self.store.engine.begin() as connection:
                connection.execute(STRIKE_OFF, {"told": told.news})

    def start(self, strategy=None):
        self.build(strategy)
        assert self.engine.connect()
        assert self.engine.start(self.config.strategy.symbols)
        return self.engine

    def step(self):
        return self.engine.step(self.clock.now())

    def run(self, until):
        """Step at the engine's own pace to this time in New York, which is no longer stepped at."""
        end = datetime.fromisoformat(until).replace(tzinfo=NEW_YORK)
        while self.clock.now() < end:
            wanted = self.step()
            self.clock.advance(min(wanted, end.astimezone(UTC)) - self.clock.now())

    def events_of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def fills(self):
        return self.events_of(OrderFilled)

    def statuses(self):
        return [(event.order_ref, event.status) for event in self.events_of(OrderUpdated)]

    def alerts(self, topic):
        return [event for event in self.events_of(AlertRaised) if event.topic == topic]

    @property
    def journal(self):
        return Journal(self.store)

    def account(self):
        """What the fills on record add up to."""
        return Account.of(self.config.broker.starting_cash, self.journal.fills(), self.journal.splits())


@pytest.fixture(scope="session")
def new_rig():
    """Makes a rig in a folder, for what several tests share."""
    return Rig


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    yield rig
    if rig.store is not None:
        rig.store.close()


@pytest.fixture
def weights():
    return Weights


@pytest.fixture
def scripted():
    return Scripted


@pytest.fixture
def flat():
    return flat_bar


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path}/orchestrator.db") as store:
        yield store


@pytest.fixture
def calendar():
    return CALENDAR


@pytest.fixture
def new_york():
    """Reads a time in New York."""

    def read(text):
        return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)

    return read


@pytest.fixture
def minutes():
    return lambda count: timedelta(minutes=count)
