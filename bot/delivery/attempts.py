"""One attempt to send a claimed row: its request is rendered and made, and its answer judged."""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import structlog
from aiogram import Bot
from aiogram.methods import TelegramMethod
from aiogram.types import ForumTopic, Message, MessageId

from bot.delivery.albums import Apart
from bot.delivery.circuit import Circuit
from bot.delivery.config import SenderConfig
from bot.delivery.copies import FINAL, NothingToSend, note_after, other_ways
from bot.delivery.menus import MenuMethod, ShownMenus
from bot.delivery.pictures import Photo
from bot.delivery.rate_limit import SOON, RateLimiter
from bot.delivery.rate_limit_middleware import already_paced, chat_of
from bot.delivery.rendering import render
from bot.delivery.topics import Topics
from bot.logs import describe_error
from bot.telegram.methods import protected
from bot.telegram.verdict import FloodWait, NotSent, Sent, Undeliverable, Verdict, judge
from bot.texts import Translator, pick_language, translator
from crm_core.conversation.topics import ShownTopic
from crm_core.delivery.claimed_rows import ClaimedRow
from crm_core.messaging import outbox

log = structlog.get_logger("delivery")

REQUEST_TIMEOUT, UPLOAD_TIMEOUT = 10.0, 60.0  # seconds for one request, and for one that carries a picture


class Attempted(NamedTuple):
    """What came of an attempt.

    Attributes:
        is_own: whether a failure is the row's own (`Circuit.note`).
        requests: how many it took: what is refused one way may be sent another, and a copy may need a note.
        parts: Telegram's ids of what arrived although not all did: a photo without its words, for instance.
        topic: what has become of the topic of its contact, if anything has.
    """

    verdict: Verdict | Apart
    is_own: bool
    requests: int
    parts: tuple[int, ...] = ()
    topic: ShownTopic | None = None


