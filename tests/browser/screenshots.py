"""`make screenshots`: draws the pictures of chats in docs/images, in both languages and themes, from `make sandbox`."""

import asyncio
import sys

from playwright.async_api import Page as Tab

from bot.demo.playground import Playground
from tests.browser import pictures
from tests.browser.chromium import chromium
from tests.browser.shop_day import BEGINS, FROM_THE_START, PHONES, ZONE, play, words

VIEW = {"width": 800, "height": 1400}  # two telephones side by side


async def draw(tab: Tab, language: str) -> None:
    """Draws the pictures of one language."""
    async with Playground(language=language, zone=ZONE, begins=BEGINS) as playground:
        await tab.goto(playground.address)
        world = playground.world
        people = {"client": world.clients[0], "operator": world.operators[0], "admin": world.admin}

        async def take(name: str) -> None:
            shown = words(people[PHONES[name]], world)
            await tab.wait_for_timeout(1500)  # until the page has drawn it, and no toast is left
            if name in FROM_THE_START:
                await tab.locator(f"#phone-{PHONES[name]} .log").evaluate("log => { log.scrollTop = 0; }")
            for theme in pictures.THEMES:
                await tab.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
                file = pictures.path(name, language, theme)
                await tab.locator(f"#phone-{PHONES[name]} .device").screenshot(path=file)
                pictures.keep(file, shown)
            await tab.locator(f"#phone-{PHONES[name]} .log").evaluate("log => { log.scrollTop = log.scrollHeight; }")

        await play(world, take)


async def main() -> int:
    """Draws all pictures. Returns the exit status."""
    pictures.FOLDER.mkdir(exist_ok=True)
    async with chromium() as browser:
        if browser is None:
            print("There is no Chromium here, so no picture was drawn: `make browser` installs one.")
            return 1
        context = await browser.new_context(viewport=VIEW, device_scale_factor=2, reduced_motion="reduce")  # type: ignore[arg-type]
        tab = await context.new_page()
        for language in pictures.LANGUAGES:
            await draw(tab, language)
    print(f"{len(pictures.paths())} pictures are in {pictures.FOLDER}")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
