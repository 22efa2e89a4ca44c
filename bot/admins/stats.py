"""/stats: the statistics of a period, as a picture with a caption."""

from datetime import tzinfo
from zoneinfo import ZoneInfo

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, Message
from aiogram.utils.formatting import as_list

from bot.admins.stats_text import overall_text, stats_text
from bot.handling.act import Act
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import choose_typed
from bot.screens.admin_buttons import ShowStats, ShowStatsWords
from bot.screens.keyboards import button, in_lines, keyboard, typed
from bot.screens.message import OutgoingMessage, text_message, with_picture
from bot.telegram.limits import CAPTION_LONGEST
from bot.texts import Translator
from bot.texts.phrases import not_understood, period_name, period_words
from crm_core import statistics
from crm_core.access.actors import Actor
from crm_core.messaging.messages import utf16_units
from crm_core.statistics import Period, Statistics
from crm_core.storage.config import Pool, through
from crm_core.storage.database import Database

router = Router(name="admins.stats")


async def _numbers(act: Act, db: Database, actor: Actor, period: Period, zone: tzinfo) -> Statistics:
    since = statistics.beginning(period, now=act.clock(), zone=zone)
    with through(Pool.BACKGROUND):
        return await read_as_admin(db, actor, statistics.overview, since=since)


async def _screen(
    act: Act, db: Database, actor: Actor, period: Period, zone: tzinfo, _: Translator, *, on_picture: bool = False
) -> OutgoingMessage:
    numbers = await _numbers(act, db, actor, period, zone)
    buttons = [
        button(f"· {period_name(one, _)} ·" if one is period else period_name(one, _), ShowStats(period=one))
        for one in Period
    ]
    lines = in_lines(buttons, 2)
    now = act.clock()
    text = stats_text(numbers, period, _, now=now)
    caption = text_message(text, keyboard=keyboard(*lines))
    if utf16_units(caption.payload["text"]) > CAPTION_LONGEST:
        more = button(_("📝 As text"), ShowStatsWords(period=period))
        caption = text_message(overall_text(numbers, period, _, now=now), keyboard=keyboard(*lines, [more]))
    return with_picture(
        text_message(text, keyboard=keyboard(*lines)),
        caption,
        language=_.language,
        stands=on_picture,
        period=period.value,
    )


@router.message(typed("stats"))
async def on_stats(
    message: Message, command: CommandObject, actor: Actor, act: Act, db: Database, timezone: str, _: Translator
) -> None:
    """The statistics of today, or of a period: `/stats 7`. What is not understood is named, with what there is."""
    period, unknown = choose_typed((command.args or "").split(), Period, lambda one: period_words(one, _))
    if unknown:
        numbers = await _numbers(act, db, actor, Period.TODAY, ZoneInfo(timezone))
        choices = in_lines([button(period_name(one, _), ShowStats(period=one)) for one in Period], 2)
        text = f"{not_understood(unknown, _)}\n\n"
        answer = as_list(text, overall_text(numbers, Period.TODAY, _, now=act.clock()), sep="")
        await act.answer(text_message(answer, keyboard=keyboard(*choices)))
        return
    await act.answer(await _screen(act, db, actor, period or Period.TODAY, ZoneInfo(timezone), _))


@router.callback_query(ShowStats.filter())
async def on_period(
    query: CallbackQuery, callback_data: ShowStats, actor: Actor, act: Act, db: Database, timezone: str, _: Translator
) -> None:
    """Another period, or the same one again."""
    on_picture = isinstance(query.message, Message) and query.message.photo is not None
    screen = await _screen(act, db, actor, callback_data.period, ZoneInfo(timezone), _, on_picture=on_picture)
    await act.show(screen)


@router.callback_query(ShowStatsWords.filter())
async def on_words(
    query: CallbackQuery,
    callback_data: ShowStatsWords,
    actor: Actor,
    act: Act,
    db: Database,
    timezone: str,
    _: Translator,
) -> None:
    """All figures as text, in a separate message."""
    numbers = await _numbers(act, db, actor, callback_data.period, ZoneInfo(timezone))
    await act.answer(text_message(stats_text(numbers, callback_data.period, _, now=act.clock())))
