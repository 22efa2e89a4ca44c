"""For which reasons operators may decline an offered request: a screen beside the offers of a source."""

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.handling.act import Act
from bot.handling.prompts import AnswersPrompt, ask
from bot.handling.queries import read_as_admin
from bot.screens.admin_buttons import AddReason, ListReasons, RemoveReason
from bot.screens.keyboards import button, keyboard, titled
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from bot.texts.declining import decline_reason
from crm_core.access.actors import Actor
from crm_core.contacts import decline_reasons
from crm_core.contacts.decline_reasons import MOST, DeclineReason
from crm_core.conversation.prompts import OpenPrompt
from crm_core.storage.database import Database

router = Router(name="admins.decline_reasons")


def reasons_screen(reasons: list[DeclineReason], _: Translator, *, note: str = "") -> OutgoingMessage:
    """The reasons, and what can be done with them."""
    own = [one for one in reasons if one.text is not None]
    lines = [_("An operator who declines an offered request chooses one of these:")]
    lines += [f"{'↻' if one.may_ask_again else '✖️'} {decline_reason(one, _)}" for one in reasons]
    lines.append(_("↻ it may be offered to them again, if nobody else takes it; ✖️ it is not offered to them again."))
    if not own:
        lines.append(_("The first reason that you add replaces these two."))
    adding = [
        button(_("➕ ↻ Add"), AddReason(may_ask_again=True)),
        button(_("➕ ✖️ Add"), AddReason(may_ask_again=False)),
    ]
    removing = [[button(f"🗑 {one.text}", RemoveReason(code=one.code))] for one in own]
    buttons = keyboard(*removing, adding if len(own) < MOST else [])
    return text_message(titled(_("🙅 Reasons to decline"), lines, note=note), keyboard=buttons)


@router.callback_query(ListReasons.filter())
async def on_list(query: CallbackQuery, actor: Actor, act: Act, db: Database, _: Translator) -> None:
    """Shows them."""
    await act.show(reasons_screen(await read_as_admin(db, actor, decline_reasons.listing), _))


@router.callback_query(AddReason.filter())
async def on_add(
    query: CallbackQuery, callback_data: AddReason, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Asks for the words."""
    text = _("Send the reason as operators should read it on a button, in a few words.")
    await ask(
        act,
        actor,
        "decline_reason",
        text,
        back=ListReasons().pack(),
        _=_,
        may_ask_again=callback_data.may_ask_again,
    )


@router.message(AnswersPrompt("decline_reason"))
async def on_added(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Adds the typed reason."""
    await act(
        decline_reasons.add,
        text=message.text or "",
        may_ask_again=bool(asked.data["may_ask_again"]),
        actor=actor,
        then_read=decline_reasons.listing,
        screen=lambda added, reasons: reasons_screen(reasons, _, note=_("Saved.")),
    )


@router.callback_query(RemoveReason.filter())
async def on_remove(query: CallbackQuery, callback_data: RemoveReason, actor: Actor, act: Act, _: Translator) -> None:
    """Removes a reason."""
    await act(
        decline_reasons.remove,
        code=callback_data.code,
        actor=actor,
        then_read=decline_reasons.listing,
        screen=lambda removed, reasons: reasons_screen(reasons, _, note=_("Removed.")),
    )
