"""The page of `make sandbox` in a real browser: a newcomer's first two minutes, and what must not break them."""

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, expect

from bot.demo.playground import Playground
from tests.browser.conftest import Shown

pytestmark = pytest.mark.slow


async def test_guided_tour(shown: Shown) -> None:
    """Write, card, take, answer, kill in the middle, close, statistics."""
    await shown.open()
    await shown.starts("client")
    await shown.writes("client", "Is the green lamp in stock?")
    operator = await shown.card("Is the green lamp")
    await shown.presses(operator, "Is the green lamp", "Take")
    card = shown.tab.locator(f"#log-{operator} .in", has_text="Is the green lamp").last
    await expect(card).not_to_contain_text("Take")
    await shown.replies(operator, "Is the green lamp", "Yes, three of them")
    await shown.sees("client", "Yes, three of them")
    await shown.switch("kill")
    await shown.writes("client", "Written while it was dead")
    await expect(shown.tab.locator("#panel-product")).to_contain_text("killed")
    await shown.sees(operator, "Written while it was dead")
    await expect(shown.tab.locator("#panel-product")).to_contain_text("start no. ")
    await shown.presses(operator, "Is the green lamp", "Close")
    await shown.writes("admin", "/stats")
    await shown.sees("admin", "Requests:")
    assert await shown.tab.locator(f"#log-{operator} .in", has_text="Written while it was dead").count() == 1


async def test_everything_can_be_done_with_the_keyboard(shown: Shown) -> None:
    await shown.open()
    text = "Written without a mouse"
    if await shown.tab.locator("#gate-client button").count():
        await shown.tabs_to("#gate-client button")
        await shown.tab.keyboard.press("Enter")
    await shown.tabs_to("#phone-client textarea")
    await shown.tab.keyboard.type(text)
    await shown.tab.keyboard.press("Enter")
    operator = await shown.card(text)
    assert await shown.tab.evaluate("document.activeElement.tagName") == "TEXTAREA"  # drawing anew keeps the focus
    row = f'#log-{operator} .in:has([data-text*="{text}"])'
    await shown.tabs_to(f"{row} .buttons button")
    await shown.tab.keyboard.press("Enter")
    await expect(shown.tab.locator(row)).not_to_contain_text("Take")
    await shown.tab.locator(f"#phone-{operator} .log").focus()
    await shown.tabs_to(f"{row} .dots")
    await shown.tab.keyboard.press("Enter")
    await shown.tab.keyboard.press("Enter")  # Reply has the focus
    await shown.tab.keyboard.type("Answered without a mouse")
    await shown.tab.keyboard.press("Enter")
    await shown.sees("client", "Answered without a mouse")
    await shown.tab.keyboard.press("Escape")
    await shown.tabs_to("#phone-admin .menu")
    await shown.tab.keyboard.press("Enter")
    await expect(shown.tab.locator("#menu-admin button", has_text="/stats")).to_be_visible()
    await shown.tab.keyboard.press("Escape")
    await expect(shown.tab.locator("#menu-admin")).to_be_hidden()
    assert await shown.tab.evaluate("document.activeElement.matches('#phone-admin .menu')")


@pytest.mark.parametrize("width", [360, 1500])
async def test_page_fits_any_width(shown: Shown, width: int) -> None:
    await shown.tab.set_viewport_size({"width": width, "height": 740})
    await shown.open()
    await expect(shown.tab.locator("#panel-product")).to_contain_text("running")
    wide = """() => [...document.querySelectorAll('body *')].filter((one) => !one.closest('.sr')
        && one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.className || one.tagName)"""
    assert await shown.tab.evaluate(wide) == []


async def _violations(shown: Shown) -> list[str]:
    found = await Axe().run(shown.tab)
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary']}"
        for one in found.response["violations"]
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing(shown: Shown, theme: str) -> None:
    await shown.open(f"?theme={theme}")
    if await shown.tab.locator("#gate-client button").count():
        await shown.starts("client")
    await shown.writes("client", f"A question in {theme}")
    await shown.card(f"A question in {theme}")
    assert await _violations(shown) == []
    await shown.tab.click("#phone-admin .menu")
    assert await _violations(shown) == []


async def test_what_waits_for_telegram_is_shown_and_then_arrives(shown: Shown) -> None:
    await shown.open()
    await shown.starts("client2")
    await shown.switch("away")
    await expect(shown.tab.locator("#panel-product")).to_contain_text("cut")
    await shown.writes("client2", "Written while Telegram was away")
    await expect(shown.tab.locator("#panel-ways div", has_text="Held by Telegram")).to_have_class("waiting")
    await shown.switch("away")
    await shown.card("Written while Telegram was away")
    await expect(shown.tab.locator("#panel-product")).to_contain_text("open")


async def test_flood_wait_lost_answer_and_blocked_bot_are_seen(shown: Shown) -> None:
    await shown.open()
    await shown.starts("client")
    await shown.writes("client", "A question with troubles")
    operator = await shown.card("A question with troubles")
    ways = shown.tab.locator("#panel-ways")
    await shown.switch("flood")
    await shown.replies(operator, "A question with troubles", "An answer that waits")
    await expect(ways.locator("div", has_text="Flood waits")).to_contain_text("1")
    await shown.sees("client", "An answer that waits")
    await shown.switch("lost")
    await shown.switch("hour")
    await shown.writes("client", "And another one")
    await shown.sees(operator, "And another one")
    await expect(ways).to_contain_text("Answer lost")
    await shown.switch("block")
    await expect(shown.tab.locator("#gate-client button")).to_have_text("UNBLOCK")


async def test_start_over_in_the_other_language_and_a_crowd(browser: Browser) -> None:
    async with Playground(language="en", zone="UTC") as playground:
        context = await browser.new_context(viewport={"width": 1500, "height": 1000}, color_scheme="dark")
        shown = Shown(await context.new_page(), playground)
        await shown.open()
        await expect(shown.tab.locator("html")).to_have_attribute("data-theme", "dark")
        await shown.starts("client")
        await shown.tab.click('[data-post="/switches/language"]')
        await expect(shown.tab.locator("html")).to_have_attribute("lang", "ru")
        await expect(shown.tab.locator("#log-client")).to_contain_text("Здесь пока ничего нет")
        await shown.starts("client")
        await shown.writes("client", "Зелёная лампа ещё есть?")
        operator = await shown.card("Зелёная лампа")
        await shown.presses(operator, "Зелёная лампа", "Взять")
        await shown.sees("client", "С вами на связи")
        assert await _violations(shown) == []
        await shown.switch("crowd")
        await expect(shown.tab.locator("#panel-operators")).to_contain_text("5 из 5")
        queue = shown.tab.locator("#panel-ways div", has_text="Клиентов в очереди")
        await expect(queue).to_have_class("waiting")
        await context.close()
        assert shown.watch.wrong == []
