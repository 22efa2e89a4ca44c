"""Records the outcomes of attempts: those of one moment together, retried while the database is unavailable."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable

import structlog

from bot.delivery.config import SenderConfig
from bot.logs import describe_error
from crm_core.delivery import outcomes as delivery_outcomes
from crm_core.delivery.attempt_outcome import Outcome, Shut
from crm_core.messaging import outbox_attempts
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database

log = structlog.get_logger("delivery")


class Recorder:
    """Records for one session of a bot until `finish` is called."""

    def __init__(
        self,
        *,
        db: Database,
        bot_id: int,
        fencing_token: int,
        config: SenderConfig,
        on_recorded: Callable[[list[Outcome]], None],
    ) -> None:
        """
        Args:
            fencing_token: see `crm_core.delivery.bots.start`.
            on_recorded: called with outcomes that are committed; only then may their chats go on.
        """
        self.db, self.bot_id, self.fencing_token, self._config = db, bot_id, fencing_token, config
        self._on_recorded = on_recorded
        self._outcomes: list[Outcome] = []
        self._gates: list[Shut] = []
        self._wake = asyncio.Event()
        self._is_over = False
        self.lost: set[int] = set()
        """Rows whose outcome could not be recorded. This session sends none of them again."""

    def outcome(self, outcome: Outcome) -> None:
        """Takes the outcome of an attempt, to be recorded."""
        self._outcomes.append(outcome)
        self._wake.set()

    def gates(self, gates: Iterable[Shut]) -> None:
        """Takes gates that were shut, to be recorded."""
        self._gates += gates
        self._wake.set()

    def finish(self) -> None:
        """Nothing more will come: `run` returns when all of it is recorded."""
        self._is_over = True
        self._wake.set()

    async def run(self) -> None:
        """Records what it is given until it is finished."""
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
        except Exception as error:
            log.error("record_failed", bot_id=self.bot_id, error=describe_error(error))
            for gate in gates:
                await self._record_gate_alone(gate)
            for one in outcomes:
                await self._record_alone(one)
        if gates:  # they must survive a power cut, too: a restart would otherwise send at once, in a flood wait
            with contextlib.suppress(Exception):  # the outcomes are recorded, and their chats go on
                await self.db.wait_flushed()
        self._on_recorded(outcomes)

    async def _record_gate_alone(self, gate: Shut) -> None:
        """Records one gate, whatever it was that could not be recorded beside it."""
        try:
            await self._insist([], [gate])
        except Exception as error:
            log.error(
                "gate_lost", bot_id=self.bot_id, chat_id=gate.chat_id, method=gate.method, error=describe_error(error)
            )

    async def _record_alone(self, outcome: Outcome) -> None:
        """Records one outcome, so that one that fails stops no other; it is then only settled, without consequences."""
        try:
            await self._insist([outcome], [])
        except Exception as error:
            log.error("outcome_without_consequences", outbox_id=outcome.job.id, error=describe_error(error))
            try:
                await self._insist([outcome], [], only_settle=True)
            except Exception as failure:
                self.lost.add(outcome.job.id)  # the next session finds it half sent, and marks what it sends
                log.error("outcome_lost", outbox_id=outcome.job.id, error=describe_error(failure))

    async def _insist(self, outcomes: list[Outcome], gates: list[Shut], *, only_settle: bool = False) -> None:
        """Records, however long the database is unavailable: nothing else may be sent in these chats before."""
        while True:
            try:
                await (self._settle(outcomes) if only_settle else self._write(outcomes, gates))
                return
            except DATABASE_UNAVAILABLE as error:
                log.error("database_unavailable", bot_id=self.bot_id, error=describe_error(error))
                await asyncio.sleep(self._config.delays.database)

    async def _write(self, outcomes: list[Outcome], gates: list[Shut]) -> None:
        await self.db.write_unflushed(
            delivery_outcomes.record,
            bot_id=self.bot_id,
            fencing_token=self.fencing_token,
            outcomes=outcomes,
            gates=gates,
            now=self._config.clock(),
            rng=self._config.rng,
        )

    async def _settle(self, outcomes: list[Outcome]) -> None:
        settled = [one.settled for one in outcomes]
        await self.db.write_unflushed(
            outbox_attempts.settle, settled=settled, fencing_token=self.fencing_token, now=self._config.clock()
        )
