from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from calendars import MarketCalendar, MarketState

CALENDARS = {name: MarketCalendar(name) for name in ("NYSE", "LSE", "CME", "XSAU", "JPX")}
ZONES = [UTC, *map(ZoneInfo, ("America/New_York", "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Pago_Pago"))]

calendars = st.sampled_from(sorted(CALENDARS)).map(CALENDARS.__getitem__)
years = {"min_value": datetime(2021, 1, 2), "max_value": datetime(2029, 12, 30)}
instants = st.datetimes(timezones=st.sampled_from(ZONES), allow_imaginary=False, **years)
days = st.dates(min_value=date(2021, 1, 1), max_value=date(2029, 12, 31))

fast = settings(max_examples=150, deadline=None, derandomize=True)


@fast
@given(calendars, instants)
def test_next_open_and_close_are_later_and_belong_to_a_session(calendar: MarketCalendar, t: datetime) -> None:
    opens, closes = calendar.get_next_market_open(t), calendar.get_next_market_close(t)
    assert opens > t
    assert closes > t
    # The open of a session may fall on the evening before its date, its close never does on another one.
    session = calendar.session(closes)
    assert session is not None
    assert session.close == closes
    assert opens == session.open or session.open <= t < closes


@fast
@given(calendars, instants)
def test_the_market_is_open_exactly_when_the_next_close_is_nearer(calendar: MarketCalendar, t: datetime) -> None:
    assert calendar.is_market_open(t) == (calendar.get_next_market_close(t) < calendar.get_next_market_open(t))


@fast
@given(calendars, instants, st.floats(0, 1, exclude_max=True))
def test_the_state_is_constant_until_the_next_change(calendar: MarketCalendar, t: datetime, part: float) -> None:
    change = calendar.next_change(t)
    assert change is not None
    state = calendar.get_market_state(t)
    assert calendar.get_market_state(change) is not state
    assert calendar.get_market_state(change.astimezone(UTC) - timedelta(microseconds=1)) is state
    between = t.astimezone(UTC) + (change.astimezone(UTC) - t.astimezone(UTC)) * part
    assert calendar.get_market_state(min(between, change - timedelta(microseconds=1))) is state


@fast
@given(calendars, instants)
def test_the_zone_in_which_one_asks_does_not_matter(calendar: MarketCalendar, t: datetime) -> None:
    for zone in ZONES:
        same = t.astimezone(zone)
        assert calendar.get_market_state(same) is calendar.get_market_state(t)
        assert calendar.get_next_market_open(same) == calendar.get_next_market_open(t)
        assert calendar.next_change(same) == calendar.next_change(t)


@fast
@given(calendars, days)
def test_questions_about_a_day_agree(calendar: MarketCalendar, day: date) -> None:
    session = calendar.session(day)
    assert calendar.is_trading_day(day) == (session is not None)
    assert [session] == calendar.sessions(day, day) or (session is None and calendar.sessions(day, day) == [])
    kinds = [calendar.is_trading_day(day), calendar.is_holiday(day), calendar.is_weekend(day)]
    assert sum(kinds) == 1
    assert calendar.why(day).endswith(": closed") == (session is None)


@fast
@given(calendars, days)
def test_a_session_is_in_order_and_its_anchors_begin_its_states(calendar: MarketCalendar, day: date) -> None:
    session = calendar.session(day)
    if session is None:
        return
    assert session.date == day
    assert session.pre_open <= session.open < session.close <= session.post_close
    assert calendar.get_market_state(session.open) is MarketState.TRADING
    assert calendar.get_market_state(session.close) is not MarketState.TRADING
    assert calendar.get_market_state(session.post_close) is MarketState.CLOSED
    assert calendar.session(session.close) == session


@fast
@given(calendars, days, st.integers(0, 500))
def test_sessions_of_a_range_are_those_of_its_days(calendar: MarketCalendar, day: date, length: int) -> None:
    last = min(day + timedelta(days=length), date(2029, 12, 31))
    each = [calendar.session(day + timedelta(days=number)) for number in range((last - day).days + 1)]
    assert calendar.sessions(day, last) == [session for session in each if session is not None]
