"""How the page of `make sandbox` looks: all that Telegram shows, languages, themes, any width; and without a mouse."""

from collections.abc import AsyncIterator

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, expect
from playwright.async_api import Page as Tab

from bot.demo.playground import Playground
from tests.browser.conftest import Shown, Watch, new_playground, shown_page, watched
from tests.browser.gallery import Gallery, gallery

pytestmark = pytest.mark.slow

TOO_WIDE = """() => [...document.querySelectorAll('body *')].filter((one) => !one.closest('.sr, .names')
    && one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.className || one.tagName)"""

FROM_THE_END = """(() => { const log = document.getElementById('log-text');
    return log.scrollHeight - log.scrollTop - log.clientHeight; })()"""


PALE = """() => {
    const light = (colour) => {
        const part = colour.match(/[\\d.]+/g).slice(0, 3)
            .map((one) => one / 255).map((one) => one <= .04045 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4);
        return .2126 * part[0] + .7152 * part[1] + .0722 * part[2];
    };
    const shown = (selector) => light(getComputedStyle(document.querySelector(selector)).backgroundColor);
    const style = document.createElement('i').style, root = getComputedStyle(document.documentElement);
    const walls = [1, 2, 3, 4].map((one) => {
        style.color = root.getPropertyValue(`--wall-${one}`);
        return light(style.color);
    });
    const least = (one) => Math.min(...walls.map((wall) => (Math.max(one, wall) + .05) / (Math.min(one, wall) + .05)));
    return ['#log-own .out .bubble', '#toast-keyboards .brief'].filter((one) => least(shown(one)) < 3);
}"""  # what hardly stands out against the wallpaper: less than WCAG 1.4.11 asks of what is no text


async def violations(tab: Tab, part: str = "html") -> list[str]:
    """What axe finds in a part of the page."""
    found = await Axe().run(tab, context=part)
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary']}"
        for one in found.response["violations"]
        for node in one["nodes"]
    ]


LIGHT = 100_000  # bytes that a first view takes over the wire, with everything that five telephones show
TRANSFERRED = """() => ['navigation', 'resource'].flatMap((kind) => performance.getEntriesByType(kind))
    .reduce((sum, one) => sum + one.transferSize, 0)"""


@pytest.fixture(scope="module")
async def everything() -> AsyncIterator[Gallery]:
    """One for all: each story changes another chat of it, or nothing."""
    async with gallery() as shown:
        yield shown


@pytest.fixture(scope="module")
async def opened_shop() -> AsyncIterator[Playground]:
    """A world for stories that leave each other alone."""
    async with new_playground() as opened:
        yield opened


@pytest.fixture
async def page(browser: Browser, opened_shop: Playground) -> AsyncIterator[Shown]:
    """The page of that world in a tab of its own."""
    async with shown_page(browser, opened_shop) as shown:
        yield shown


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_everything_telegram_shows_is_accessible(browser: Browser, everything: Gallery, theme: str) -> None:
    async with watched(browser, everything.address) as tab:
        await tab.goto(f"{everything.address}/?theme={theme}")
        await expect(tab.locator("#log-own .given")).to_contain_text("🔥")
        assert await violations(tab) == []
        await tab.click("#phone-keyboards .menu")
        await expect(tab.locator("#menu-keyboards")).to_contain_text("your requests")
        assert await violations(tab, "#menu-keyboards") == []
        await tab.click("#log-keyboards button:has-text('Copy')")
        await expect(tab.locator("#toast-keyboards .brief")).to_be_visible()
        if theme == "dark":  # what is light has a shadow
            assert await tab.evaluate(PALE) == []
        await tab.set_viewport_size({"width": 360, "height": 740})
        assert await tab.evaluate(TOO_WIDE) == []


