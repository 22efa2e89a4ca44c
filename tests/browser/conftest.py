"""A browser that looks at a world, and a watch on what must not happen in it: errors, and requests to anywhere else."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, ConsoleMessage, Locator, Request, Response, TimeoutError, expect
from playwright.async_api import Page as Tab

from bot.demo.playground import Playground
from bot.demo.world import TYPING
from tests.browser.chromium import chromium
from tests.browser.forked_product import ForkedProduct
from tests.browser.shop_day import BEGINS

WITHIN = 25_000  # milliseconds: the machine may be busy; nothing waits longer than it has to
expect.set_options(timeout=WITHIN)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Skipped where there is no Chromium; the last line of the run says so.

    Where `BROWSER_REQUIRED` is set, that is a failure.
    """
    async with chromium() as found:
        if found is None:
            assert not os.environ.get("BROWSER_REQUIRED"), "there is no Chromium here: make browser"
            pytest.skip("there is no Chromium here: make browser")
        yield found


class Watch:
    """What went wrong in a tab."""

    def __init__(self, tab: Tab, address: str) -> None:
        self.wrong: list[str] = []
        self._home = urlsplit(address).netloc
        tab.on("console", self._console)
        tab.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        tab.on("request", self._request)
        tab.on("requestfailed", self._failed)
        tab.on("response", self._answered)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):  # a report of the Content-Security-Policy is one, too
            self.wrong.append(f"{message.type}: {message.text}")

    def _answered(self, answer: Response) -> None:
        if answer.status >= 400:
            self.wrong.append(f"{answer.status} {answer.url}")

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).netloc != self._home:
            self.wrong.append(f"to another place: {request.url}")

    def _failed(self, request: Request) -> None:
        # The events of a page that is loaded anew end in the middle.
        if not request.url.endswith("/events"):
            self.wrong.append(f"failed: {request.url} {request.failure}")


COVERED = """() => {
    const at = document.activeElement, { left, top, width, height } = at.getBoundingClientRect();
    const on = document.elementFromPoint(left + width / 2, top + height / 2);
    return !on || at.contains(on) || on.contains(at) ? null : `${at.outerHTML} is below ${on.outerHTML}`;
}"""  # what has the focus and cannot be seen


APPEARS = """([selector, wanted, tone]) => [...document.querySelectorAll(selector)].some((one) =>
    new RegExp(wanted).test(one.textContent.replace(/\\s+/g, ' ')) && new RegExp(tone).test(one.className))"""


OVERVIEW = re.compile(r"^\s*\S+ \d+ (waiting|in progress)")  # it has the words of all requests, and may come first
SHOWN = "() => [...document.querySelectorAll('.phone')].map((one) => [one.dataset.key, one.innerText])"


def pattern(text: str | re.Pattern[str]) -> str:
    """A text, or a pattern of one, as a pattern."""
    return text.pattern if isinstance(text, re.Pattern) else re.escape(text)


