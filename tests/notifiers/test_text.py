import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifiers.text import clean, cut, fitted, one_line, shortened, size

FAMILY = "👨‍👩‍👧"
TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(" \n&<_" + FAMILY), max_size=400)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("\x1b[31mred\x1b[0m and \x1b]0;title\x07plain", "red and plain"),
        ("a\r\nb\rc\x0bd\u2028e", "a\nb\nc\nd\ne"),
        ("tab\there, bell\x07 and NUL\x00", "tab\there, bell and NUL"),
        ("C1\x9b31m and \x7f", "C131m and "),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("خسارة 10٪ שלום", "خسارة 10٪ שלום"),
        (f"{FAMILY} 📉 é", f"{FAMILY} 📉 é"),
    ],
)
def test_what_cannot_be_read_is_removed(text, cleaned):
    assert clean(text) == cleaned


def test_on_one_line_blanks_are_single():
    assert one_line(" a\r\n\tb \x00 c ") == "a b c"


def test_a_character_beyond_the_basic_plane_counts_twice():
    assert (size("abc"), size("é"), size("📉"), size(FAMILY)) == (3, 1, 2, 8)


@pytest.mark.parametrize(
    ("text", "limit", "beginning"),
    [
        ("hello world", 11, "hello world"),
        ("hello world again", 15, "hello world […]"),
        ("hello world again", 14, "hello […]"),
        ("hello, " + "x" * 60, 60, "hello, " + "x" * 49 + " […]"),
        ("one  \n two", 8, "one […]"),
        ("longer", 5, "l […]"),
        ("longer", 4, "long"),
        ("longer", 0, ""),
        ("longer", -1, ""),
        ("📉📉📉📉", 6, "📉 […]"),
        ("📉📉📉📉", 7, "📉 […]"),
        (FAMILY * 3, 23, FAMILY * 2 + " […]"),
        ("e\u0301" * 9, 9, "e\u0301e\u0301 […]"),
        ("👍🏽" * 4, 11, "👍🏽 […]"),
    ],
)
def test_the_beginning_is_kept_whole(text, limit, beginning):
    assert cut(text, limit) == beginning


def test_of_a_long_text_the_beginning_and_the_end_are_kept():
    text = "Job report failed.\n" + "a line of output\n" * 500 + "KeyError: 'AAPL'"
    short = shortened(text, 400)
    assert size(short) <= 400
    assert short.startswith("Job report failed.\na line of output\n")
    assert short.endswith("a line of output\nKeyError: 'AAPL'")
    beginning, mark, end = (
        short.split("\n[… ")[0],
        short[short.index("[… ") : short.index(" …]")],
        short.split(" …]\n")[1],
    )
    assert mark == f"[… {len(text) - len(beginning) - len(end):,} characters left out"


@pytest.mark.parametrize("limit", [10, 100])
def test_where_there_is_little_room_only_the_beginning_is_kept(limit):
    assert shortened("word " * 100, limit) == cut("word " * 100, limit)


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("_", "\\_")


@settings(derandomize=True, deadline=None)
@given(TEXT, st.integers(0, 300))
def test_no_cut_is_too_long_or_parts_what_is_drawn_as_one(text, limit):
    for short in (cut(text, limit), shortened(text, limit)):
        assert size(short) <= limit
        assert (short == text) == (size(text) <= limit)
        short.encode("utf-8")


@settings(derandomize=True, deadline=None)
@given(TEXT, st.integers(20, 300))
def test_what_is_fitted_is_whole_escapes_of_the_right_length(text, limit):
    fit = fitted(text, limit, escaped, cut)
    assert size(fit) <= limit
    if size(escaped(text)) <= limit:
        assert fit == escaped(text)
    else:
        kept = fit.removesuffix(" […]").replace("\\_", "_").replace("&lt;", "<").replace("&amp;", "&")
        assert fit.endswith(" […]")
        assert text.startswith(kept.rstrip()) or unicodedata.normalize("NFC", text) != text


def test_what_needs_escapes_everywhere_still_fills_the_room():
    assert 2_900 < size(fitted("&" * 5_000, 3_000, escaped, cut)) <= 3_000


def test_a_text_of_nothing_but_blanks_is_cut_in_an_instant():
    assert size(shortened(" " * 200_000 + "x", 3_000)) <= 3_000
