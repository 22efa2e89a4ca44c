"""What a request counts that waits for its client: `/sources waiting shop_bot 0.3`, or a button."""

import re

from aiogram import Router
from aiogram.filters import BaseFilter
from aiogram.types import CallbackQuery, Message

from bot.admins.setting_changes import change_source
from bot.admins.verbs import Typed, show_usage
from bot.handling.act import Act
from bot.handling.prompts import AnswersPrompt, offer
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import which_source
from bot.screens.keyboards import back, button, in_lines, keyboard
from bot.screens.message import OutgoingMessage, text_message
from bot.screens.source_buttons import AskWaitingLoad, SetWaitingLoad, ShowSource
from bot.texts import Translator
from bot.texts.phrases import part_of_one
from crm_core.access.actors import Actor
from crm_core.conversation.prompts import OpenPrompt
from crm_core.errors import BadValue
from crm_core.routing import source_settings, sources
from crm_core.routing.relief import WHOLE
from crm_core.routing.sources import SourceListed
from crm_core.storage.database import Database

router = Router(name="admins.waiting_load")

OFFERED = (0, 25, 50, 75, WHOLE)
_PART = re.compile(r"\s*(0(?:[.,][0-9]{1,2})?|1(?:[.,]0{1,2})?)\s*|\s*([0-9]{1,3})\s*%\s*")


def read_part(text: str) -> int | None:
    """A part of one in hundredths, as somebody typed it: 0.3, 0,3, 30%. None if it is none."""
    found = _PART.fullmatch(text)
    if found is None:
        return None
    part = int(found[2]) if found[2] else round(float(found[1].replace(",", ".")) * WHOLE)
    return part if part <= WHOLE else None


class IsPart(BaseFilter):
    """Passes texts that are a part of one."""

    async def __call__(self, message: Message) -> bool:
        return read_part(message.text or "") is not None


def waiting_load_screen(source: SourceListed, _: Translator) -> OutgoingMessage:
    """Parts to choose from."""
    lines = [
        _("How much does a request from {source} count while it waits for its client? Now: {part}.").format(
            source=source.name, part=part_of_one(source.waiting_load, _)
        ),
        _("With 0.5, two of them take one place. Once the client has written, each counts fully. With 1, always."),
    ]
    offered = [button(part_of_one(one, _), SetWaitingLoad(source_id=source.id, value=one)) for one in OFFERED]
    buttons = keyboard(*in_lines(offered, 5), back(source.name, ShowSource(source_id=source.id)))
    return text_message("\n".join(lines), keyboard=buttons)


@router.callback_query(AskWaitingLoad.filter())
async def on_ask(
    query: CallbackQuery, callback_data: AskWaitingLoad, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Offers parts; a typed one is a choice, too."""
    source = await read_as_admin(db, actor, sources.one, source_id=callback_data.source_id)
    await offer(act, actor, "waiting_load", waiting_load_screen(source, _), source_id=source.id)


@router.callback_query(SetWaitingLoad.filter())
async def on_set(query: CallbackQuery, callback_data: SetWaitingLoad, actor: Actor, act: Act, _: Translator) -> None:
    """Sets one of the offered parts."""
    await _set(act, actor, callback_data.source_id, callback_data.value, _)


@router.message(AnswersPrompt("waiting_load"), IsPart())
async def on_typed(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Sets the typed part."""
    await _set(act, actor, asked.data["source_id"], read_part(message.text or ""), _)


async def type_part(typed: Typed) -> None:
    """`waiting shop_bot 0.3`."""
    if len(typed.line) < 2:
        await show_usage(typed.act, typed._("Specify the source and a number from 0 to 1"), typed.example)
        return
    source = await which_source(typed.db, typed.actor, typed.line.from_word(0, -1))
    await _set(typed.act, typed.actor, source.id, read_part(typed.line.words[-1].text), typed._)


async def _set(act: Act, actor: Actor, source_id: int, part: int | None, _: Translator) -> None:
    if part is None:
        raise BadValue(field="waiting_load", minimum=0, maximum=1)
    await change_source(act, actor, source_settings.set_waiting_load, source_id, _, waiting_load=part)
