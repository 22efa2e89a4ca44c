"""The commands of the CLI. Each imports what it needs when it runs: aiogram takes a second, SQLAlchemy half of one."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from bot import __version__

if TYPE_CHECKING:
    from bot.settings import Settings

NO_TOKENS = """\
BOT_TOKENS is empty: write /newbot to @BotFather in Telegram, then put the token into .env as BOT_TOKENS=123456789:AA…
(with an S at the end also for one bot; BOT_TOKEN is not read)
To try everything without a token first: make demo"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mini-crm", message="%(prog)s %(version)s")
def main() -> None:
    """Mini-CRM: a Telegram bot with a CRM inside. Settings come from the environment and .env (see .env.example)."""
    os.umask(0o077)  # whatever a command writes holds personal data or secrets


@main.command()
@click.option("--no-limits", is_flag=True, help="Ignore Telegram's limits on sending; only for a sandbox.")
def run(no_limits: bool) -> None:
    """Run until SIGTERM or Ctrl-C."""
    _stop_at_once_while_starting()
    settings = _settings()
    if not settings.bot_tokens:
        _refuse(NO_TOKENS)
    _work(settings, limited=not no_limits)


@main.command()
def serve() -> None:
    """The same as run; without BOT_TOKENS, serve the HTTP API alone."""
    _stop_at_once_while_starting()
    settings = _settings()
    if not settings.bot_tokens:
        click.echo(f"{NO_TOKENS}\nUntil then only the HTTP API is served.")
    _work(settings)


@main.command()
@click.option("--forever", is_flag=True, envvar="DEMO_FOREVER", help="Continue until Ctrl-C (also DEMO_FOREVER=1).")
@click.option("--fast", is_flag=True, help="Skip the pauses in which people read and write.")
def demo(forever: bool, fast: bool) -> None:
    """Show the whole product in use, with no token and no internet."""
    from bot.demo import play

    sys.exit(play(forever=forever, fast=fast))


@main.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the page; default: any that is free.")
@click.option("--language", type=click.Choice(["ru", "en"]), help="Default: DEFAULT_LANGUAGE.")
def sandbox(port: int, language: str | None) -> None:
    """Serve the whole product in a browser until Ctrl-C, with no token and no internet."""
    from bot.demo import play_in_browser

    sys.exit(play_in_browser(port=port, language=language))


@main.command()
@click.option("--remove-webhooks", is_flag=True, help="Remove webhooks that keep bots from being polled.")
@click.option("--recount", is_flag=True, help="Rebuild the sums of the statistics if they are wrong.")
def doctor(remove_webhooks: bool, recount: bool) -> None:
    """Check settings, database and bots, and say what to do."""
    from bot.commands.doctor import examine

    sys.exit(examine(remove_webhooks=remove_webhooks, recount=recount))


@main.command()
def migrate() -> None:
    """Upgrade the database schema (`run` does this by itself)."""
    settings = _settings()
    from crm_core.storage.probe import revisions

    with _explained(settings):
        current, newest = revisions(settings.database_url)
        if current == newest:
            click.echo(f"The database is up to date (revision {newest}).")
            return
        from bot.runtime.migrating import bring_up_to_date

        before, after = bring_up_to_date(
            settings.database_url, migrating_url=settings.migration_database_url, region=settings.default_region
        )
        click.echo(f"The database was upgraded from {before or 'nothing'} to revision {after}.")


@main.command()
@click.argument("operator", required=False)
@click.option("--bot", metavar="USERNAME", help="The bot that the link opens; the first one otherwise.")
def invite(operator: str | None, bot: str | None) -> None:
    """Print a one-time link for an admin, or for the OPERATOR of that name."""
    settings = _settings()
    from bot.commands.invite import new_link

    with _explained(settings):
        text, is_link = asyncio.run(new_link(settings.database_url, operator=operator, username=bot))
    if not is_link:
        _refuse(text)
    click.echo(text)


@main.command()
@click.argument("what", type=click.Choice(["contacts", "leads", "operators", "events"]))
@click.option("--format", "form", type=click.Choice(["csv", "xlsx"]), help="Default: by the file's name, else xlsx.")
@click.option(
    "--from",
    "first",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DAY",
    help="2026-11-01; default: the oldest.",
)
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="Included; default: today.")
@click.option(
    "-o",
    "--output",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Overwritten if it exists; default: contacts.xlsx, … in this folder.",
)
@click.option("--language", type=click.Choice(["ru", "en"]), help="Of the headings; default: DEFAULT_LANGUAGE.")
def export(
    what: str, form: str | None, first: datetime | None, last: datetime | None, path: Path | None, language: str | None
) -> None:
    """Write contacts, leads, operators or events of some days to a file for Excel, and record that as an event."""
    settings = _settings()
    from bot.commands.export import NotExported
    from bot.commands.export import export as make

    form = form or (path.suffix[1:].lower() if path and path.suffix.lower() in (".csv", ".xlsx") else "xlsx")
    with _explained(settings):
        try:
            make(
                settings,
                what=what,
                form=form,
                first=first,
                last=last,
                path=path or Path(f"{what}.{form}"),
                language=language or settings.default_language,
            )
        except NotExported as error:
            _refuse(str(error))


