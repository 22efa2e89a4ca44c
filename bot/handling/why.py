"""/why #15: how a request came to its operator. Operators ask about their own requests, admins about all."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from aiogram import Router
from aiogram.types import CallbackQuery, Message
from aiogram.utils.formatting import Bold, Text, as_list

from bot.handling.act import Act
from bot.handling.contact_number import contact_number
from bot.screens.contact_buttons import WhyContact
from bot.screens.contact_label import contact_label, one_line
from bot.screens.keyboards import typed
from bot.screens.message import OutgoingMessage, shorten, text_message
from bot.texts import Translator
from bot.texts.origins import origin_lines
from bot.texts.phrases import moment, percent, signed, waits_now, why_excluded, why_nobody, why_returned
from crm_core.access.actors import Actor
from crm_core.routing import explanations
from crm_core.routing.choose import Candidate, Exclusion, held_back
from crm_core.routing.credits import UNIT
from crm_core.routing.decisions import Decision
from crm_core.routing.explanations import Explained, Explanation
from crm_core.routing.returns import ReturnReason
from crm_core.routing.waiting_now import Waits
from crm_core.storage.database import Database

EARLIER = 5  # decisions before the newest one that are told, each in a line
NAMED = 8  # operators in one line
NAME_LONGEST = 24


def why_router() -> Router:
    """A router for the command; operators and admins each have one."""
    router = Router(name="why")
    router.message(typed("why"))(_on_why)
    router.callback_query(WhyContact.filter())(_on_press)
    return router


async def _on_press(
    query: CallbackQuery,
    callback_data: WhyContact,
    actor: Actor,
    act: Act,
    db: Database,
    timezone: str,
    _: Translator,
) -> None:
    """The same, by the button of a card."""
    number = callback_data.contact_id
    found = await db.read(explanations.explain, contact_id=number, actor=actor)
    await act.answer(_screen(number, found, ZoneInfo(timezone), _))


async def _on_why(message: Message, actor: Actor, act: Act, db: Database, timezone: str, _: Translator) -> None:
    """What was decided about a request: the newest decision with who could get it, who could not, and why."""
    contact_id = await contact_number(message, act, _, missing=_("Add the number of the request: /why #42."))
    if contact_id is None:
        return
    found = await db.read(explanations.explain, contact_id=contact_id, actor=actor)
    await act.answer(_screen(contact_id, found, ZoneInfo(timezone), _))


def _screen(contact_id: int, found: Explanation, zone: ZoneInfo, _: Translator) -> OutgoingMessage:
    lines = [_outcome(one, found, zone, _) for one in found.decided[-1 - EARLIER :]]
    newest = next((one.decision for one in reversed(found.decided) if one.is_choice), None)
    if found.waits is not None:
        lines += _now(found.waits, found, zone, _)
        newest = found.waits.decision
    if newest is not None and not newest.is_by_hand:
        lines += _numbers(newest, found, _)
    lines += origin_lines(found.origins, _)
    title = contact_label(contact_id, found.lead, _, longest=40)
    return text_message(as_list(Bold(title), *(Text(line) for line in lines)))


def _outcome(one: Explained, found: Explanation, zone: ZoneInfo, _: Translator) -> str:
    """What was decided, and by which rule."""
    at = moment(one.at.timestamp(), str(zone), _)
    name = _name(one.operator_id, found)
    if one.dropped:
        return _("{at} no longer required after so long: {skills}").format(at=at, skills=", ".join(one.dropped))
    if one.moved_to is not None:
        source = one_line(shorten(found.sources.get(one.moved_to, "–"), NAME_LONGEST))
        return _("{at} moved to the queue of {source}").format(at=at, source=source)
    if one.is_assigned:
        return f"{at} → {name}: {_rule(one, found, _)}"
    if one.reason in set(ReturnReason):
        return _("{at} back from {name} to the queue: {why}").format(
            at=at, name=name, why=why_returned(ReturnReason(one.reason), _)
        )
    if one.is_held_back:
        held = (
            []
            if one.decision is None
            else [_name(each.operator_id, found) for each in held_back(one.decision.candidates)]
        )
        return _("{at} held back by a gentle start: {names}").format(at=at, names=_listed(held, _))
    return _("{at} in the queue: {why}").format(at=at, why=why_nobody(one.reason or "", _))


def _now(waits: Waits, found: Explanation, zone: ZoneInfo, _: Translator) -> list[str]:
    """Why it waits now, unless that is what the line before it says."""
    last = found.decided[-1] if found.decided else None
    is_said = last is not None and last.reason == waits.reason and not last.is_held_back
    return [] if is_said and waits.until is None else [waits_now(waits.reason, waits.until, zone, _)]


def _rule(one: Explained, found: Explanation, _: Translator) -> str:
    if one.from_operator_id is not None:
        return _("handed on from {name}").format(name=_name(one.from_operator_id, found))
    if one.reason == "by_hand":
        return _("assigned manually")
    if one.reason == "duty":
        return _("nobody had taken it, and this operator is on duty")
    if one.decision is not None and one.decision.is_sticky:
        return _("the client wrote to this operator before")
    return _("it was their turn, by exact shares") if one.reason == "exact" else _("at random, by weight")


def _numbers(decision: Decision, found: Explanation, _: Translator) -> list[str]:
    """Who could get it, with their chances or credits, and who could not."""
    lines, parts = [], decision.parts
    if parts:
        each = [f"{_name(one, found)} {percent(part, _)}" for one, part in _largest_first(parts)]
        lines.append(_("Could get it: {names}").format(names=_listed(each, _)))
    if parts and decision.credits is not None:
        credits = decision.credits
        owed = [f"{_name(one, found)} {signed(credits.get(one, 0) / UNIT, _)}" for one, _part in _largest_first(parts)]
        lines.append(_("Was owed before: {names}").format(names=_listed(owed, _)))
    excluded = decision.excluded
    if excluded:
        out = [
            f"{_name(one.operator_id, found)} ({_excluded(one, excluded[one.operator_id], _)})"
            for one in decision.candidates
            if one.operator_id in excluded
        ]
        lines.append(_("Could not: {names}").format(names=_listed(out, _)))
    return lines


def _largest_first(parts: dict[int, float]) -> Iterable[tuple[int, float]]:
    return sorted(parts.items(), key=lambda one: (-one[1], one[0]))


def _excluded(one: Candidate, why: Exclusion, _: Translator) -> str:
    match why:
        case Exclusion.FULL:
            more = _("{load} of {limit}").format(load=one.load, limit=one.limit)
        case Exclusion.CEILING:
            more = _("{load} of {limit}").format(load=one.held, limit=one.ceiling)
        case Exclusion.FULL_HERE:
            more = _("{load} of {limit}").format(load=one.load_here, limit=one.limit_here)
        case Exclusion.RATE:
            more = _("{load} of {limit}").format(load=one.last_hour, limit=one.rate)
        case Exclusion.RAMP:
            more = _("{load} of {limit}").format(load=one.last_minute, limit=one.ramp)
        case Exclusion.NO_SKILL:
            more = ", ".join(sorted(one.lacking))
        case _other:
            more = ""
    return why_excluded(why, _) + (f", {more}" if more else "")


def _listed(each: list[str], _: Translator) -> str:
    more = len(each) - NAMED
    said = ", ".join(each[:NAMED])
    return said + ", " + _("{n} more").format(n=more) if more > 0 else said


def _name(operator_id: int | None, found: Explanation) -> str:
    return one_line(shorten(found.names.get(operator_id or 0, "–"), NAME_LONGEST))
