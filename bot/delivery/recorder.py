"""Records what became of attempts: those of one moment together, and for as long as the database is away."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from datetime import datetime

import structlog

from bot.delivery.backoff import RetryDelays
from bot.logs import describe_error
from crm_core.delivery import outcomes as deliveries
from crm_core.delivery.outcomes import Outcome, Shut
from crm_core.messaging import outbox
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database

log = structlog.get_logger("delivery")


class Recorder:
    """Records for one life of a bot until it is told to finish."""

    def __init__(
        self,
        *,
        db: Database,
        bot_id: int,
        fencing_token: int,
        clock: Callable[[], datetime],
        rng: Callable[[], float],
        pauses: RetryDelays,
        on_recorded: Callable[[list[Outcome]], None],
    ) -> None:
        """
        Args:
            fencing_token: see `crm_core.delivery.bots.start`.
            on_recorded: told of outcomes that stand now; only then may their chats go on.
        """
        self.db, self.bot_id, self.fencing_token, self.clock = db, bot_id, fencing_token, clock
        self._chance, self._pauses, self._on_recorded = rng, pauses, on_recorded
        self._outcomes: list[Outcome] = []
        self._gates: list[Shut] = []
        self._wake = asyncio.Event()
        self._is_over = False

    def outcome(self, outcome: Outcome) -> None:
        """Something was attempted."""
        self._outcomes.append(outcome)
        self._wake.set()

    def gates(self, gates: Iterable[Shut]) -> None:
        """Gates were shut."""
        self._gates += gates
        self._wake.set()

    def finish(self) -> None:
        """Nothing more will come: `run` returns when all of it is recorded."""
        self._is_over = True
        self._wake.set()

    async def run(self) -> None:
        """Records as it comes."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            outcomes, self._outcomes = self._outcomes, []
            gates, self._gates = self._gates, []
            if outcomes or gates:
                await self._record(outcomes, gates)
            if self._is_over and not self._outcomes and not self._gates:
                return

    async def _record(self, outcomes: list[Outcome], gates: list[Shut]) -> None:
        try:
            await self._insist(outcomes, gates)
            if gates:  # they are to outlive a power cut, too: who was told to wait would ask again at once
                with contextlib.suppress(OSError):
                    await self.db.wait_flushed()
        except Exception as error:
            log.error("record_failed", bot_id=self.bot_id, error=describe_error(error))
            for one in outcomes:
                await self._record_alone(one)
        self._on_recorded(outcomes)

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
                    await self.db.write_unflushed(
                        outbox.settle,
                        settled=[one.settled for one in outcomes],
                        fencing_token=self.fencing_token,
                        now=self.clock(),
                    )
                else:
                    await self.db.write_unflushed(
                        deliveries.record,
                        bot_id=self.bot_id,
                        fencing_token=self.fencing_token,
                        outcomes=outcomes,
                        gates=gates,
                        now=self.clock(),
                        rng=self._chance,
                    )
                return
            except DATABASE_UNAVAILABLE as error:
                log.error("database_away", bot_id=self.bot_id, error=describe_error(error))
                await asyncio.sleep(self._pauses.database)
