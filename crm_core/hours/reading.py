"""Reading hours as people write them, in Russian and English.

    mon-fri 9-18, sat 10-14                  пн-пт 9-18, обед 13-14
    daily 22-6                               ежедневно с 22 до 6
    mon, wed 9am-1pm, 2pm-6pm, sun off       будни 9.00-13.00, 14.00-18.00, выходные 10-14
    31 dec 10-15, 1 jan - 8 jan off          31.12 10-15, 1-8 января выходной
    leave 1 jul - 14 jul                     отпуск 1.07-14.07, отпуск до 14 июля
    24/7, Europe/London                      круглосуточно, часовой пояс Europe/Moscow
    first request 15 min before the start    первое обращение за 15 мин до начала
    last request 20 min before the end       последнее обращение за 20 мин до конца

What has two meanings is refused, with one exception: a day named by itself beats `daily`, and a day off beats a longer
range that contains it. Dates without a year are the next ones.
"""

from datetime import date, timedelta

from crm_core.errors import BadHours
from crm_core.hours.calendar import Calendar
from crm_core.hours.clauses import Clause, Rest
from crm_core.hours.dates import LONGEST, Dates
from crm_core.hours.days import FREE, Day, Reason, shown
from crm_core.hours.grammar import Reading
from crm_core.hours.vocabulary import ALL_DAYS
from crm_core.hours.words import Text

ALWAYS = frozenset(("always", "no hours", "всегда", "без расписания"))
"""What is typed instead of hours, in any language, for who gets contacts whenever they are online."""


def is_always(typed: str) -> bool:
    """Whether a text asks for no hours at all."""
    return " ".join(typed.casefold().split()) in ALWAYS


def read_hours(typed: str, *, zone: str, today: date, base: Calendar | None = None) -> Calendar:
    """The calendar that a text means.

    Args:
        typed: one or more lines.
        zone: IANA name of the time zone, unless the text names one.
        today: from which dates without a year are counted on.
        base: what holds already. The text replaces its week if it has one, replaces the dates that it names, and adds
            leave; all else stays. Without it the text must say the week.

    Raises BadHours with the part that was not understood.
    """
    reading = Reading(Text(typed), today)
    week = _week(reading.clauses)
    if week is None:
        if base is None or reading.is_empty:
            raise BadHours(reason=Reason.WITHOUT_WEEK, part="")
        week = base.week
    dates, leave = _dates(reading.clauses), _leave(reading.clauses)
    kept = base or Calendar(zone, (FREE,) * 7)
    try:
        return Calendar(
            reading.zone or (base.zone if base else zone),
            week,
            exceptions=(*((when, day) for when, day in kept.exceptions if when not in dates), *dates.items()),
            holidays=kept.holidays - dates.keys(),
            leave=(*kept.leave, *leave),
            start_before=kept.start_before if reading.start_before is None else reading.start_before,
            stop_before=kept.stop_before if reading.stop_before is None else reading.stop_before,
        )
    except BadHours as error:
        raise _as_typed(error, reading) from None


def change_hours(typed: str, *, zone: str, today: date, before: Calendar | None) -> Calendar:
    """The calendar after a change: a text with hours of the week replaces all, another one is added to what is there.

    So what is shown can be copied, changed and sent back. Without hours so far, all of the week is working time, and
    leave or single dates are added to that.

    Args:
        typed, zone, today: as in `read_hours`; the zone of what is there stays unless the text names another.
        before: what holds already, None if nothing does.

    Raises BadHours with the part that was not understood.
    """
    try:
        return read_hours(typed, zone=before.zone if before is not None else zone, today=today)
    except BadHours as error:
        if error.fields["reason"] != Reason.WITHOUT_WEEK:
            raise
    return read_hours(typed, zone=zone, today=today, base=before or read_hours("24/7", zone=zone, today=today))


def _week(clauses: list[Clause]) -> tuple[Day, ...] | None:
    """The days of the week, None if the text has none."""
    spoken = [(on, one) for one in clauses for on in [_weekdays(one)] if on and one.rest is not Rest.LEAVE]
    return tuple(_weekday(number, spoken) for number in range(7)) if spoken else None


def _weekdays(clause: Clause) -> frozenset[int]:
    return frozenset().union(*(one.on for one in clause.subjects if isinstance(one.on, frozenset)))


def _weekday(number: int, spoken: list[tuple[frozenset[int], Clause]]) -> Day:
    meant = [(on, clause) for on, clause in spoken if number in on]
    own = [(on, clause) for on, clause in meant if on != ALL_DAYS] or meant
    free = [(on, clause) for on, clause in own if clause.rest is Rest.OFF]
    if len(own) == 2 and len(free) == 1 and all(free[0][0] < on for on, clause in own if clause is not free[0][1]):
        own = free
    if len(own) > 1:
        raise own[-1][1].refusal(Reason.GIVEN_TWICE)
    return own[0][1].day() if own else FREE


def _dates(clauses: list[Clause]) -> dict[date, Day]:
    """The dates with hours of their own or without any; hours beat days off, except where both name the same range."""
    found: dict[date, tuple[Day, Dates]] = {}
    for clause in clauses:
        if clause.rest is Rest.LEAVE:
            continue
        day = clause.day()
        for subject in clause.subjects:
            if not isinstance(subject.on, tuple):
                continue
            first, last = subject.on
            if (last - first).days >= LONGEST:
                raise clause.text.refusal(Reason.TOO_MUCH, *subject.place)
            for when in (first + timedelta(days=one) for one in range((last - first).days + 1)):
                before, range_before = found.get(when, (day, subject.on))
                if before != day and (FREE not in (before, day) or range_before == subject.on):
                    raise clause.text.refusal(Reason.GIVEN_TWICE, *subject.place)
                if before == FREE or when not in found:
                    found[when] = day, subject.on
    return {when: day for when, (day, _) in found.items()}


def _leave(clauses: list[Clause]) -> list[Dates]:
    subjects = [subject.on for one in clauses if one.rest is Rest.LEAVE for subject in one.subjects]
    return [on for on in subjects if isinstance(on, tuple)]


def _as_typed(error: BadHours, reading: Reading) -> BadHours:
    """The error of a calendar with the part as it was typed."""
    for clause in reading.clauses:
        for one in clause.stretches:
            if shown(*one.span) == error.fields["part"]:
                return clause.text.refusal(error.fields["reason"], *one.place)
    return error
