"""Text that a spreadsheet shows as it is: neither calculated, nor taken for a number or a date.

A CSV says nothing of what its cells are: the program that opens it decides, and also at which separator it splits. A
cell that is harmless in one country is several cells in another. So every place is looked at where a cell could begin.
"""

import re

SIGNS = "=+-@＝＋－＠﹦﹢﹣﹫"
"""With one of these a formula begins; full-width and small forms count, too (OWASP, CSV injection)."""

BREAKS = "\t\r\n"
"""No cell may begin with these either: some programs skip them, and then see what follows."""

SEPARATORS = ";,|\t\r\n\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029"
"""Where any program or locale splits a file into rows and cells."""

# Before a sign, programs skip spaces, control characters and invisible ones; quotation marks fall away where a cell is
# read that is cut in two by another separator.
_SKIPPED = r""""\s\x00-\x20\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"""
_SIGN = re.compile(f"[{re.escape(SIGNS)}]")
_STARTS_LIKE_ONE = re.compile(rf"[{re.escape(BREAKS)}]|[{_SKIPPED}]*+[{re.escape(SIGNS)}]")
# The sign is optional, so that each run is consumed once: a text of line breaks alone would take seconds otherwise.
_BEGIN = re.compile(rf"((?:^|[{re.escape(SEPARATORS)}])[{_SKIPPED}{re.escape(SEPARATORS)}]*+)([{re.escape(SIGNS)}]?)")

_DIGIT = re.compile(r"\d")
_NUMERIC = re.compile(r"[\d\s.,:/()%°$€£¥₽'’_eE\u2010-\u2015-]++")
_SHOWN_AS_IT_IS = re.compile(r"0|[1-9][0-9]{0,7}")  # more digits become 8.99991E+10 in a column of usual width

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|янв|фев|мар|апр|ма[йя]|июн|июл|авг|сен|окт|ноя|дек"
_DATE = re.compile(rf"\s*(\d{{1,4}}[\s./-]*)?(?:{_MONTHS})[^\W\d]*\.?[\s./-]*(\d{{1,4}})?\s*", re.IGNORECASE)
_DATE_LONGEST = 40  # characters; no date is longer, and a longer text would take its time


def is_formula_like(text: str) -> bool:
    """Whether a spreadsheet could take a cell with this text for a formula."""
    return _STARTS_LIKE_ONE.match(text) is not None


def is_changed(text: str) -> bool:
    """Whether a spreadsheet would show another number, or a date: 007, 89991234567, 1-2, 3.10, 12:30, 1e5, MAR1."""
    if _NUMERIC.fullmatch(text) and _DIGIT.search(text):
        return _SHOWN_AS_IT_IS.fullmatch(text) is None
    date = _DATE.fullmatch(text) if len(text) <= _DATE_LONGEST else None
    return date is not None and any(date.groups())


def inert(text: str) -> str:
    """A text for a cell of CSV that stays text, whichever program opens the file and wherever it splits it.

    An apostrophe is put before whatever could begin a formula, at the start and after every separator inside, and
    before what a spreadsheet would turn into another number or a date. Harmless text is returned unchanged.
    """
    if text.startswith(tuple(BREAKS)) or is_changed(text):
        text = f"'{text}"
    if _SIGN.search(text) is None:
        return text
    return _BEGIN.sub(lambda found: f"{found[1]}'{found[2]}" if found[2] else found[1], text)
