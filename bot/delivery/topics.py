"""Topics of operators' chats, as a sender makes and uses them: one for each contact, if its reader wants topics.

A topic is made in the attempt of a contact's card, before the card itself; whatever is then sent about the contact goes
there. Each of these requests is made once, and nothing waits for it: what cannot have a topic goes without one, and
where Telegram does not know a topic any more, the same message goes again without, and the topic is forgotten.

Only who reads a chat sees topics: nothing is ever routed by them (`crm_core.conversation.topics`).
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from aiogram import Bot
from aiogram.methods import CreateForumTopic, EditForumTopic, TelegramMethod
from aiogram.types import ForumTopic

from bot.delivery.rate_limit import RateLimiter
from bot.delivery.rate_limit_middleware import already_paced
from bot.logs import describe_error
from bot.screens.contact_label import contact_label, one_line
from bot.screens.message import shorten
from bot.telegram.methods import in_topic
from bot.telegram.verdict import NotSent, Sent, Undeliverable, Verdict, judge
from bot.texts import Translator
from crm_core.conversation.topics import ShownTopic
from crm_core.delivery.claimed_rows import CardData, ClaimedRow
from crm_core.digest import digest
from crm_core.messaging import outbox
from crm_core.messaging.messages import fits_units

log = structlog.get_logger("delivery")

NAME_LONGEST = 128  # characters (https://core.telegram.org/bots/api#createforumtopic)
CLIENT_LONGEST, OPERATOR_LONGEST = 60, 30  # characters of a client's name in it, and of an operator's
TIMEOUT = 3.0  # seconds for a request about a topic: the card waits for it
HELD_UP = 3.0  # seconds for which a name may wait for its turn, and what comes next in the chat with it
PAUSE = timedelta(minutes=1)  # after a failure, until a topic is made in that chat again
PAUSES_KEPT = 1_000
GONE = frozenset({"topic_gone", "topic_closed"})  # nothing can be written there


def topic_name(contact: CardData, _: Translator, *, is_here: bool, is_own: bool = True) -> str:
    """What the topic of a contact is called: `#15 Ivan Petrov`, with a mark if it is closed or not of this chat now.

    Where somebody else has it, their name stands behind it: the chat may be of somebody who has left the staff.
    """
    label = contact_label(contact.id, contact.lead_name, _, longest=CLIENT_LONGEST)
    if contact.status == "closed":
        return fits_units("✔️ " + label, NAME_LONGEST)
    if is_here:
        return fits_units(label, NAME_LONGEST)
    has_it = "" if is_own or contact.operator is None else " · " + one_line(shorten(contact.operator, OPERATOR_LONGEST))
    return fits_units(f"→ {label}{has_it}", NAME_LONGEST)


def _is_here(contact: CardData, row: ClaimedRow) -> bool:
    """Whether a contact is of the chat of a row; an operator has several if they work for several bots."""
    return contact.operator_chat == row.chat_id and contact.bot_id in (None, row.bot_id)


class Topics:
    """Those that one bot's sender makes and uses, by the row of the attempt."""

    def __init__(self, *, bot: Bot, rate_limiter: RateLimiter, clock: Callable[[], datetime]) -> None:
        self._bot, self._rate_limiter, self._clock = bot, rate_limiter, clock
        self._news: dict[int, ShownTopic] = {}
        self._without: set[int] = set()
        self._paused: dict[int, datetime] = {}

    def end(self, row: ClaimedRow) -> ShownTopic | None:
        """An attempt is over. Returns what has become of the topic, if anything has."""
        self._without.discard(row.id)
        return self._news.pop(row.id, None)

    def placed(self, row: ClaimedRow, method: TelegramMethod[Any]) -> TelegramMethod[Any]:
        """A request of a row, for its topic if there is one."""
        if row.topic is None and outbox.TOPIC not in row.payload:
            return method
        topic_id = self._of(row)
        return method if topic_id is None else in_topic(method, topic_id)

    def _of(self, row: ClaimedRow) -> int | None:
        if row.id in self._without:
            return None
        if row.topic is None:
            return row.payload.get(outbox.TOPIC)
        return self._news.get(row.id, row.topic).topic_id

    def is_gone(self, row: ClaimedRow, verdict: Verdict) -> bool:
        """Whether Telegram refuses a request because of its topic; then the row has none any more."""
        if not isinstance(verdict, Undeliverable) or verdict.reason not in GONE:
            return False
        log.info("topic_gone", outbox_id=row.id, kind=row.kind, bot_id=row.bot_id)
        self._without.add(row.id)
        if row.topic is not None:
            self._news[row.id] = ShownTopic()
        return True

    # --- requests about topics ---------------------------------------------------------------------------------------

    async def open(self, row: ClaimedRow, _: Translator) -> int:
        """Makes the topic of a card that has none, if it can be made at once. Returns how many requests that took.

        It takes the turn that was booked for the card, which needs another one then.
        """
        method = self._opening(row, _)
        if method is None or self._is_paused(row.chat_id, method):
            return 0
        made = await self._request(row, method)
        if isinstance(made, ForumTopic):
            self._news[row.id] = ShownTopic(made.message_thread_id, digest(method.name))
        return 1

    async def rename(self, row: ClaimedRow, _: Translator) -> int:
        """Brings a topic's name up to date, once: whatever comes of it. Returns how many requests that took."""
        method = self._renaming(row, _)
        if method is None or method.name is None or self._of(row) is None or self._is_paused(row.chat_id, method):
            return 0
        if not await self._wait_turn(row.chat_id):
            return 0
        answer = await self._request(row, method)
        is_gone = isinstance(answer, Undeliverable) and answer.reason in GONE
        self._news[row.id] = ShownTopic() if is_gone else ShownTopic(method.message_thread_id, digest(method.name))
        return 1

    def _opening(self, row: ClaimedRow, _: Translator) -> CreateForumTopic | None:
        contact, topic = row.contact, row.topic
        if row.kind != outbox.CARD or topic is None or topic.topic_id is not None or contact is None:
            return None
        if contact.status == "closed" or not _is_here(contact, row):
            return None
        return CreateForumTopic(chat_id=row.chat_id, name=topic_name(contact, _, is_here=True))

    def _renaming(self, row: ClaimedRow, _: Translator) -> EditForumTopic | None:
        contact, topic = row.contact, row.topic
        if row.kind not in (outbox.CARD, outbox.CARD_EDIT) or topic is None or contact is None:
            return None
        if topic.topic_id is None:
            return None
        is_own = contact.operator_chat == row.chat_id
        name = topic_name(contact, _, is_here=_is_here(contact, row), is_own=is_own)
        if digest(name) == topic.shown:
            return None
        return EditForumTopic(chat_id=row.chat_id, message_thread_id=topic.topic_id, name=name)

    def _is_paused(self, chat_id: int, method: TelegramMethod[Any]) -> bool:
        if self._rate_limiter.method_gate(method.__api_method__) > 0:
            return True
        until = self._paused.get(chat_id)
        return until is not None and self._clock() < until

    async def _wait_turn(self, chat_id: int) -> bool:
        """Waits until the chat takes one more request. Returns whether that was soon enough."""
        if max(self._rate_limiter.wait_chat(chat_id), self._rate_limiter.wait_bot()) > HELD_UP:
            return False
        await asyncio.sleep(self._rate_limiter.book(chat_id))
        await self._rate_limiter.wait_turn()
        return True

    async def _request(self, row: ClaimedRow, method: TelegramMethod[Any]) -> Any:
        """Makes a request whose turn has come. Returns its answer, or the verdict of a failure."""
        already_paced.set(True)
        try:
            return await self._bot(method, request_timeout=TIMEOUT)  # type: ignore[arg-type]
        except Exception as error:
            verdict = judge(error)
            if isinstance(verdict, Sent):
                return verdict
            about = {"bot_id": row.bot_id, "outbox_id": row.id, "method": method.__api_method__}
            log.warning("topic_failed", **about, error=describe_error(error))
            if not isinstance(verdict, NotSent):  # with no connection at all, the card waits for one, too
                self._pause(row.chat_id)
            return verdict

    def _pause(self, chat_id: int) -> None:
        now = self._clock()
        if len(self._paused) >= PAUSES_KEPT:
            self._paused = {chat: until for chat, until in self._paused.items() if until > now}
        self._paused[chat_id] = now + PAUSE
