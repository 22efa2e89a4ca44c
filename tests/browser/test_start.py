"""`python -m bot sandbox` as a person starts it: how soon there is a card, who may look at it, and how it ends."""

import asyncio
import os
import re
import resource
import signal
from pathlib import Path

import httpx2
import pytest
from playwright.async_api import Browser

from tests.browser.conftest import Shown, watched
from tests.support.processes import fresh_running

pytestmark = pytest.mark.slow

SOON = 15.0  # seconds from the command to the first card


def spent() -> float:
    """Seconds of processor time of all processes of ours that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


async def test_command_leads_to_the_first_card_within_seconds(browser: Browser, tmp_path: Path) -> None:
    before = spent()
    async with fresh_running("sandbox", "--port", "0", "--language", "en", folder=tmp_path) as running:
        line = await running.says("Open http")
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        assert found is not None
        async with watched(browser, found[0]) as tab:
            await tab.goto(found[0])
            await Shown(tab).asks("client", "Is the green lamp in stock?")
        async with httpx2.AsyncClient() as other:
            refused = await other.get(found[0], headers={"Host": "rebound.example"})
        assert refused.status_code == 403
        with pytest.raises(OSError, match=r".*"):
            await asyncio.open_connection("127.0.0.2", int(found[1]))  # it listens on one address only
        ended = await running.stop(signal.SIGINT)
    assert (ended.status, ended.err) == (0, "")
    assert os.listdir(tmp_path) == []
    # Not by the clock on the wall: other tests may keep the machine busy. On a quiet one it is about the same.
    assert spent() - before < SOON
