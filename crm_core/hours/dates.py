"""Dates as people write them: 31.12, 31 дек, dec 31, 2026-12-31, 1-8 января, 29 dec - 8 jan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from crm_core.hours.days import Reason
from crm_core.hours.vocabulary import Kind
from crm_core.hours.words import Text, Word

LONGEST = 366  # days of one range of days off, or of exceptions
_HALF_A_YEAR = 183  # a range of dates without years that would be longer is the wrong way round
_YEARS_AHEAD = 8  # until the next 29 February, at most

Dates = tuple[date, date]


@dataclass(frozen=True, slots=True)
class TypedDate:
    """A date that may lack its year; whether it exists is seen when it has one."""

    year: int | None
    month: int
    day: int


def date_at(words: Sequence[Word], at: int) -> tuple[TypedDate, int] | None:
    """The date that begins at a word, and the place behind it; None if none does."""
    one, two = _kind(words, at), _kind(words, at + 1)
    if one is Kind.DATE:
        return TypedDate(*words[at].value), at + 1
    if one is Kind.DOTTED:
        day, month, _ = words[at].value
        return (TypedDate(None, month, day), at + 1) if 1 <= month <= 12 else None
    if one is Kind.NUMBER and two is Kind.MONTH:
        return _with_year(words, at + 2, words[at + 1].value, words[at].value)
    if one is Kind.MONTH and two is Kind.NUMBER and words[at + 1].value < 100:
        return _with_year(words, at + 2, words[at].value, words[at + 1].value)
    return None


def dates_at(words: Sequence[Word], at: int) -> tuple[TypedDate, TypedDate, int] | None:
    """The date, or range of dates, that begins at a word, and the place behind it; None if none does."""
    if _kind(words, at) is Kind.FROM:
        at += 1
    if _kind(words, at + 1) is Kind.TO:
        first, last = words[at], date_at(words, at + 2)
        if first.kind is Kind.NUMBER and last is not None and last[0].month and words[at + 2].kind is not Kind.DATE:
            if words[at + 2].kind is Kind.MONTH:
                return None  # 1 - dec 8
            return TypedDate(last[0].year, last[0].month, first.value), *last  # 1-8 января
    found = date_at(words, at)
    if found is None:
        return None
    begins, behind = found
    if _kind(words, behind) is Kind.TO:
        last = date_at(words, behind + 1)
        if last is not None:
            return begins, *last
        is_month_first = words[at].kind is Kind.MONTH
        if is_month_first and _kind(words, behind + 1) is Kind.NUMBER and words[behind + 1].value < 100:  # jan 1-8
            return begins, *_with_year(words, behind + 2, begins.month, words[behind + 1].value)
    return begins, begins, behind


def resolve(text: Text, first: TypedDate, last: TypedDate, today: date, *, place: tuple[int, int]) -> Dates:
    """A range of dates with the years that they lack.

    Dates without a year are the next ones: the range ends today or later. Raises BadHours for a date that there is not,
    and for a range that ends before it begins.

    Args:
        place: where the range stands in the text.
    """
    last_year, first_year = last.year, first.year
    if last_year is None and first_year is not None:
        last_year = first_year + (_order(last) < _order(first))
    end = _next(last, today) if last_year is None else _date(last, last_year)
    if end is not None and first_year is None:
        first_year = end.year - (_order(last) < _order(first))
    begin = None if first_year is None else _date(first, first_year)
    if begin is None or end is None:
        raise text.refusal(Reason.NO_SUCH_DATE, *place)
    is_wrapped = begin.year < end.year and (first.year is None or last.year is None)
    if end < begin or (is_wrapped and (end - begin).days > _HALF_A_YEAR):
        raise text.refusal(Reason.ENDS_FIRST, *place)
    return begin, end


def _with_year(words: Sequence[Word], at: int, month: int, day: int) -> tuple[TypedDate, int]:
    behind = at + 1 if _kind(words, at) is Kind.COMMA and _kind(words, at + 1) is Kind.NUMBER else at
    if _kind(words, behind) is Kind.NUMBER and 2_000 <= words[behind].value < 2_100:
        return TypedDate(words[behind].value, month, day), behind + 1
    return TypedDate(None, month, day), at


def _kind(words: Sequence[Word], at: int) -> Kind | None:
    return words[at].kind if at < len(words) else None


def _order(typed: TypedDate) -> tuple[int, int]:
    return typed.month, typed.day


def _next(typed: TypedDate, today: date) -> date | None:
    for year in range(today.year, today.year + _YEARS_AHEAD + 1):
        found = _date(typed, year)
        if found is not None and found >= today:
            return found
    return None


def _date(typed: TypedDate, year: int) -> date | None:
    try:
        return date(year, typed.month, typed.day)
    except ValueError:
        return None
