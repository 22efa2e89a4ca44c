"""The sender of one bot: takes due rows in order within each chat, sends them, and has each outcome recorded.

A row is claimed (committed as `sending`) before its request is made, so that a crash leaves a trace of every attempt:
in a transaction of the sender's own, or in the very one that creates the row (`bot.delivery.claim_on_commit`).
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import structlog
from aiogram import Bot

from bot.delivery.album_attempts import AlbumAttempts
from bot.delivery.albums import grouped
from bot.delivery.attempts import Attempted, Attempts
from bot.delivery.chat_lanes import COPIES_AT_MOST
from bot.delivery.chat_queues import ChatQueues
from bot.delivery.circuit import Circuit, Way
from bot.delivery.config import SenderConfig
from bot.delivery.menus import ShownMenus
from bot.delivery.rate_limit import RateLimiter
from bot.delivery.recorder import Recorder
from bot.delivery.settlement import settle
from bot.logs import describe_error
from bot.telegram.reach import until_telegram_answers
from bot.telegram.verdict import OutcomeUnknown, TokenRefused
from crm_core.delivery import claims, outcomes
from crm_core.delivery.attempt_outcome import Outcome, Shut
from crm_core.delivery.claimed_rows import ClaimedRow
from crm_core.messaging import giving_up, outbox
from crm_core.messaging.outbox import PendingRow
from crm_core.messaging.outbox_attempts import Settled
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database

log = structlog.get_logger("delivery")

FULL_LOOK = 30  # of so many looks into the outbox one reads all of it, the others only what is new
LATE = 1_000  # rows: with PostgreSQL one that has its number already may be committed after so many others


class Sender:
    """Sends what waits for one bot until it is stopped.

    Attributes:
        queues: the rows that wait or are being sent, by chat.
        idle: set while there are none.
    """

    def __init__(
        self,
        *,
        bot: Bot,
        fencing_token: int,
        db: Database,
        rate_limiter: RateLimiter,
        config: SenderConfig,
        on_refused: Callable[[], None] = lambda: None,
        on_way: Callable[[Way], None] = lambda way: None,
    ) -> None:
        """
        Args:
            fencing_token: of this session of the bot; see `crm_core.delivery.bots.start`.
            on_refused: called whenever Telegram refuses the bot's token.
            on_way: called when the way to Telegram fails, or works again; a refused token is no such failure.
        """
        self.bot, self.fencing_token, self.db = bot, fencing_token, db
        self.rate_limiter, self.clock, self._config = rate_limiter, config.clock, config
        self._on_refused, self._on_way = on_refused, on_way
        self.circuit = Circuit(ask=self._until_answered, pause=self._pause, on_change=self._follow)
        self.menus = ShownMenus(db=db, bot_id=bot.id)
        self.queues = ChatQueues(rate_limiter, config.clock)
        self.idle = self.queues.idle
        self._recorder = Recorder(
            db=db, bot_id=bot.id, fencing_token=fencing_token, config=config, on_recorded=self._conclude
        )
        self._looks = 0
        self._late = 0 if db.numbers_rise else LATE
        self._wake = asyncio.Event()
        self._requests: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._attempts = Attempts(
            bot=bot,
            rate_limiter=rate_limiter,
            circuit=self.circuit,
            menus=self.menus,
            config=config,
            stopping=self._stopping,
        )
        self._albums = AlbumAttempts(self._attempts, self.circuit)
        self._has_looked = False

    async def run(self) -> None:
        """Works until `stop`; first decides about rows that an ended session left half sent."""
        await self.look_again()
        recording = asyncio.create_task(self._recorder.run(), name=f"recorder-{self.bot.id}")
        probing = asyncio.create_task(self.circuit.run(), name=f"circuit-{self.bot.id}")
        for task in (recording, probing):
            task.add_done_callback(lambda _: self._wake.set())
        try:
            while not self._stopping.is_set():
                self._wake.clear()
                for task in (recording, probing):
                    if task.done():  # without it nothing would be sent any more: the session ends, and another begins
                        task.result()
                        raise RuntimeError(f"{task.get_name()} has ended")
                if self.queues.crowded:
                    await self._collapse()
                rows, wait = self._pick()
                if rows:
                    await self._send_batch(rows)
                    continue
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), wait)
        finally:
            self._stopping.set()  # when it ends by an error, too: what it claimed from now on, nobody would record
            probing.cancel()
            # What is under way ends, and is recorded: otherwise the next session would take it for ambiguous.
            while self._requests or not self.queues.none_reserved.is_set():
                await (asyncio.wait(self._requests) if self._requests else self.queues.none_reserved.wait())
            self._recorder.finish()
            await asyncio.gather(recording, probing, return_exceptions=True)
            self.queues.close()  # what still waits is the next session's, and so is what is committed from now on

    def stop(self) -> None:
        """Begins nothing new; `run` returns when the requests under way are recorded."""
        self._stopping.set()
        self._wake.set()

    # --- the way to Telegram ---------------------------------------------------------------------------------------

    def _follow(self, way: Way) -> None:
        """What waits for Telegram to answer is held, or is due at once."""
        self.queues.set_outage(way is not Way.CLOSED)
        self._wake.set()
        if not self.circuit.is_refused:
            self._on_way(way)

    def _pause(self) -> float:
        return self._config.delays.outage_pause(self._config.rng)

    async def _until_answered(self) -> None:
        await until_telegram_answers(self.bot, pause=self._pause)

    # --- which rows ------------------------------------------------------------------------------------------------

    def add(self, rows: Sequence[PendingRow]) -> None:
        """Rows that were committed and may be sent."""
        # Those claimed by the transaction that created them are known; to look at the queues for them would only delay
        # their requests (two such looks took a new client's message 0.18 ms of processor time).
        if self.queues.add(rows):
            self._wake.set()

    async def look_again(self) -> None:
        """Finds rows that were not announced: those of before the start, and those that another process wrote."""
        is_full = self._looks % FULL_LOOK == 0
        self._looks += 1
        if is_full:
            pause = timedelta(seconds=self._config.delays.recovered)
            await self.db.write(
                outcomes.recover, bot_id=self.bot.id, fencing_token=self.fencing_token, now=self.clock(), pause=pause
            )
            self.queues.add(await self.db.read(outbox.claimed, bot_id=self.bot.id, fencing_token=self.fencing_token))
        after = 0 if is_full else self.queues.highest - self._late
        while rows := await self.db.read(outbox.waiting, bot_id=self.bot.id, after=after):
            after = rows[-1].id
            self.queues.add(rows)
        self.queues.reschedule()
        self._has_looked = True
        self._wake.set()

    def shut(self, method: str, chat_id: int | None, after: float) -> None:
        """Telegram said to wait `after` seconds: shuts the gate at once and has it stored."""
        if chat_id is None:
            until = self.rate_limiter.flood_method(method, after)
            self._recorder.gates([Shut(None, until, method=method)])
        else:
            self._recorder.gates(Shut(chat, until) for chat, until in self.rate_limiter.flood(chat_id, after))
        log.warning("flood_wait", bot_id=self.bot.id, method=method, chat_id=chat_id, seconds=after)

    # --- claiming --------------------------------------------------------------------------------------------------

    @property
    def may_claim_early(self) -> bool:
        """Whether rows may be claimed before they are committed: not before the backlog of the start is known."""
        return self._has_looked and not self._stopping.is_set() and not self.circuit.holds_all

    def _pick(self) -> tuple[list[PendingRow], float | None]:
        """Rows to be sent now; if there are none, also for how many seconds (`ChatQueues.pick`)."""
        if self.circuit.way is Way.TRIAL and self.circuit.trial is None:
            trial, wait = self.queues.pick_trial(self.circuit.tried)
            if trial:
                self.circuit.trial = trial[0].id
                return trial, None
            if self.circuit.holds_all:
                return [], wait
        return ([], None) if self.circuit.holds_all else self.queues.pick()

    async def _collapse(self) -> None:
        """Gives up messages of clients who write faster than their operator's chat takes them: a line counts them."""
        while self.queues.crowded:
            chat_id, contact_id = self.queues.crowded.pop()
            try:
                given_up = await self.db.write_unflushed(
                    giving_up.collapse,
                    bot_id=self.bot.id,
                    chat_id=chat_id,
                    contact_id=contact_id,
                    keep=COPIES_AT_MOST,
                    now=self.clock(),
                )
            except DATABASE_UNAVAILABLE as error:  # the next message of that client tries again
                log.error("collapse_failed", bot_id=self.bot.id, error=describe_error(error))
            else:
                self.queues.discard(chat_id, set(given_up))

    def drop(self, rows: Sequence[PendingRow | ClaimedRow]) -> None:
        """Picked or reserved rows that are not to be sent: given up meanwhile, another session's, or rolled back."""
        for row in rows:
            self.queues.drop(row.id, row.chat_id)
            self.circuit.end_trial(row.id)
        if rows:
            self._wake.set()

    async def _send_batch(self, rows: list[PendingRow]) -> None:
        if lost := [row for row in rows if row.id in self._recorder.lost]:
            self.drop(lost)
            rows = [row for row in rows if row.id not in self._recorder.lost]
        if not rows:
            return
        try:
            claimed = await self._claim([row.id for row in rows])
        except DATABASE_UNAVAILABLE as error:
            log.error("claim_failed", bot_id=self.bot.id, error=describe_error(error))
            await asyncio.sleep(self._config.delays.database)
            for row in rows:
                self.queues.put_off(row)
                self.circuit.end_trial(row.id)
            return
        ids = {row.id for row in claimed}
        self.drop([row for row in rows if row.id not in ids])
        self.send(claimed)

    async def _claim(self, ids: list[int]) -> list[ClaimedRow]:
        """Claims rows together, or, if one of them cannot be read, each by itself without that one."""
        try:
            return await self.db.write_unflushed(claims.claim, ids=ids, fencing_token=self.fencing_token)
        except DATABASE_UNAVAILABLE:
            raise
        except Exception as error:
            if len(ids) > 1:
                return [row for row_id in ids for row in await self._claim([row_id])]
            log.error("row_unreadable", bot_id=self.bot.id, outbox_id=ids[0], error=describe_error(error))
            await self.db.write(giving_up.give_up, row_id=ids[0], outcome="unreadable", now=self.clock())
            return []

    # --- sending ---------------------------------------------------------------------------------------------------

    def send(self, rows: Sequence[ClaimedRow]) -> None:
        """Begins to send claimed rows, each in a task of its own; the parts of an album together."""
        for place, parts in enumerate(grouped([self._as_far_as_taken(row) for row in rows])):
            # Booked now and not when it was picked: Telegram counts a request when it arrives, not when it was planned.
            after = self.rate_limiter.book(parts[0].chat_id, sum(row.messages for row in parts))
            task = asyncio.create_task(self._send(parts, after=after, is_first=place == 0))
            self._requests.add(task)
            task.add_done_callback(self._requests.discard)

    def _as_far_as_taken(self, row: ClaimedRow) -> ClaimedRow:
        """A row; of an album for a team's forum only the first part, if the group does not take all of it at once."""
        step = row.forum
        if step is None or step.messages == 1 or self.rate_limiter.wait_chat(row.chat_id, step.messages) <= 0:
            return row
        return replace(row, forum=step.first_alone())

    async def _send(self, parts: Sequence[ClaimedRow], *, after: float, is_first: bool) -> None:
        if not is_first:
            # A request is written one turn of the loop after it was made. Without this turn all would be made before
            # the first is written: a new client's card left 0.27 ms later, when the client's notice was made, too.
            await asyncio.sleep(0)
        row = parts[0]
        try:
            if len(parts) == 1:
                attempted = [await self._attempts.attempt(row, after)]
            else:
                attempted = await self._albums.attempt(parts, after)
        except Exception as error:  # whatever it was, the chat must not wait for this row for ever
            log.error("attempt_failed", outbox_id=row.id, kind=row.kind, error=describe_error(error))
            self.circuit.end_trial(row.id)
            attempted = [Attempted(OutcomeUnknown(f"internal_{type(error).__name__}"), True, 1) for _ in parts]
        if isinstance(attempted[0].verdict, TokenRefused):
            self._on_refused()
        for part, one in zip(parts, attempted, strict=True):  # recorded together: the chat goes on after all of them
            self._recorder.outcome(Outcome(part, self._settled(part, one), one.topic))

    def _settled(self, row: ClaimedRow, one: Attempted) -> Settled:
        delays, rng = self._config.delays, self._config.rng
        settled = settle(row, one.verdict, is_own=one.is_own, now=self.clock(), delays=delays, rng=rng)
        if one.requests > 1:
            settled = replace(settled, requests=one.requests, also=(*settled.also, *one.parts))
        return settled

    def _conclude(self, recorded: list[Outcome]) -> None:
        for one in recorded:
            row, settled = one.job, one.settled
            self._config.counts.count_attempt(row.bot_id, settled)
            if settled.state == "pending":
                self.queues.put_off(self._again(row, settled))
            else:
                self.queues.drop(row.id, row.chat_id)
        self._wake.set()

    def _again(self, row: ClaimedRow, settled: Settled) -> PendingRow:
        """A row that is to be tried again."""
        due, pause = settled.not_before, self.circuit.trial_pause(row.id)
        if due is not None and pause is not None:
            due = max(due, self.clock() + timedelta(seconds=pause))
        return PendingRow(
            row.id,
            row.bot_id,
            row.chat_id,
            row.kind,
            row.contact_id,
            due,
            waits_for_telegram=settled.waits_for_telegram,
            album=None if settled.outcome == outbox.APART else row.payload.get(outbox.ALBUM),
        )
