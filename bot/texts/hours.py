"""Working hours in words. What is shown can be copied, changed and sent back: `crm_core.hours.reading` reads it."""

from collections.abc import Sequence
from datetime import date

from bot.texts.translator import Translator
from crm_core.hours.calendar import Calendar
from crm_core.hours.dates import Dates
from crm_core.hours.days import MINUTES, Span, shown
from crm_core.hours.summary import Shift, summary

LONGEST = 2_500  # characters of all lines together: a message of Telegram has 4,096
_WHOLE_WEEK = ((0, 6),)


def hours_lines(calendar: Calendar, _: Translator) -> list[str]:
    """A calendar as lines: `Mon–Fri 9:00–18:00, break 13:00–14:00`, then dates, leave, margins and the time zone."""
    parts = summary(calendar)
    lines = [_with_hours(_weekdays(one.runs, _), one.shifts, _count(one.runs), _) for one in parts.week]
    if not lines:
        lines.append(_("no weekly hours"))
    for special in parts.dates:
        names = ", ".join(_dates(run, _) for run in special.runs)
        count = sum(1 + (last - first).days for first, last in special.runs)
        lines.append(_with_hours(names, special.shifts, count, _))
    lines += [_("leave {dates}").format(dates=_dates(one, _)) for one in parts.leave]
    if parts.start_before:
        lines.append(_("first request {n} min before the start").format(n=parts.start_before))
    if parts.stop_before:
        lines.append(_("last request {n} min before the end").format(n=parts.stop_before))
    return [*_fitting(lines, _), _("time zone {zone}").format(zone=parts.zone)]


def _fitting(lines: list[str], _: Translator) -> list[str]:
    """As many lines as a message has room for; the week comes first."""
    room, shown = LONGEST, list[str]()
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            return [*shown, _("… and {n} more").format(n=len(lines) - len(shown))]
        shown.append(line)
    return shown


def weekday_name(number: int, _: Translator) -> str:
    """The short name of a weekday, 0 for Monday."""
    return [_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun")][number]


def _with_hours(days: str, shifts: Sequence[Shift], count: int, _: Translator) -> str:
    if not shifts:
        return (_("{days}: day off") if count == 1 else _("{days}: days off")).format(days=days)
    return f"{days} " + ", ".join(_shift(one, _) for one in shifts)


def _shift(shift: Shift, _: Translator) -> str:
    if shift.span == (0, MINUTES) and not shift.breaks:
        return _("around the clock")
    hours = _span(shift.span)
    if not shift.breaks:
        return hours
    text = _("{hours}, break {breaks}") if len(shift.breaks) == 1 else _("{hours}, breaks {breaks}")
    return text.format(hours=hours, breaks=", ".join(map(_span, shift.breaks)))


def _span(span: Span) -> str:
    return shown(*span).replace("-", "–")


def _weekdays(runs: Sequence[tuple[int, int]], _: Translator) -> str:
    return _("daily") if tuple(runs) == _WHOLE_WEEK else ", ".join(_run(*run, _) for run in runs)


def _run(first: int, last: int, _: Translator) -> str:
    names = [weekday_name(first, _)] if first == last else [weekday_name(first, _), weekday_name(last, _)]
    return (", " if last - first == 1 else "–").join(names)


def _count(runs: Sequence[tuple[int, int]]) -> int:
    return sum(last - first + 1 for first, last in runs)


def _dates(dates: Dates, _: Translator) -> str:
    first, last = dates
    if first == last:
        return _date(first, _)
    return f"{_date(first, _)}{'–' if _.language == 'ru' else ' – '}{_date(last, _)}"


def _date(when: date, _: Translator) -> str:
    return f"{when:%d.%m.%Y}" if _.language == "ru" else f"{when.day} {when:%b %Y}"
