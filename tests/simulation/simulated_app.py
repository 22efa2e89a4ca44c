"""The process: the whole composition root on the simulated loop, without HTTP server and threads."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from bot.app import App
from bot.delivery.backoff import RetryDelays
from bot.receiving import polling
from bot.runtime.jobs import JOBS, PeriodicJob
from bot.runtime.queue_slices import QueueSlices
from bot.runtime.schedule import Schedule
from bot.settings import Settings
from bot.telegram.session import Telegram
from crm_core import statistics
from crm_core.storage.database import Database
from crm_core.team import accounts
from tests.simulation.loop import Loop, Move
from tests.simulation.telegram import SimulatedTelegram, Wire

RETRY_DELAYS = RetryDelays(
    outage=(0.3, 1.0),
    unknown=(0.5, 1.0, 2.0, 4.0),
    retry_first=0.2,
    retry_last=2.0,
    refused=5.0,
    recovered=0.5,
    database=0.2,
    connect=0.5,
    standby=0.5,
)

# Where an outage lasts an hour: with the pauses above Telegram would be asked five thousand times.
PATIENT = replace(RETRY_DELAYS, outage=(20.0, 80.0))

polling.LONG_POLL = 25  # an hour of flood wait is five times as many moves with the product's own

# Keys, exports and backups have tests of their own.
SIMULATED_JOBS = tuple(job for job in JOBS if job.name not in {"note_keys", "look_for_exports", "back_up"})


class Alone:
    """The ownership of a process that has no rival."""

    async def claim(self, bot_id: int) -> bool:
        return True

    async def is_held(self) -> bool:
        return True

    async def release(self) -> None:
        return


class SimulatedApp(App):
    """An installation from its start to its end, whichever way it ends."""

    def __init__(
        self,
        settings: Settings,
        *,
        loop: Loop,
        wire: Wire,
        db: Database,
        clock: Callable[[], datetime],
        rng: Callable[[], float],
        retry_delays: RetryDelays,
    ) -> None:
        super().__init__(settings, clock=clock, rng=rng, retry_delays=retry_delays)
        self._loop, self._wire = loop, wire
        self.db = db
        self._ticks: list[tuple[PeriodicJob, float]] = []
        self.is_up = asyncio.Event()

    async def _open(self) -> None:
        self.owner = Alone()
        self.queue_slices = QueueSlices(self.db, clock=self.clock, rng=self.rng)
        await self.db.write(accounts.ensure_admins, telegram_ids=self.settings.admin_ids, now=self.clock())
        await self.db.write(statistics.prepare, zone=self.settings.timezone)

    def _telegram(self) -> Telegram:
        return SimulatedTelegram(self._wire)

    async def _serve(self, own_routes: Sequence[object] = ()) -> None:
        return

    def _start_schedule(self) -> None:
        self.schedule = Schedule(SIMULATED_JOBS, self, scopes=self._scopes())
        self._ticks = [(job, self._loop.now) for job in self.schedule.jobs.values()]
        self.is_up.set()

    def tick(self, *, at_most: int = 1) -> None:
        """Runs the periodic jobs that are due; each once, however long ago it was due."""
        now = self._loop.now
        for place, (job, last) in enumerate(self._ticks):
            if now - last >= job.every and at_most > 0:
                at_most -= 1
                self._ticks[place] = (job, now)

                def run(name: str = job.name) -> None:
                    self._loop.create_task(self.schedule.run(name))

                self._loop.moves.append(Move(f"tick {job.name}", run))

    def ran_at(self, name: str) -> float:
        """When a periodic job ran last, in seconds of the history; when the process began, if it has not."""
        return next(last for job, last in self._ticks if job.name == name)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, and nothing waits for its moment."""
        return (
            self.is_up.is_set()
            and all(session.sender is not None and session.sender.idle.is_set() for session in self.supervisor.sessions)
            and self.worker.idle.is_set()
        )
