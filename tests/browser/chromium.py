"""A headless Chromium: that of the system where there is one, otherwise the one that `make browser` installs."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

SYSTEM = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--force-color-profile=srgb", "--font-render-hinting=none", "--disable-lcd-text"]
"""Without the sandbox, because root may not have one; the page is our own."""


def _path(installed: str) -> str | None:
    found = next(filter(None, map(shutil.which, SYSTEM)), None)
    return found or (installed if Path(installed).exists() else None)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser | None]:
    """A browser; None where there is none."""
    async with async_playwright() as driver:
        path = _path(driver.chromium.executable_path)
        if path is None:
            yield None
            return
        browser = await driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()
