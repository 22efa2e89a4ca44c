"""Many callers at once, over real connections: nothing is lost, no operator gets more than they can hold."""

import asyncio
import random
from collections.abc import AsyncIterator

import httpx2
import pytest
from sqlalchemy.orm import Session

from bot.runtime.installation import Installation
from bot.settings import load_settings
from tests.api.test_contacts import V1, load, office
from tests.domain.invariants import check_loads, check_nobody_waits_in_vain, check_states

pytestmark = pytest.mark.postgres_too

POSTERS, CONTACTS = 64, 500


@pytest.fixture
async def installation(database_url: str) -> AsyncIterator[Installation]:
    """The API served alone, at a port of its own."""
    async with Installation(load_settings(database_url=database_url, http_port=0)) as opened:
        yield opened


@pytest.fixture
async def caller(installation: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody on this machine, with as many connections as there are posters."""
    limits = httpx2.Limits(max_connections=POSTERS)
    async with httpx2.AsyncClient(base_url=installation.http.address, limits=limits, timeout=60) as opened:
        yield opened


def check_what_must_hold(s: Session) -> None:
    """Of contacts without Telegram."""
    check_loads(s)
    check_states(s)
    check_nobody_waits_in_vain(s)


@pytest.mark.further
async def test_64_concurrent_callers_lose_no_contact_and_exceed_no_limit(
    installation: Installation, caller: httpx2.AsyncClient
) -> None:
    await office(caller, *(f"Operator {number}" for number in range(10)), limit=5)
    numbers = iter(range(CONTACTS))
    answers: list[httpx2.Response] = []

    async def post() -> None:
        for number in numbers:
            body = {"email": f"client{random.randrange(50)}@example.com", "source_id": 1, "message": str(number)}
            answers.append(await caller.post("/leads/register_contact/", json=body))

    await asyncio.gather(*(post() for _ in range(POSTERS)))
    assert [one.status_code for one in answers] == [201] * CONTACTS
    made = [one.json() for one in answers]
    assert len({one["id"] for one in made}) == CONTACTS
    assert sum(one["operator_id"] is not None for one in made) == 50
    assert [*(await load(caller)).values()] == [5] * 10
    found = (await caller.get(f"{V1}/contacts/?limit=1000")).json()
    assert {one["message"] for one in found} == {str(number) for number in range(CONTACTS)}
    assert len((await caller.get("/leads/?limit=1000")).json()) == len({one["email"] for one in made})
    waiting = await caller.get(f"{V1}/contacts/?status=unassigned&limit=1")
    assert waiting.headers["X-Total-Count"] == "450"
    await installation.db.read(check_what_must_hold)


@pytest.mark.further
@pytest.mark.fault("F57")
async def test_concurrent_closes_and_new_contacts_leave_no_capacity_unused(
    installation: Installation, caller: httpx2.AsyncClient
) -> None:
    await office(caller, "Anna", "Boris", limit=3)
    numbers = iter(range(120))

    async def work() -> None:
        for number in numbers:
            body = {"email": f"client{number % 7}@example.com", "source_id": 1}
            made = (await caller.post("/leads/register_contact/", json=body)).json()
            if number % 3:
                closed = await caller.post(f"{V1}/contacts/{made['id']}/close")
                assert closed.status_code in (200, 409), closed.text

    await asyncio.gather(*(work() for _ in range(16)))
    await installation.db.read(check_what_must_hold)
    held = await load(caller)
    waiting = int((await caller.get(f"{V1}/contacts/?status=unassigned")).headers["X-Total-Count"])
    assert waiting == 0 or set(held.values()) == {3}
