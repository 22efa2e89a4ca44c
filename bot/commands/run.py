"""`mini-crm run` and `mini-crm serve`: one installation as a process, from its first line on the screen to its stop."""

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
import structlog

from bot.logs import describe_error
from bot.runtime.installation import Installation
from bot.runtime.last_resort import LastResort, TaskEnded
from bot.settings import Settings
from crm_core.api import descriptors
from crm_core.delivery import bots
from crm_core.storage.probe import sqlite_path
from crm_core.team import accounts

if TYPE_CHECKING:  # it imports aiogram, which takes seconds and is not needed without bots
    from bot.app import App
    from bot.runtime.bot_session import BotSession

log = structlog.get_logger("app")

STOPPED_AFTER = 9.5  # seconds after a signal at which the process ends in any case; what is left is in the database
LOOK_AGAIN = 2.0  # seconds between looks for a bot that could carry the first admin's link

STATES = {
    bots.RUNNING: "✓ {bot} is running",
    bots.CONFLICT: "! {bot}: another program reads its messages, or a webhook is left set; see `mini-crm doctor`",
    bots.NO_WEBHOOK: "✗ {bot}: Telegram refuses its webhook; check WEBHOOK_URL, the log says why (webhook_refused)",
    bots.REFUSED: "✗ {bot}: Telegram refuses its token; take a valid one from @BotFather (BOT_TOKENS) and restart",
    bots.AWAY: "! {bot} waits for Telegram, which cannot be reached; it starts as soon as Telegram answers",
    "starting": "! {bot} waits for Telegram, which has not answered yet; it starts as soon as Telegram answers",
    "standby": "· {bot}: another process works for it, this one is on standby",
}

OPEN_LOCALLY = (
    "! There is no API key yet: programs of this account on this machine may call the API without one. "
    "`mini-crm api-key create NAME --scope admin` ends that; do it before a web server or a tunnel passes on calls"
)
CLOSED = (
    "! There is no API key yet, and with WEBHOOK_URL the API answers nobody without one: "
    "`mini-crm api-key create NAME --scope admin`"
)

FIRST_LINK = (
    "\nThere is no admin yet. Whoever opens this link first becomes one (it works once, for 24 hours): {link}\n"
)
NO_LINK_FILE = (
    "\nThere is no admin yet, and {file} cannot be written ({why}): set ADMIN_IDS, or run `mini-crm invite`.\n"
)

WAITING = (bots.AWAY, "starting")  # for Telegram: what it becomes is printed, once
UNDECIDED = (*WAITING, bots.REFUSED)  # one refusal proves nothing


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Runs a coroutine to its end, on uvloop where it is available.

    The garbage collector would walk through all of aiogram's models, some hundred thousand objects that stay until the
    process ends, every few messages: they are frozen, and the rest is collected less often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    try:
        import uvloop
    except ImportError:  # not built for this platform
        asyncio.run(main)
    else:
        uvloop.run(main)


async def run_until_stopped(settings: Settings, *, limited: bool = True) -> None:
    """Works until SIGTERM or SIGINT, then finishes what is under way and returns within ten seconds.

    Without bot tokens it serves the API alone.

    Args:
        limited: False to ignore Telegram's limits on sending, against a sandbox.

    Raises what `Installation` raises at its start (AlreadyRunning, UnknownRevision, NoApiKey, PortTaken, errors of the
    database), and TaskEnded.
    """
    descriptors.raise_limit()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, stop)
    installation = Installation(settings)
    if settings.bot_tokens:
        from bot.app import App

        installation = App(settings, limited=limited)
    async with installation:
        printing = asyncio.create_task(_print_status(installation), name="status")
        await _stopped_or_failed(stop, installation.last_resort)
        printing.cancel()
        await asyncio.gather(printing, return_exceptions=True)
        click.echo("Stopping…")
    click.echo("Stopped; what was not finished goes on at the next start.")
    if installation.last_resort.ended is not None:
        raise TaskEnded(installation.last_resort.ended)


