"""/vip #42: the requests of a client come before others in the queue."""

import re

from aiogram import Router
from aiogram.types import Message

from bot.handling.act import Act
from bot.screens.keyboards import typed
from bot.screens.message import text_message
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.contacts import vip
from crm_core.names import read_number
from crm_core.routing import priority

router = Router(name="admins.vip")

OFF = {"off", "no", "нет", "выкл"}
_TYPED = re.compile(r"^/\S+\s+#?(\d{1,18})(?:\s+(\S+))?\s*$")


@router.message(typed("vip"))
async def on_vip(message: Message, actor: Actor, act: Act, _: Translator) -> None:
    """`/vip #42`, `/vip #42 120`, `/vip #42 off`."""
    found = _TYPED.match(message.text or "")
    if found is None:
        example = _("Add the number of a request, and minutes if you like: /vip #42, /vip #42 120, /vip #42 off")
        await act.answer(text_message(example))
        return
    number, minutes = int(found[1]), _minutes(found[2])
    if minutes:
        text = _("⭐ The client of #{id} comes before others in the queue, by {n} min, now and in later requests.")
    else:
        text = _("The client of #{id} waits like everybody else.")
    said = text.format(id=number, n=minutes)
    await act(vip.mark, contact_id=number, minutes=minutes, actor=actor, reply=lambda nothing: text_message(said))


def _minutes(text: str | None) -> int:
    """Raises BadValue."""
    if text is None:
        return vip.USUAL
    if text.casefold() in OFF:
        return 0
    return read_number(text, field="priority_minutes", minimum=0, maximum=priority.LONGEST)
