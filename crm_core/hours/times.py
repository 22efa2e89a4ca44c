"""Times of day as people write them: 9, 9:30, 9.30, 9am, 6 вечера."""

from crm_core.hours.days import MINUTES, Reason, Span
from crm_core.hours.vocabulary import Kind
from crm_core.hours.words import Text, Word

_TIMES = {Kind.NUMBER, Kind.CLOCK, Kind.DOTTED}
_MORNING, _EVENING = "am", "pm"
_NIGHT_BEGINS = 9  # 10 ночи is in the evening, 2 ночи in the morning
_AFTERNOON = 6  # 1 to 6 дня; 11 дня is before noon


def may_be_time(word: Word) -> bool:
    """Whether a word can be a time of day, right or wrong: 25:00 can."""
    if word.kind is Kind.DOTTED:
        _, minutes, digits = word.value
        return bool(digits == 2 and minutes < 60)
    return word.kind is Kind.CLOCK or (word.kind is Kind.NUMBER and word.value < 100)


def is_time_alone(word: Word) -> bool:
    """Whether a word can be a time and no date."""
    return word.kind is Kind.CLOCK or (
        word.kind is Kind.DOTTED and may_be_time(word) and not (1 <= word.value[0] <= 31 and 1 <= word.value[1] <= 12)
    )


def read_span(text: Text, first: Word, last: Word) -> Span:
    """From one time until another; the second one may be of the next day. Raises BadHours."""
    hour, minute, half = _parts(first)
    end_hour, end_minute, end_half = _parts(last)
    if half and not end_half and end_hour <= 12:
        raise text.refusal(Reason.HALF_OF_DAY, first.start, last.end)
    until = _minutes(text, last, end_hour, end_minute, end_half)
    if end_half and not half and 1 <= hour <= 12:
        same = _half_of(until or MINUTES)
        start = _minutes(text, first, hour, minute, same)
        if start >= (until or MINUTES):
            start = _minutes(text, first, hour, minute, _EVENING if same == _MORNING else _MORNING)
    else:
        start = _minutes(text, first, hour, minute, half)
    if start == MINUTES:
        raise text.refusal(Reason.NO_SUCH_TIME, first.start, first.end)
    if start == until:
        raise text.refusal(Reason.SAME_TIME, first.start, last.end)
    return start, until if until > start else until + MINUTES


def _parts(word: Word) -> tuple[int, int, str | None]:
    if word.kind is Kind.NUMBER:
        return word.value, 0, None
    if word.kind is Kind.DOTTED:
        return word.value[0], word.value[1], None
    hour, minute, half = word.value
    return hour, minute, half or None


def _half_of(minute: int) -> str:
    return _MORNING if minute < MINUTES // 2 else _EVENING


def _minutes(text: Text, word: Word, hour: int, minute: int, half: str | None) -> int:
    """Minutes after midnight."""
    if hour > (12 if half else 24) or minute > 59 or (hour == 24 and minute) or (half and not hour):
        raise text.refusal(Reason.NO_SUCH_TIME, word.start, word.end)
    match half:
        case "pm" | "вечера":
            is_later = hour < 12
        case "дня":
            is_later = hour <= _AFTERNOON
        case "ночи":
            is_later = _NIGHT_BEGINS <= hour < 12
        case _other:
            is_later = False
    on_day = hour + 12 if is_later else hour
    if hour == 12 and half in ("am", "ночи", "вечера", "утра"):
        on_day = 0
    return on_day * 60 + minute
