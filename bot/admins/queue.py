"""/queue: waiting requests, first in line first, each with a button to assign it."""

from zoneinfo import ZoneInfo

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.handling.act import Act
from bot.handling.queries import read_as_admin
from bot.screens.admin_buttons import ChooseOperator, ShowQueue
from bot.screens.contact_label import contact_label
from bot.screens.keyboards import PAGE, button, in_lines, keyboard, of_pages, titled, turning, typed
from bot.screens.message import OutgoingMessage, shorten, text_message
from bot.texts import Translator
from bot.texts.phrases import age, to_the_second
from crm_core.access.actors import Actor
from crm_core.routing import waiting_list, waiting_now
from crm_core.storage.database import Database

router = Router(name="admins.queue")


async def queue_screen(
    act: Act, db: Database, actor: Actor, zone: str, _: Translator, *, page: int = 0, hint: str = ""
) -> OutgoingMessage:
    """A page of what waits, with a button to assign each; `hint` is its last line."""
    total = await read_as_admin(db, actor, waiting_list.length)
    page = max(0, min(page, (total - 1) // PAGE))
    waiting = await read_as_admin(db, actor, waiting_list.waiting, limit=PAGE, skip=page * PAGE)
    held = await read_as_admin(db, actor, waiting_now.held_until, contact_ids=[one.id for one in waiting])
    if not waiting:
        said = "\n".join(filter(None, [_("Nobody is waiting. 👍"), hint]))
        return text_message(said, keyboard=keyboard([button(_("🔄 Refresh"), ShowQueue())]))
    lines = []
    for one in waiting:
        label = contact_label(one.id, one.lead_name, _, longest=30)
        star = "⭐ " if one.is_vip else ""
        line = f"{star}{label} · {one.source_name} · {age(act.clock() - one.since, _)}"
        lines.append(line + (_(" + {n} min").format(n=one.head_start) if one.head_start else ""))
        if one.id in held:
            until = to_the_second(held[one.id], ZoneInfo(zone))
            lines.append("      " + _("🌅 gentle start, the next ones at {time}").format(time=until))
        if one.message:
            lines.append(f"      {shorten(one.message, 60)}")
    lines += [hint] if hint else []
    title = _.plural("⏳ {n} request waiting", "⏳ {n} requests waiting", total).format(n=total)
    if of_pages(page, total, _):
        title += " · " + of_pages(page, total, _)
    buttons = [button(_("Assign #{id}").format(id=one.id), ChooseOperator(contact_id=one.id)) for one in waiting]
    return text_message(
        titled(title, lines),
        keyboard=keyboard(
            *in_lines(buttons, 2),
            turning(page, total, lambda turned: ShowQueue(page=turned)),
            [button(_("🔄 Refresh"), ShowQueue(page=page))],
        ),
    )


@router.message(typed("queue"))
async def on_queue(message: Message, actor: Actor, act: Act, db: Database, timezone: str, _: Translator) -> None:
    """The first page."""
    await act.answer(await queue_screen(act, db, actor, timezone, _))


@router.callback_query(ShowQueue.filter())
async def on_page(
    query: CallbackQuery,
    callback_data: ShowQueue,
    actor: Actor,
    act: Act,
    db: Database,
    timezone: str,
    _: Translator,
) -> None:
    """A page, as it stands now."""
    await act.show(await queue_screen(act, db, actor, timezone, _, page=callback_data.page))