async def test_chat_is_pressed_and_typed_as_in_telegram(browser: Browser, everything: Gallery) -> None:
    async with watched(browser, everything.address) as tab:
        await tab.goto(everything.address)
        await expect(tab.locator("#log-text time")).to_have_text("in 2 hours")
        secret = tab.locator("#log-text .spoiler")
        await secret.click()
        await expect(secret).to_have_class("spoiler open")
        quotation = tab.locator("#log-text .expandable")
        folded = await quotation.evaluate("one => one.clientHeight")
        await quotation.click()
        assert await quotation.evaluate("one => one.clientHeight") > folded
        await tab.click("#log-keyboards button:has-text('Copy')")
        await expect(tab.locator("#toast-keyboards")).to_have_text("Copied")
        await expect(tab.locator("#log-keyboards button:has-text('Not now')")).to_be_disabled()
        field = "#phone-keyboards textarea"
        await expect(tab.locator(field)).to_have_attribute("placeholder", "1-100")
        await tab.click("#log-keyboards button:has-text('Take')")
        await everything.alerts("Anna has it already")
        await expect(tab.get_by_role("alertdialog")).to_contain_text("Anna has it already")
        await tab.focus(field)
        assert not await tab.evaluate("what => document.activeElement.matches(what)", field)  # the alert comes first
        await tab.keyboard.press("Escape")
        await expect(tab.get_by_role("alertdialog")).to_have_count(0)
        await tab.fill(field, "42")
        await tab.press(field, "Enter")
        await expect(tab.locator("#log-keyboards .out .quoted")).to_contain_text("How much?")
        await tab.click("#keyboard-keyboards button:has-text('No')")
        await expect(tab.locator("#log-keyboards .out").last).to_contain_text("No")


async def test_sample_replies_to_what_was_picked_and_is_seen(browser: Browser, everything: Gallery) -> None:
    async with watched(browser, everything.address) as tab:
        await tab.goto(everything.address)
        picked = tab.locator("#log-text .in .bubble").first
        words = await picked.get_attribute("data-text")
        await picked.dblclick(position={"x": 4, "y": 4})
        await expect(tab.locator("#phone-text .replybar")).to_be_visible()
        assert await tab.evaluate(FROM_THE_END) > 100  # it was scrolled up to
        down = tab.locator("#phone-text .down")
        await expect(down).to_have_accessible_name("Go to the newest messages")
        for text in ("One", "two", "three"):
            await everything.say("text", text)
        await expect(down).to_have_accessible_name("Go to the newest messages, 3 new")
        await expect(down.locator(".count")).to_have_text("3")
        await down.press("Enter")
        await expect(down).to_be_hidden()
        assert await tab.evaluate(f"{FROM_THE_END} < 2 && document.activeElement.id") == "log-text"
        await tab.click('#phone-text [data-toggle="attach-text"]')
        await tab.click('#attach-text button:has-text("sample photo")')
        sent = tab.locator("#log-text .out").last
        await expect(sent.locator(".photo")).to_be_visible()
        await expect(sent.locator(".quoted span")).to_contain_text((words or "").split()[0])
        await expect(tab.locator("#phone-text .replybar")).to_be_hidden()
        await tab.wait_for_function(f"{FROM_THE_END} < 2")


async def test_typing_is_shown_in_several_chats_at_once(browser: Browser, everything: Gallery) -> None:
    async with watched(browser, everything.address) as tab:
        await tab.goto(everything.address)
        await everything.call("sendChatAction", "text", action="typing")
        await everything.call("sendChatAction", "media", action="upload_photo")
        await expect(tab.locator("#status-text")).to_have_text("typing…")
        await expect(tab.locator("#status-media")).to_have_text("sending a photo…")
        await expect(tab.locator("#status-own")).to_have_text("bot")
        await everything.say("text", "Here I am")
        await expect(tab.locator("#status-text")).to_have_text("bot")


async def test_first_view_is_light(page: Shown) -> None:
    await page.reads("product", "Process", "running")
    assert 20_000 < await page.tab.evaluate(TRANSFERRED) < LIGHT


@pytest.mark.parametrize(("width", "who"), [(360, "client"), (1500, "client2")])
async def test_page_fits_any_width(page: Shown, width: int, who: str) -> None:
    await page.tab.set_viewport_size({"width": width, "height": 740})
    await expect(page.tab.locator("#panel-product")).to_contain_text("running")
    await page.asks(who, f"Is anybody there, at {width} pixels?")
    assert await page.tab.evaluate(TOO_WIDE) == []
    assert await violations(page.tab) == []


