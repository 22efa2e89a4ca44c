"""The words of hours in Russian and English, as patterns. ё is written е, and every dash as a hyphen."""

import re
from collections.abc import Callable
from enum import Enum, auto
from typing import Any

from crm_core.hours.days import FREE, WHOLE


class Kind(Enum):
    """What a word is. Its value: see `PATTERNS`."""

    SKIPPED = auto()
    ZONE = auto()
    START_BEFORE = auto()
    STOP_BEFORE = auto()
    EVERY_DAY_IS = auto()
    DAYS = auto()
    WEEKEND = auto()  # выходные: Saturday and Sunday, or days off
    ALL_DAY = auto()
    OFF = auto()
    LEAVE = auto()
    BREAK = auto()
    DATE = auto()  # with its year
    MONTH = auto()
    CLOCK = auto()  # hour, minute, half of the day or None
    DOTTED = auto()  # 9.30: a time or a date
    NUMBER = auto()
    FROM = auto()
    TO = auto()
    COMMA = auto()
    COLON = auto()


WEEKDAYS, WEEKEND, ALL_DAYS = frozenset(range(5)), frozenset({5, 6}), frozenset(range(7))

DAY_NAMES = (
    r"понедельник\w*|пнд?|пон|mondays?|mon|mo",
    r"вторник\w*|втр?|tuesdays?|tues?|tu",
    r"сред(?:а|ы|у|е|ам)|срд?|wednesdays?|weds?|we",
    r"четверг\w*|чтв?|чет|thursdays?|thurs?|thu|th",
    r"пятниц\w*|птн?|пят|fridays?|fri|fr",
    r"суббот\w*|сбт?|суб|saturdays?|sat|sa",
    r"воскресен\w*|вск?|воскр|sundays?|sun|su",
)
MONTH_NAMES = (
    r"янв(?:ар\w+)?|jan(?:uary)?",
    r"фев(?:р(?:ал\w+)?)?|feb(?:ruary)?",
    r"мар(?:та?)?|mar(?:ch)?",
    r"апр(?:ел\w+)?|apr(?:il)?",
    r"ма[йя]|may",
    r"июн[ья]?|june?",
    r"июл[ья]?|july?",
    r"авг(?:уста?)?|aug(?:ust)?",
    r"сент?(?:ябр\w+)?|sept?(?:ember)?",
    r"окт(?:ябр\w+)?|oct(?:ober)?",
    r"ноя(?:бр\w*)?|nov(?:ember)?",
    r"дек(?:абр\w+)?|dec(?:ember)?",
)
_AREAS = (
    "africa|america|antarctica|arctic|asia|atlantic|australia|brazil|canada|chile|etc|europe|indian|mexico|pacific|us"
)
_HALVES = {"am": "am", "a.m.": "am", "pm": "pm", "p.m.": "pm"}
_MINUTES = r"([0-9]{1,4}) ?(?:min(?:ute)?s?|мин(?:ут[аы]?)?)\.? (?:before(?: the)?|до) (?:shift )?"
_FIRST = r"(?:(?:first|new) requests?|перв[ыо]е|новые)?(?: обращени[ея])?[ :]*(?:за )?"
_LAST = r"(?:last requests?|последн[ие]е)?(?: обращени[ея])?[ :]*(?:за )?"


def _words(pattern: str) -> re.Pattern[str]:
    """Whole words, with the full stop of an abbreviation."""
    return re.compile(rf"(?<![^\W\d_])(?:{pattern})(?![^\W\d_])\.?", re.IGNORECASE)


