"""The statistics as text, within the length of one message and the width of a phone."""

from collections.abc import Sequence
from datetime import datetime

from aiogram.utils.formatting import Bold, Text

from bot.admins.operator_screens import mark, state, unreached
from bot.admins.operator_settings import load
from bot.admins.source_screens import sign
from bot.telegram.limits import MESSAGE_LONGEST
from bot.texts import Translator
from bot.texts.phrases import age, duration, percent, period_name
from crm_core.messaging.messages import utf16_units
from crm_core.statistics import Cause, Durations, Gap, OperatorNumbers, Period, ShareNumbers, SourceNumbers, Statistics

SHARES_SHOWN = 12  # operators under one source
ROOM = MESSAGE_LONGEST - 200  # for titles, and for what other languages need more


def stats_text(numbers: Statistics, period: Period, _: Translator, *, now: datetime) -> Text:
    """The whole picture; where there are too many operators or sources, the rest is counted."""
    overall = _overall(numbers, _, now)
    staff = [_operator(one, _) for one in numbers.operators] or [_("No operators yet: /operators")]
    sources = [_source(one, _) for one in numbers.sources] or [_("None yet.")]
    left = ROOM - utf16_units(overall)
    # Each of the two lists may take half of the room, and what the other one leaves.
    needed = sum(utf16_units(one) + 1 for one in sources)
    staff_lines = _fitting(staff, max(left // 2, left - needed), _)
    left -= utf16_units(staff_lines)
    return Text(
        _title(period, _),
        "\n",
        overall,
        "\n\n",
        Bold(_("👥 Operators")),
        "\n",
        staff_lines,
        "\n\n",
        Bold(_("📥 Sources: planned → actual share")),
        "\n",
        _fitting(sources, left, _),
    )


def overall_text(numbers: Statistics, period: Period, _: Translator, *, now: datetime) -> Text:
    """The totals alone, which always fit under a picture that shows the rest."""
    return Text(_title(period, _), "\n", _overall(numbers, _, now))


def _title(period: Period, _: Translator) -> Text:
    return Bold(_("📊 Statistics: {period}").format(period=period_name(period, _)))


def _fitting(blocks: Sequence[str], room: int, _: Translator) -> str:
    """As many blocks as there is room for, and how many are left."""
    shown: list[str] = []
    room -= 40  # for the line that counts the rest
    for block in blocks:
        room -= utf16_units(block) + 1
        if room < 0:
            break
        shown.append(block)
    if len(shown) < len(blocks):
        shown.append(_("… and {n} more").format(n=len(blocks) - len(shown)))
    return "\n".join(shown)


def _overall(numbers: Statistics, _: Translator, now: datetime) -> str:
    waiting = _("In the queue now: {n}").format(n=numbers.waiting)
    if numbers.oldest is not None:
        waiting += ", " + _("oldest: {age}").format(age=age(now - numbers.oldest, _))
    lines = [
        _("Requests: {n}").format(n=numbers.contacts),
        _("Without an operator: {n} ({part})").format(n=numbers.unassigned, part=percent(numbers.unassigned_share, _)),
        waiting,
        "",
        _("From the first message: average / 95% within"),
        _("• until assigned: {length}").format(length=_length(numbers.to_assignment, _)),
        _("• until taken: {length}").format(length=_length(numbers.to_take, _)),
        _("• until first reply: {length}").format(length=_length(numbers.to_reply, _)),
    ]
    if numbers.behind:  # for a minute or two, at the first start over an old database
        lines.insert(0, _("⏳ Still counting, the figures are incomplete. Events left: {n}").format(n=numbers.behind))
    return "\n".join(lines)


def _length(lengths: Durations, _: Translator) -> str:
    return f"{duration(lengths.mean, _)} / {duration(lengths.p95, _)}"


def _operator(one: OperatorNumbers, _: Translator) -> str:
    in_all = _.plural("{n} request", "{n} requests", one.contacts).format(n=one.contacts)
    text = f"{mark(one.facts)} {one.facts.name}: {state(one.facts, _)}\n      {load(one.facts, _)}; {in_all}"
    missing = unreached(one.facts, _)
    return f"{text}\n      ⚠️ {missing}" if missing else text


def _source(one: SourceNumbers, _: Translator) -> str:
    in_all = _.plural("{n} request", "{n} requests", one.contacts).format(n=one.contacts)
    lines = [f"{sign(one.source)} {one.source.name}: {in_all}" + _waits(one.waiting, _)]
    if not one.source.is_active:
        lines[0] += "; " + _("switched off")
    lines += [_share(share, _) for share in one.shares[:SHARES_SHOWN]]
    if not one.shares:
        lines.append("      " + _("nobody has a weight here"))
    elif len(one.shares) > SHARES_SHOWN:
        lines.append("      " + _("… and {n} more").format(n=len(one.shares) - SHARES_SHOWN))
    return "\n".join(lines)


def _waits(waiting: int, _: Translator) -> str:
    return "; " + _.plural("{n} waiting", "{n} waiting", waiting).format(n=waiting) if waiting else ""


def _share(share: ShareNumbers, _: Translator) -> str:
    removed = " " + _("(removed)") if share.is_removed else ""
    planned, actual = percent(share.planned, _), percent(share.actual, _)
    why = cause(share.gap, _)
    return f"      {share.operator}{removed}: {planned} → {actual} ({share.contacts})" + (f" · {why}" if why else "")


def cause(gap: Gap, _: Translator) -> str:
    """Why somebody's share is not as planned, in a few words; empty if it is."""
    has_more = gap.contacts > 0
    match gap.cause:
        case Cause.OFF:
            return _("others were away") if has_more else _("was away")
        case Cause.OFF_SHIFT:
            return _("others were off shift") if has_more else _("was off shift")
        case Cause.FULL:
            return _("others were at their limits") if has_more else _("was at the limit")
        case Cause.FULL_HERE:
            return _("others were at their limits for this source") if has_more else _("was at the limit here")
        case Cause.RATE:
            return _("others were at their hourly limits") if has_more else _("was at the hourly limit")
        case Cause.RAMP:
            return _("others were only starting") if has_more else _("was only starting")
        case Cause.NO_SKILL:
            return _("others lacked a skill") if has_more else _("lacked a skill")
        case Cause.DECLINED:
            return _("others declined") if has_more else _("declined")
        case Cause.MISSED:
            return _("others missed offers") if has_more else _("missed offers")
        case Cause.STICKY:
            return _("clients came back") if has_more else _("clients came back to others")
        case Cause.BY_HAND:
            return _("assigned manually") if has_more else _("assigned to others manually")
        case Cause.WEIGHT:
            return _("weights have changed")
        case Cause.CHANCE:
            return _("by chance")
        case Cause.UNEXPLAINED:
            return _("more than chance can explain")
        case None:
            return ""
