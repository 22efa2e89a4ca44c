"""`make histories SEEDS=1000 FIRST=1 DATABASE=postgres`: the product beside the reference model, in many histories.

The first history in which they differ ends the run, with what each showed.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from crm_core.storage.migrate import migrate
from crm_core.storage.opening import open_database
from tests.domain.routing.beside_model import compare
from tests.support.compiled import shared_compiled_statements
from tests.support.databases import PostgresDatabases, postgres_server


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
        databases = PostgresDatabases(stack.enter_context(postgres_server(folder))) if database == "postgres" else None
        for seed in range(first, first + seeds):
            with databases.lend() if databases else _file(folder) as url:
                asyncio.run(_play(url, seed, moves))
            if (played := seed - first + 1) % 100 == 0:
                print(f"{played:,} histories of {moves} moves on {database}: no difference", flush=True)


@contextmanager
def _file(folder: Path) -> Iterator[str]:
    """An empty SQLite file of the newest schema."""
    template, path = folder / "template.db", folder / "history.db"
    if not template.exists():
        migrate(f"sqlite:///{template}")
    path.write_bytes(template.read_bytes())
    yield f"sqlite:///{path}"
    for one in folder.glob("history.db*"):
        one.unlink()


async def _play(url: str, seed: int, moves: int) -> None:
    db = open_database(url)
    try:
        await compare(db, seed, moves=moves)
    finally:
        await db.close()


if __name__ == "__main__":
    main()
