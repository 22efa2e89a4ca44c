"""/admins: list, invite and remove admins."""

from collections.abc import Sequence

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, Message

from bot.admins.invitation_message import admin_invitation
from bot.admins.invitations import show_invitations
from bot.admins.verbs import show_usage
from bot.handling.act import Act
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import which_admin
from bot.random_codes import new_code
from bot.screens.admin_buttons import InviteAdmin, ListAdmins, ListInvitations, RemoveAdmin
from bot.screens.keyboards import back, button, in_lines, keyboard, titled, typed
from bot.screens.links import ADMIN_PAYLOAD, link
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.names import TypedLine
from crm_core.storage.database import Database
from crm_core.team import accounts, invitations
from crm_core.team.accounts import Admin

router = Router(name="admins.admins")


def _line(one: Admin, actor: Actor, _: Translator) -> str:
    handle = f" @{one.username}" if one.username else ""
    you = " " + _("(you)") if one.telegram_id == actor.telegram_id else ""
    also = " · " + _("also an operator") if one.is_operator else ""
    return f"• {one.name}{handle}{you}{also}"


def _screen(known: Sequence[Admin], actor: Actor, _: Translator, *, note: str = "") -> OutgoingMessage:
    lines = [_line(one, actor, _) for one in known]
    # The last one cannot be removed: nobody could invite them back.
    removals = [
        button(_("🗑 Remove {name}").format(name=one.name), RemoveAdmin(telegram_id=one.telegram_id))
        for one in known
        if len(known) > 1
    ]
    inviting = [button(_("➕ Invite an admin"), InviteAdmin())]
    pending = [button(_("✉️ Open invitations"), ListInvitations())]
    buttons = keyboard(inviting, pending, *in_lines(removals, 1))
    return text_message(titled(_("🔑 Admins: {n}").format(n=len(known)), lines, note=note), keyboard=buttons)


def _removal(one: Admin, _: Translator) -> OutgoingMessage:
    buttons = keyboard(
        [button(_("🗑 Yes, remove"), RemoveAdmin(telegram_id=one.telegram_id, is_sure=True))],
        back(_("No, keep"), ListAdmins()),
    )
    return text_message(_("Remove {name} from the admins?").format(name=one.name), keyboard=buttons)


async def _invite(act: Act, actor: Actor, db: Database, _: Translator) -> None:
    bots = await db.read(accounts.bot_usernames)
    code = new_code()
    note = _("Forward the next message to the new admin. It gives them the same rights as you have.")
    address = link(bots[act.bot_id], ADMIN_PAYLOAD + code)
    await act(
        invitations.invite,
        code=code,
        role="admin",
        actor=actor,
        then_read=accounts.admins,
        screen=lambda made, known: _screen(known, actor, _, note=note),
        also=lambda made, known: admin_invitation(bots[act.bot_id], address, _),
    )


@router.message(typed("admins"))
async def on_admins(
    message: Message, command: CommandObject, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """`/admins`, `/admins add`, `/admins remove Peter`, `/admins invitations`."""
    line = TypedLine.of(command.args or "")
    known = await read_as_admin(db, actor, accounts.admins)
    match line.words[0].text.casefold() if line else "":
        case "":
            await act.answer(_screen(known, actor, _))
        case "add" | "invite":
            await _invite(act, actor, db, _)
        case "invitations":
            await show_invitations(act, actor, db, _)
        case "remove" if len(line) > 1:
            await act.answer(_removal(which_admin(known, line.from_word(1)), _))
        case "remove":
            await show_usage(act, _("Specify who you mean"), _("/admins remove Peter"))
        case _other:
            await show_usage(act, _("To invite an admin"), "/admins add")


@router.callback_query(ListAdmins.filter())
async def on_list(query: CallbackQuery, actor: Actor, act: Act, db: Database, _: Translator) -> None:
    """The list."""
    await act.show(_screen(await read_as_admin(db, actor, accounts.admins), actor, _))


@router.callback_query(InviteAdmin.filter())
async def on_invite(query: CallbackQuery, actor: Actor, act: Act, db: Database, _: Translator) -> None:
    """Makes a one-time link."""
    await _invite(act, actor, db, _)


@router.callback_query(RemoveAdmin.filter())
async def on_remove(
    query: CallbackQuery, callback_data: RemoveAdmin, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Asks, and at the second press removes."""
    if not callback_data.is_sure:
        known = await read_as_admin(db, actor, accounts.admins)
        await act.show(_removal(which_admin(known, TypedLine.of(str(callback_data.telegram_id))), _))
        return

    def done(name: str, known: Sequence[Admin]) -> OutgoingMessage:
        note = _("{name} is no longer an admin.").format(name=name)
        if callback_data.telegram_id == actor.telegram_id:
            return text_message(note)  # who is no longer an admin sees no list of them
        return _screen(known, actor, _, note=note)

    await act(
        accounts.remove_admin,
        telegram_id=callback_data.telegram_id,
        actor=actor,
        then_read=accounts.admins,
        screen=done,
    )
