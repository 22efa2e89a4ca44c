"""/history #15: what was said in a request. Operators see their own requests, admins all."""

from collections.abc import Iterator
from itertools import groupby
from zoneinfo import ZoneInfo

from aiogram import Router
from aiogram.types import Message
from aiogram.utils.formatting import Bold, Text, as_list

from bot.delivery.origins import marked
from bot.handling.act import Act
from bot.handling.contact_number import contact_number
from bot.screens.contact_buttons import ShowCard
from bot.screens.contact_label import client_name, contact_label
from bot.screens.keyboards import button, keyboard, typed
from bot.screens.message import OutgoingMessage, text_message
from bot.telegram.limits import MESSAGE_LONGEST
from bot.texts import Translator
from bot.texts.phrases import moment
from crm_core.access.actors import Actor
from crm_core.conversation import history
from crm_core.conversation.history import History, Said
from crm_core.graphemes import beginning
from crm_core.messaging.messages import utf16_units
from crm_core.storage.database import Database

SHOWN = 60  # messages at most; fewer if they are long
EACH_LONGEST = 600  # characters of one message


def history_router() -> Router:
    """A router for the command; operators and admins each have one."""
    router = Router(name="history")
    router.message(typed("history"))(_on_history)
    return router


async def _on_history(message: Message, actor: Actor, act: Act, db: Database, timezone: str, _: Translator) -> None:
    """The newest messages of a request, oldest first."""
    contact_id = await contact_number(message, act, _, missing=_("Add the number of the request: /history #42."))
    if contact_id is None:
        return
    found = await db.read(history.history, contact_id=contact_id, actor=actor, limit=SHOWN)
    await act.answer(_screen(contact_id, found, ZoneInfo(timezone), _))


def _screen(contact_id: int, found: History, zone: ZoneInfo, _: Translator) -> OutgoingMessage:
    title = contact_label(contact_id, found.lead, _, longest=40)
    room = MESSAGE_LONGEST - utf16_units(title) - 60
    shown: list[str] = []
    count = 0
    for text, together in _lines(found, zone, _):
        room -= utf16_units(text) + 1
        if room < 0:
            break
        shown.insert(0, text)
        count += together
    earlier = found.total - count
    if earlier:
        shown.insert(0, _.plural("… {n} earlier message", "… {n} earlier messages", earlier).format(n=earlier))
    card = button(_("📇 Card"), ShowCard(contact_id=contact_id))  # from there it goes on, also after closing
    buttons = keyboard([card]) if found.is_own else None
    lines = as_list(Bold(title), *(Text(line) for line in shown))
    return text_message(lines, keyboard=buttons, is_protected=found.protect_content)


def _lines(found: History, zone: ZoneInfo, _: Translator) -> Iterator[tuple[str, int]]:
    """The newest line first, each with the number of its messages: what has no words, as an album, is one line."""

    def key(one: tuple[int, Said]) -> tuple[str, int]:
        number, said = one
        return _line(said, found, zone, _), number if said.text else -1

    for (line, _number), alike in groupby(enumerate(reversed(found.said)), key):
        together = len(list(alike))
        yield (line if together == 1 else f"{line} × {together}"), together


def _line(one: Said, found: History, zone: ZoneInfo, _: Translator) -> str:
    who = one.operator or client_name(found.lead, _, longest=30)
    said = marked(one, (one.text or "").strip(), _)
    if len(said) > EACH_LONGEST:
        said = beginning(said, EACH_LONGEST - 1) + "…"
    return f"{moment(one.at.timestamp(), str(zone), _)} {who}: {said}"
