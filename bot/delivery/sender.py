"""The sender of one bot: takes due rows in order within each chat, sends, and records what became of each.

A row is claimed (committed as `sending`) before its request is made, so that a crash leaves a trace of every attempt.
Chats are independent: one that must wait delays no other, and the oldest row that may be sent goes first.
"""

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from aiogram import Bot
from aiogram.types import Message, MessageId

from bot.delivery.gatekeeper import already_paced
from bot.delivery.pace import Pace
from bot.delivery.rendering import NothingToSend, render
from bot.delivery.verdict import Dead, Flood, NotSent, Refused, Sent, Unknown, Verdict, judge
from bot.logs import describe_error
from bot.texts import pick_language, translator
from crm_core import briefing, deliveries, outbox
from crm_core.briefing import Job
from crm_core.deliveries import Outcome, Shut
from crm_core.outbox import Queued, Settled
from crm_core.storage.database import Database

log = structlog.get_logger("delivery")

AT_ONCE = 32  # requests under way for one bot: keeps the 28 a second busy at a second's latency
REQUEST_TIMEOUT = 30  # seconds for one request
RETRY_FIRST, RETRY_LAST = 1.0, 60.0  # seconds between attempts that surely did not arrive
UNKNOWN_PAUSE = (2.0, 10.0, 60.0, 300.0)  # seconds before words are sent again, after each ambiguous attempt
REFUSED_PAUSE = 60.0  # seconds until a bot whose token is refused is tried again
DATABASE_PAUSE = 1.0  # seconds until an outcome that could not be recorded is recorded


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
        on_refused: Callable[[int], None] = lambda bot_id: None,
    ) -> None:
        self.bot, self.fence, self.db, self.pace, self.clock = bot, fence, db, pace, clock
        self._language, self._chance, self._on_refused = default_language, chance, on_refused
        self._lanes: dict[int, deque[Queued]] = {}
        self._known: set[int] = set()
        self._busy: set[int] = set()
        self._ready: list[tuple[int, int]] = []  # (row id, chat): the oldest first
        self._later: list[tuple[float, int, int]] = []  # (moment, row id, chat)
        self._wake = asyncio.Event()
        self._outcomes: list[Outcome] = []
        self._gates: list[Shut] = []
        self._recorded = asyncio.Event()
        self._requests: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.idle = asyncio.Event()
        """Set while nothing waits, is being sent, or is still to be recorded."""
        self.idle.set()

    def add(self, rows: Sequence[Queued]) -> None:
        """Rows that were committed and may be sent."""
        for row in rows:
            if row.id not in self._known:
                self._known.add(row.id)
                self.idle.clear()
                lane = self._lanes.setdefault(row.chat_id, deque())
                lane.append(row)
                if len(lane) == 1 and row.chat_id not in self._busy:
                    self._line_up(row.chat_id)
        self._wake.set()

    async def run(self) -> None:
        """Works until `stop`; rows that an ended life left half sent are decided first."""
        now = self.clock()
        await self.db.write(deliveries.recover, bot_id=self.bot.id, fence=self.fence, now=now)
        await self.look_again()
        recorder = asyncio.create_task(self._record_forever(), name=f"recorder-{self.bot.id}")
        while not self._stopping:
            self._wake.clear()
            chats, wait = self._pick()
            if chats:
                await self._send_batch(chats)
                continue
            try:
                await asyncio.wait_for(self._wake.wait(), wait)
            except TimeoutError:
                continue
        if self._requests:
            await asyncio.wait(self._requests)
        self._recorded.set()
        await recorder

    async def look_again(self) -> None:
        """Finds rows that nobody announced: those of before the start, and those that another process wrote."""
        self.add(await self.db.read(outbox.waiting, bot_id=self.bot.id))

    def stop(self) -> None:
        """Begins nothing new; `run` returns when the requests under way are recorded."""
        self._stopping = True
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
        """Chats whose oldest row may be sent now, and otherwise how many seconds nothing can be done (None: no idea)."""
        now = self.clock().timestamp()
        while self._later and self._later[0][0] <= now:
            _, row_id, chat_id = heapq.heappop(self._later)
            if self._is_head(row_id, chat_id):
                self._line_up(chat_id)  # a gate may have been shut meanwhile
        chats: list[int] = []
        wait_bot = self.pace.wait_bot()
        while self._ready and wait_bot <= 0 and len(self._requests) + len(chats) < AT_ONCE:
            row_id, chat_id = heapq.heappop(self._ready)
            if not self._is_head(row_id, chat_id):
                continue
            if self.pace.wait_chat(chat_id) > 0:
                self._line_up(chat_id)
                continue
            self.pace.book(chat_id)
            chats.append(chat_id)
            self._busy.add(chat_id)
            wait_bot = self.pace.wait_bot()
        if chats or len(self._requests) >= AT_ONCE:
            return chats, None
        if self._ready:
            return [], wait_bot
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
            jobs = await self.db.write(briefing.claim, ids=list(heads), fence=self.fence)
        except Exception as error:  # the database is away: nothing was claimed, so nothing is sent
            log.error("claim_failed", bot_id=self.bot.id, error=describe_error(error))
            await asyncio.sleep(DATABASE_PAUSE)
            for chat_id in chats:
                self._free(chat_id)
            return
        claimed = {job.id for job in jobs}
        for row_id, chat_id in heads.items():
            if row_id not in claimed:  # given up meanwhile, or decided by another life
                self._drop_head(chat_id)
                self._free(chat_id)
        for job in jobs:
            task = asyncio.create_task(self._send(job))
            self._requests.add(task)
            task.add_done_callback(self._request_done)

    def _request_done(self, task: asyncio.Task[None]) -> None:
        self._requests.discard(task)
        self._wake.set()

    async def _send(self, job: Job) -> None:
        already_paced.set(True)
        try:
            method = render(job, _=translator(pick_language(job.language, self._language)), now=self.clock())
            result = await self.bot(method, request_timeout=REQUEST_TIMEOUT)
            verdict: Verdict = Sent(_message_id(result))
        except NothingToSend:
            verdict = Dead("nothing_to_send")
        except Exception as error:
            verdict = judge(error)
            if isinstance(verdict, Dead) and verdict.reason.startswith("internal"):
                log.error("render_failed", outbox_id=job.id, kind=job.kind, error=describe_error(error))
        self._outcomes.append(Outcome(job, self._settled(job, verdict)))
        self._recorded.set()

    def _settled(self, job: Job, verdict: Verdict) -> Settled:
        """What becomes of the row, by the verdict."""
        now = self.clock()
        match verdict:
            case Sent(message_id):
                return Settled(job.id, "sent", "ok", result_id=message_id)
            case Flood(after):
                return Settled(job.id, "pending", "flood_wait", not_before=now + timedelta(seconds=after))
            case NotSent(reason):
                pause = min(RETRY_LAST, RETRY_FIRST * 2 ** min(job.attempts - 1, 10)) * (0.5 + self._chance() / 2)
                return Settled(job.id, "pending", reason, not_before=now + timedelta(seconds=pause))
            case Refused(reason):
                self._on_refused(self.bot.id)
                return Settled(job.id, "pending", reason, not_before=now + timedelta(seconds=REFUSED_PAUSE))
            case Unknown(reason):
                state = deliveries.after_unknown(job.kind, job.ambiguous + 1)
                pause = UNKNOWN_PAUSE[min(job.ambiguous, len(UNKNOWN_PAUSE) - 1)]
                due = now + timedelta(seconds=pause) if state == "pending" else None
                return Settled(job.id, state, reason, not_before=due, ambiguous=True)
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
            elif self._stopping:
                return
            if self._stopping and not self._requests:
                self._recorded.set()

    async def _record(self, outcomes: list[Outcome], gates: list[Shut]) -> None:
        while True:
            try:
                await self.db.write(
                    deliveries.record, bot_id=self.bot.id, fence=self.fence, outcomes=outcomes, gates=gates, now=self.clock(),
                    chance=self._chance,
                )  # fmt: skip
                break
            except Exception as error:  # it was sent, so it must be recorded: nothing else is tried in that chat before
                log.error("record_failed", bot_id=self.bot.id, error=describe_error(error))
                await asyncio.sleep(DATABASE_PAUSE)
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
