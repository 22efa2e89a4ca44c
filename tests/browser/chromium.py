"""A headless Chromium: that of the system where there is one, otherwise the one that `make browser` installs."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

SYSTEM = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--force-color-profile=srgb", "--font-render-hinting=none", "--disable-lcd-text"]
"""Without the sandbox, because root may not have one; the page is our own."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser | None]:
    """A browser; None where there is none."""
    async with async_playwright() as driver:
        path = next(filter(None, map(shutil.which, (*SYSTEM, driver.chromium.executable_path))), None)
        if path is None:
            yield None
            return
        browser = await driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()
