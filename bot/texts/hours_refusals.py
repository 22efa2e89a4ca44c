"""What is wrong with working hours that somebody typed, and what would be right."""

from typing import assert_never

from bot.texts.translator import Translator
from crm_core.hours.days import Reason


def bad_hours(reason: str, part: str, _: Translator) -> str:
    """A sentence for `BadHours`.

    Args:
        reason, part: its fields; a reason of another version counts as "not understood".
    """
    return _sentence(Reason.known(reason), _).format(part=part)


def _sentence(reason: Reason, _: Translator) -> str:
    match reason:
        case Reason.UNKNOWN:
            return _("I don't understand “{part}”. Example: mon-fri 9-18, sat 10-14")
        case Reason.NO_SUCH_TIME:
            return _("“{part}” is not a time of day: times go from 0:00 to 24:00.")
        case Reason.NO_SUCH_DATE:
            return _("There is no date “{part}”. Example: 31 Dec 10-15")
        case Reason.NO_SUCH_ZONE:
            return _("There is no time zone “{part}”. Example: Europe/London")
        case Reason.SAME_TIME:
            return _("“{part}” begins and ends at the same time. The whole day is 0-24.")
        case Reason.HALF_OF_DAY:
            return _("“{part}” can mean two things. Write am or pm with both times, or like this: 9:00-18:00")
        case Reason.ENDS_FIRST:
            return _("“{part}” ends before it begins.")
        case Reason.SHIFTS_OVERLAP:
            return _("The shift “{part}” overlaps with another one. Example without overlap: mon 9-13, 14-18")
        case Reason.BREAK_OUTSIDE:
            return _("The break “{part}” is not inside a shift. Example: mon-fri 9-18, break 13-14")
        case Reason.BREAKS_OVERLAP:
            return _("The break “{part}” overlaps with another one.")
        case Reason.GIVEN_TWICE:
            return _("“{part}” has hours twice. Please write all hours of a day together: mon 9-13, 14-18")
        case Reason.WITHOUT_DAYS:
            return _("On which days is “{part}”? Example: mon-fri 9-18")
        case Reason.WITHOUT_HOURS:
            return _("“{part}”: at what time? Please add hours, such as 9-18, or the word “off”.")
        case Reason.WITHOUT_DATES:
            return _("“{part}”: when? Example: leave 1.07-14.07")
        case Reason.WITHOUT_WEEK:
            return _("The hours of the week are missing. Example: mon-fri 9-18, 31 Dec 10-15")
        case Reason.UNCLEAR:
            return _("“{part}” can mean several things. Please write the days before their hours: sat, sun off")
        case Reason.TOO_MUCH:
            return _("These hours are too long. Please leave out dates that are over.")
        case Reason.MARGIN:
            return _("“{part}” is too much: new requests can begin and end at most 720 minutes before the shift does.")
        case never:
            assert_never(never)
