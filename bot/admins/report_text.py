"""The daily report in words: five lines, and the list of targets that were missed."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from aiogram.utils.formatting import Bold, Text, as_list
from babel.dates import format_date

from bot.screens.admin_buttons import SetReport, ShowMissed
from bot.screens.keyboards import button, keyboard
from bot.screens.message import OutgoingMessage, shorten, text_message, with_picture
from bot.texts import Translator
from bot.texts.phrases import age, duration, percent
from bot.texts.service import cause_name, measure_name
from crm_core.service.breaches import Breach, BreachCause, ServiceReport
from crm_core.service.daily import OFF, DailyFigures
from crm_core.statistics import Period

MORNING = "09:00"
"""What the button sets; any other time is typed."""
LISTED = 15  # missed targets


def report_message(found: DailyFigures, _: Translator, *, now: datetime) -> OutgoingMessage:
    """The report with its picture, as a message of its own."""
    text = as_list(
        Bold(_("📊 Report of {day}").format(day=_day(found, _))),
        _requests(found, _),
        _replies(found, _),
        _waiting(found, _, now),
        _targets(found.service, _),
        _busiest(found, _),
    )
    missed = any(one.breached for one in found.service.kept.values())
    buttons = keyboard(
        [button(_("🎯 Missed targets"), ShowMissed())] if missed else [],
        [
            button(_("⏰ Every morning at {time}").format(time=_short(MORNING)), SetReport(is_on=True))
            if found.at == OFF
            else button(_("🔕 No morning report"), SetReport(is_on=False))
        ],
    )
    message = text_message(text, keyboard=buttons)
    return with_picture(message, message, language=_.language, stands=False, period=Period.WEEK.value)


def set_text(at: str, _: Translator) -> str:
    """What an admin reads who has set the time of the report."""
    if at == OFF:
        return _("The report no longer comes by itself. /report shows it at any time.")
    text = _("The report comes to all admins every day at {time}. Another time: /report on 8:30, none: /report off")
    return text.format(time=_short(at))


def missed_message(found: ServiceReport, names: Mapping[int, str], _: Translator) -> OutgoingMessage:
    """How targets were kept in the last seven days, and the newest that were missed.

    Args:
        names: of operators, by id.
    """
    lines = [_("🎯 Targets of the last 7 days"), *_by_source(found, _)]
    if found.breaches:
        lines += ["", _("Missed:"), *(_missed(one, names, _) for one in found.breaches[:LISTED])]
    if len(found.breaches) > LISTED:
        lines.append(_("… and {n} more").format(n=len(found.breaches) - LISTED))
    if found.is_partial:
        lines.append(_("Older requests are left out: there are too many."))
    return text_message(Text(Bold(lines[0]), "\n", "\n".join(lines[1:])))


def _day(found: DailyFigures, _: Translator) -> str:
    return format_date(found.day, "EEE, d MMMM" if _.language == "ru" else "EEE d MMMM", locale=_.language)


def _short(at: str) -> str:
    return at.removeprefix("0")


def _requests(found: DailyFigures, _: Translator) -> str:
    if not found.unassigned:
        return _("Requests: {n}").format(n=found.contacts)
    return _("Requests: {n}, without an operator: {unassigned}").format(n=found.contacts, unassigned=found.unassigned)


def _replies(found: DailyFigures, _: Translator) -> str:
    if not found.reply.count:
        return _("First reply: none")
    text = _("First reply: {mean} on average, {part} within {p95}")
    return text.format(mean=duration(found.reply.mean, _), part=percent(0.95, _), p95=duration(found.reply.p95, _))


def _waiting(found: DailyFigures, _: Translator, now: datetime) -> str:
    if not found.waiting or found.oldest is None:
        return _("In the queue now: nobody")
    text = _("In the queue now: {n}, the longest {time}")
    return text.format(n=found.waiting, time=age(max(now - found.oldest, timedelta()), _))


def _targets(found: ServiceReport, _: Translator) -> str:
    met, missed = (sum(getattr(one, name) for one in found.kept.values()) for name in ("met", "breached"))
    if not met + missed:
        return _("Targets: nothing to measure")
    if not missed:
        return _("Targets: all kept")
    causes = sum((one.causes for one in found.kept.values()), Counter[BreachCause]())
    text = _("Targets: {part} kept, {n} missed, mostly because: {cause}")
    most = max(causes, key=lambda one: causes[one])
    return text.format(part=percent(met / (met + missed), _), n=missed, cause=cause_name(most, _))


def _busiest(found: DailyFigures, _: Translator) -> str:
    if not found.busiest:
        return _("Most requests: nobody had any")
    names = ", ".join(f"{shorten(name, 24)} {number}" for name, number in found.busiest)
    return _("Most requests: {names}").format(names=names)


def _by_source(found: ServiceReport, _: Translator) -> list[str]:
    lines = []
    for (source_id, measure), one in sorted(found.kept.items()):
        name = f"{shorten(found.names[source_id], 24)} · {measure_name(measure, _)}"
        lines.append(
            _("{target}: {part} kept, {n} missed").format(target=name, part=percent(one.part, _), n=one.breached)
        )
    return lines or [_("Targets: nothing to measure")]


def _missed(one: Breach, names: Mapping[int, str], _: Translator) -> str:
    text = _("#{id} · {measure}: {took}, target {target}; {cause}")
    said = text.format(
        id=one.contact_id,
        measure=measure_name(one.measure, _),
        took=duration(one.took.total_seconds(), _),
        target=duration(one.target.total_seconds(), _),
        cause=cause_name(one.cause, _),
    )
    name = names.get(one.operator_id or 0)
    return said if name is None else f"{said} ({shorten(name, 24)})"