async def test_name_says_what_has_come_out_of_sight_and_leads_to_it(page: Shown, opened_shop: Playground) -> None:
    await page.tab.set_viewport_size({"width": 360, "height": 740})
    phone, name = page.tab.locator("#phone-admin"), page.tab.locator('.names [href="#phone-admin"]')
    await expect(phone).to_have_attribute("data-in-sight", "")
    await opened_shop.world.admin.says("/queue")
    await expect(name.locator("i")).to_be_visible()
    await name.click()
    await expect(phone).to_be_in_viewport(ratio=0.5)
    await expect(name.locator("i")).to_be_hidden()


async def test_other_language_starts_over_in_it_in_the_same_theme(shown: Shown) -> None:
    await shown.tab.click("#theme")
    page = shown.tab.locator("html")
    await expect(page).to_have_attribute("data-theme", "dark")
    await shown.starts("client")
    await shown.tab.click('[data-post="/switches/language"]')
    await expect(page).to_have_attribute("lang", "ru")
    await expect(page).to_have_attribute("data-theme", "dark")
    await expect(shown.tab.locator("#log-client")).to_contain_text("Здесь пока ничего нет")
    operator = await shown.asks("client", "Зелёная лампа ещё есть?")
    await shown.presses(operator, "Зелёная лампа", "Взять")
    await shown.sees("client", "С вами на связи")
    await shown.reads("product", "Путь к Telegram", "работает")
    assert await violations(shown.tab) == []


async def test_everything_can_be_done_with_the_keyboard(shown: Shown) -> None:
    keyboard, text = shown.tab.keyboard, "Written without a mouse"
    await shown.tabs_to("#gate-client button")
    await keyboard.press("Enter")
    await shown.tabs_to("#phone-client textarea")
    await keyboard.type(text)
    await keyboard.press("Enter")
    operator = await shown.card(text)
    assert await shown.tab.evaluate("document.activeElement.tagName") == "TEXTAREA"  # drawing anew keeps the focus
    row = f'#log-{operator} .in:has([data-text^="#1 "][data-text*="{text}"])'  # the overview has these words, too
    await shown.tabs_to(f"{row} .buttons button")
    await keyboard.press("Enter")
    await expect(shown.tab.locator(row)).not_to_contain_text("Take")
    await shown.tab.locator(f"#phone-{operator} .log").focus()
    await shown.tabs_to(f"{row} .dots")
    await keyboard.press("Enter")
    await keyboard.press("Enter")  # Reply has the focus
    await keyboard.type("Answered without a mouse")
    await keyboard.press("Enter")
    await shown.sees("client", "Answered without a mouse")
    await keyboard.press("Escape")
    await shown.tabs_to("#phone-admin .menu")
    await keyboard.press("Enter")
    await expect(shown.tab.locator("#menu-admin button", has_text="/stats")).to_be_visible()
    await keyboard.press("Escape")
    await expect(shown.tab.locator("#menu-admin")).to_be_hidden()
    assert await shown.tab.evaluate("document.activeElement.matches('#phone-admin .menu')")
    await shown.tabs_to('[data-post="/switches/hour"]')
    await keyboard.press("Enter")
    await expect(shown.tab.locator("#switched")).to_contain_text("an hour later")


async def test_watch_notices_whatever_must_not_happen(browser: Browser, everything: Gallery) -> None:
    tab = await browser.new_page()
    watch = Watch(tab, everything.address)
    await tab.goto(everything.address)
    await tab.evaluate("setTimeout(() => { throw new Error('a mistake') })")
    await tab.evaluate("fetch('/nowhere')")
    await tab.evaluate("document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.2:9/' }))")
    await tab.close()
    said = "\n".join(watch.wrong)
    for wanted in ("a mistake", "404 ", "violates the following Content Security Policy directive", "127.0.0.2"):
        assert wanted in said
