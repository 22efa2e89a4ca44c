"""Whether all is well, over HTTP."""

from datetime import timedelta

import httpx2
from fastapi import FastAPI
from sqlalchemy import text

from bot.receiving.updates import to_update
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
    assert (await api.get("/readyz")).status_code == 200


async def test_readiness_ignores_bots_of_another_process(
    api: httpx2.AsyncClient, db: Database, clock: MovableClock
) -> None:
    await db.write(bots.start, bot_id=BOT, username="shop_bot", name="Shop", position=0, now=clock())
    await db.write(inbox.store, bot_id=BOT, updates=[to_update(BOT, {"update_id": 1, "x": 1})], now=clock())
    clock.forward(hours=1)
    assert (await api.get("/readyz")).status_code == 200
