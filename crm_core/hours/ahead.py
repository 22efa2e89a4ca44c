"""What comes next in a text of hours, where a word alone does not tell what it is."""

from collections.abc import Sequence

from crm_core.hours.dates import dates_at
from crm_core.hours.times import is_time_alone, may_be_time
from crm_core.hours.vocabulary import Kind
from crm_core.hours.words import Word

_CONTENT = {Kind.OFF, Kind.WEEKEND, Kind.LEAVE, Kind.ALL_DAY}
_SIGNS = {Kind.COLON, Kind.TO, Kind.FROM}


def skipped(words: Sequence[Word], at: int, kinds: set[Kind]) -> int:
    """The first place from here on that has none of these."""
    while at < len(words) and words[at].kind in kinds:
        at += 1
    return at


def span_at(words: Sequence[Word], at: int) -> tuple[Word, Word, int] | None:
    """Two words that may be times, from and until, and the place behind them; None if none begin here."""
    at = skipped(words, at, {Kind.FROM})
    found = words[at : at + 3]
    if len(found) == 3 and may_be_time(found[0]) and found[1].kind is Kind.TO and may_be_time(found[2]):
        return found[0], found[2], at + 3
    return None


def certain_dates(words: Sequence[Word], at: int, behind: int) -> bool | None:
    """Whether what may be times and dates are dates; None if both are possible: 1.05-3.05.

    Args:
        behind: where the dates end, if they are dates.
    """
    times = span_at(words, at)
    if times is None or behind > times[2]:  # a month follows, in letters
        return True
    if behind < times[2]:  # only the first one can be a date: 9.10-18, but 31.12 - 10-15
        return span_at(words, behind + 1) is not None
    return False if is_time_alone(times[0]) or is_time_alone(times[1]) else None


def is_content(words: Sequence[Word], at: int) -> bool:
    """Whether hours, or a word for days off, certainly follow."""
    at = skipped(words, at, _SIGNS)
    if at < len(words) and words[at].kind in _CONTENT:
        return True
    times = span_at(words, at)
    return times is not None and (times[0].kind is Kind.NUMBER or is_time_alone(times[0]))


def is_weekend_off(words: Sequence[Word], at: int, *, behind_days: bool) -> bool:
    """Whether выходные are days off: behind days without hours of their own, or right before days.

    Args:
        behind_days: whether days stand before the word, and nothing yet that holds on them.
    """
    behind = skipped(words, at + 1, _SIGNS)
    after = words[behind] if behind < len(words) else None
    if not behind_days:
        return after is not None and after.kind is Kind.DAYS
    is_time = after is not None and (may_be_time(after) or after.kind in (Kind.ALL_DAY, Kind.OFF))
    return not is_time or dates_at(words, behind) is not None
