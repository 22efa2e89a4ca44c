"""`make histories SEEDS=1000 FIRST=1 DATABASE=postgres`: the product beside the reference model, in many histories.

The first history in which they differ ends the run, with what each showed.
"""

import asyncio
import gc
import tempfile
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from pathlib import Path

import click

from crm_core.storage.database import Database
from crm_core.storage.migrate import migrate
from crm_core.storage.opening import open_database
from tests.domain.routing.beside_model import compare
from tests.support.compiled import shared_compiled_statements
from tests.support.databases import PostgresDatabases, postgres_server
from tests.support.one_at_a_time import one_at_a_time

EmptyDatabases = AsyncGenerator[Database, None]


@click.command()
@click.option("--seeds", default=1_000, help="how many histories")
@click.option("--first", default=1, help="the first seed")
@click.option("--moves", default=60, help="moves of each history")
@click.option("--database", type=click.Choice(["sqlite", "postgres"]), default="sqlite")
def main(seeds: int, first: int, moves: int, database: str) -> None:
    """Exits with an error where the two differ."""
    with ExitStack() as stack:
        stack.enter_context(shared_compiled_statements())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if database == "postgres":
            databases = PostgresDatabases(stack.enter_context(postgres_server(folder)))
            stack.callback(databases.close)
            stack.enter_context(one_at_a_time())
            empty_databases = one_postgres_database(databases)
        else:
            empty_databases = _files(folder)
        asyncio.run(_play(empty_databases, range(first, first + seeds), moves=moves, what=database))


async def _play(empty_databases: EmptyDatabases, seeds: range, *, moves: int, what: str) -> None:
    async with aclosing(empty_databases):
        for seed in seeds:
            await compare(await anext(empty_databases), seed, moves=moves)
            await asyncio.sleep(0)  # where a run on PostgreSQL can be interrupted
            if seed == seeds.start:
                _spare_the_collector()
            if (played := seed - seeds.start + 1) % 100 == 0:
                print(f"{played:,} histories of {moves} moves on {what}: no difference", flush=True)


def _spare_the_collector() -> None:
    """What was loaded and compiled for the first history stays until the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)  # as `mini-crm run` does


async def _files(folder: Path) -> EmptyDatabases:
    """A SQLite file of the newest schema for each history."""
    template, path = folder / "template.db", folder / "history.db"
    migrate(f"sqlite:///{template}")
    while True:
        path.write_bytes(template.read_bytes())
        db = open_database(f"sqlite:///{path}")
        try:
            yield db
        finally:
            await db.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)  # noqa: ASYNC240 - nothing else runs


async def one_postgres_database(databases: PostgresDatabases) -> EmptyDatabases:
    """One PostgreSQL database, emptied between histories, since a new connection has to learn every statement again."""
    with databases.lend() as url:
        db = open_database(url)
        try:
            while True:
                yield db
                await db.write_unflushed(lambda s: databases.empty_now(s.connection()))
        finally:
            await db.close()


if __name__ == "__main__":
    main()
