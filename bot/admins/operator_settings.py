"""The settings of an operator, in the order of their screen: each with its value in words, and its button."""

from collections.abc import Sequence

from bot.admins.settings_table import Setting
from bot.screens.operator_buttons import AskCeiling, AskHours, AskLimit, AskRate, AskSkills, WeightsOf
from bot.texts import Translator
from bot.texts.hours import hours_lines
from bot.texts.phrases import part_of_one
from crm_core.hours.stored import readable
from crm_core.routing.skills import tags
from crm_core.team.operators import OperatorFacts


def working_hours(facts: OperatorFacts, _: Translator) -> list[str]:
    """The working hours of an operator, a line each; none for always."""
    if facts.hours is None:
        return []
    calendar = readable(facts.hours)
    if calendar is None:
        return [_("⚠️ The working hours cannot be read. Please set them anew.")]
    return hours_lines(calendar, _)


def load(facts: OperatorFacts, _: Translator) -> str:
    """How many open requests an operator has, of how many they can have, and how many are snoozed besides."""
    counts = part_of_one(round(facts.load * 100), _)
    text = _("{load} of {limit}, {free} free").format(load=counts, limit=facts.max_leads, free=facts.free)
    return f"{text}, 😴 {facts.snoozed}" if facts.snoozed else text


def _limit(facts: OperatorFacts, _: Translator) -> Sequence[str]:
    return [_("Open requests: {load}").format(load=load(facts, _))]


def _ceiling(facts: OperatorFacts, _: Translator) -> Sequence[str]:
    text = _("At most {ceiling} altogether, snoozed ones included")
    return [] if facts.max_held is None else [text.format(ceiling=facts.max_held)]


def _rate(facts: OperatorFacts, _: Translator) -> Sequence[str]:
    text = _("In an hour: at most {rate}, {given} in the last one")
    return [] if facts.rate is None else [text.format(rate=facts.rate, given=facts.given_lately)]


def _hours(facts: OperatorFacts, _: Translator) -> Sequence[str]:
    if facts.hours is None:
        return []
    return [_("Working hours:"), *(f"  {line}" for line in working_hours(facts, _))]


def _skills(facts: OperatorFacts, _: Translator) -> Sequence[str]:
    known = sorted(tags(facts.skills))
    return [_("Skills: {skills}").format(skills=", ".join(known))] if known else []


OPERATOR_SETTINGS: Sequence[Setting[OperatorFacts]] = (
    Setting(lambda one, _: _("🔢 Limit"), lambda one: AskLimit(operator_id=one.id), _limit),
    Setting(lambda one, _: _("⚖️ Weights"), lambda one: WeightsOf(operator_id=one.id)),
    Setting(lambda one, _: _("🕘 Hours"), lambda one: AskHours(operator_id=one.id), _hours),
    Setting(lambda one, _: _("⏱ Per hour"), lambda one: AskRate(operator_id=one.id), _rate),
    Setting(lambda one, _: _("🎓 Skills"), lambda one: AskSkills(operator_id=one.id), _skills),
    Setting(lambda one, _: _("🔝 Ceiling"), lambda one: AskCeiling(operator_id=one.id), _ceiling),
)
