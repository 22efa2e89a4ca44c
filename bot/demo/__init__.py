"""`make demo`: the whole product against a Telegram of our own, in one process, with no token and no internet."""

import asyncio

import click

from bot.demo.captions import CAPTIONS
from bot.demo.screen import Screen


def play(*, forever: bool = False, fast: bool = False) -> int:
    """Simulates a morning of a small lamp shop in the terminal.

    Args:
        forever: whether it goes on, morning after morning, until Ctrl-C.
        fast: without the pauses in which people read and write.

    Returns the exit status: 0 if every message arrived exactly once.
    """
    language = _language()
    screen = Screen()
    captions = CAPTIONS[language]
    screen.title(captions["title"], captions["subtitle"])
    screen.note(captions["starting"])
    # Only now, because it takes seconds and there is something to read already.
    from bot.demo.show import Show

    try:
        return asyncio.run(Show(screen, language, fast=fast).play(forever=forever))
    except KeyboardInterrupt:
        click.echo()
        return 130


def play_in_browser(*, port: int, language: str | None) -> int:
    """Serves a page with telephones, on which the whole product can be tried, until Ctrl-C.

    Args:
        port: of the page, on the loopback of this machine; 0 for any free one.
        language: "ru" or "en"; None for that of the settings.

    Returns the exit status.
    """
    from bot.demo.playground import serve

    try:
        asyncio.run(serve(port=port, language=language or _language()))
    except KeyboardInterrupt:
        return 130
    return 0


def _language() -> str:
    from bot.settings import BadSettings, load_settings

    try:
        return load_settings().default_language
    except BadSettings:  # the demo needs no setting, so none can keep it from running
        return "ru"
