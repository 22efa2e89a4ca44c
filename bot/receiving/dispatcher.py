"""Dispatches one update: finds out who it is from, runs one handler, and finishes the update."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

import structlog
from aiogram import Bot, Router
from aiogram.dispatcher.event.bases import UNHANDLED
from aiogram.methods import AnswerCallbackQuery
from aiogram.types import Message, User
from sqlalchemy.exc import IntegrityError

from bot.admins import router as admins
from bot.clients import router as clients
from bot.delivery.senders import Senders
from bot.handling.act import Act, NotTogether, nothing
from bot.handling.prompts import PromptCache, client_answers, find_asked, operator_answers
from bot.membership.blocking import membership_router
from bot.membership.joining import joining_router
from bot.operators import forum
from bot.operators import router as operators
from bot.receiving.attempts import RetryNow
from bot.receiving.reading import (
    chat_of,
    has_impossible_number,
    has_number,
    kind_of,
    read_event,
    read_further,
    topic_of,
    whole,
    without_impossible_numbers,
    writer_of,
)
from bot.receiving.staff_cache import StaffCache
from bot.receiving.updates import is_forum_command
from bot.screens.message import text_message
from bot.telegram.limits import CAPTIONED, TOAST_LONGEST
from bot.telegram.verdict import judge
from bot.texts import Translator, pick_language, translator
from bot.texts.refusals import refusal
from crm_core.access.actors import Actor, telegram
from crm_core.contacts import cards
from crm_core.conversation import client_messages, edits
from crm_core.conversation.prompts import Role
from crm_core.errors import CrmError, InvitationInvalid, IsStaff, NotAllowed, NotFound
from crm_core.graphemes import beginning
from crm_core.messaging import messages
from crm_core.messaging.inbox import IncomingUpdate, StoredUpdate
from crm_core.messaging.messages import UNKNOWN_MESSAGE
from crm_core.monitoring.security_log import security
from crm_core.storage.database import Database
from crm_core.team import accounts
from crm_core.team.accounts import Account, Member

log = structlog.get_logger("handling")

EDITABLE = 2 * 86_400  # seconds after which a message that is edited, and not known, is left alone
ABOUT_A_CARD = frozenset(
    {
        "contact_held",
        "contact_already_yours",
        "contact_closed",
        "client_has_open",
        "late_settled",
        "card_outdated",
        "not_offered",
        "reason_not_found",
        "contact_not_found",
    }
)


def _may_be_forum(raw: dict[str, Any], chat: dict[str, Any]) -> bool:
    """Whether an update of a group can concern a team's forum: somebody acted as themselves, not as a chat."""
    if chat.get("type") not in ("group", "supergroup"):
        return False
    if isinstance(raw.get("message_reaction"), dict):
        return "actor_chat" not in raw["message_reaction"]
    message = raw.get("message") or raw.get("edited_message")
    if not isinstance(message, dict) or "sender_chat" in message:
        return False
    return is_forum_command(message.get("text")) or topic_of(raw) is not None


# An update is offered to one router after the other, which takes time. So clients and staff have routers of their own,
# and clients' messages come first, since they are nearly all that clients send. Whatever differs between installations
# comes in with each update.
CLIENTS = (clients.messages, joining_router(), clients.commands, clients.buttons, membership_router())
# An admin may be an operator too: admins' handlers come first, operators' get the rest. A link to a card is a /start
# with a meaning of its own.
STAFF = (joining_router(), membership_router(), operators.card_links, admins.router, operators.router)


