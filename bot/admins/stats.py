"""/stats: how it goes."""

from datetime import tzinfo
from zoneinfo import ZoneInfo

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.acting import Act
from bot.admins.looking import look
from bot.admins.screens import button, in_lines, keyboard, typed
from bot.admins.stats_text import period_name, stats_text
from bot.answers import Answer, say
from bot.callbacks import ShowStats
from bot.texts import Translator
from crm_core import statistics
from crm_core.access import Actor
from crm_core.statistics import Period
from crm_core.storage.database import Database

router = Router(name="admins.stats")


async def _screen(act: Act, db: Database, actor: Actor, period: Period, zone: tzinfo, _: Translator) -> Answer:
    since = statistics.beginning(period, now=act.clock(), zone=zone)
    numbers = await look(db, actor, statistics.overview, since=since)
    buttons = [
        button(f"· {period_name(one, _)} ·" if one is period else period_name(one, _), ShowStats(period=one))
        for one in Period
    ]
    return say(stats_text(numbers, period, _), keyboard=keyboard(*in_lines(buttons, 2)))


@router.message(typed("stats"))
async def on_stats(message: Message, actor: Actor, act: Act, db: Database, timezone: str, _: Translator) -> None:
    """Of today."""
    await act.answer(await _screen(act, db, actor, Period.TODAY, ZoneInfo(timezone), _))


@router.callback_query(ShowStats.filter())
async def on_period(
    query: CallbackQuery, callback_data: ShowStats, actor: Actor, act: Act, db: Database, timezone: str, _: Translator
) -> None:
    """Of another period, or the same once more."""
    await act.show(await _screen(act, db, actor, callback_data.period, ZoneInfo(timezone), _))
