"""/sources: the list, one source, or a change, as it is typed."""

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import Message

from bot.admins import (
    catch_up,
    handover_settings,
    keywords,
    narrower_limits,
    offer_settings,
    ramp,
    skills,
    source_actions,
    source_buttons,
    source_hours,
    source_targets,
    waiting_load,
)
from bot.admins.source_screens import source_screen, sources_screen, weights_screen
from bot.admins.verbs import Subject, Typed, Verb, carry_out, of_one, offer_similar, show_usage, verb_of, with_text
from bot.handling.act import Act
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import which_source
from bot.screens.keyboards import typed
from bot.screens.message import text_message
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.errors import SourceNotFound
from crm_core.names import TypedLine
from crm_core.routing import source_details, source_settings, sources
from crm_core.storage.database import Database
from crm_core.team import operators

router = Router(name="admins.sources")
router.include_routers(
    source_buttons.router,
    ramp.router,
    catch_up.router,
    offer_settings.router,
    handover_settings.router,
    source_hours.router,
    source_targets.router,
    waiting_load.router,
)

SUBJECT = Subject("/sources", find=which_source, listing=sources.listing, pick=sources.pick)


@router.message(typed("sources"))
async def on_sources(
    message: Message, command: CommandObject, actor: Actor, act: Act, db: Database, timezone: str, _: Translator
) -> None:
    """`/sources`, `/sources vk`, `/sources link vk VK ads`."""
    line = TypedLine.of(command.args or "")
    if not line:
        await act.answer(sources_screen(await read_as_admin(db, actor, source_details.overview, now=act.clock()), _))
        return
    if verb_of(line) == "link":
        await source_actions.add_link(act, actor, act.bot_id, line.from_word(1), _)
        return
    wanted = Typed(line, act, actor, db, _, timezone=timezone)
    if await carry_out(wanted, SUBJECT, VERBS, missing=_("Specify the source")):
        return
    try:
        source = await which_source(db, actor, line)
    except SourceNotFound:
        if await offer_similar(wanted, SUBJECT, VERBS, besides="link"):
            return
        raise
    seen = await read_as_admin(db, actor, source_details.details, source_id=source.id, now=act.clock())
    await act.answer(source_screen(seen, _))


async def _switch_on(typed: Typed, source_id: int) -> None:
    await source_actions.switch(typed.act, typed.actor, source_id, True, typed._)


async def _switch_off(typed: Typed, source_id: int) -> None:
    await source_actions.switch(typed.act, typed.actor, source_id, False, typed._)


async def _set_exact(typed: Typed, source_id: int) -> None:
    await source_actions.set_strategy(typed.act, typed.actor, source_id, True, typed._)


async def _set_random(typed: Typed, source_id: int) -> None:
    await source_actions.set_strategy(typed.act, typed.actor, source_id, False, typed._)


async def _protect(typed: Typed, source_id: int) -> None:
    await source_actions.protect(typed.act, typed.actor, source_id, True, typed._)


async def _unprotect(typed: Typed, source_id: int) -> None:
    await source_actions.protect(typed.act, typed.actor, source_id, False, typed._)


async def _forum(typed: Typed, source_id: int) -> None:
    source = await read_as_admin(typed.db, typed.actor, sources.one, source_id=source_id)
    await typed.act.answer(text_message(source_actions.forum_hint(source, typed._)))


async def _no_forum(typed: Typed, source_id: int) -> None:
    await source_actions.end_forum(typed.act, typed.actor, source_id, typed._)


async def _show_weights(typed: Typed, source_id: int) -> None:
    team = await read_as_admin(typed.db, typed.actor, operators.source_team, source_id=source_id)
    await typed.act.answer(weights_screen(team.source, team.operators, typed._))


async def _set_late_hours(typed: Typed) -> None:
    if len(typed.line) < 2:
        await show_usage(typed.act, typed._("Specify the source and the hours"), typed.example)
        return
    source = await which_source(typed.db, typed.actor, typed.line.from_word(0, -1))
    await source_actions.set_late_hours(typed.act, typed.actor, source.id, typed.line.words[-1].text, typed._)