@main.command()
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="Default: yesterday.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="Included; default: that day.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="SETTING",
    help="shop_bot.Anna.weight=40, Anna.limit=5, shop_bot.strategy=exact, Anna.hours='mon-fri 9-18', "
    'shop_bot."Dr. Anna".weight=40; may be repeated.',
)
@click.option("--language", type=click.Choice(["ru", "en"]), help="Default: DEFAULT_LANGUAGE.")
def replay(first: datetime | None, last: datetime | None, changes: tuple[str, ...], language: str | None) -> None:
    """Show what other settings would have made of past days. Nothing is changed."""
    settings = _settings()
    from bot.commands.replay import NotReplayed
    from bot.commands.replay import replay as play

    with _explained(settings):
        try:
            text = play(
                settings, first=first, last=last, changes=changes, language=language or settings.default_language
            )
        except NotReplayed as error:
            _refuse(str(error))
    click.echo(text)


@main.command()
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--force", is_flag=True, help="Replace the file even if it is not a backup.")
def backup(path: Path, force: bool) -> None:
    """Copy the database to a FILE, even while it is in use, and check the copy."""
    settings = _settings()
    from bot.commands.backup import back_up

    with _explained(settings):
        back_up(settings, target=path, force=force)


@main.command()
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--replace", is_flag=True, help="Move a database that is not empty aside (SQLite); it is kept.")
def restore(path: Path, replace: bool) -> None:
    """Replace the database with a backup. What may have been sent since is not sent to clients again."""
    settings = _settings()
    from bot.commands.restore import restore as put_back

    with _explained(settings):
        put_back(settings, backup=path, replace=replace)


@main.group("api-key")
def api_key() -> None:
    """Manage the keys of the HTTP API: callers from other machines need one."""


@api_key.command("create")
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice(["read", "write", "admin", "form"]),
    required=True,
    help="read: read only; write: register and change contacts; admin: everything; form: for a public page.",
)
@click.option(
    "--expires",
    "days",
    type=click.IntRange(1, 3650),
    metavar="DAYS",
    help="How long it is valid; default: forever.",
)
@click.option("--source", metavar="NAME", help="With --scope form: the source that its contacts belong to.")
def create_api_key(name: str, scope: str, days: int | None, source: str | None) -> None:
    """Create a key and print it, once."""
    settings = _settings()
    from bot.commands.api_keys import Refused, create

    with _explained(settings):
        try:
            key = create(
                settings.database_url,
                migrating_url=settings.migration_database_url,
                region=settings.default_region,
                name=name,
                scope=scope,
                days=days,
                source=source,
            )
        except Refused as error:
            _refuse(str(error))
    click.echo(key)
    click.echo("Store it: it is not shown again. Send it as `Authorization: Bearer …` or `X-API-Key: …`.", err=True)


@api_key.command("list")
def list_api_keys() -> None:
    """List all keys with their names and public prefixes."""
    settings = _settings()
    from bot.commands.api_keys import table

    with _explained(settings):
        click.echo(table(settings.database_url, region=settings.default_region))


@api_key.command("revoke")
@click.argument("name")
def revoke_api_key(name: str) -> None:
    """Revoke a key for good, given by its NAME, prefix or number."""
    settings = _settings()
    from bot.commands.api_keys import Refused, revoke

    with _explained(settings):
        try:
            revoked = revoke(settings.database_url, name=name, region=settings.default_region)
        except Refused as error:
            _refuse(str(error))
    click.echo(f"The key {revoked} is revoked (a running process notices within two seconds).")


@main.command()
def health() -> None:
    """Exit 0 while work is progressing, otherwise 1 with the reason; for Docker's HEALTHCHECK."""
    settings = _settings()
    from bot.commands.health import troubles

    found = troubles(settings)
    for text in found:
        click.echo(text, err=True)
    if found:
        sys.exit(1)
    click.echo("healthy")


def _stop_at_once_while_starting() -> None:
    """From the first moment: importing takes seconds, and process 1 of a container ignores signals by default."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))


def _work(settings: "Settings", *, limited: bool = True) -> None:
    from bot.commands.run import run_loop, run_until_stopped
    from bot.logs import set_up_logging

    set_up_logging(level=settings.log_level, form=settings.log_format)
    with _explained(settings):
        run_loop(run_until_stopped(settings, limited=limited))


def _settings() -> "Settings":
    from bot.settings import BadSettings, load_settings

    try:
        return load_settings()
    except BadSettings as error:
        _refuse(str(error))


def _refuse(text: str) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(2)


@contextmanager
def _explained(settings: "Settings") -> Iterator[None]:
    """Turns errors of the database into one sentence and an exit status; any other error is a bug and is raised."""
    try:
        yield
    except Exception as error:
        from bot.commands.explain import explain

        explained = explain(error, settings.database_url)
        if explained is None:
            raise
        text, status = explained
        click.echo(text, err=True)
        sys.exit(status)
