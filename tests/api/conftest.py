"""The API on a real database, called over HTTP."""

import random
from collections.abc import AsyncIterator

import httpx2
import pytest

from bot.keys import new_key
from crm_core.api.app import create_app
from crm_core.storage.database import Database
from tests.people import MovableClock


@pytest.fixture
async def api(db: Database, clock: MovableClock) -> AsyncIterator[httpx2.AsyncClient]:
    """A caller on this machine, of an installation without any key."""
    app = create_app(db=db, clock=clock, chance=random.random, new_key=new_key)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost") as client:
        yield client
