"""The settings of a source, in the order of its screen: each with its value in words, and its button."""

from collections.abc import Sequence

from bot.admins.settings_table import Setting
from bot.screens.admin_buttons import ShowChanges
from bot.screens.source_buttons import (
    AskCatchUp,
    AskHandover,
    AskKeywords,
    AskLateHours,
    AskNeeded,
    AskOffers,
    AskOpening,
    AskPriority,
    AskRamp,
    AskStickyDays,
    AskTargets,
    AskWaitingLoad,
    DescribeSource,
    EndForum,
    RenameSource,
    SetProtection,
    SetStrategy,
    ShowForum,
    WeightsAt,
)
from bot.texts import Translator
from bot.texts.hours import hours_lines
from bot.texts.phrases import lasted_seconds, part_of_one
from bot.texts.service import targets_line
from crm_core.hours.stored import readable
from crm_core.routing import keywords
from crm_core.routing.absence import Handover
from crm_core.routing.relief import WHOLE
from crm_core.routing.skills import Required, read
from crm_core.routing.sources import SourceListed
from crm_core.service.targets import from_json


def opening_hours(source: SourceListed, _: Translator) -> list[str]:
    """The working hours of a source, a line each; none for always."""
    if source.hours is None:
        return []
    calendar = readable(source.hours)
    if calendar is None:
        return [_("⚠️ The working hours cannot be read. Please set them anew.")]
    return hours_lines(calendar, _)


def needed(source: SourceListed, _: Translator) -> str:
    """The skills that a source requires: `german (30 min), vip`; empty for none."""
    return listed(read(source.skills), _)


def listed(required: Required, _: Translator) -> str:
    """Required skills, each with the minutes after which it is dropped: `german (30 min), vip`."""
    each = sorted(required.items())
    return ", ".join(tag if after is None else f"{tag} ({_('{n} min').format(n=after)})" for tag, after in each)


def _hours(source: SourceListed, _: Translator) -> Sequence[str]:
    if source.hours is None:
        return []
    title = _("Hours:") if source.is_open else _("🌙 Closed now: requests are accepted, and wait. Hours:")
    return [title, *(f"  {line}" for line in opening_hours(source, _))]


def _strategy(source: SourceListed, _: Translator) -> Sequence[str]:
    return [_("Distribution: exact shares") if source.strategy == "exact" else _("Distribution: random, by weight")]


def _late(source: SourceListed, _: Translator) -> Sequence[str]:
    if not source.late_hours:
        return [_("After closing, every message opens a new request")]
    return [_("Messages up to {n} h after closing join the closed request").format(n=source.late_hours)]


def _sticky(source: SourceListed, _: Translator) -> Sequence[str]:
    if not source.sticky_days:
        return []
    text = _("Clients who come back go to the operator they had, for {n} d").format(n=source.sticky_days)
    is_apart = source.strategy == "exact" and source.sticky_mode == "apart"
    return [text, "  " + _("These requests count in nobody's share")] if is_apart else [text]


def _offers(source: SourceListed, _: Translator) -> Sequence[str]:
    if not source.offer_seconds:
        return []
    return [_("Each request is offered for {time}").format(time=lasted_seconds(source.offer_seconds, _))]


def _targets(source: SourceListed, _: Translator) -> Sequence[str]:
    if source.sla is None:
        return []
    return [_("Targets: {targets}").format(targets=targets_line(from_json(source.sla), _))]


def _skills(source: SourceListed, _: Translator) -> Sequence[str]:
    return [_("Required skills: {skills}").format(skills=needed(source, _))] if source.skills is not None else []


def _keywords(source: SourceListed, _: Translator) -> Sequence[str]:
    rules = keywords.read(source.keywords)
    return [_("By keywords:"), *(f"  {rule}" for rule in rules)] if rules else []


def _priority(source: SourceListed, _: Translator) -> Sequence[str]:
    text = _("Head start in the queue: {n} min")
    return [text.format(n=source.priority_minutes)] if source.priority_minutes else []


def _ramp(source: SourceListed, _: Translator) -> Sequence[str]:
    text = _("Whoever comes online gets {n} a minute of what has waited")
    return [text.format(n=source.ramp)] if source.ramp is not None else []


def _waiting(source: SourceListed, _: Translator) -> Sequence[str]:
    text = _("While it waits for its client, a request counts {part}")
    part = part_of_one(source.waiting_load, _)
    return [text.format(part=part)] if source.waiting_load < WHOLE else []


