"""The guided tour of `make sandbox`: done by hand, as a newcomer does, and done by itself."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Shown

pytestmark = pytest.mark.slow

QUESTION = "Is the green lamp in stock?"


async def test_guided_tour_by_hand_ticks_off_each_step(shown: Shown) -> None:
    opened = await shown.tab.evaluate("performance.now()")
    operator = await shown.asks("client", QUESTION)
    await expect(shown.tab.locator(f"#phone-{operator}")).to_be_in_viewport(ratio=0.9)
    await shown.has_done(1)
    await shown.presses(operator, QUESTION, "Take")
    await shown.sees("client", "is now taking care")
    await shown.has_done(2)
    assert await shown.tab.evaluate("performance.now()") - opened < 10_000
    await shown.replies(operator, QUESTION, "Yes, three of them")
    await shown.sees("client", "Yes, three of them")
    await shown.has_done(3)
    await shown.writes("client", "Then please keep one")
    await shown.switch("kill")
    await shown.sees(operator, "Then please keep one")
    await shown.has_done(4)
    await shown.presses(operator, QUESTION, "Close")
    await shown.has_done(5)
    await shown.writes("admin", "/stats")
    await shown.sees("admin", "Requests:")
    await shown.has_done(6)
    assert await shown.tab.locator("#steps .now").count() == 0


async def test_guided_tour_does_each_step_for_whoever_looks_on(shown: Shown) -> None:
    for number in range(6):
        await shown.tab.click("#steps .now button")
        await shown.has_done(number + 1)
    await shown.sees("client", "three of them")
    await expect(shown.tab.locator("#log-admin img")).to_be_visible()
    await shown.reads("product", "Process", "start no. 2")
