"""A process that serves the API is killed, again and again, while it is called: each call is done once all the same."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

from tests.support.processes import Running, running

CALLS, CALLERS = 120, 12
KILLED_AFTER = (30, 75)  # answers


@dataclass
class Callers:
    """Twelve programs that each call on until they get an answer; what they were answered, and how often they asked."""

    address: str = ""
    answers: dict[int, bytes] = field(default_factory=dict)
    asked: int = 0
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def call(self, caller: httpx2.AsyncClient, number: int) -> httpx2.Response:
        """Call number so and so, under its name."""
        body = {"email": f"client{number % 10}@example.com", "source_id": 1, "message": str(number)}
        self.asked += 1
        return await caller.post(
            f"{self.address}/leads/register_contact/", json=body, headers={"Idempotency-Key": f"call-{number}"}
        )

    async def work(self, numbers: Iterator[int], *, until: int) -> None:
        """Calls until so many answers are there; a caller whom nobody answers leaves the call for the next process."""
        async with httpx2.AsyncClient(timeout=30) as caller:
            for number in numbers:
                try:
                    answer = await self.call(caller, number)
                except httpx2.TransportError:
                    return
                assert answer.status_code == 201, answer.text
                self.answers[number] = answer.content
                if len(self.answers) >= until:
                    self.stopped.set()


@asynccontextmanager
async def serving(folder: Path, database_url: str, callers: Callers) -> AsyncIterator[Running]:
    """One process; the callers know where it answers."""
    async with running("serve", folder=folder, DATABASE_URL=database_url) as process:
        line = await process.says("The HTTP API answers at")
        found = re.search(r"http://[\w.:]+", line)
        assert found is not None
        callers.address = found[0]
        yield process


def stored(database_url: str) -> list[str]:
    """What every contact says."""
    url = make_url(database_url)
    driver = "sqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg"
    engine = create_engine(url.set(drivername=driver), poolclass=NullPool)
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT message FROM contacts")).scalars())


@pytest.mark.fault("F72")
async def test_api_call_retried_across_kills_is_applied_once(tmp_path: Path, database_url: str) -> None:
    callers = Callers()
    for number, until in enumerate((*KILLED_AFTER, CALLS)):
        callers.stopped.clear()
        async with serving(tmp_path, database_url, callers) as process:
            if number == 0:
                async with httpx2.AsyncClient() as admin:
                    await admin.post(f"{callers.address}/sources/", json={"name": "Site"})
            left = iter([number for number in range(CALLS) if number not in callers.answers])
            work = asyncio.gather(*(callers.work(left, until=until) for _ in range(CALLERS)))
            await callers.stopped.wait()
            if until < CALLS:
                await process.stop(signal.SIGKILL)
                await work
                continue
            await work
            # Everybody asks once more for all that they were answered, by whichever process.
            async with httpx2.AsyncClient(timeout=30) as caller:
                for number, answer in sorted(callers.answers.items()):
                    again = await callers.call(caller, number)
                    assert (again.status_code, again.content) == (201, answer)
                    assert again.headers["Idempotency-Replayed"] == "true"
            await process.stop()
    assert sorted(stored(database_url)) == sorted(str(number) for number in range(CALLS))
    assert callers.asked > 2 * CALLS  # some calls were under way when their process was killed