def _catch_up(source: SourceListed, _: Translator) -> Sequence[str]:
    text = _("After leave, operators are credited up to {n} missed requests")
    return [text.format(n=source.catch_up)] if source.catch_up else []


def away_text(source: SourceListed, _: Translator) -> str | None:
    """What becomes of requests whose operator is away, in a line; None where they stay with their operators."""
    match source.handover:
        case Handover.HAND_OVER if not source.away_minutes:
            return _("If the client waits and the operator is away, somebody else gets the request")
        case Handover.HOLD if not source.away_minutes:
            return _("If the client waits and the operator is away, the client is told")
        case Handover.HAND_OVER:
            text = _("If the client waits and the operator has been away for {n} min, somebody else gets the request")
        case Handover.HOLD:
            text = _("If the client waits and the operator has been away for {n} min, the client is told")
        case _other:
            return None
    return text.format(n=source.away_minutes)


def _away(source: SourceListed, _: Translator) -> Sequence[str]:
    text = away_text(source, _)
    return [] if text is None else [text]


def _other_strategy(source: SourceListed, _: Translator) -> str:
    return _("🎲 Choose at random") if source.strategy == "exact" else _("📐 Make shares exact")


def _protection(source: SourceListed, _: Translator) -> Sequence[str]:
    return [_("🔒 Operators can't forward or save what clients send")] if source.protect_content else []


def _other_protection(source: SourceListed, _: Translator) -> str:
    return _("🔓 Allow forwarding") if source.protect_content else _("🔒 No forwarding")


def _forum(source: SourceListed, _: Translator) -> Sequence[str]:
    return [_("🗂 A forum shows the team all requests")] if source.forum else []


FIRST_SETTINGS: Sequence[Setting[SourceListed]] = (
    Setting(lambda one, _: _("⚖️ Weights"), lambda one: WeightsAt(source_id=one.id)),
    Setting(
        _other_strategy,
        lambda one: SetStrategy(source_id=one.id, is_exact=one.strategy != "exact"),
        _strategy,
    ),
    Setting(lambda one, _: _("🗓 Opening hours"), lambda one: AskOpening(source_id=one.id), _hours),
    Setting(lambda one, _: _("🎯 Targets"), lambda one: AskTargets(source_id=one.id), _targets),
    Setting(lambda one, _: _("🎓 Skills"), lambda one: AskNeeded(source_id=one.id), _skills),
    Setting(lambda one, _: _("🔤 Keywords"), lambda one: AskKeywords(source_id=one.id), _keywords),
    Setting(lambda one, _: _("⏫ Priority"), lambda one: AskPriority(source_id=one.id), _priority),
    Setting(lambda one, _: _("⏳ Offers"), lambda one: AskOffers(source_id=one.id), _offers),
    Setting(lambda one, _: _("🚪 When away"), lambda one: AskHandover(source_id=one.id), _away),
    Setting(lambda one, _: _("🔁 Who comes back"), lambda one: AskStickyDays(source_id=one.id), _sticky),
    Setting(lambda one, _: _("🕘 After closing"), lambda one: AskLateHours(source_id=one.id), _late),
)
"""What has its button on the screen of a source, which has room for twelve."""

FURTHER_SETTINGS: Sequence[Setting[SourceListed]] = (
    Setting(lambda one, _: _("🌅 Gentle start"), lambda one: AskRamp(source_id=one.id), _ramp),
    Setting(lambda one, _: _("💤 Waiting load"), lambda one: AskWaitingLoad(source_id=one.id), _waiting),
    Setting(lambda one, _: _("🏖 After leave"), lambda one: AskCatchUp(source_id=one.id), _catch_up),
    Setting(
        _other_protection,
        lambda one: SetProtection(source_id=one.id, is_on=not one.protect_content),
        _protection,
    ),
    Setting(
        lambda one, _: _("🗂 Forum off") if one.forum else _("🗂 Forum"),
        lambda one: EndForum(source_id=one.id) if one.forum else ShowForum(source_id=one.id),
        _forum,
    ),
    Setting(lambda one, _: _("🕓 Changes"), lambda one: ShowChanges(source_id=one.id)),
    Setting(lambda one, _: _("✏️ Rename"), lambda one: RenameSource(source_id=one.id)),
    Setting(lambda one, _: _("📝 Describe"), lambda one: DescribeSource(source_id=one.id)),
)
"""What has its button behind **⚙️ More**; the values are on the screen of the source all the same."""

SOURCE_SETTINGS = (*FIRST_SETTINGS, *FURTHER_SETTINGS)
