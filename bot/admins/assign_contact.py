"""Assigning a request manually, from /assign and from /queue."""

from zoneinfo import ZoneInfo

from aiogram import Router
from aiogram.types import CallbackQuery, InlineKeyboardMarkup
from aiogram.utils.formatting import Text

from bot.admins.operator_screens import labelled
from bot.handling.act import Act
from bot.handling.queries import read_as_admin
from bot.screens.admin_buttons import ChooseOperator, GiveContact, ShowQueue
from bot.screens.contact_label import contact_label
from bot.screens.keyboards import back, button, in_lines, keyboard, page_of, titled, turning
from bot.screens.message import OutgoingMessage, shorten, text_message
from bot.texts import Translator
from bot.texts.phrases import waits_now
from bot.texts.refusals import refusal
from crm_core.access.actors import Actor
from crm_core.contacts import transfer
from crm_core.errors import NeedsConfirmation
from crm_core.routing import waiting_list, waiting_now
from crm_core.storage.database import Database
from crm_core.team import operators

router = Router(name="admins.assign_contact")


async def assign(
    act: Act,
    actor: Actor,
    contact_id: int,
    operator_id: int,
    _: Translator,
    *,
    version: int | None = None,
    is_sure: bool = False,
) -> None:
    """Assigns a request; if the operator is full or absent, asks for a second press first."""

    def done(name: str) -> OutgoingMessage:
        return text_message(
            _("#{id} is now with {operator}.").format(id=contact_id, operator=name), keyboard=_way_on(_)
        )

    try:
        await act(
            transfer.assign_by_hand,
            contact_id=contact_id,
            operator_id=operator_id,
            version=version,
            confirmed=is_sure,
            actor=actor,
            screen=done,
        )
    except NeedsConfirmation as error:
        sure = GiveContact(
            contact_id=contact_id, version=error.fields["version"], operator_id=operator_id, is_sure=True
        )
        ways = [button(_("Assign anyway"), sure)], back(_("No"), ChooseOperator(contact_id=contact_id))
        await act.show(text_message(refusal(error, _), keyboard=keyboard(*ways)))


def _way_on(_: Translator) -> InlineKeyboardMarkup:
    return keyboard([button(_("⏳ Waiting requests"), ShowQueue())])


async def operators_to_choose(
    db: Database, actor: Actor, contact_id: int, page: int, zone: str, _: Translator, *, note: str = ""
) -> OutgoingMessage:
    """A request, and every operator who could get it, with load and limit."""
    contact = await read_as_admin(db, actor, waiting_list.one, contact_id=contact_id)
    known = await read_as_admin(db, actor, operators.listing)
    page, shown = page_of(known, page)
    title = contact_label(contact_id, contact.lead_name, _, longest=64)
    lines: list[str | Text] = [f"📥 {contact.source_name}"]
    if contact.message:
        lines.append(shorten(contact.message, 200))
    if contact.is_closed:
        lines.append(_("This request is closed."))
        return text_message(titled(title, lines, note=note), keyboard=_way_on(_))
    if contact.operator:
        lines.append(_("{operator} has it now.").format(operator=contact.operator))
    waits = await read_as_admin(db, actor, waiting_now.why_it_waits_now, contact_id=contact_id)
    if waits is not None:
        lines.append(waits_now(waits.reason, waits.until, ZoneInfo(zone), _))
    lines.append(_("Who should get it?") if known else _("No operators yet: /operators"))
    buttons = [
        button(labelled(one), GiveContact(contact_id=contact_id, version=contact.version, operator_id=one.id))
        for one in shown
    ]
    return text_message(
        titled(title, lines, note=note),
        keyboard=keyboard(
            *in_lines(buttons, 1),
            turning(page, len(known), lambda turned: ChooseOperator(contact_id=contact_id, page=turned)),
            back(_("Waiting requests"), ShowQueue()),
        ),
    )


@router.callback_query(ChooseOperator.filter())
async def on_choose(
    query: CallbackQuery,
    callback_data: ChooseOperator,
    actor: Actor,
    act: Act,
    db: Database,
    timezone: str,
    _: Translator,
) -> None:
    """[Assign] on a waiting request."""
    await act.show(await operators_to_choose(db, actor, callback_data.contact_id, callback_data.page, timezone, _))


@router.callback_query(GiveContact.filter())
async def on_give(query: CallbackQuery, callback_data: GiveContact, actor: Actor, act: Act, _: Translator) -> None:
    """Assigns to the chosen operator."""
    await assign(
        act,
        actor,
        callback_data.contact_id,
        callback_data.operator_id,
        _,
        version=callback_data.version,
        is_sure=callback_data.is_sure,
    )
