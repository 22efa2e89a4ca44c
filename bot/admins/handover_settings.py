"""What a source does while operators are away, as admins see and set it: `/sources handover shop_bot hand over 30`."""

import re
from functools import partial

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.admins.source_settings import away_text
from bot.admins.verbs import Typed, show_usage
from bot.handling.act import Act
from bot.handling.prompts import AnswersPrompt, IsNumber, offer
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import source_and_rest
from bot.screens.keyboards import back, button, in_lines, keyboard, titled
from bot.screens.message import OutgoingMessage, text_message
from bot.screens.source_buttons import AskHandover, SetAwayMinutes, SetHandover, ShowSource
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.conversation.prompts import OpenPrompt
from crm_core.names import read_number
from crm_core.routing import absence, sources
from crm_core.routing.absence import Handover
from crm_core.routing.sources import SourceListed
from crm_core.storage.database import Database

router = Router(name="admins.handover_settings")

MINUTES = (0, 5, 15, 30, 60, 120)
MODES = {
    "keep": Handover.KEEP,
    "оставлять": Handover.KEEP,
    "оставить": Handover.KEEP,
    "hand over": Handover.HAND_OVER,
    "hand_over": Handover.HAND_OVER,
    "передавать": Handover.HAND_OVER,
    "передать": Handover.HAND_OVER,
    "hold": Handover.HOLD,
    "ждать": Handover.HOLD,
}
_TYPED = re.compile(r"(?P<mode>[^\W\d]+(?: [^\W\d]+)?)?\s*(?P<minutes>\d{1,6})?(?:\s*(?:min|мин)\.?)?")


def handover_screen(source: SourceListed, _: Translator, *, note: str = "") -> OutgoingMessage:
    """What becomes of requests whose operator is away, and what can be chosen instead."""
    number = source.id
    lines = [
        away_text(source, _)
        or _("Requests stay with their operators, however long these are away, and clients are told nothing."),
        _("Away means offline, or outside of working hours, in breaks too. A request that waits for its client stays."),
    ]
    labels = {
        Handover.HAND_OVER: _("📤 Hand over"),
        Handover.HOLD: _("✉️ Tell the client"),
        Handover.KEEP: _("📌 Keep"),
    }
    modes = [
        button(label, SetHandover(source_id=number, mode=mode))
        for mode, label in labels.items()
        if mode != source.handover
    ]
    minutes = []
    if source.handover != Handover.KEEP:
        lines += ["", _("After how many minutes of absence? Press, or send a number.")]
        minutes = [button(str(one), SetAwayMinutes(source_id=number, value=one)) for one in MINUTES]
    return text_message(
        titled(f"🚪 {source.name}", lines, note=note),
        keyboard=keyboard(modes, *in_lines(minutes, 3), back(source.name, ShowSource(source_id=number))),
    )


@router.callback_query(AskHandover.filter())
async def on_handover(
    query: CallbackQuery, callback_data: AskHandover, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """What the source does; a typed number of minutes is a choice, too."""
    await _show(act, actor, db, callback_data.source_id, _)


async def _show(act: Act, actor: Actor, db: Database, source_id: int, _: Translator) -> None:
    source = await read_as_admin(db, actor, sources.one, source_id=source_id)
    await offer(act, actor, "away_minutes", handover_screen(source, _), source_id=source_id)


@router.callback_query(SetHandover.filter())
async def on_set(query: CallbackQuery, callback_data: SetHandover, actor: Actor, act: Act, _: Translator) -> None:
    """What was chosen."""
    await _set(act, actor, callback_data.source_id, _, handover=callback_data.mode)


@router.callback_query(SetAwayMinutes.filter())
async def on_minutes(
    query: CallbackQuery, callback_data: SetAwayMinutes, actor: Actor, act: Act, _: Translator
) -> None:
    """A number of minutes that was offered."""
    await _set(act, actor, callback_data.source_id, _, away_minutes=callback_data.value)


@router.message(AnswersPrompt("away_minutes"), IsNumber())
async def on_typed(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Sets the typed number of minutes."""
    await _set(act, actor, asked.data["source_id"], _, away_minutes=_minutes((message.text or "").strip()))


async def set_handover(typed: Typed) -> None:
    """`handover shop_bot` shows what is set, `handover shop_bot hand over 30` sets it."""
    found = await source_and_rest(typed.db, typed.actor, typed.line)
    if found is not None and not found[1]:
        await _show(typed.act, typed.actor, typed.db, found[0].id, typed._)
        return
    values = None if found is None else _read(found[1].raw)
    if found is None or not values:
        await show_usage(typed.act, typed._("Specify the source, then keep, hold or hand over"), typed.example)
        return
    await _set(typed.act, typed.actor, found[0].id, typed._, **values)


def _read(text: str) -> dict[str, str | int]:
    """What `hand over 30`, `hold` or `30` sets; empty if it is not understood. Raises BadValue."""
    found = _TYPED.fullmatch(" ".join(text.casefold().split()))
    mode = None if found is None or found["mode"] is None else MODES.get(found["mode"])
    if found is None or (found["mode"] is not None and mode is None):
        return {}
    values: dict[str, str | int] = {} if mode is None else {"handover": mode.value}
    return values if found["minutes"] is None else {**values, "away_minutes": _minutes(found["minutes"])}


def _minutes(typed: str) -> int:
    return read_number(typed, field="away_minutes", minimum=0, maximum=absence.LONGEST)


async def _set(act: Act, actor: Actor, source_id: int, _: Translator, **values: str | int) -> None:
    await act(
        absence.set_handover,
        source_id=source_id,
        values=values,
        actor=actor,
        then_read=partial(sources.one, source_id=source_id),
        screen=lambda nothing, source: handover_screen(source, _, note=_("Saved.")),
    )
