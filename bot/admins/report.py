"""/report: yesterday in five lines with a picture, at once or every morning, and the targets that were missed."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, Message

from bot.admins.report_text import MORNING, missed_message, report_message, set_text
from bot.admins.verbs import IN_RUSSIAN, show_usage
from bot.handling.act import Act
from bot.handling.queries import read_as_admin
from bot.screens.admin_buttons import SetReport, ShowMissed
from bot.screens.keyboards import typed
from bot.screens.message import text_message
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.names import means_off
from crm_core.service import breaches, daily
from crm_core.storage.config import Pool, through
from crm_core.storage.database import Database

router = Router(name="admins.report")


@router.message(typed("report"))
async def on_report(
    message: Message, command: CommandObject, actor: Actor, act: Act, db: Database, timezone: str, _: Translator
) -> None:
    """`/report`, `/report on 9:00`, `/report off`."""
    words = [IN_RUSSIAN.get(word, word) for word in (command.args or "").casefold().split()]
    if not words:
        now = act.clock()
        with through(Pool.BACKGROUND):
            found = await read_as_admin(db, actor, daily.figures, now=now, zone=ZoneInfo(timezone))
        await act.answer(report_message(found, _, now=now))
        return
    at = daily.OFF if means_off(" ".join(words)) else _time(words)
    if at is None:
        await read_as_admin(db, actor, daily.time_set)
        await show_usage(act, _("Specify the time, or off"), "/report on 9:00")
        return
    await _set(act, actor, at, _)


def _time(words: list[str]) -> str | None:
    if words == ["on"]:
        return MORNING
    return daily.read_time(words[-1]) if words[:-1] in (["on"], []) else None


@router.callback_query(SetReport.filter())
async def on_set(query: CallbackQuery, callback_data: SetReport, actor: Actor, act: Act, _: Translator) -> None:
    """Every morning, or no longer."""
    await _set(act, actor, MORNING if callback_data.is_on else daily.OFF, _)


async def _set(act: Act, actor: Actor, at: str, _: Translator) -> None:
    await act(daily.set_time, at=at, actor=actor, reply=lambda nothing: text_message(set_text(at, _)))


@router.callback_query(ShowMissed.filter())
async def on_missed(
    query: CallbackQuery, callback_data: ShowMissed, actor: Actor, act: Act, db: Database, timezone: str, _: Translator
) -> None:
    """The targets of the last seven days, in a separate message."""
    now = act.clock()
    with through(Pool.BACKGROUND):
        found, names = await read_as_admin(db, actor, breaches.with_names, since=now - timedelta(days=7), now=now)
    await act.answer(missed_message(found, names, _))
