"""The sender of one bot: takes due rows in order within each chat, sends, and records what became of each.

A row is claimed (committed as `sending`) before its request is made, so that a crash leaves a trace of every attempt.
Chats are independent: one that must wait delays no other, and the oldest row that may be sent goes first.
"""

import asyncio
import contextlib
import heapq
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from aiogram import Bot
from aiogram.types import Message, MessageId

from bot.delivery.gatekeeper import already_paced
from bot.delivery.pace import SOON, Pace
from bot.delivery.pictures import Pictures
from bot.delivery.rendering import NothingToSend, render
from bot.delivery.verdict import Dead, Flood, NotSent, Refused, Sent, Unknown, Verdict, judge
from bot.logs import describe_error
from bot.texts import pick_language, translator
from crm_core import briefing, deliveries, outbox
from crm_core.briefing import Job
from crm_core.deliveries import Outcome, Shut
from crm_core.outbox import Queued, Settled
from crm_core.storage.database import DATABASE_AWAY, Database

log = structlog.get_logger("delivery")

AT_ONCE = 32  # requests under way for one bot: keeps the 28 a second busy at a second's latency
REQUEST_TIMEOUT = 30  # seconds for one request
FULL_LOOK = 30  # of so many looks into the outbox one reads all of it, the others only what is new


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long is waited, in seconds. Tests that prove something about minutes bring shorter ones.

    Attributes:
        unknown: before words are sent again, after each ambiguous attempt.
        retry_first, retry_last: between attempts that surely did not arrive, doubling from first to last.
        refused: until a bot whose token is refused is tried again.
        recovered: before what an ended life of the bot left half sent is sent again.
        database: until a database that is away is tried again.
        connect: until a bot that cannot be reached is tried again.
        standby: between looks whether the process that works for a bot has gone.
    """

    unknown: tuple[float, ...] = (2.0, 10.0, 60.0, 300.0)
    retry_first: float = 1.0
    retry_last: float = 60.0
    refused: float = 60.0
    recovered: float = 2.0
    database: float = 1.0
    connect: float = 5.0
    standby: float = 3.0


DEFAULT_PAUSES = Pauses()


class Sender:
    """Sends what waits for one bot until it is stopped."""

    def __init__(
        self,
        *,
        bot: Bot,
        fence: int,
        db: Database,
        pace: Pace,
        clock: Callable[[], datetime],
        default_language: str,
        chance: Callable[[], float] = random.random,
        pauses: Pauses = DEFAULT_PAUSES,
        on_refused: Callable[[], None] = lambda: None,
        pictures: Pictures | None = None,
    ) -> None:
        """
        Args:
            fence: the number of this life of the bot; see `crm_core.bots.start`.
            on_refused: told whenever Telegram refuses the bot's token.
            pictures: for rows that ask for one; without it they are sent as text.
        """
        self._pictures = pictures
        self.bot, self.fence, self.db, self.pace, self.clock = bot, fence, db, pace, clock
        self._language, self._chance, self._pauses, self._on_refused = default_language, chance, pauses, on_refused
        self._lanes: dict[int, deque[Queued]] = {}
        self._known: set[int] = set()
        self._busy: set[int] = set()
        self._ready: list[tuple[int, int]] = []  # (row id, chat): the oldest first
        self._later: list[tuple[float, int, int]] = []  # (moment, row id, chat)
        self._highest, self._looks = 0, 0
        self._wake = asyncio.Event()
        self._outcomes: list[Outcome] = []
        self._gates: list[Shut] = []
        self._recorded = asyncio.Event()
        self._requests: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._is_over = False
        self.idle = asyncio.Event()
        """Set while nothing waits, is being sent, or is still to be recorded."""
        self.idle.set()

    def add(self, rows: Sequence[Queued]) -> None:
        """Rows that were committed and may be sent."""
        for row in rows:
            if row.id not in self._known:
                self._known.add(row.id)
                self._highest = max(self._highest, row.id)
                self.idle.clear()
                self._put(self._lanes.setdefault(row.chat_id, deque()), row)
        self._wake.set()

    def _put(self, lane: deque[Queued], row: Queued) -> None:
        """Keeps a chat's rows in order: what was found late (the backlog of a start) goes before what was announced."""
        is_busy = row.chat_id in self._busy
        place, first = len(lane), 1 if is_busy else 0
        while place > first and lane[place - 1].id > row.id:
            place -= 1
        lane.insert(place, row)
        if place == 0 and not is_busy:
            self._line_up(row.chat_id)

    async def run(self) -> None:
        """Works until `stop`; rows that an ended life left half sent are decided first."""
        await self.look_again()
        recorder = asyncio.create_task(self._record_forever(), name=f"recorder-{self.bot.id}")
        try:
            while not self._stopping.is_set():
                self._wake.clear()
                chats, wait = self._pick()
                if chats:
                    await self._send_batch(chats)
                    continue
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), wait)
        finally:
            # Whatever is under way ends, and is recorded: what is not would be taken for doubtful by the next life.
            if self._requests:
                await asyncio.wait(self._requests)
            self._is_over = True
            self._recorded.set()
            await recorder

    async def look_again(self) -> None:
        """Finds rows that nobody announced: those of before the start, and those that another process wrote."""
        is_full = self._looks % FULL_LOOK == 0
        self._looks += 1
        if is_full:
            pause = timedelta(seconds=self._pauses.recovered)
            await self.db.write(deliveries.recover, bot_id=self.bot.id, fence=self.fence, now=self.clock(), pause=pause)
        after = 0 if is_full else self._highest
        while rows := await self.db.read(outbox.waiting, bot_id=self.bot.id, after=after):
            after = rows[-1].id
            self.add(rows)
        # Moments are looked at anew: a clock that was set back would make what waits wait longer.
        later, self._later = self._later, []
        for _, row_id, chat_id in later:
            if self._is_head(row_id, chat_id):
                self._line_up(chat_id)
        self._wake.set()

    def stop(self) -> None:
        """Begins nothing new; `run` returns when the requests under way are recorded."""
        self._stopping.set()
        self._wake.set()

    def shut(self, chat_id: int | None, after: float) -> None:
        """Telegram said to wait: notes the gate at once and has it stored."""
        self._gates += [Shut(chat, until) for chat, until in self.pace.flood(chat_id, after)]
        log.warning("flood_wait", bot_id=self.bot.id, chat_id=chat_id, seconds=after)
        self._recorded.set()

    # --- which rows, and when --------------------------------------------------------------------------------------

    def _line_up(self, chat_id: int) -> None:
        """Puts a chat's oldest row among those that may go now, or later."""
        row = self._lanes[chat_id][0]
        now = self.clock()
        wait = self.pace.wait_chat(chat_id)
        if row.not_before is not None:
            wait = max(wait, (row.not_before - now).total_seconds())
        if wait > 0:
            heapq.heappush(self._later, (now.timestamp() + wait, row.id, chat_id))
        else:
            heapq.heappush(self._ready, (row.id, chat_id))

    def _pick(self) -> tuple[list[int], float | None]:
        """Chats whose oldest row may be sent now; if none, for how many seconds nothing can be done (None: no idea)."""
        now = self.clock().timestamp()
        while self._later and self._later[0][0] <= now:
            _, row_id, chat_id = heapq.heappop(self._later)
            if self._is_head(row_id, chat_id):
                self._line_up(chat_id)  # a gate may have been shut meanwhile
        chats: list[int] = []
        room = min(self.pace.room(), AT_ONCE - len(self._requests))
        while self._ready and len(chats) < room:
            row_id, chat_id = heapq.heappop(self._ready)
            if not self._is_head(row_id, chat_id):
                continue
            if self.pace.wait_chat(chat_id) > 0:
                self._line_up(chat_id)
                continue
            chats.append(chat_id)
            self._busy.add(chat_id)
        if chats or len(self._requests) >= AT_ONCE:
            return chats, None
        if self._ready:
            return [], max(self.pace.wait_bot() - SOON / 2, 0.01)
        return [], max(0.0, self._later[0][0] - now) if self._later else None

    def _is_head(self, row_id: int, chat_id: int) -> bool:
        lane = self._lanes.get(chat_id)
        return bool(lane) and lane[0].id == row_id and chat_id not in self._busy  # type: ignore[index]

    def _free(self, chat_id: int) -> None:
        self._busy.discard(chat_id)
        if self._lanes.get(chat_id):
            self._line_up(chat_id)
        else:
            self._lanes.pop(chat_id, None)
            if not self._lanes:
                self.idle.set()
        self._wake.set()

    def _drop_head(self, chat_id: int) -> None:
        self._known.discard(self._lanes[chat_id].popleft().id)

    # --- sending ---------------------------------------------------------------------------------------------------

    async def _send_batch(self, chats: list[int]) -> None:
        heads = {self._lanes[chat_id][0].id: chat_id for chat_id in chats}
        try:
            jobs = await self._claim(list(heads))
        except DATABASE_AWAY as error:
            log.error("claim_failed", bot_id=self.bot.id, error=describe_error(error))
            await asyncio.sleep(self._pauses.database)
            for chat_id in chats:
                self._free(chat_id)
            return
        claimed = {job.id for job in jobs}
        for row_id, chat_id in heads.items():
            if row_id not in claimed:  # given up meanwhile, or another life's now
                self._drop_head(chat_id)
                self._free(chat_id)
        for job in sorted(jobs, key=lambda one: one.id):
            # Counted now and not when it was picked: Telegram sees when a request comes, not when it was planned.
            task = asyncio.create_task(self._send(job, after=self.pace.book(job.chat_id)))
            self._requests.add(task)
            task.add_done_callback(self._request_done)

    async def _claim(self, ids: list[int]) -> list[Job]:
        """Claims rows together, or, if one of them cannot be read, each by itself without that one."""
        try:
            return await self.db.note(briefing.claim, ids=ids, fence=self.fence)
        except DATABASE_AWAY:
            raise
        except Exception as error:
            if len(ids) > 1:
                return [job for row_id in ids for job in await self._claim([row_id])]
            log.error("row_unreadable", bot_id=self.bot.id, outbox_id=ids[0], error=describe_error(error))
            await self.db.write(outbox.give_up, row_id=ids[0], outcome="unreadable", now=self.clock())
            return []

    def _request_done(self, task: asyncio.Task[None]) -> None:
        self._requests.discard(task)
        self._wake.set()

    async def _send(self, job: Job, *, after: float) -> None:
        verdict = await self._attempt(job, after)
        if isinstance(verdict, Refused):
            self._on_refused()
        self._outcomes.append(Outcome(job, self._settled(job, verdict)))
        self._recorded.set()

    async def _attempt(self, job: Job, after: float) -> Verdict:
        _ = translator(pick_language(job.language, self._language))
        photo = await self._pictures.photo(job, _) if self._pictures and "picture" in job.payload else None
        if after > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), min(after, 2 * SOON))
        if after > 0 or photo:  # time has passed since the row was picked
            if self._stopping.is_set():
                return NotSent("stopped")
            if (gate := self.pace.gate(job.chat_id)) > 0:
                return Flood(gate)
        try:
            method = render(job, _=_, now=self.clock(), photo=photo.media if photo else None)
        except NothingToSend:
            return Dead("nothing_to_send")
        except Exception as error:
            log.error("render_failed", outbox_id=job.id, kind=job.kind, error=describe_error(error))
            return Dead(f"internal_{type(error).__name__}")
        already_paced.set(True)
        try:
            result = await self.bot(method, request_timeout=REQUEST_TIMEOUT)
        except Exception as error:
            verdict = judge(error)
            if isinstance(verdict, Dead):
                log.warning(
                    "not_deliverable", outbox_id=job.id, kind=job.kind, reason=verdict.reason,
                    error=describe_error(error),
                )  # fmt: skip
            return self._pictures.judged(self.bot.id, photo, verdict) if self._pictures and photo else verdict
        if self._pictures and photo:
            self._pictures.sent(self.bot.id, photo, result)
        return Sent(_message_id(result))

    def _settled(self, job: Job, verdict: Verdict) -> Settled:
        """What becomes of the row, by the verdict."""
        now = self.clock()
        match verdict:
            case Sent(message_id):
                return Settled(job.id, "sent", "ok", result_id=message_id)
            case Flood(after):
                return Settled(job.id, "pending", "flood_wait", not_before=now + timedelta(seconds=after))
            case NotSent(reason):
                pause = min(self._pauses.retry_last, self._pauses.retry_first * 2 ** min(job.attempts - 1, 10))
                due = now + timedelta(seconds=pause * (0.5 + self._chance() / 2))
                return Settled(job.id, "pending", reason, not_before=None if reason == "stopped" else due)
            case Refused(reason):
                return Settled(job.id, "pending", reason, not_before=now + timedelta(seconds=self._pauses.refused))
            case Unknown(reason):
                state = deliveries.after_unknown(job.kind, job.ambiguous + 1)
                pause = self._pauses.unknown[min(job.ambiguous, len(self._pauses.unknown) - 1)]
                again = now + timedelta(seconds=pause) if state == "pending" else None
                return Settled(job.id, state, reason, not_before=again, ambiguous=True)
            case Dead(reason):
                return Settled(job.id, "dead", reason)

    # --- recording -------------------------------------------------------------------------------------------------

    async def _record_forever(self) -> None:
        """Records outcomes as they come, those of one moment together; a chat goes on only when its outcome stands."""
        while True:
            await self._recorded.wait()
            self._recorded.clear()
            outcomes, self._outcomes = self._outcomes, []
            gates, self._gates = self._gates, []
            if outcomes or gates:
                await self._record(outcomes, gates)
            if self._is_over and not self._outcomes and not self._gates:
                return

    async def _record(self, outcomes: list[Outcome], gates: list[Shut]) -> None:
        try:
            await self._insist(outcomes, gates)
        except Exception as error:
            log.error("record_failed", bot_id=self.bot.id, error=describe_error(error))
            for one in outcomes:
                await self._record_alone(one)
        self._conclude(outcomes)

    async def _record_alone(self, outcome: Outcome) -> None:
        """One that cannot be recorded must not keep the others from it; then it is settled without what follows."""
        try:
            await self._insist([outcome], [])
        except Exception as error:
            log.error("outcome_without_consequences", outbox_id=outcome.job.id, error=describe_error(error))
            try:
                await self._insist([outcome], [], only_settle=True)
            except Exception as failure:
                log.error("outcome_lost", outbox_id=outcome.job.id, error=describe_error(failure))

    async def _insist(self, outcomes: list[Outcome], gates: list[Shut], *, only_settle: bool = False) -> None:
        """Records, however long the database is away: it was sent, so nothing else is tried in that chat before."""
        while True:
            try:
                if only_settle:
                    await self.db.note(
                        outbox.settle, settled=[one.settled for one in outcomes], fence=self.fence, now=self.clock()
                    )
                else:
                    await self.db.note(
                        deliveries.record, bot_id=self.bot.id, fence=self.fence, outcomes=outcomes, gates=gates,
                        now=self.clock(), chance=self._chance,
                    )  # fmt: skip
                return
            except DATABASE_AWAY as error:
                log.error("database_away", bot_id=self.bot.id, error=describe_error(error))
                await asyncio.sleep(self._pauses.database)

    def _conclude(self, outcomes: list[Outcome]) -> None:
        for one in outcomes:
            lane = self._lanes.get(one.job.chat_id)
            if lane and lane[0].id == one.job.id:
                if one.settled.state == "pending":
                    lane[0] = Queued(one.job.id, one.job.bot_id, one.job.chat_id, one.job.kind, one.settled.not_before)
                else:
                    self._drop_head(one.job.chat_id)
            self._free(one.job.chat_id)


def _message_id(result: Any) -> int | None:
    """Telegram's id of what was sent; 0 (not yet final) counts as none, since it cannot be answered or edited."""
    return (result.message_id or None) if isinstance(result, Message | MessageId) else None
