"""Whether all is well, over HTTP."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from bot.random_codes import new_key
from bot.receiving.updates import to_update
from crm_core.api.app import create_app
from crm_core.delivery import bots
from crm_core.messaging import inbox
from crm_core.monitoring.liveness import INBOX_SECONDS
from crm_core.storage.database import Database
from tests.api.test_problem_details import refused
from tests.support.clock import MovableClock

BOT = 700001


async def test_idle_api_is_alive_and_ready(api: httpx2.AsyncClient) -> None:
    assert (await api.get("/healthz")).json() == {"status": "alive"}
    ready = await api.get("/readyz")
    assert ready.json() == {"status": "ready", "oldest_update_seconds": 0, "oldest_unsent_seconds": 0}


@pytest.mark.postgres_too
async def test_stalled_update_makes_readiness_fail(
    app: FastAPI, api: httpx2.AsyncClient, db: Database, clock: MovableClock
) -> None:
    app.state.context.bot_ids.append(BOT)
    await db.write(bots.start, bot_id=BOT, username="shop_bot", name="Shop", position=0, now=clock())
    await db.write(inbox.store, bot_id=BOT, updates=[to_update(BOT, {"update_id": 1, "x": 1})], now=clock())
    clock.ahead += timedelta(seconds=INBOX_SECONDS - 10)
    waiting = (await api.get("/readyz")).json()
    assert INBOX_SECONDS - 11 < waiting["oldest_update_seconds"] < INBOX_SECONDS
    clock.ahead += timedelta(seconds=20)
    problem = refused(await api.get("/readyz"), 503)
    assert problem["code"] == "stalled"
    assert "An update has waited" in problem["detail"]
    await db.write(lambda s: s.execute(text("UPDATE inbox SET state = 'done'")))
    clock.forward(seconds=1.1)
    assert (await api.get("/readyz")).status_code == 200


async def test_readiness_ignores_bots_of_another_process(
    api: httpx2.AsyncClient, db: Database, clock: MovableClock
) -> None:
    await db.write(bots.start, bot_id=BOT, username="shop_bot", name="Shop", position=0, now=clock())
    await db.write(inbox.store, bot_id=BOT, updates=[to_update(BOT, {"update_id": 1, "x": 1})], now=clock())
    clock.forward(hours=1)
    assert (await api.get("/readyz")).status_code == 200


async def test_readiness_is_read_once_a_second_however_many_ask(
    api: httpx2.AsyncClient, db: Database, clock: MovableClock
) -> None:
    reads = []
    read = db.read

    async def counting(*query: Any, **inputs: Any) -> Any:
        reads.append(query)
        return await read(*query, **inputs)

    db.read = counting  # type: ignore[method-assign]
    answers = await asyncio.gather(*(api.get("/readyz") for _ in range(20)))
    assert {one.status_code for one in answers} == {200}
    assert len(reads) == 1
    clock.forward(seconds=1.1)
    await api.get("/readyz")
    assert len(reads) == 2


async def test_readiness_tells_the_error_to_the_owner_alone(db: Database, clock: MovableClock) -> None:
    app = create_app(db=db, clock=clock, rng=random.random, new_key=new_key, control_key="mcs_owner")
    db.troubles["write"] = "disk I/O error"
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as caller:
        problem = refused(await caller.get("/readyz"), 503)
        assert problem["detail"] == "Writing to the database fails."
        problem = refused(await caller.get("/readyz", headers={"X-API-Key": "mcs_owner"}), 503)
        assert problem["detail"] == "Writing to the database fails (disk I/O error)."
