"""Makes the table of :mod:`calendars.almanac` from the installed `holidays`."""

from calendars.almanac import CODE, TABLE, table_text
from calendars.exchanges import exchange_named
from calendars.published import asked

if __name__ == "__main__":
    days = {day: special for year in exchange_named(CODE).years for day, special in asked(CODE, year).items()}
    TABLE.write_text("".join(f"{line}\n" for line in table_text(days)), "utf-8")
