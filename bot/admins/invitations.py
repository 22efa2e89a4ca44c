"""Invitations that can still be used: any admin sees who made them, and withdraws them."""

from collections.abc import Sequence
from functools import partial

from aiogram import Router
from aiogram.types import CallbackQuery

from bot.handling.act import Act
from bot.handling.queries import read_as_admin
from bot.screens.admin_buttons import ListAdmins, ListInvitations, WithdrawInvitation
from bot.screens.keyboards import back, button, in_lines, keyboard, of_pages, page_of, sentences, titled, turning
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from bot.texts.phrases import age
from crm_core.access.actors import Actor
from crm_core.storage.database import Database
from crm_core.team import invitations
from crm_core.team.invitations import OpenInvitation

router = Router(name="admins.invitations")


def _whom(one: OpenInvitation, _: Translator) -> str:
    return one.operator or _("a new admin")


def _screen(
    found: Sequence[OpenInvitation], act: Act, _: Translator, *, page: int = 0, note: str = ""
) -> OutgoingMessage:
    page, shown = page_of(found, page)
    start = found.index(shown[0]) + 1 if shown else 1
    lines, withdrawals = [], []
    for number, one in enumerate(shown, start):
        by = one.invited_by or _("the command line or the API")
        made = _("invited by {who}, {age}").format(who=by, age=age(act.clock() - one.created_at, _))
        lines.append(f"{number}. {_whom(one, _)} · {made}")
        label = _("🗑 Withdraw {n}: {whom}").format(n=number, whom=_whom(one, _))
        withdrawals.append(button(label, WithdrawInvitation(handle=one.handle)))
    title = sentences(_("✉️ Open invitations: {n}").format(n=len(found)), of_pages(page, len(found), _))
    buttons = keyboard(
        *in_lines(withdrawals, 1),
        turning(page, len(found), lambda at: ListInvitations(page=at)),
        back(_("Admins"), ListAdmins()),
    )
    return text_message(titled(title, lines, note=note), keyboard=buttons)


async def show_invitations(act: Act, actor: Actor, db: Database, _: Translator, *, page: int = 0) -> None:
    """Shows the list, in place of the pressed screen if there is one. Raises NotAllowed."""
    found = await read_as_admin(db, actor, invitations.open_invitations, now=act.clock())
    await act.show(_screen(found, act, _, page=page))


@router.callback_query(ListInvitations.filter())
async def on_list(
    query: CallbackQuery, callback_data: ListInvitations, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """The list."""
    await show_invitations(act, actor, db, _, page=callback_data.page)


@router.callback_query(WithdrawInvitation.filter())
async def on_withdraw(
    query: CallbackQuery, callback_data: WithdrawInvitation, actor: Actor, act: Act, _: Translator
) -> None:
    """Ends the invitation and shows the others."""

    def done(is_ended: bool, found: Sequence[OpenInvitation]) -> OutgoingMessage:
        note = _("The invitation has been withdrawn.") if is_ended else _("This invitation is no longer open.")
        return _screen(found, act, _, note=note)

    await act(
        invitations.withdraw,
        handle=callback_data.handle,
        actor=actor,
        then_read=partial(invitations.open_invitations, now=act.clock()),
        screen=done,
    )