def _signs(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _number(found: re.Match[str]) -> int:
    return int(found[1] or found[2])


def _date(year: int, month: int, day: int) -> Callable[[re.Match[str]], tuple[int, int, int]]:
    return lambda found: (int(found[year]) % 2_000 + 2_000, int(found[month]), int(found[day]))


def _clock(found: re.Match[str]) -> tuple[int, int, str | None]:
    half = found["half"]
    return int(found["hour"]), int(found["minute"] or 0), half and _HALVES.get(half.lower(), half.lower())


# In this order: a longer phrase before its words, a time before its number.
PATTERNS: tuple[tuple[Kind, re.Pattern[str], Callable[[re.Match[str]], Any]], ...] = (
    (Kind.COMMA, _signs(r"\s*[\n;]\s*"), lambda found: ";"),
    (Kind.SKIPPED, _signs(r"\s+"), lambda found: None),
    (
        Kind.START_BEFORE,
        _signs(rf"{_FIRST}{_MINUTES}(?:start|beginning|opening|начала|открытия)|start_before[ =:]*([0-9]{{1,4}})"),
        _number,
    ),
    (
        Kind.STOP_BEFORE,
        _signs(rf"{_LAST}{_MINUTES}(?:end|close|closing|конца|окончания|закрытия)|stop_before[ =:]*([0-9]{{1,4}})"),
        _number,
    ),
    (
        Kind.ZONE,
        _signs(
            r"(?:time ?zone|zone|tz|(?:часовой )?пояс)[ :=]+([a-z_]\S*[a-z0-9])"
            rf"|((?:{_AREAS})/[a-z0-9_+/-]*[a-z0-9]|utc)\b"
        ),
        lambda found: found[1] or found[2],
    ),
    (Kind.EVERY_DAY_IS, _signs(r"24 ?/ ?7(?!\d)"), lambda found: WHOLE),
    (Kind.EVERY_DAY_IS, _words(r"always|всегда"), lambda found: WHOLE),
    (Kind.EVERY_DAY_IS, _words(r"no (?:working |weekly )?hours|нет рабочих часов"), lambda found: FREE),
    (
        Kind.ALL_DAY,
        _words(r"круглосуточно|круглые сутки|a?round[ -]the[ -]clock|all day|весь день|(?<![-\d])24 (?:hours|часа)"),
        lambda found: None,
    ),
    (Kind.DATE, _signs(r"(20\d\d)-(\d\d?)-(\d\d?)(?!\d)"), _date(1, 2, 3)),
    (Kind.DATE, _signs(r"(\d\d?)\.(\d\d?)\.((?:20)?\d\d)(?!\d)(?: ?г(?:ода|\.)?(?!\w))?"), _date(3, 2, 1)),
    (
        Kind.CLOCK,
        _signs(
            r"(?P<hour>\d{1,2})(?:[:.](?P<minute>\d\d))? ?(?P<half>am|a\.m\.|pm|p\.m\.|утра|дня|вечера|ночи)(?![^\W_])"
        ),
        _clock,
    ),
    (Kind.CLOCK, _signs(r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?P<half>)(?!\d)"), _clock),
    (Kind.CLOCK, _signs(r"(?P<hour>\d{1,2}) ?(?:час(?:ов|а)?|ч|h)\.?(?P<minute>)(?P<half>)(?![^\W_])"), _clock),
    (Kind.DOTTED, _signs(r"(\d\d?)\.(\d\d?)(?!\d)"), lambda found: (int(found[1]), int(found[2]), len(found[2]))),
    (Kind.NUMBER, _signs(r"(\d{1,4})(?:(?:st|nd|rd|th|-?го|-?ое?|-?е)(?![^\W_]))?(?!\d)"), lambda found: int(found[1])),
    (
        Kind.SKIPPED,
        _words(r"без (?:обеда|перерывов|перерыва)|(?:no|without) (?:a )?(?:lunch|breaks?)"),
        lambda found: None,
    ),
    (
        Kind.DAYS,
        _words(
            r"ежедневно|кажд(?:ый|ого) д(?:ень|ня)|все дни|всю неделю|без выходных|daily|every ?day|all (?:days|week)"
        ),
        lambda found: ALL_DAYS,
    ),
    (
        Kind.DAYS,
        _words(r"будн\w+(?: дн\w+)?|рабоч\w+ дн\w+|weekdays?|work(?:ing)? ?days?|business days?"),
        lambda found: WEEKDAYS,
    ),
    (Kind.DAYS, _words(r"weekends?"), lambda found: WEEKEND),
    (Kind.WEEKEND, _words(r"выходны(?:е|х|м)(?: дн\w+)?"), lambda found: WEEKEND),
    (
        Kind.LEAVE,
        _words(r"отпуск\w*|отсутств\w+|больничн\w+|(?:on |sick )?leave|vacation|on holiday|time off|absent|away"),
        lambda found: None,
    ),
    (
        Kind.OFF,
        _words(
            r"выходной(?: день)?|вых|нерабоч\w+(?: д\w+)?|не работа\w+|закрыт[оаы]?|праздник\w*|праздничн\w+ д\w+"
            r"|days? off|off|closed|(?:public |bank )?holidays?|not working|free"
        ),
        lambda found: None,
    ),
    (Kind.BREAK, _words(r"(?:обеденн\w+ )?перерыв\w*|обед\w*|(?:lunch )?breaks?|lunch"), lambda found: None),
    *((Kind.DAYS, _words(pattern), lambda found, one=one: frozenset({one})) for one, pattern in enumerate(DAY_NAMES)),
    *((Kind.MONTH, _words(pattern), lambda found, one=one: one) for one, pattern in enumerate(MONTH_NAMES, 1)),
    (Kind.FROM, _words(r"со?|c|from"), lambda found: None),
    (Kind.TO, _words(r"до|to|till?|until|through|thru"), lambda found: "to"),
    (Kind.TO, _words(r"по"), lambda found: "on"),  # с пн по пт, and: по пятницам
    (Kind.TO, _signs(r"-|\.{2,3}|…"), lambda found: "-"),
    (Kind.COMMA, _words(r"и|and|а также|plus"), lambda found: "and"),
    (Kind.COMMA, _signs(r"[,./&+|()]"), lambda found: ","),
    (Kind.COLON, _signs(r":"), lambda found: None),
    (
        Kind.SKIPPED,
        _words(
            r"во?|on|every|кажд(?:ый|ую|ое|ая)|the|at|работа(?:ю|ем|ет|ют)|works?|working|(?:office |working )?hours"
            r"|часы|смен[аы]|график|режим|г|года|open"
        ),
        lambda found: None,
    ),
)