@dataclass(kw_only=True)
class UpdateDispatcher:
    """Handles updates for all bots of one installation.

    Attributes:
        extra: further arguments that handlers may take by name (`timezone`, …).
        bots: by Telegram id; those that this process works for.
    """

    db: Database
    senders: Senders
    staff_cache: StaffCache
    clock: Callable[[], datetime]
    rng: Callable[[], float]
    default_language: str
    extra: dict[str, Any] = field(default_factory=dict)
    bots: dict[int, Bot] = field(default_factory=dict)
    _toasts: set[asyncio.Task[None]] = field(default_factory=set)
    _prompt_cache: PromptCache = field(init=False)

    def __post_init__(self) -> None:
        self._prompt_cache = PromptCache(self.db)

    async def __call__(self, row: IncomingUpdate) -> None:
        """Handles one update. One that fails for a number that Telegram never sends is handled without it.

        If that number is the message's or the chat's own, the update is ignored with a line in the log.

        Raises RetryNow, NotRecordedYet and whatever the person cannot be told about; then the worker tries again.
        """
        try:
            await self._handle(row)
        except Exception:
            if not has_impossible_number(row.raw):
                raise
            raw = without_impossible_numbers(row.raw)
            if has_number(raw):
                await self._handle(replace(row, raw=raw))
                return
            # Another attempt would fail as well, and nothing was said by anybody that admins would have to look at.
            log.warning("update_ignored", bot_id=row.bot_id, reason="impossible_number")
            await Act(self.db, self.senders, row, row.bot_id, 0, self.clock, self.rng)(nothing)

    async def together(self, rows: Sequence[IncomingUpdate]) -> None:
        """Handles the parts of a complete album as one update: one handler gets them all, and makes one change.

        Raises NotTogether, or what handling them raised; nothing is changed then.
        """
        await self._handle(*(replace(row, ends_album=True) for row in rows))  # none waits for those that come with it

    async def _handle(self, row: IncomingUpdate, *others: IncomingUpdate) -> None:
        user = writer_of(row.raw)
        member = await self._member_at(row.bot_id, user)
        code = user.get("language_code") if user else None
        _ = translator(pick_language(code or (member.language if member else None), self.default_language))
        query = row.raw.get("callback_query")
        pressed = query.get("message") if isinstance(query, dict) else None
        chat = chat_of(row.raw) or user or {}
        act = Act(
            self.db,
            self.senders,
            row,
            row.bot_id,
            chat.get("id", 0),
            self.clock,
            self.rng,
            self.extra.get("timezone", "UTC"),
            pressed=whole(pressed.get("message_id")) if isinstance(pressed, dict) else None,
            topic=topic_of(row.raw),
            others=others,
        )
        toast = None
        if chat.get("type", "private") == "private":
            # Who writes in a group has not started the bot, and cannot be written to.
            if member is not None and user is not None:
                await self._update_member(member, user, row)
            toast = await self._dispatch(row, act, member, user, _)
            if member is None and user is not None and (joined := await self._member_at(row.bot_id, user)) is not None:
                await self._update_member(joined, user, row)  # they have joined meanwhile, by another bot
        elif member is not None and user is not None and _may_be_forum(row.raw, chat):
            await self._dispatch(row, act, member, user, _)
        if not act.is_done:
            await act(nothing)
        if isinstance(query, dict) and isinstance(query.get("id"), str):
            self._show_toast(self.bots[row.bot_id], query["id"], toast)

    async def _member_at(self, bot_id: int, user: dict[str, Any] | None) -> Member | None:
        """Who wrote, if they are on the staff at this bot; operators of other bots are clients here."""
        known = await self.staff_cache.member(user["id"]) if user else None
        return known if known is not None and known.serves(bot_id) else None

    async def _dispatch(
        self, row: IncomingUpdate, act: Act, member: Member | None, user: dict[str, Any] | None, _: Translator
    ) -> str | None:
        try:
            toast = await self._feed(row, act, member, actor=telegram(user["id"]) if user else None, _=_)
        except IsStaff:
            self.staff_cache.forget()
            raise RetryNow from None
        except CrmError as error:
            if isinstance(error, NotAllowed):
                self.staff_cache.forget()
            return await self._refuse(error, row, act, _)
        except IntegrityError as error:
            if not messages.is_known_already(error):
                raise
            log.warning("message_known_already", bot_id=row.bot_id)
            return None
        return toast if isinstance(toast, str) else None

    async def _feed(
        self, row: IncomingUpdate, act: Act, member: Member | None, *, actor: Actor | None, **given: Any
    ) -> Any:
        """Runs the handler.

        The event goes to the routers directly: what aiogram's dispatcher adds to every update (a state machine, a
        middleware that finds the user, error handlers, the model of a whole update) is not used and takes time.
        """
        bot = self.bots[row.bot_id]
        kind, event = kind_of(row.raw), cast(Any, read_event(row.raw, bot=bot))
        if kind is None:
            return None
        if act.others:
            act.further = _read_further(row, act.others, event, bot)
        if isinstance(row, StoredUpdate) and row.is_reply_unknown:
            event = _with_unknown_reply(event)
        if kind == "edited_message" and await self._is_correction(row, act, event):
            kind, given["is_correction"] = "message", True
        routers: tuple[Router, ...] = CLIENTS if member is None else STAFF
        if act.chat_id < 0:
            return await self._feed_forum(kind, event, act=act, member=member, actor=actor, bot=bot, **given)
        if member is not None and row.bot_id in member.own_requests:
            routers = (clients.own_requests, *STAFF, clients.buttons)
            _refuse_together(act)
        if kind == "message":
            given["asked"] = await find_asked(self._prompt_cache, event, act, actor)
            if given["asked"] is not None:
                _refuse_together(act)
                is_client = given["asked"].role is Role.CLIENT
                routers = (client_answers if is_client else operator_answers, *routers)
        given.update(self.extra, bot=bot, db=self.db, prompt_cache=self._prompt_cache)
        given["event_from_user"] = _actor_of(kind, event)
        given.update(act=act, member=member, actor=actor)
        for router in routers:
            result = await router.propagate_event(kind, event, **given)
            if result is not UNHANDLED:
                return result
        if kind == "callback_query":  # no button of theirs: one of an earlier role, or a forged one
            security.report("press_refused", code="unknown_button", user_id=event.from_user.id, bot_id=row.bot_id)
        return None

    async def _feed_forum(self, kind: str, event: Any, **given: Any) -> None:
        """What staff do in a group: a command about the team's forum, words in one of its topics, or a reaction."""
        given.update(self.extra, db=self.db, event_from_user=_actor_of(kind, event))
        await forum.router.propagate_event(kind, event, **given)

    async def _is_correction(self, row: IncomingUpdate, act: Act, event: Any) -> bool:
        """Whether an edited message counts as written anew: a command was corrected, or was meant as words.

        Telegram also reports what nobody edited, such as a preview that was loaded; those have no date of the edit. A
        live location that moves has one. A file without words may have lost a caption that looked like a command.
        """
        has_words = event.text is not None or event.caption is not None
        if not event.edit_date or not (has_words or event.content_type in CAPTIONED):
            return False
        if event.edit_date - int(event.date.timestamp()) > EDITABLE:
            return False
        place = {"bot_id": row.bot_id, "chat_id": act.chat_id, "message_id": event.message_id}
        return not await self.db.read(edits.is_known, **place)

    async def _refuse(self, error: CrmError, row: IncomingUpdate, act: Act, _: Translator) -> str:
        """Replies why nothing was done, and redraws the card that was pressed. Returns the text for the toast."""
        is_press = row.raw.get("callback_query") is not None
        if isinstance(error, NotAllowed | InvitationInvalid) or (is_press and isinstance(error, NotFound)):
            kind = "press_refused" if is_press else "message_refused"  # a press may be forged, or just old
            security.report(kind, code=error.code, user_id=(writer_of(row.raw) or {}).get("id"), bot_id=row.bot_id)
        text = refusal(error, _)
        if act.pressed is None:
            await act.answer(text_message(text, reply_to=whole(act.said.get("message_id"))))
        elif error.code in ABOUT_A_CARD and "contact" in error.fields:
            await act(
                cards.refresh_pressed,
                contact_id=error.fields["contact"],
                bot_id=act.bot_id,
                chat_id=act.chat_id,
                message_id=act.pressed,
            )
        return text

    async def _update_member(self, member: Member, user: dict[str, Any], row: IncomingUpdate) -> None:
        """Whoever writes can be written to, and their name or language in Telegram may have changed."""
        if row.bot_id not in member.bots and "my_chat_member" not in row.raw:
            await self.db.write(
                accounts.mark_reachable,
                telegram_id=member.telegram_id,
                bot_id=row.bot_id,
                now=self.clock(),
                rng=self.rng,
            )
            self.staff_cache.forget()
        name = " ".join(filter(None, (user.get("first_name"), user.get("last_name"))))
        if (member.name, member.language) != (name, user.get("language_code")):
            account = Account(member.telegram_id, name, user.get("username"), user.get("language_code"))
            await self.db.write(accounts.update_profile, account=account)
            self.staff_cache.forget()

    def _show_toast(self, bot: Bot, query_id: str, text: str | None) -> None:
        """Ends the button's waiting state: best effort and not retried, since Telegram drops it after some seconds."""
        task = asyncio.create_task(self._answer_query(bot, query_id, text))
        self._toasts.add(task)
        task.add_done_callback(self._toasts.discard)

    async def _answer_query(self, bot: Bot, query_id: str, text: str | None) -> None:
        try:
            await bot(
                AnswerCallbackQuery(callback_query_id=query_id, text=beginning(text or "", TOAST_LONGEST) or None),
                request_timeout=10,
            )
        except Exception as error:
            log.info("toast_not_shown", bot_id=bot.id, verdict=type(judge(error)).__name__)

    async def is_paced(self, row: IncomingUpdate) -> bool:
        """Whether a conversation is slowed when it floods: clients are; staff and groups are not."""
        user = writer_of(row.raw)
        if (chat_of(row.raw) or {}).get("type", "private") != "private":
            return False  # they would slow an operator who writes in the same topic
        return user is not None and await self._member_at(row.bot_id, user) is None

    async def notify_slowed(self, row: IncomingUpdate) -> None:
        """Notifies a client who floods that their messages arrive later."""
        user = writer_of(row.raw)
        if user is not None:
            await self.db.write(
                client_messages.notify_slowed,
                bot_id=row.bot_id,
                chat_id=user["id"],
                language=user.get("language_code"),
                now=self.clock(),
            )

    async def finish_toasts(self) -> None:
        """Waits for the button answers under way."""
        if self._toasts:
            await asyncio.wait(self._toasts, timeout=2)


def _actor_of(kind: str, event: Any) -> User | None:
    """Whose event it is."""
    found: User | None = event.user if kind == "message_reaction" else event.from_user
    return found


def _refuse_together(act: Act) -> None:
    """What each part of an album is for depends on its own words, and on the parts before it. Raises NotTogether."""
    if act.others:
        raise NotTogether()


def _read_further(row: IncomingUpdate, others: Sequence[IncomingUpdate], message: Message, bot: Bot) -> list[Message]:
    """The messages of an album after the first one. Raises NotTogether where one may be for another handler."""
    further: list[Message] = []
    for one in others:
        read = read_further(one.raw, row.raw, message, bot=bot)
        if read is None:
            raise NotTogether()
        further.append(read)
        row, message = one, read
    return further


def _with_unknown_reply(event: Any) -> Any:
    """The same message as a reply to something unknown: a client's joins, of an operator's it is asked whom it is for.

    It stays a reply, so that an operator's message does not go where one without would.
    """
    replied = getattr(event, "reply_to_message", None)
    if replied is None:
        return event
    return event.model_copy(update={"reply_to_message": replied.model_copy(update={"message_id": UNKNOWN_MESSAGE})})
