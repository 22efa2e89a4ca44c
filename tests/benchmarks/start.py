"""How long commands take from start to end; most of it is importing."""

from tests.benchmarks.part import Context, Rows
from tests.benchmarks.processes import seconds_of
from tests.benchmarks.table import Row

MAX_SECONDS = 0.7


async def measure(context: Context) -> Rows:
    """Measures a command that needs no database, and one that creates it if it is not there."""
    database = {"DATABASE_URL": f"sqlite:///{context.folder / 'start.db'}"}
    for what, arguments in (("--help", ["--help"]), ("migrate", ["migrate"])):
        taken = await seconds_of("-m", "bot", *arguments, environment=database, times=context.sizes.starts)
        yield Row(f"python -m bot {what}", f"{taken:.2f} s", target=f"< {MAX_SECONDS} s", is_met=taken < MAX_SECONDS)
