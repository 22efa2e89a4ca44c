"""The sender of one bot: takes due rows in order within each chat, sends, and has recorded what became of each.

A row is claimed (committed as `sending`) before its request is made, so that a crash leaves a trace of every attempt:
in the very transaction that makes it where it can go at once (`claim_within`), else in one of the sender's own.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from aiogram import Bot
from aiogram.types import Message, MessageId
from sqlalchemy.orm import Session

from bot.delivery.backoff import DEFAULT_RETRY_DELAYS, RetryDelays
from bot.delivery.chat_queues import ChatQueues
from bot.delivery.rate_limit import SOON, RateLimiter
from bot.delivery.rate_limit_middleware import already_paced
from bot.delivery.recorder import Recorder
from bot.delivery.rendering import NothingToSend, render
from bot.logs import describe_error
from bot.reports.statistics_picture import Pictures
from bot.telegram.verdict import FloodWait, NotSent, OutcomeUnknown, Sent, TokenRefused, Undeliverable, Verdict, judge
from bot.texts import pick_language, translator
from crm_core.delivery import claims, outcomes
from crm_core.delivery.claims import ClaimedRow
from crm_core.delivery.outcomes import Outcome, Shut
from crm_core.messaging import outbox
from crm_core.messaging.outbox import PendingRow, Settled
from crm_core.monitoring.process_counters import ProcessCounters
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database

log = structlog.get_logger("delivery")

REQUEST_TIMEOUT = 30  # seconds for one request
FULL_LOOK = 30  # of so many looks into the outbox one reads all of it, the others only what is new
LATE = 1_000  # rows: with PostgreSQL one that has its number already may be committed after so many others


class Sender:
    """Sends what waits for one bot until it is stopped."""

    def __init__(
        self,
        *,
        bot: Bot,
        fencing_token: int,
        db: Database,
        pace: RateLimiter,
        clock: Callable[[], datetime],
        default_language: str,
        rng: Callable[[], float] = random.random,
        pauses: RetryDelays = DEFAULT_RETRY_DELAYS,
        on_refused: Callable[[], None] = lambda: None,
        pictures: Pictures | None = None,
        counts: ProcessCounters | None = None,
    ) -> None:
        """
        Args:
            fencing_token: the number of this life of the bot; see `crm_core.delivery.bots.start`.
            on_refused: told whenever Telegram refuses the bot's token.
            pictures: for rows that ask for one; without it they are sent as text.
            counts: where attempts are counted.
        """
        self._counts = counts or ProcessCounters()
        self._pictures = pictures
        self.bot, self.fencing_token, self.db, self.pace, self.clock = bot, fencing_token, db, pace, clock
        self._language, self._chance, self._pauses, self._on_refused = default_language, rng, pauses, on_refused
        self._lanes = ChatQueues(pace, clock)
        self._recorder = Recorder(
            db=db,
            bot_id=bot.id,
            fencing_token=fencing_token,
            clock=clock,
            rng=rng,
            pauses=pauses,
            on_recorded=self._conclude,
        )
        self._looks = 0
        self._late = 0 if db.numbers_rise else LATE
        self._wake = asyncio.Event()
        self._requests: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._has_looked = False
        self._promised = 0  # claimed in transactions that are not committed yet
        self._kept = asyncio.Event()
        self.idle = self._lanes.idle

    async def run(self) -> None:
        """Works until `stop`; rows that an ended life left half sent are decided first."""
        await self.look_again()
        recording = asyncio.create_task(self._recorder.run(), name=f"recorder-{self.bot.id}")
        try:
            while not self._stopping.is_set():
                self._wake.clear()
                rows, wait = self._lanes.pick(promised=self._promised)
                if rows:
                    await self._send_batch(rows)
                    continue
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), wait)
        finally:
            # Whatever is under way ends, and is recorded: what is not would be taken for doubtful by the next life.
            while self._requests or self._promised:
                self._kept.clear()
                await (asyncio.wait(self._requests) if self._requests else self._kept.wait())
            self._recorder.finish()
            await recording

    def stop(self) -> None:
        """Begins nothing new; `run` returns when the requests under way are recorded."""
        self._stopping.set()
        self._wake.set()

    # --- which rows ------------------------------------------------------------------------------------------------

    def add(self, rows: Sequence[PendingRow]) -> None:
        """Rows that were committed and may be sent."""
        # Those that were claimed while they were made are known; a look at the lanes would only hold up their requests
        # (two of them took a new client's message 0.18 ms of processor time).
        if self._lanes.add(rows):
            self._wake.set()

    async def look_again(self) -> None:
        """Finds rows that nobody announced: those of before the start, and those that another process wrote."""
        is_full = self._looks % FULL_LOOK == 0
        self._looks += 1
        if is_full:
            pause = timedelta(seconds=self._pauses.recovered)
            await self.db.write(
                outcomes.recover, bot_id=self.bot.id, fencing_token=self.fencing_token, now=self.clock(), pause=pause
            )
            self._lanes.add(await self.db.read(outbox.claimed, bot_id=self.bot.id, fencing_token=self.fencing_token))
        after = 0 if is_full else self._lanes.highest - self._late
        while rows := await self.db.read(outbox.waiting, bot_id=self.bot.id, after=after):
            after = rows[-1].id
            self._lanes.add(rows)
        self._lanes.look_again_at_moments()
        self._has_looked = True
        self._wake.set()

    def shut(self, chat_id: int | None, after: float) -> None:
        """Telegram said to wait: notes the gate at once and has it stored."""
        self._recorder.gates(Shut(chat, until) for chat, until in self.pace.flood(chat_id, after))
        log.warning("flood_wait", bot_id=self.bot.id, chat_id=chat_id, seconds=after)

    # --- claiming --------------------------------------------------------------------------------------------------

    def claim_within(self, s: Session, rows: Sequence[PendingRow]) -> list[ClaimedRow]:
        """Claims those of the rows that a transaction has just made which can go as soon as it is committed.

        Its caller hands them to `send_promised` after the commit, or to `unclaim` if there is none.
        """
        if self._stopping.is_set() or not self._has_looked:  # what waited before the start goes first
            return []
        reserved = self._lanes.reserve(rows, promised=self._promised)
        if not reserved:
            return []
        try:
            jobs = claims.claim(s, ids=[row.id for row in reserved], fencing_token=self.fencing_token)
        except BaseException:
            self._drop(reserved)
            raise
        claimed = {job.id for job in jobs}
        self._drop([row for row in reserved if row.id not in claimed])
        self._promised += len(jobs)
        return jobs

    def unclaim(self, jobs: Sequence[ClaimedRow]) -> None:
        """The transaction that would have made these rows was not committed."""
        self._drop(jobs)
        self._keep(jobs)

    def send_promised(self, jobs: Sequence[ClaimedRow]) -> None:
        """The transaction that made these rows was committed."""
        self._send_claimed(jobs)
        self._keep(jobs)

    def _keep(self, jobs: Sequence[ClaimedRow]) -> None:
        self._promised -= len(jobs)
        self._kept.set()

    def _drop(self, rows: Sequence[PendingRow | ClaimedRow]) -> None:
        for row in rows:
            self._lanes.drop(row.id, row.chat_id)
        if rows:
            self._wake.set()

    async def _send_batch(self, rows: list[PendingRow]) -> None:
        try:
            jobs = await self._claim([row.id for row in rows])
        except DATABASE_UNAVAILABLE as error:
            log.error("claim_failed", bot_id=self.bot.id, error=describe_error(error))
            await asyncio.sleep(self._pauses.database)
            for row in rows:
                self._lanes.free(row.chat_id)
            return
        claimed = {job.id for job in jobs}
        self._drop([row for row in rows if row.id not in claimed])  # given up meanwhile, or another life's now
        self._send_claimed(jobs)

    async def _claim(self, ids: list[int]) -> list[ClaimedRow]:
        """Claims rows together, or, if one of them cannot be read, each by itself without that one."""
        try:
            return await self.db.write_unflushed(claims.claim, ids=ids, fencing_token=self.fencing_token)
        except DATABASE_UNAVAILABLE:
            raise
        except Exception as error:
            if len(ids) > 1:
                return [job for row_id in ids for job in await self._claim([row_id])]
            log.error("row_unreadable", bot_id=self.bot.id, outbox_id=ids[0], error=describe_error(error))
            await self.db.write(outbox.give_up, row_id=ids[0], outcome="unreadable", now=self.clock())
            return []

    # --- sending ---------------------------------------------------------------------------------------------------

    def _send_claimed(self, jobs: Sequence[ClaimedRow]) -> None:
        for place, job in enumerate(sorted(jobs, key=lambda one: one.id)):
            # Counted now and not when it was picked: Telegram sees when a request comes, not when it was planned.
            task = asyncio.create_task(self._send(job, after=self.pace.book(job.chat_id), is_first=place == 0))
            self._requests.add(task)
            task.add_done_callback(self._requests.discard)

    async def _send(self, job: ClaimedRow, *, after: float, is_first: bool) -> None:
        if not is_first:
            # A request is written a turn of the loop after it was made. Without this turn all of them would be made
            # before the first is written: a new client's card left 0.27 ms later, when his own notice was made, too.
            await asyncio.sleep(0)
        verdict = await self._attempt(job, after)
        self.pace.note_response(job.chat_id)
        if isinstance(verdict, TokenRefused):
            self._on_refused()
        self._recorder.outcome(Outcome(job, self._settled(job, verdict)))

    async def _attempt(self, job: ClaimedRow, after: float) -> Verdict:
        _ = translator(pick_language(job.language, self._language))
        photo = await self._pictures.photo(job, _) if self._pictures and "picture" in job.payload else None
        if after > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), min(after, 2 * SOON))
        if after > 0 or photo:  # time has passed since the row was picked
            if self._stopping.is_set():
                return NotSent("stopped")
            if (gate := self.pace.gate(job.chat_id)) > 0:
                return FloodWait(gate)
        try:
            method = render(job, _=_, now=self.clock(), photo=photo.media if photo else None)
        except NothingToSend:
            return Undeliverable("nothing_to_send")
        except Exception as error:
            log.error("render_failed", outbox_id=job.id, kind=job.kind, error=describe_error(error))
            return Undeliverable(f"internal_{type(error).__name__}")
        if await self.pace.wait_turn() and (gate := self.pace.gate(job.chat_id)) > 0:
            return FloodWait(gate)
        already_paced.set(True)
        try:
            result = await self.bot(method, request_timeout=REQUEST_TIMEOUT)
        except Exception as error:
            verdict = judge(error)
            if isinstance(verdict, Undeliverable):
                log.warning(
                    "not_deliverable",
                    outbox_id=job.id,
                    kind=job.kind,
                    reason=verdict.reason,
                    error=describe_error(error),
                )
            return self._pictures.judged(self.bot.id, photo, verdict) if self._pictures and photo else verdict
        if self._pictures and photo:
            self._pictures.sent(self.bot.id, photo, result)
        return Sent(_message_id(result))

    def _settled(self, job: ClaimedRow, verdict: Verdict) -> Settled:
        """What becomes of the row, by the verdict."""
        now = self.clock()
        match verdict:
            case Sent(message_id):
                return Settled(job.id, "sent", "ok", result_id=message_id)
            case FloodWait(after):
                return Settled(job.id, "pending", "flood_wait", not_before=now + timedelta(seconds=after))
            case NotSent(reason):
                pause = min(self._pauses.retry_last, self._pauses.retry_first * 2 ** min(job.attempts - 1, 10))
                due = now + timedelta(seconds=pause * (0.5 + self._chance() / 2))
                return Settled(job.id, "pending", reason, not_before=None if reason == "stopped" else due)
            case TokenRefused(reason):
                return Settled(job.id, "pending", reason, not_before=now + timedelta(seconds=self._pauses.refused))
            case OutcomeUnknown(reason):
                state = outcomes.after_unknown(job.kind, job.ambiguous + 1)
                pause = self._pauses.unknown[min(job.ambiguous, len(self._pauses.unknown) - 1)]
                again = now + timedelta(seconds=pause) if state == "pending" else None
                return Settled(job.id, state, reason, not_before=again, ambiguous=True)
            case Undeliverable(reason):
                return Settled(job.id, "dead", reason)

    def _conclude(self, outcomes: list[Outcome]) -> None:
        for one in outcomes:
            job, settled = one.job, one.settled
            self._counts.count_attempt(job.bot_id, settled)
            if settled.state == "pending":
                self._lanes.put_off(PendingRow(job.id, job.bot_id, job.chat_id, job.kind, settled.not_before))
            else:
                self._lanes.drop(job.id, job.chat_id)
        self._wake.set()


def _message_id(result: Any) -> int | None:
    """Telegram's id of what was sent; 0 (not yet final) counts as none, since it cannot be answered or edited."""
    return (result.message_id or None) if isinstance(result, Message | MessageId) else None
