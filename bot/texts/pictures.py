"""The texts of the statistics picture, and the marks of its columns, in the reader's language."""

from collections.abc import Sequence
from datetime import datetime

from babel.dates import format_interval, format_skeleton
from babel.numbers import format_decimal

from bot.texts.phrases import duration, percent
from bot.texts.translator import Translator
from crm_core.pictures.arrivals import Step
from crm_core.pictures.labels import Labels
from crm_core.pictures.panels import Column
from crm_core.statistics import Arrivals, Cause, Period

LABELS = 7  # at most so many below the columns, so that they do not run into each other


def statistics_words(period: Period, step: Step, shown: Sequence[Arrivals], _: Translator) -> Labels:
    """Every text of the picture of a period.

    Args:
        step, shown: what its columns are.
    """

    def number(value: int) -> str:
        return format_decimal(value, locale=_.language)

    return Labels(
        title=_("Statistics"),
        period=_period(period, shown, _),
        contacts=lambda n: _.plural("request", "requests", n),
        unassigned=lambda part: (
            _("no operator") if part is None else _("no operator · {part}").format(part=percent(part, _))
        ),
        waiting=_("in the queue now"),
        flow=_flow(step, _),
        load=_("Operator load"),
        shares=_("Shares by source"),
        times=_("How long clients wait"),
        given=_("with an operator"),
        not_given=_("without"),
        online=_("online"),
        full=_("at the limit"),
        away=_("away"),
        planned=_("planned"),
        actual=_("actual"),
        mean=_("average"),
        p95=_("95% within"),
        to_assignment=_("until assigned"),
        to_take=_("until taken"),
        to_reply=_("until first reply"),
        no_contacts=_("No requests in this period."),
        no_operators=_("No operators yet: /operators"),
        no_sources=_("None yet."),
        no_weights=_("nobody has a weight here"),
        unnamed=_("(no name)"),
        cause=lambda cause: _causes(_).get(cause, ""),
        number=number,
        percent=lambda part: percent(part, _),
        duration=lambda seconds: duration(seconds, _),
        contacts_of=lambda n: _.plural("{n} request", "{n} requests", n).format(n=number(n)),
        more_operators=lambda n, held, limit: _("… and {n} more: {held} of {limit}").format(
            n=number(n), held=number(held), limit=number(limit)
        ),
        more_shares=lambda n: _("… and {n} more").format(n=number(n)),
        more_sources=lambda n: _.plural("… and {n} more source", "… and {n} more sources", n).format(n=number(n)),
    )


def _causes(_: Translator) -> dict[Cause | None, str]:
    return {
        Cause.OFF: _("absence"),
        Cause.OFF_SHIFT: _("shifts"),
        Cause.FULL: _("limits"),
        Cause.FULL_HERE: _("source limits"),
        Cause.RATE: _("hourly limits"),
        Cause.RAMP: _("gentle starts"),
        Cause.NO_SKILL: _("skills"),
        Cause.DECLINED: _("declined"),
        Cause.MISSED: _("missed offers"),
        Cause.STICKY: _("came back"),
        Cause.BY_HAND: _("manual"),
        Cause.WEIGHT: _("new weights"),
        Cause.CHANCE: _("chance"),
        Cause.UNEXPLAINED: _("unexplained"),
    }


def _period(period: Period, shown: Sequence[Arrivals], _: Translator) -> str:
    if not shown:
        return _("all time")
    first, last = shown[0].start.date(), shown[-1].start.date()
    if period is Period.TODAY:
        return format_skeleton("MMMMd", first, locale=_.language)
    if period is Period.ALL:
        return _("since {day}").format(day=format_skeleton("yMMMd", first, locale=_.language))
    return format_interval(first, last, skeleton="MMMd", locale=_.language)


def _flow(step: Step, _: Translator) -> str:
    titles = {
        Step.HOUR: _("Requests by hour"),
        Step.DAY: _("Requests by day"),
        Step.WEEK: _("Requests by week"),
        Step.MONTH: _("Requests by month"),
        Step.YEAR: _("Requests by year"),
    }
    return titles[step]


def columns(step: Step, shown: Sequence[Arrivals], _: Translator) -> list[Column]:
    """The picture's columns, every so many of them marked with its hour, day, month or year."""
    each = -(-len(shown) // LABELS)
    last = len(shown) - 1
    return [
        Column(_label(step, one.start, _) if _is_marked(step, place, each, last) else "", one.contacts, one.unassigned)
        for place, one in enumerate(shown)
    ]


def _is_marked(step: Step, place: int, each: int, last: int) -> bool:
    if step is Step.HOUR:
        return place % 3 == 0
    return (last - place) % each == 0  # counted from today


def _label(step: Step, start: datetime, _: Translator) -> str:
    skeletons = {Step.HOUR: "H", Step.DAY: "MMMd", Step.WEEK: "MMMd", Step.MONTH: "yM", Step.YEAR: "y"}
    if step is Step.HOUR:
        return f"{start:%H}"
    return format_skeleton(skeletons[step], start, locale=_.language)
