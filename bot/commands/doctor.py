"""`mini-crm doctor`: checks everything that an installation depends on, and says what to do about what it finds."""

import asyncio
import platform
import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import click

from bot.commands.explain import explain, shown
from bot.settings import BadSettings, Settings, is_plain_http, load_settings
from crm_core.api.loopback import is_loopback
from crm_core.backups import copying, nightly
from crm_core.backups.errors import BackupError
from crm_core.storage.probe import SAFE_WITH_TWO_WRITERS, revisions, sqlite_path

GOOD, NOTE, BAD = "✓", "!", "✗"
BACKUP_OLD = timedelta(hours=30)  # one is made every night, and a process may be down for a few hours
COLOURS = {GOOD: "green", NOTE: "yellow", BAD: "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the result.

    Attributes:
        mark: GOOD; NOTE, worth knowing; BAD, something does not work.
        advice: what to do, if anything.
    """

    mark: str
    text: str
    advice: str = ""


def examine(*, remove_webhooks: bool = False, recount: bool = False) -> int:
    """Prints the findings as they come. Returns the exit status: 1 if something does not work.

    Args:
        remove_webhooks: whether to remove webhooks that keep bots from being polled.
        recount: whether to rebuild the sums of the statistics where they are wrong.
    """
    return asyncio.run(_print_all(remove_webhooks, recount))


async def _print_all(remove_webhooks: bool, recount: bool) -> int:
    is_bad = False
    async for one in _all(remove_webhooks, recount):
        is_bad = is_bad or one.mark == BAD
        click.echo(f"{click.style(one.mark, fg=COLOURS[one.mark])} {one.text}")
        if one.advice:
            click.echo(f"    {one.advice}")
    return 1 if is_bad else 0


async def _all(remove_webhooks: bool, recount: bool) -> AsyncIterator[Finding]:
    try:
        settings = load_settings()
    except BadSettings as error:
        for line in str(error).splitlines():
            yield Finding(BAD, line, "Correct it in the environment or in .env; .env.example explains every setting.")
        return
    async for finding in look(settings, remove_webhooks=remove_webhooks, recount=recount):
        yield finding


async def look(settings: Settings, *, remove_webhooks: bool = False, recount: bool = False) -> AsyncIterator[Finding]:
    """All findings, given valid settings: settings, database, backups, contents, then Telegram."""
    yield Finding(GOOD, f"Settings can be read; Python {platform.python_version()}")
    for finding in _database(settings):
        yield finding
    for finding in _accounts(settings):
        yield finding
    for finding in _connections(settings):
        yield finding
    for finding in _backups(settings, datetime.now(UTC)):
        yield finding
    if revisions_match(settings):
        async for finding in _contents(settings, recount):
            yield finding
    if not settings.bot_tokens:
        yield Finding(BAD, "BOT_TOKENS is empty", "Write /newbot to @BotFather and put the token into .env.")
        return
    from bot.commands.doctor_telegram import look_at_bots  # here, since it imports aiogram, which takes seconds

    async for mark, text, advice in look_at_bots(settings, remove_webhooks=remove_webhooks):
        yield Finding(mark, text, advice)


def revisions_match(settings: Settings) -> bool:
    """Whether the database can be read and is of this version."""
    try:
        current, newest = revisions(settings.database_url)
    except Exception:
        return False  # the finding before says what is wrong
    return current == newest


def _database(settings: Settings) -> Iterator[Finding]:
    where = shown(settings.database_url)
    try:
        current, newest = revisions(settings.database_url)
    except Exception as error:
        explained = explain(error, settings.database_url)
        yield Finding(BAD, explained[0] if explained else f"{where} cannot be read ({type(error).__name__}).")
        return
    if current == newest:
        yield Finding(GOOD, f"Database {where} is up to date (revision {newest})")
    elif current is None:
        yield Finding(NOTE, f"Database {where} does not exist yet", "`mini-crm migrate` or the first run creates it.")
    elif current < newest:
        yield Finding(
            NOTE,
            f"Database {where} is of revision {current}, {newest} is the newest",
            "`mini-crm migrate` or the next run upgrades it; a SQLite file is copied first.",
        )
    else:
        yield Finding(
            BAD,
            f"Database {where} is of revision {current}, unknown to this version",
            "Install the version of Mini-CRM that made it.",
        )
    if settings.database_url.startswith("sqlite") and sqlite3.sqlite_version_info < SAFE_WITH_TWO_WRITERS:
        yield Finding(
            GOOD,
            f"SQLite {sqlite3.sqlite_version} is fine as Mini-CRM uses it, with one connection that writes",
            "Let no other program write to the file while it runs: below 3.51.3 two that write may damage it.",
        )


ACCOUNTS = "docs/operations.md, Accounts of PostgreSQL, has the statements."


def _accounts(settings: Settings) -> Iterator[Finding]:
    """What the account of the database, and the one that migrates, may do (PostgreSQL)."""
    if not settings.database_url.startswith("postgresql"):
        return
    from crm_core.storage.rights import rights

    try:
        current, newest = revisions(settings.database_url)
        ours = rights(settings.database_url)
    except Exception:
        return  # the finding before says what is wrong
    migrating = settings.migration_database_url
    may_migrate = ours.may_migrate
    if migrating is not None:
        try:
            may_migrate = rights(migrating).may_migrate
        except Exception as error:
            yield Finding(
                BAD, f"MIGRATION_DATABASE_URL: {shown(migrating)} cannot be reached ({type(error).__name__})", ACCOUNTS
            )
            return
    if ours.lacks:
        yield Finding(BAD, f"The account of DATABASE_URL lacks rights on {', '.join(ours.lacks)}", ACCOUNTS)
    if not may_migrate and migrating is not None:
        yield Finding(BAD, "The account of MIGRATION_DATABASE_URL may not change the schema", ACCOUNTS)
    elif not may_migrate and current != newest:
        yield Finding(
            BAD,
            "The schema has to be upgraded, and the account of DATABASE_URL may not do that",
            f"Set MIGRATION_DATABASE_URL to the account that owns the tables. {ACCOUNTS}",
        )
    elif migrating is not None and ours.may_migrate:
        yield Finding(
            NOTE, "The account of DATABASE_URL may change the schema, too", f"Take that right away: {ACCOUNTS}"
        )
    elif not ours.may_migrate and not ours.lacks:
        yield Finding(GOOD, "The account of DATABASE_URL can work with the tables and not change the schema")


def _connections(settings: Settings) -> Iterator[Finding]:
    """Connections to other machines that somebody on the way could read or answer."""
    if is_plain_http(settings.telegram_api_url):
        yield Finding(
            NOTE,
            "TELEGRAM_API_URL is http:// on another machine: tokens and messages can be read on the way",
            "Use https://, or keep that server on this machine or in a network of its own.",
        )
    if settings.database_url.startswith("postgresql"):
        from sqlalchemy import make_url

        url = make_url(settings.database_url)
        named = url.query.get("host") or url.host or ""
        hosts = [named] if isinstance(named, str) else list(named)
        is_here = all(not host or host.startswith("/") or is_loopback(host) for host in hosts)
        if not is_here and url.query.get("sslmode") != "verify-full":
            yield Finding(
                NOTE,
                "The database is on another machine, and its certificate is not checked",
                "Add ?sslmode=verify-full&sslrootcert=… to DATABASE_URL (docs/operations.md).",
            )


def _backups(settings: Settings, now: datetime) -> Iterator[Finding]:
    if not settings.database_url.startswith("sqlite"):
        return
    database = sqlite_path(settings.database_url)
    folder = nightly.folder_of(database, settings.backup_dir)
    made = nightly.existing(folder, database)
    if not settings.backup_keep:
        yield Finding(NOTE, "Nightly backups are off (BACKUP_KEEP=0)", "`mini-crm backup FILE` makes one at any time.")
    if not made:
        if settings.backup_keep and database.exists():
            yield Finding(
                NOTE, f"There is no nightly backup in {folder} yet", "The first is made a minute after a start."
            )
        return
    try:
        newest = copying.examine(made[-1], thoroughly=False)
    except BackupError as error:
        yield Finding(
            BAD,
            f"The last backup, {made[-1]}, is unusable: {error.fields.get('why', error.code)}",
            "Move it away; another one is made while Mini-CRM runs. Check its disk.",
        )
        return
    age = now - (newest.taken_at or datetime.fromtimestamp(made[-1].stat().st_mtime, UTC))
    hours = int(age.total_seconds() // 3600)
    old = f"{hours} h" if hours < 48 else f"{hours // 24} days"
    text = f"The last backup is {old} old and valid ({made[-1]}; {len(made)} are kept)"
    if age > BACKUP_OLD and settings.backup_keep:
        yield Finding(
            NOTE, text, "One is made every night while Mini-CRM runs; if not, its log says why (backup_failed)."
        )
    else:
        yield Finding(GOOD, text)


async def _contents(settings: Settings, recount: bool) -> AsyncIterator[Finding]:
    from crm_core.access import api_keys
    from crm_core.delivery import bots
    from crm_core.monitoring.integrity import examine as look_through
    from crm_core.storage.config import Pool, use
    from crm_core.storage.opening import open_database

    use(Pool.BACKGROUND)
    db = open_database(settings.database_url)
    try:
        found = await db.read(look_through, now=datetime.now(UTC))
        has_key = await db.read(api_keys.any_valid, now=datetime.now(UTC))
        had_key = await db.read(api_keys.exist)
        conflicts = await db.read(bots.in_state, state=bots.CONFLICT)
        unhooked = await db.read(bots.in_state, state=bots.NO_WEBHOOK)
    finally:
        await db.close()
    for polled_bot in conflicts:
        yield Finding(
            BAD,
            f"@{polled_bot}: another program reads its messages (409 Conflict)",
            "Stop the other program, or get a new token from @BotFather (/revoke) and put it into BOT_TOKENS.",
        )
    for pushed_bot in unhooked:
        yield Finding(
            BAD,
            f"@{pushed_bot}: Telegram refuses its webhook",
            "Check WEBHOOK_URL, and its name and certificate from outside; the log says why (webhook_refused).",
        )
    if not found.has_admin and not settings.admin_ids:
        yield Finding(
            NOTE, "There is no admin yet", "`mini-crm run` prints a one-time link; `mini-crm invite` a new one."
        )
    if not has_key and not is_loopback(settings.http_host):
        yield Finding(
            BAD,
            f"HTTP_HOST={settings.http_host} serves other machines, and there is no valid API key",
            "mini-crm api-key create NAME --scope admin",
        )
    elif not had_key:
        calls = (
            "nobody, since WEBHOOK_URL is set" if settings.webhook_url else "programs of its account on this machine"
        )
        yield Finding(
            NOTE,
            f"There is no API key: without one the API answers {calls}",
            "mini-crm api-key create NAME --scope admin (then every call needs a key), "
            "before a web server or a tunnel passes on calls",
        )
    for load in found.wrong_loads:
        yield Finding(
            BAD,
            f"The stored load of {load.name} is {load.kept}, but {load.counted} contacts are open",
            "This should never happen: please report it with what happened before.",
        )
    if not found.wrong_loads:
        yield Finding(GOOD, "Every operator's load is the number of their open contacts")
    for wrong in found.wrong_sums:
        yield Finding(
            BAD,
            f"Statistics, {wrong.what}: {wrong.tallied} in the sums, {wrong.counted} in the data",
            "`mini-crm doctor --recount` rebuilds the sums; please report it with what happened before.",
        )
    if found.wrong_sums and recount:
        yield await _recount(settings)
    if not found.wrong_sums:
        yield Finding(GOOD, "The sums of the statistics agree with a count of the contacts")
    for one in found.absent:
        if one.has_joined:
            missing = ", ".join(f"@{bot}" for bot in one.missing_bots)
            yield Finding(NOTE, f"{one.name} cannot be reached by {missing}", "They must press Start there once.")
        else:
            yield Finding(NOTE, f"{one.name} has not joined", f'`mini-crm invite "{one.name}"` prints a new link.')
    for name in found.deserted:
        yield Finding(
            NOTE,
            f"Nobody has a weight at {name}: its contacts wait",
            f"In Telegram: /assign {name} Anna 10",
        )
    for bare in found.uncovered:
        first, until = (one.astimezone(ZoneInfo(bare.zone)) for one in bare.gaps[0])
        more = f" and {len(bare.gaps) - 1} more times" if len(bare.gaps) > 1 else ""
        yield Finding(
            NOTE,
            f"Nobody works at {bare.source} from {first:%a %H:%M} to {until:%a %H:%M} ({bare.zone}){more} in the next "
            "seven days: its contacts wait then",
            f"Change the hours of {bare.source} (/sources hours) or of its operators (/operators hours).",
        )
    if found.waiting:
        yield Finding(NOTE, f"{found.waiting} contacts wait for an operator", "In Telegram: /queue")
    if found.dead_updates:
        yield Finding(
            NOTE,
            f"{found.dead_updates} updates of the last week could not be processed",
            "They are kept (table inbox, state dead) with the kind of error; please report it.",
        )
    if found.dead_deliveries or found.uncertain:
        text = f"{found.dead_deliveries} messages of the last week could not be delivered"
        yield Finding(
            NOTE,
            f"{text}, {found.uncertain} may not have been",
            "Those concerned were notified in Telegram; table outbox, column outcome, says why.",
        )


async def _recount(settings: Settings) -> Finding:
    from bot.commands.database import SecondWriterUnsafe, open_for_writing
    from crm_core import statistics

    try:
        async with open_for_writing(settings.database_url) as db:
            await db.write(statistics.start_again)
    except SecondWriterUnsafe as error:
        return Finding(
            BAD,
            str(error).rstrip("."),
            "Stop it for a moment, then `mini-crm doctor --recount` again.",
        )
    return Finding(NOTE, "The sums are rebuilt while Mini-CRM runs; /stats says how much is left")
