"""The service level in words: targets, what is measured, and what a breach was due to."""

from typing import assert_never

from bot.texts.translator import Translator
from crm_core.service.breaches import BreachCause
from crm_core.service.targets import Measure, Targets


def measure_name(measure: Measure, _: Translator) -> str:
    """What is measured."""
    match measure:
        case Measure.FIRST_REPLY:
            return _("first reply")
        case Measure.NEXT_REPLY:
            return _("next reply")
        case Measure.RESOLUTION:
            return _("resolution")
        case never:
            assert_never(never)


def known_measure(value: str, _: Translator) -> str:
    """The same of a stored value; one of another version as it is."""
    return measure_name(Measure(value), _) if value in set(Measure) else value


def cause_name(cause: BreachCause, _: Translator) -> str:
    """What most of the time went by with."""
    match cause:
        case BreachCause.NOBODY_THERE:
            return _("nobody was there")
        case BreachCause.QUEUE:
            return _("all were full")
        case BreachCause.OPERATOR_AWAY:
            return _("its operator was away")
        case BreachCause.OPERATOR_SLOW:
            return _("its operator was slow")
        case never:
            assert_never(never)


def targets_line(targets: Targets, _: Translator) -> str:
    """Targets that are set, in a form that can be sent back: `first reply 15 min, resolution 8 h`."""
    shown = [
        f"{measure_name(one, _)} {minutes_text(minutes, _)}"
        for one in Measure
        if (minutes := getattr(targets, one.value)) is not None
    ]
    return ", ".join(shown)


def minutes_text(minutes: int, _: Translator) -> str:
    """A number of minutes in the largest unit that it is a whole number of."""
    if minutes % (24 * 60) == 0:
        return _("{n} d").format(n=minutes // (24 * 60))
    return _("{n} h").format(n=minutes // 60) if minutes % 60 == 0 else _("{n} min").format(n=minutes)
