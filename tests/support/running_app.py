"""Fixtures of a local Telegram and of an installation that runs against it; imported by the folders that need them.

They are not in the root conftest, because importing the application takes seconds that `tests/unit` does not need.
"""

import ssl
from collections.abc import AsyncIterator, Iterator
from functools import cache

import pytest

from bot.sandbox import Sandbox
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A local Telegram."""
    async with await Sandbox.start() as telegram:
        yield telegram


@pytest.fixture
async def crm(sandbox: Sandbox, database_url: str, clock: MovableClock) -> AsyncIterator[RunningApp]:
    """A running installation with one bot, `shop_bot`, and an admin, Olga."""
    async with await RunningApp.open(sandbox, database_url, clock=clock) as opened:
        yield opened
    assert sandbox.strictness_violations == []


@pytest.fixture(scope="session", autouse=True)
def _one_tls_context() -> Iterator[None]:
    """aiogram reads the system's certificates for each client: 15 ms a test, though none speaks TLS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield
