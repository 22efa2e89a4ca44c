"""/online, /offline, /start and /help of operators."""

from collections.abc import Sequence
from functools import partial

from aiogram import Router
from aiogram.types import Message

from bot.handling.act import Act
from bot.handling.filters import IsNoAdmin
from bot.operators.leaving import leaving_screen
from bot.screens.keyboards import sentences, typed
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from bot.texts.phrases import assigned_note
from crm_core.access.actors import Actor
from crm_core.conversation import leaving
from crm_core.routing.giving_out import Assigned
from crm_core.storage.database import Database
from crm_core.team import accounts, operators
from crm_core.team.operators import Standing

router = Router(name="operators.presence")


@router.message(typed("online"))
async def on_online(message: Message, actor: Actor, act: Act, _: Translator) -> None:
    """Back again: waiting contacts are assigned at once."""
    await act(
        operators.set_online,
        is_online=True,
        actor=actor,
        then_read=partial(operators.standing, actor=actor),
        reply=lambda assigned, standing: _online(assigned, standing, _),
    )


def _online(assigned: Assigned, standing: Standing, _: Translator) -> OutgoingMessage:
    missing = unstarted(standing.facts.missing_bots, _)
    return text_message(sentences(_what_comes(standing, _), assigned_note(assigned, _), missing))


def _what_comes(standing: Standing, _: Translator) -> str:
    """Whether new requests come to an operator who is online; if not, why not."""
    facts = standing.facts
    numbers = {"load": facts.current_leads, "limit": facts.max_leads}
    if not facts.is_active:
        return _("⛔️ An admin has switched you off: nothing new will come.")
    if not standing.sources and standing.off_sources:
        return _("⚠️ You are online, but your sources are switched off: nothing will come. Tell your admin.")
    if not standing.sources:
        return _("⚠️ You are online, but not assigned to any source yet: nothing will come. Tell your admin.")
    if not standing.is_reached:
        return _("⚠️ You are online, but nothing can come yet.")  # `unstarted` says what is to be done
    if not facts.on_shift:
        return _("🌙 You are online. New requests come in your working hours.")
    if not facts.max_leads:
        return _("⚠️ You are online, but your limit is 0: nothing will come. Tell your admin.")
    if facts.current_leads > facts.max_leads:
        return _(
            "🟢 You are online. You hold {load} of {limit}: the next one can come when you hold fewer than {limit}."
        ).format(**numbers)
    if not facts.free:
        return _("🟢 You are online. You hold {load} of {limit}: the next one can come when you close one.").format(
            **numbers
        )
    return _("🟢 You are online: new requests will come to you. You hold {load} of {limit}.").format(**numbers)


def unstarted(bots: Sequence[str], _: Translator) -> str:
    """Which bots an operator has yet to start; empty if none."""
    text = _("Please press Start in these bots too, or their requests can't reach you: {bots}")
    return text.format(bots=", ".join(f"@{name}" for name in bots)) if bots else ""


@router.message(typed("offline"))
async def on_offline(message: Message, actor: Actor, act: Act, _: Translator) -> None:
    """Away: nothing new. What the operator still holds comes as a list, with ways to leave it to others."""
    text = _("You are offline: no new requests will come. To come back: /online.")
    await act(
        operators.set_online,
        is_online=False,
        actor=actor,
        then_read=partial(leaving.mine, actor=actor),
        reply=lambda assigned, held: leaving_screen(held, _, note=text) if held else text_message(text),
    )


@router.message(typed("start"), IsNoAdmin())
async def on_start(message: Message, actor: Actor, act: Act, db: Database, _: Translator) -> None:
    """Start in another bot makes the operator reachable there (as does every message of staff)."""
    await act.answer(text_message(await start_text(actor, db, _)))


async def start_text(actor: Actor, db: Database, _: Translator) -> str:
    """What an operator does here, and which bots they have yet to start."""
    lines = [
        _(
            "You are an operator here. Requests arrive as cards: take one, reply to it to answer the client, "
            "then close it."
        )
    ]
    missing = await db.read(accounts.unstarted_bots, telegram_id=actor.telegram_id or 0)
    return "\n".join(filter(None, [*lines, unstarted(missing, _)]))


@router.message(typed("help"), IsNoAdmin())
async def on_help(message: Message, act: Act, _: Translator) -> None:
    """What an operator can do."""
    await act.answer(text_message(help_text(_)))


def help_text(_: Translator) -> str:
    """The operator's part of /help."""
    return "\n".join(
        [
            _(
                "Each request arrives as a card. Take marks it as in progress, Close ends it and makes room for the "
                "next one; so do /take #42 and /close #42."
            ),
            _(
                "Reply to the card, or to any message of the request, and your reply goes to the client: text, "
                "photo, voice, anything but a poll."
            ),
            _(
                "If you just type, it goes to your only open request, or to the only client who waits for an answer; "
                "otherwise I'll ask. #42 and your words go to request 42, #42 alone shows its card."
            ),
            _("Reply to your own message with /del, and it is deleted at the client's, too; for 48 hours."),
            _(
                "/history #42 shows what was said in a request, /why #42 why it is yours. /offline stops new ones, "
                "/online starts them again."
            ),
            _(
                "/transfer #42 hands a request on to a colleague or another source, /return #42 gives it back to "
                "the queue."
            ),
            _("/snooze #42 tomorrow 10:00 puts a request off until then; it comes back at once if the client writes."),
            _(
                "The pinned message lists your open requests, what is due first; /my brings it to the end of the chat, "
                "/overview switches it off or on."
            ),
            _("/topics gives each request a topic of its own in this chat, if the bot has topics, or ends that."),
        ]
    )
