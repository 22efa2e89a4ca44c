"""`mini-crm run`: an installation as a process of its own, from the first line on the screen to the last request."""

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, cast

import click
import structlog

from bot.runtime.installation import Installation
from bot.settings import Settings
from crm_core.delivery import bots
from crm_core.team import accounts

if TYPE_CHECKING:  # it imports aiogram, which takes seconds and is of no use without bots
    from bot.app import App
    from bot.runtime.supervisor import BotSession

log = structlog.get_logger("app")

STOPPED_AFTER = 9.5  # seconds after a signal at which the process ends in any case; what is left is in the database
LOOK_AGAIN = 2.0  # seconds between looks for a bot that could carry the first admin's link

STATES = {
    bots.RUNNING: "✓ {bot} is running",
    bots.CONFLICT: "! {bot}: another program reads its messages, or a webhook is left set; see `mini-crm doctor`",
    bots.REFUSED: "✗ {bot}: Telegram refuses its token; take a valid one from @BotFather (BOT_TOKENS) and restart",
    bots.AWAY: "! {bot}: Telegram cannot be reached; it is tried again and again",
    "starting": "! {bot}: Telegram has not answered yet; it is tried on",
    "standby": "· {bot}: another process works for it, this one stands by",
}


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Runs a program of ours to its end, on the quickest event loop there is.

    The collector of reference cycles would walk through all of aiogram's models, some hundred thousand objects that
    live as long as the process, every few messages: they are left out, and the rest is looked at less often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    try:
        import uvloop
    except ImportError:  # Windows
        asyncio.run(main)
    else:
        uvloop.run(main)


async def run_until_stopped(settings: Settings, *, limited: bool = True) -> None:
    """Works until SIGTERM or SIGINT, then finishes what is under way and returns within ten seconds.

    Without a token of a bot it serves the API alone.

    Args:
        limited: False to ignore Telegram's limits on sending, against a sandbox.

    Raises what `Installation` raises at its start (AlreadyRunning, UnknownRevision, NoApiKey, PortTaken, errors of the
    database).
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, stop)
    installation = Installation(settings)
    if settings.bot_tokens:
        from bot.app import App

        installation = App(settings, limited=limited)
    async with installation:
        telling = asyncio.create_task(_tell(installation))
        await stop.wait()
        telling.cancel()
        click.echo("Stopping…")
    click.echo("Stopped; what was not finished goes on at the next start.")


def _stop(stop: asyncio.Event) -> None:
    if stop.is_set():
        os._exit(1)  # a second signal: somebody is in a hurry, and nothing is lost
    stop.set()
    last = threading.Timer(STOPPED_AFTER, os._exit, [0])
    last.daemon = True
    last.start()


async def _tell(installation: Installation) -> None:
    """Says where the API is, how each bot fares and, as soon as a bot can carry it, the first admin's link."""
    address = installation.http.address
    click.echo(f"✓ The HTTP API answers at {address}/api/v1, its documentation is at {address}/docs")
    if installation.first_key_path is not None:
        click.echo(f"! There was no API key yet: one of scope admin is in {installation.first_key_path}")
    if installation.settings.bot_tokens:
        await _tell_of_bots(cast("App", installation))


async def _tell_of_bots(app: "App") -> None:
    await app.fleet.settled()
    for runner in app.fleet.runners:
        click.echo(STATES.get(runner.state, "{bot}: " + runner.state).format(bot=_name(runner)))
    while not await app.db.read(accounts.has_admin):
        link = await app.first_admin_link()
        if link is not None:
            click.echo(
                f"\nThere is no admin yet. Whoever opens this link first becomes one (it works once):\n  {link}\n"
            )
            return
        await asyncio.sleep(LOOK_AGAIN)


def _name(runner: "BotSession") -> str:
    return f"@{runner.username}" if runner.username else f"bot {runner.bot.id}"
