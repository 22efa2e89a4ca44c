"""The API on a real database, called over HTTP."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import datetime

import httpx2
import pytest
from fastapi import FastAPI

from bot.random_codes import new_key
from crm_core.access import api_keys
from crm_core.access.actors import SYSTEM
from crm_core.api.app import create_app
from crm_core.storage.database import Database
from tests.support.clock import MovableClock
from tests.support.running_app import _one_tls_context, crm, sandbox

__all__ = ["_one_tls_context", "crm", "sandbox"]

Calling = Callable[..., httpx2.AsyncClient]


@pytest.fixture
def app(db: Database, clock: MovableClock) -> FastAPI:
    """The API of an installation without any key."""
    return create_app(
        db=db,
        clock=clock,
        rng=random.random,
        new_key=new_key,
        cors_origins=["https://shop.example"],
        version="0",
        bot_ids=[],
    )


@pytest.fixture
async def calling(app: FastAPI) -> AsyncIterator[Calling]:
    """Makes callers: `calling(key=…, client=("203.0.113.7", 5), host="crm.example", headers={…})`."""
    async with AsyncExitStack() as stack:

        def call(
            key: str | None = None,
            *,
            client: tuple[str, int] = ("127.0.0.1", 5),
            host: str = "localhost",
            headers: dict[str, str] | None = None,
        ) -> httpx2.AsyncClient:
            given = {"Authorization": f"Bearer {key}"} if key else {}
            caller = httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app, client=client),
                base_url=f"http://{host}",
                headers={**given, **(headers or {})},
            )
            stack.push_async_callback(caller.aclose)
            return caller

        yield call


@pytest.fixture
def api(calling: Calling) -> httpx2.AsyncClient:
    """A caller on this machine."""
    return calling()


async def make_key(
    db: Database, clock: MovableClock, scope: str, *, expires_at: datetime | None = None, source_id: int | None = None
) -> str:
    """The text of a new key, named after its scope."""
    key = new_key()
    await db.write(
        api_keys.create,
        key=key,
        name=scope,
        scope=scope,
        actor=SYSTEM,
        now=clock(),
        expires_at=expires_at,
        source_id=source_id,
    )
    return key