class Shown:
    """A tab that shows the page of a world, with short ways to what people do on it."""

    def __init__(self, tab: Tab, playground: Playground | None = None) -> None:
        self.tab, self._playground = tab, playground

    def _takes_time(self) -> None:
        """People take seconds to type and press: without them, much would wait for the bot's pace in a chat."""
        if self._playground is not None:
            self._playground.world.forward(TYPING)

    async def writes(self, who: str, text: str) -> None:
        """Types on a telephone and presses Enter."""
        self._takes_time()
        field = self.tab.locator(f"#phone-{who} textarea")
        await field.fill(text)
        await field.press("Enter")

    async def starts(self, who: str) -> None:
        await self.tab.click(f"#gate-{who} button")
        await self.appears(f"#log-{who} .in", "")

    async def appears(self, selector: str, text: str, *, tone: str = "") -> None:
        """Waits until an element shows a text, a pattern, in classes of a pattern.

        The page itself looks with each frame; Playwright would look twice a second.
        """
        try:
            await self.tab.wait_for_function(APPEARS, arg=[selector, text, tone], timeout=WITHIN)
        except TimeoutError as error:
            shows = await self.tab.evaluate(SHOWN)
            raise AssertionError(f"{text!r} does not appear in {selector}; the telephones show {shows}") from error

    async def sees(self, who: str, text: str) -> None:
        """Waits until somebody else's message, or an edited one, shows a text."""
        await self.appears(f"#log-{who} .in", pattern(text))

    async def card(self, text: str) -> str:
        """Waits for the card with a text. Returns on whose telephone it is."""
        cards = "[id^=log-operator] .in:has(.buttons)"
        await self.appears(cards, pattern(text))
        found = self.tab.locator(cards, has_text=text).last
        return str(await found.evaluate("one => one.closest('.phone').dataset.key"))

    async def presses(self, who: str, text: str, label: str) -> None:
        """Presses a button below the newest message with a text."""
        self._takes_time()
        row = self.tab.locator(f"#log-{who} .in", has_text=text).locator(".buttons button", has_text=label)
        await row.last.click()

    async def tabs_to(self, selector: str) -> None:
        """Presses Tab until an element has the focus, as somebody without a mouse does; nothing covered ever has it."""
        for _ in range(200):
            await self.tab.keyboard.press("Tab")
            assert await self.tab.evaluate(COVERED) is None
            if await self.tab.evaluate("what => document.activeElement.matches(what)", selector):
                return
        raise AssertionError(f"Tab does not lead to {selector}")

    async def reads(self, panel: str, label: str, value: str | re.Pattern[str]) -> None:
        """Waits until a line of a pane says something."""
        await self.appears(f"#panel-{panel} div", f"{re.escape(label)}.*{pattern(value)}")

    async def turns(self, panel: str, label: str, tone: str) -> None:
        """Waits until a line of a pane has a tone, a pattern; "^$" for none."""
        await self.appears(f"#panel-{panel} div", re.escape(label), tone=tone)

    async def has_done(self, steps: int) -> None:
        """Waits until the guided tour ticks off its first steps, and no further ones."""
        await self.appears(f"#steps .done:nth-child({steps})", "")
        assert await self.tab.locator("#steps .done").count() == steps

    def row(self, panel: str, label: str) -> Locator:
        """A line of a pane."""
        return self.tab.locator(f"#panel-{panel} div", has_text=label)

    async def asks(self, who: str, text: str) -> str:
        """Starts the bot, writes, and waits for the card. Returns on whose telephone it is."""
        await self.starts(who)
        await self.writes(who, text)
        return await self.card(text)

    async def switch(self, key: str) -> None:
        await self.tab.click(f'[data-post="/switches/{key}"]')

    async def replies(self, who: str, to: str, text: str) -> None:
        """Replies to the first message with a text."""
        await self.picks_reply(who, to)
        await self.writes(who, text)

    async def picks_reply(self, who: str, to: str) -> None:
        """Chooses to reply to the first message with a text that is no overview, by its menu.

        A press is lost where the row is drawn anew in that moment: then the menu is opened again, as people do.
        """
        row = self.tab.locator(f"#log-{who} .in", has_text=to, has_not_text=OVERVIEW).first
        menu = self.tab.locator(f"#phone-{who} .actions [data-reply]")
        for _ in range(5):
            if not await menu.is_visible():
                await row.hover()
                await row.locator(".dots").click()
            try:
                return await menu.click(timeout=WITHIN / 5)
            except TimeoutError:
                continue
        raise AssertionError(f"the menu of {to!r} does not open")


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands beside the telephones is read so often that no story waits for it."""
    monkeypatch.setattr("bot.sandbox.page.stream.LOOK", 0.25)
    monkeypatch.setattr("bot.demo.inside.FRESH", 0.15)


def new_playground() -> Playground:
    """A world in which nobody has written yet; it takes less than a second."""
    return Playground(language="en", zone="UTC", begins=BEGINS, product=ForkedProduct)


@pytest.fixture
async def playground() -> AsyncIterator[Playground]:
    """A world of one story."""
    async with new_playground() as opened:
        yield opened


@asynccontextmanager
async def watched(browser: Browser, address: str) -> AsyncIterator[Tab]:
    """A tab in which nothing may go wrong."""
    context = await browser.new_context(viewport={"width": 1500, "height": 1000}, reduced_motion="reduce")
    tab = await context.new_page()
    watch = Watch(tab, address)
    yield tab
    await context.close()
    assert watch.wrong == []


@asynccontextmanager
async def shown_page(browser: Browser, playground: Playground) -> AsyncIterator[Shown]:
    """The page of a world in a tab."""
    async with watched(browser, playground.address) as tab:
        await tab.goto(playground.address)
        yield Shown(tab, playground)


@pytest.fixture
async def shown(browser: Browser, playground: Playground) -> AsyncIterator[Shown]:
    """The page of the story's world."""
    async with shown_page(browser, playground) as shown:
        yield shown