async def _set_sticky(typed: Typed) -> None:
    if len(typed.line) < 2:
        await show_usage(typed.act, typed._("Specify the source and the days"), typed.example)
        return
    mode = source_settings.STICKY_MODES.get(typed.line.words[-1].text.casefold())
    line = typed.line if mode is None else typed.line.from_word(0, -1)
    days = line.words[-1].text if mode is None or (len(line) > 1 and line.words[-1].text.isdecimal()) else None
    source = await which_source(typed.db, typed.actor, line if days is None else line.from_word(0, -1))
    await source_actions.set_sticky(typed.act, typed.actor, source.id, days, typed._, mode=mode)


async def _set_priority(typed: Typed) -> None:
    if len(typed.line) < 2:
        await show_usage(typed.act, typed._("Specify the source and the minutes"), typed.example)
        return
    source = await which_source(typed.db, typed.actor, typed.line.from_word(0, -1))
    await source_actions.set_priority(typed.act, typed.actor, source.id, typed.line.words[-1].text, typed._)


async def _rename(typed: Typed, source_id: int, name: str) -> None:
    await source_actions.rename(typed.act, typed.actor, source_id, name, typed._)


async def _describe(typed: Typed, source_id: int, description: str) -> None:
    await source_actions.describe(typed.act, typed.actor, source_id, description, typed._)


VERBS = {
    "on": Verb(lambda _: "on shop_bot", of_one(SUBJECT, _switch_on)),
    "off": Verb(lambda _: "off shop_bot", of_one(SUBJECT, _switch_off)),
    "exact": Verb(lambda _: "exact shop_bot", of_one(SUBJECT, _set_exact)),
    "random": Verb(lambda _: "random shop_bot", of_one(SUBJECT, _set_random)),
    "protect": Verb(lambda _: "protect shop_bot", of_one(SUBJECT, _protect)),
    "unprotect": Verb(lambda _: "unprotect shop_bot", of_one(SUBJECT, _unprotect)),
    "forum": Verb(lambda _: "forum shop_bot", of_one(SUBJECT, _forum)),
    "noforum": Verb(lambda _: "noforum shop_bot", of_one(SUBJECT, _no_forum)),
    "late": Verb(lambda _: "late shop_bot 24", _set_late_hours),
    "sticky": Verb(lambda _: "sticky shop_bot 14", _set_sticky),
    "priority": Verb(lambda _: "priority shop_bot 30", _set_priority),
    "ramp": Verb(lambda _: "ramp shop_bot 3", ramp.type_ramp),
    "catchup": Verb(lambda _: "catchup shop_bot 2", catch_up.type_catch_up),
    "offer": Verb(lambda _: "offer shop_bot 120", offer_settings.set_offer),
    "duty": Verb(
        lambda _: _("duty shop_bot = Anna"),
        with_text(SUBJECT, offer_settings.set_duty, lambda _: _("Specify the source, = and the operator")),
    ),
    "handover": Verb(lambda _: _("handover shop_bot hand over 30"), handover_settings.set_handover),
    "hours": Verb(lambda _: _("hours shop_bot mon-fri 9-18"), source_hours.set_hours),
    "sla": Verb(lambda _: _("sla shop_bot first 15 next 30 resolve 8h"), source_targets.set_targets),
    "limit": Verb(lambda _: _("limit shop_bot Anna 3"), narrower_limits.type_limit_here),
    "skills": Verb(lambda _: _("skills shop_bot german 30, vip"), skills.type_needed),
    "waiting": Verb(lambda _: "waiting shop_bot 0.3", waiting_load.type_part),
    "keywords": Verb(lambda _: _("keywords shop_bot refund*: billing 30, +60"), keywords.type_rule),
    "weights": Verb(lambda _: "weights shop_bot", of_one(SUBJECT, _show_weights)),
    "rename": Verb(
        lambda _: _("rename shop_bot = Shop"),
        with_text(SUBJECT, _rename, lambda _: _("Specify both names with = between them")),
    ),
    "describe": Verb(
        lambda _: _("describe shop_bot = The bot of the shop"),
        with_text(SUBJECT, _describe, lambda _: _("Specify the source, = and the description")),
    ),
}
