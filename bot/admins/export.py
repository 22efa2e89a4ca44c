"""/export: requests, clients, operators or events as a file; buttons choose what, the period and the format."""

from zoneinfo import ZoneInfo

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, InlineKeyboardButton, Message

from bot.handling.act import Act
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import choose_typed
from bot.screens.admin_buttons import ShowExport, StartExport
from bot.screens.keyboards import button, in_lines, keyboard, titled, typed
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from bot.texts.exports import about, form_name, order_name, what_name
from bot.texts.phrases import not_understood, period_name, period_words
from crm_core import statistics
from crm_core.access.actors import Actor
from crm_core.exports import jobs
from crm_core.exports.kinds import Form, What
from crm_core.statistics import Period
from crm_core.storage.database import Database

router = Router(name="admins.export")


async def _screen(
    db: Database, act: Act, actor: Actor, what: What, period: Period, _: Translator, *, note: str = ""
) -> OutgoingMessage:
    is_under_way = await read_as_admin(db, actor, jobs.is_under_way, asked_by=actor.telegram_id, now=act.clock())
    subjects = [_choice(what_name(one, _), one is what, ShowExport(what=one, period=period)) for one in What]
    times = [_choice(period_name(one, _), one is period, ShowExport(what=what, period=one)) for one in Period]
    forms = [
        button(f"⬇️ {form_name(form, _)}", StartExport(what=what, period=period, form=form))
        for form in (Form.XLSX, Form.CSV)
    ]
    title = _("📤 Export: {what}, {period}").format(what=what_name(what, _), period=period_name(period, _))
    hint = _(
        "Choose what to export and for which period, then the format. The file arrives here; every export is recorded."
    )
    return text_message(
        titled(
            title,
            [
                about(what, _),
                "",
                hint,
                *(["", _("⏳ Your previous export is still being prepared.")] if is_under_way else []),
            ],
            note=note,
        ),
        keyboard=keyboard(*in_lines(subjects, 2), *in_lines(times, 2), forms),
    )


def _choice(label: str, is_chosen: bool, data: ShowExport) -> InlineKeyboardButton:
    return button(f"· {label} ·" if is_chosen else label, data)


@router.message(typed("export"))
async def on_export(
    message: Message, command: CommandObject, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Offers what can be exported: `/export`, `/export events 7 days`. What is not understood is named."""
    words = (command.args or "").split()
    what, others = choose_typed(words, What, lambda one: f"{one.value} {what_name(one, _)}")
    period, unknown = choose_typed(others, Period, lambda one: period_words(one, _))
    screen = await _screen(
        db, act, actor, what or What.CONTACTS, period or Period.MONTH, _, note=not_understood(unknown, _)
    )
    await act.answer(screen)


@router.callback_query(ShowExport.filter())
async def on_choice(
    query: CallbackQuery, callback_data: ShowExport, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Something else, or another period."""
    await act.show(await _screen(db, act, actor, callback_data.what, callback_data.period, _))


@router.callback_query(StartExport.filter())
async def on_start(
    query: CallbackQuery, callback_data: StartExport, actor: Actor, act: Act, db: Database, timezone: str, _: Translator
) -> None:
    """Starts the export: this screen shows its progress, then the file arrives."""
    what, period, form = callback_data.what, callback_data.period, callback_data.form
    if act.pressed is None:  # no screen to show the progress on: the button was not pressed in this chat
        await act.answer(await _screen(db, act, actor, what, period, _))
        return
    await act(
        jobs.ask,
        what=what,
        form=form,
        period=period,
        language=_.language,
        bot_id=act.bot_id,
        message_id=act.pressed,
        since=statistics.beginning(period, now=act.clock(), zone=ZoneInfo(timezone)),
        actor=actor,
        screen=lambda number: text_message(f"⏳ {order_name(what, form, period, _)}\n" + _("Preparing…")),
    )
