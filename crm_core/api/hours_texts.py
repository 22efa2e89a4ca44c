"""What is wrong with working hours, in one English sentence for each reason (`crm_core.hours.days.Reason`)."""

from crm_core.hours.days import Reason

HOURS_SENTENCES: dict[Reason, str] = {
    Reason.UNKNOWN: "“{part}” is not understood; an example is “mon-fri 9-18 break 13-14, sat 10-14, 31 dec off”",
    Reason.NO_SUCH_TIME: "“{part}” is not a time of day from 0:00 to 24:00",
    Reason.NO_SUCH_DATE: "“{part}” is not a date; an example is 2026-12-31",
    Reason.NO_SUCH_ZONE: "“{part}” is not a time zone of the IANA database; an example is Europe/Berlin",
    Reason.SAME_TIME: "“{part}” begins and ends at the same time; the whole day is 0-24",
    Reason.HALF_OF_DAY: "“{part}” needs am or pm with both times",
    Reason.ENDS_FIRST: "“{part}” ends before it begins",
    Reason.SHIFTS_OVERLAP: "The shift “{part}” overlaps with another one",
    Reason.BREAK_OUTSIDE: "The break “{part}” does not lie inside a shift",
    Reason.BREAKS_OVERLAP: "The break “{part}” overlaps with another one",
    Reason.GIVEN_TWICE: "“{part}” has hours twice; all hours of a day belong together, as in “mon 9-13, 14-18”",
    Reason.WITHOUT_DAYS: "“{part}” needs its days, as in “mon-fri 9-18”",
    Reason.WITHOUT_HOURS: "“{part}” needs its hours, as in “mon 9-18”, or “off”",
    Reason.WITHOUT_DATES: "“{part}” needs its dates, as in “leave 1 jul - 14 jul”",
    Reason.WITHOUT_WEEK: "The hours of the week are missing, as in “mon-fri 9-18”",
    Reason.UNCLEAR: "“{part}” can be read in several ways; days come before their hours, as in “sat, sun off”",
    Reason.TOO_MUCH: "The hours have too many characters or dates",
    Reason.MARGIN: "A margin has 0 to 720 minutes, not {part}",
}


def hours_sentence(reason: str, part: str) -> str:
    """What is wrong with hours, and what would be right.

    Args:
        reason, part: the fields of `BadHours`; a reason of another version counts as "not understood".
    """
    return HOURS_SENTENCES[Reason.known(reason)].format(part=part)
