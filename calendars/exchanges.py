"""The exchanges that `holidays` knows by name, with their time zones and regular hours.

Hours are those of continuous trading in the main order book today, applied to every year. Lunch breaks are
not modelled: a session lasts from the first open to the last close. Only the New York stock exchanges have
extended hours here. Half days that `holidays` does not list, such as Xetra's 30 December, count as regular
days.

`since` is the first year for which `holidays` has data (1990 where it goes back further).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from calendars.hours import Hours, hours, minute_of

__all__ = ["ALWAYS", "Exchange", "exchange_named", "exchange_names"]

ALWAYS = "ALWAYS"
"""The calendar of a market that never closes."""

SAT_SUN = frozenset({5, 6})
FRI_SAT = frozenset({4, 5})


@dataclass(frozen=True, slots=True)
class Exchange:
    """`code` is the market identifier code (ISO 10383) or what stands for one in `holidays`."""

    code: str
    aliases: tuple[str, ...]
    zone: str
    hours: Hours
    since: int = 1990
    until: int = 2100
    weekend: frozenset[int] = SAT_SUN
    half_day_close: int | None = None
    """For exchanges whose half days carry no closing time in `holidays`."""

    @property
    def years(self) -> range:
        return range(self.since, self.until + 1)

    @property
    def never_closes(self) -> bool:
        return self.code == ALWAYS


CONTINENT = hours("09:00", "17:30")
NEW_YORK = hours("09:30", "16:00", pre_open="04:00", post_close="20:00")

_EXCHANGES = (
    Exchange(ALWAYS, ("24/7",), "UTC", hours("00:00", "24:00"), weekend=frozenset()),
    # Americas
    Exchange("XNYS", ("NYSE",), "America/New_York", NEW_YORK),
    Exchange("XNAS", ("NASDAQ",), "America/New_York", NEW_YORK),
    Exchange("XTSE", ("TSX",), "America/Toronto", hours("09:30", "16:00"), since=2002),
    # Globex; its holidays' noon "pause" ends the session.
    Exchange("XCME", ("CME",), "America/Chicago", hours("17:00", "16:00"), since=2000),
    # Both move with New York's clocks, whatever their own do.
    Exchange("XMEX", ("BMV",), "America/New_York", hours("09:30", "16:00"), since=2001),
    Exchange("XBOG", ("BVC",), "America/New_York", hours("09:30", "16:00"), since=2008),
    # 18:00 while New York is on standard time; the shorter day, so that it never says open when it is shut.
    Exchange("BVMF", ("B3",), "America/Sao_Paulo", hours("10:00", "17:00")),
    Exchange("XBUE", ("BYMA",), "America/Argentina/Buenos_Aires", hours("11:00", "17:00"), since=2026),
    # Europe
    Exchange("XLON", ("LSE",), "Europe/London", hours("08:00", "16:30"), since=2000),
    Exchange("IFEU", (), "Europe/London", hours("01:00", "23:00"), since=2014),  # Brent
    Exchange("XETR", ("XETRA",), "Europe/Berlin", CONTINENT, since=2016),
    Exchange("XFRA", (), "Europe/Berlin", hours("08:00", "22:00"), since=2016),
    Exchange("XSWX", ("SIX",), "Europe/Zurich", CONTINENT, since=2000),
    Exchange("XMAD", ("BME",), "Europe/Madrid", CONTINENT, since=2000),
    Exchange("ENX", ("EURONEXT",), "Europe/Paris", CONTINENT, since=2019),
    Exchange("XAMS", (), "Europe/Amsterdam", CONTINENT, since=2019),
    Exchange("XBRU", (), "Europe/Brussels", CONTINENT, since=2019),
    Exchange("XPAR", (), "Europe/Paris", CONTINENT, since=2019),
    Exchange("XMIL", (), "Europe/Rome", CONTINENT, since=2019),
    Exchange("XDUB", (), "Europe/Dublin", hours("08:00", "16:30"), since=2019),
    Exchange("XLIS", (), "Europe/Lisbon", hours("08:00", "16:30"), since=2019),
    Exchange("XOSL", (), "Europe/Oslo", hours("09:00", "16:20"), since=2019),
    Exchange("XATH", (), "Europe/Athens", hours("10:15", "17:20"), since=2019),
    Exchange("XWAR", ("GPW",), "Europe/Warsaw", hours("09:00", "17:00"), since=2011),
    Exchange("XIST", ("BIST",), "Europe/Istanbul", hours("10:00", "18:00"), half_day_close=minute_of("12:30")),
    # Asia, Pacific, Africa
    Exchange("XJPX", ("JPX", "TSE", "OSE"), "Asia/Tokyo", hours("09:00", "15:30"), until=2099),
    Exchange(
        "XHKG",
        ("HKEX", "SEHK"),
        "Asia/Hong_Kong",
        hours("09:30", "16:00"),
        since=2014,
        half_day_close=minute_of("12:00"),
    ),
    Exchange("XSHG", ("SSE",), "Asia/Shanghai", hours("09:30", "15:00"), since=2001),
    Exchange("XSHE", ("SZSE",), "Asia/Shanghai", hours("09:30", "15:00"), since=2001),
    Exchange("XTAI", ("TWSE",), "Asia/Taipei", hours("09:00", "13:30"), since=2008),
    Exchange("XKRX", ("KRX",), "Asia/Seoul", hours("09:00", "15:30"), since=2000),
    Exchange("XSES", ("SGX",), "Asia/Singapore", hours("09:00", "17:00"), since=2000),
    Exchange("XBOM", ("BSE",), "Asia/Kolkata", hours("09:15", "15:30"), since=2001),
    Exchange("XNSE", ("NSE",), "Asia/Kolkata", hours("09:15", "15:30"), since=2001),
    Exchange("XKAR", ("PSX",), "Asia/Karachi", hours("09:32", "15:30"), since=2016),
    Exchange("XSAU", ("TADAWUL",), "Asia/Riyadh", hours("10:00", "15:00"), since=2020, weekend=FRI_SAT),
    Exchange(
        "XASX",
        ("ASX",),
        "Australia/Sydney",
        hours("10:00", "16:00"),
        since=2000,
        half_day_close=minute_of("14:10"),
    ),
    Exchange("XNZE", ("NZX",), "Pacific/Auckland", hours("10:00", "16:45"), since=2000),
    Exchange("XJSE", ("JSE",), "Africa/Johannesburg", hours("09:00", "17:00"), since=2000),
    # Money and bonds: hours of T2, of Fedwire Funds, and of SIFMA's recommendation for US dollar bonds.
    Exchange("XECB", ("ECB", "TAR"), "Europe/Berlin", hours("02:30", "18:00"), since=1999),
    Exchange("XFED", ("FED", "USNY"), "America/New_York", hours("21:00", "19:00"), since=1999),
    Exchange("XSIF", ("USGS", "SIFMA"), "America/New_York", hours("07:00", "17:30"), since=1996),
)


def _by_name(exchanges: Iterable[Exchange]) -> Mapping[str, Exchange]:
    return MappingProxyType({name: each for each in exchanges for name in (each.code, *each.aliases)})


_NAMES = _by_name(_EXCHANGES)


def exchange_names() -> tuple[str, ...]:
    """Every name that MarketCalendar takes, sorted."""
    return tuple(sorted(_NAMES))


def exchange_named(name: str) -> Exchange:
    """In any case of letters. An unknown name raises ValueError with the known ones."""
    found = _NAMES.get(name.upper())
    if found is None:
        raise ValueError(f"unknown exchange {name!r}; known are {', '.join(exchange_names())}")
    return found