async def _stopped_or_failed(stop: asyncio.Event, last_resort: LastResort) -> None:
    waits = [asyncio.create_task(one.wait()) for one in (stop, last_resort.failed)]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for one in waits:
        one.cancel()


def _stop(stop: asyncio.Event) -> None:
    if stop.is_set():
        os._exit(1)  # a second signal: stop at once; nothing is lost
    stop.set()
    last = threading.Timer(STOPPED_AFTER, os._exit, [0])
    last.daemon = True
    last.start()


async def _print_status(installation: Installation) -> None:
    """Prints where the API is, the state of each bot and, as soon as one is running, the first admin's link.

    Nothing depends on it, but without the link nobody becomes an admin: after an error it goes on.
    """
    has_begun = has_failed = False
    while True:
        try:
            if not has_begun:
                has_begun = True
                _print_address(installation)
            if installation.settings.bot_tokens:
                await _print_bots(cast("App", installation))
            return
        except Exception as error:
            if not has_failed:
                log.error("status_not_shown", error=describe_error(error))
            has_failed = True
            await asyncio.sleep(LOOK_AGAIN)


def _print_address(installation: Installation) -> None:
    address = installation.http.address
    click.echo(f"✓ The HTTP API answers at {address}/api/v1, its documentation is at {address}/docs")
    if installation.first_key_path is not None:
        click.echo(f"! There was no API key yet: one of scope admin is in {installation.first_key_path}")
    if not installation.had_key:
        click.echo(OPEN_LOCALLY if installation.local_calls.is_open else CLOSED)


async def _print_bots(app: "App") -> None:
    await app.supervisor.settled()
    printed = {}
    for session in app.supervisor.sessions:
        printed[session] = session.state
        _print_bot(session)
    has_link = False
    while printed or not has_link:
        printed = {session: state for session, state in printed.items() if state in UNDECIDED}
        for session, state in printed.items():
            if session.state != state and session.state not in WAITING:
                printed[session] = session.state
                _print_bot(session)
        has_link = has_link or await _print_first_link(app)
        await asyncio.sleep(LOOK_AGAIN)


def _print_bot(session: "BotSession") -> None:
    click.echo(STATES.get(session.state, "{bot}: " + session.state).format(bot=_name(session)))


async def _print_first_link(app: "App") -> bool:
    """Prints the first admin's link, if there is no admin. Returns False if no bot can carry it yet.

    Where the output is collected (a container's log, a journal), it names a file instead: logs are read by many.
    """
    file = admin_link_file(app.settings.database_url)
    if await app.db.read(accounts.has_admin):
        with contextlib.suppress(OSError):
            file.unlink()  # of an earlier start
        if app.settings.admin_ids:
            return _print_where_admins_start(app)
        return True
    link = await app.first_admin_link()
    if link is None:
        return False
    if sys.stdout.isatty():
        click.echo(FIRST_LINK.format(link=f"\n  {link}"))
        return True
    try:
        _write_private(file, link)
    except OSError as error:
        click.echo(NO_LINK_FILE.format(file=file, why=error.strerror))
    else:
        click.echo(FIRST_LINK.format(link=f"in the file {file}"))
    return True


def _print_where_admins_start(app: "App") -> bool:
    """Says where admins of the setting go: a bot cannot write to them first. Returns False if no bot is known yet."""
    known = next((session.username for session in app.supervisor.sessions if session.username), None)
    if known is not None:
        click.echo(f"✓ Admins of ADMIN_IDS: open https://t.me/{known} and press Start")
    return known is not None


def admin_link_file(database_url: str) -> Path:
    """Where the first admin's link is written: beside the database file, or in this folder for a server's database."""
    path = sqlite_path(database_url) if database_url.startswith("sqlite") else Path("mini_crm")
    return path.with_name(f"{path.name}.admin-link")


def _write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, in place of another one."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as opened:
        opened.write(f"{text}\n")


def _name(session: "BotSession") -> str:
    return f"@{session.username}" if session.username else f"bot {session.bot.id}"
