"""The first screen of an admin: three steps until the first request reaches somebody, each with its button."""

from functools import partial

from aiogram import Router
from aiogram.types import CallbackQuery, User

from bot.handling.act import Act
from bot.handling.incoming import account_of
from bot.screens.keyboards import button, keyboard, titled
from bot.screens.message import OutgoingMessage, text_message
from bot.screens.operator_buttons import AddOperator, AnswerMyself
from bot.screens.source_buttons import AssignSource
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.team import invitations, setup
from crm_core.team.invitations import Joined
from crm_core.team.setup import Progress

router = Router(name="admins.setup")


def setup_screen(progress: Progress, _: Translator, *, note: str = "") -> OutgoingMessage:
    """The steps, those that are done ticked, and the buttons of the others."""
    steps = [
        (progress.has_operator, _("1. Add an operator and send them the link")),
        (progress.has_weight, _("2. Assign them to a source (weight)")),
        (progress.has_contact, _("3. Write to the bot from another account to try it")),
    ]
    lines = [f"✅ {text}" if is_done else text for is_done, text in steps]
    lines += ["", _("/help lists everything that you can do here.")]
    adding = [button(_("➕ Add an operator"), AddOperator())]
    if not progress.is_operator:
        adding.append(button(_("🙋 I'll answer myself"), AnswerMyself()))
    buttons = keyboard(adding, [button(_("⚖️ Weights"), AssignSource())])
    title = _("You are an admin of @{bot}. Three steps, and it works:").format(bot=progress.bot)
    return text_message(titled(title, lines, note=note), keyboard=buttons)


@router.callback_query(AnswerMyself.filter())
async def on_answer_myself(query: CallbackQuery, event_from_user: User, actor: Actor, act: Act, _: Translator) -> None:
    """Makes the admin an operator at once, with a weight everywhere."""

    def done(joined: Joined, progress: Progress) -> OutgoingMessage:
        text = _("You are an operator now, too: requests come to you as cards, no more than {limit} at once.")
        limit = joined.standing.facts.max_leads if joined.standing else 0
        return setup_screen(progress, _, note=text.format(limit=limit))

    await act(
        invitations.become_operator,
        account=account_of(event_from_user),
        actor=actor,
        bot_id=act.bot_id,
        then_read=partial(setup.progress, bot_id=act.bot_id, telegram_id=event_from_user.id),
        screen=done,
    )