class Attempts:
    """Makes the requests of one bot's sender."""

    def __init__(
        self,
        *,
        bot: Bot,
        rate_limiter: RateLimiter,
        circuit: Circuit,
        menus: ShownMenus,
        config: SenderConfig,
        stopping: asyncio.Event,
    ) -> None:
        """
        Args:
            stopping: set when nothing new should begin.
        """
        self._menus = menus
        self._bot, self._rate_limiter, self._circuit, self._config = bot, rate_limiter, circuit, config
        self._stopping = stopping
        self._topics = Topics(bot=bot, rate_limiter=rate_limiter, clock=config.clock)
        # Of the attempts that are being made, by row.
        self._requests: Counter[int] = Counter()
        self._parts: dict[int, list[int]] = defaultdict(list)

    async def attempt(self, row: ClaimedRow, after: float) -> Attempted:
        """Sends a row.

        Args:
            after: seconds until its turn, as booked with the rate limiter.
        """
        try:
            verdict, is_own = await self.send(row, after)
        finally:
            end = self.end(row)
        return Attempted(verdict, is_own, *end)

    def end(self, row: ClaimedRow) -> tuple[int, tuple[int, ...], ShownTopic | None]:
        """An attempt is over. Returns what `Attempted` says of it besides: requests, parts, topic."""
        return self._requests.pop(row.id, 0), tuple(self._parts.pop(row.id, [])), self._topics.end(row)

    def note_parts(self, row: ClaimedRow, message_ids: Sequence[int]) -> None:
        """Something arrived that comes again with the rest."""
        self._parts[row.id] += message_ids

    def translator(self, row: ClaimedRow) -> Translator:
        """For the reader of a row."""
        return translator(pick_language(row.language, self._config.default_language))

    async def send(self, row: ClaimedRow, after: float) -> tuple[Verdict, bool]:
        """`attempt` without its end."""
        _ = self.translator(row)
        photo = await self._photo(row, _)
        method = await self._prepare(row, after, photo, _)
        if isinstance(method, MenuMethod) and await self._menus.is_shown(method):
            method = Sent()
        if not isinstance(method, TelegramMethod):
            self._circuit.end_trial(row.id)
            return method, False
        made = await self._topics.open(row, _) if row.topic is not None else 0
        self._requests[row.id] += made
        began = self._circuit.began()
        verdict = await self.request(row, method, photo, is_paced=not made)
        if isinstance(verdict, Undeliverable) and verdict.reason not in FINAL:
            verdict = await self._send_otherwise(row, method, verdict, _)
            if row.kind == outbox.REACTION:  # of an emoji that Telegram does not take from a bot, for instance
                verdict = Sent()
        elif isinstance(verdict, Sent):
            verdict = await self._add_note(row, method, verdict, _)
            if row.topic is not None:
                self._requests[row.id] += await self._topics.rename(row, _)
        verdict = self._circuit.read(verdict, row.kind)
        is_own = self._circuit.note(row.id, verdict, began, kind=row.kind)
        pictures = self._config.pictures
        if pictures and photo and not isinstance(verdict, Sent):
            verdict = pictures.fallback_for(self._bot.id, photo, verdict)
        return verdict, is_own

    async def _photo(self, row: ClaimedRow, _: Translator) -> Photo | None:
        pictures = self._config.pictures
        return await pictures.photo(row, _) if pictures and "picture" in row.payload else None

    async def _prepare(
        self, row: ClaimedRow, after: float, photo: Photo | None, _: Translator
    ) -> TelegramMethod[Any] | Verdict:
        """Waits for the row's turn. Returns its request, or why it is not made."""
        if (after > 0 or photo) and (held := await self.wait(row.chat_id, after)) is not None:
            return held
        method = self._render(row, _, photo)
        if not isinstance(method, TelegramMethod):
            return method
        if chat_of(method) is None and (gate := self._rate_limiter.method_gate(method.__api_method__)) > 0:
            return FloodWait(gate)
        return await self.wait_turn(row.chat_id) or method

    async def wait(self, chat_id: int, after: float) -> Verdict | None:
        """Waits until a request that was booked for later is due. Returns why it is not made, if so."""
        if after > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), min(after, 2 * SOON))
        # Time has passed since the row was picked.
        if self._stopping.is_set():
            return NotSent("stopped")
        gate = self._rate_limiter.gate(chat_id)
        return FloodWait(gate) if gate > 0 else None

    async def wait_turn(self, chat_id: int, messages: int = 1) -> Verdict | None:
        """Waits until the bot may send so many messages. Returns why they are not sent, if so."""
        if not await self._rate_limiter.wait_turn(messages):
            return None
        gate = self._rate_limiter.gate(chat_id)
        return FloodWait(gate) if gate > 0 else None

    def _render(self, row: ClaimedRow, _: Translator, photo: Photo | None) -> TelegramMethod[Any] | Verdict:
        try:
            config, media = self._config, photo.media if photo else None
            return render(row, _=_, now=config.clock(), zone=config.zone, photo=media)
        except NothingToSend:
            return Sent() if row.kind == outbox.FORUM or row.is_followed else Undeliverable("nothing_to_send")
        except Exception as error:
            log.error("render_failed", outbox_id=row.id, kind=row.kind, error=describe_error(error))
            return Undeliverable(f"internal_{type(error).__name__}")

    async def _send_otherwise(
        self, row: ClaimedRow, refused: TelegramMethod[Any], verdict: Undeliverable, _: Translator
    ) -> Verdict:
        """Tries the other ways to send what Telegram has refused, until it accepts one or says something else."""
        for way in other_ways(row, refused, _):
            tried = await self._send_in_order(row, way)
            if isinstance(tried, Sent):
                log.info("sent_otherwise", outbox_id=row.id, kind=row.kind, reason=verdict.reason)
                return await self._add_note(row, way[0], tried, _) if len(way) == 1 else tried
            if not isinstance(tried, Undeliverable) or tried.reason in FINAL:
                return tried
        return verdict

    async def _send_in_order(self, row: ClaimedRow, way: Sequence[TelegramMethod[Any]]) -> Verdict:
        first, *rest = way
        verdict = await self.request(row, first, None, is_paced=False)
        for method in rest:
            if not isinstance(verdict, Sent):
                return verdict
            further = await self.request(row, method, None, is_paced=False)
            if not isinstance(further, Sent):  # what was sent already comes again with the rest: better so than never
                self._parts[row.id] += [one for one in (verdict.message_id, *verdict.also) if one is not None]
                return further
            verdict = _together(verdict, further)
        return verdict

    async def _add_note(self, row: ClaimedRow, method: TelegramMethod[Any], sent: Sent, _: Translator) -> Sent:
        """Says what is to be known of a copy that has no room for it; the copy is there, whatever becomes of this."""
        note = note_after(row, method, sent.message_id, _)
        if note is None:
            return sent
        verdict = await self.request(row, note, None, is_paced=False)
        return _together(sent, verdict) if isinstance(verdict, Sent) else sent

    async def request(
        self, row: ClaimedRow, method: TelegramMethod[Any], photo: Photo | None, *, is_paced: bool = True
    ) -> Verdict:
        """Makes one request; `is_paced` if its turn was booked with the rate limiter when the row was picked."""
        if row.is_protected:  # here, since it holds for every way in which it may be sent, and for what follows it
            method = protected(method)
        placed = self._topics.placed(row, method)
        verdict = await self._request(row, placed, photo, is_paced=is_paced)
        if placed is not method and self._topics.is_gone(row, verdict):
            return await self._request(row, method, photo, is_paced=False)
        return verdict

    async def _request(
        self, row: ClaimedRow, method: TelegramMethod[Any], photo: Photo | None, *, is_paced: bool
    ) -> Verdict:
        already_paced.set(is_paced)
        self._requests[row.id] += 1
        try:
            within = UPLOAD_TIMEOUT if photo else REQUEST_TIMEOUT
            result = await self._bot(method, request_timeout=within)  # type: ignore[arg-type]
        except Exception as error:
            verdict = judge(error)
            if isinstance(verdict, Undeliverable):
                about = {"outbox_id": row.id, "kind": row.kind, "reason": verdict.reason}
                log.warning("not_deliverable", **about, error=describe_error(error))
            return verdict
        if self._config.pictures and photo:
            self._config.pictures.sent(self._bot.id, photo, result)
        if isinstance(method, MenuMethod):
            await self._menus.note(method)
        if isinstance(result, list):  # an album
            numbers = [one.message_id for one in result]
            return Sent(numbers[0] if numbers else None, tuple(numbers[1:]))
        return Sent(_message_id(result))


def _together(sent: Sent, further: Sent) -> Sent:
    return sent if further.message_id is None else Sent(sent.message_id, (*sent.also, further.message_id))


def _message_id(result: Any) -> int | None:
    """Telegram's id of what was sent; 0 (not yet final) counts as none, since it cannot be answered or edited."""
    if isinstance(result, ForumTopic):
        return result.message_thread_id
    return (result.message_id or None) if isinstance(result, Message | MessageId) else None
