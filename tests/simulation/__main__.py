"""`make simulate SEEDS=20000`: plays histories and says what was wrong, in the fewest words that show it."""

import os
import sys

if __name__ == "__main__" and os.environ.get("PYTHONHASHSEED") != "0":
    # The order of sets of words is by chance otherwise. Before what takes seconds to import: it is imported again.
    os.environ["PYTHONHASHSEED"] = "0"
    os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])  # noqa: S606

from pathlib import Path

import click

from tests.simulation.history import History
from tests.simulation.plan import draw
from tests.simulation.report import report_failure, report_found
from tests.simulation.search import Found, search, shorten, silence, workplace


@click.command()
@click.option("--seeds", default=1_000, help="how many histories")
@click.option("--first", default=1, help="the first seed")
@click.option("--seed", "seeds_told", default=(), multiple=True, type=int, help="one history alone, told in full")
@click.option("--processes", default=0, help="how many at once; by default one for each processor")
@click.option("--go-on", "goes_on", is_flag=True, help="play all of them, also after one that breaks a rule")
def main(seeds: int, first: int, seeds_told: tuple[int, ...], processes: int, goes_on: bool) -> None:
    """Exits with 1 if a rule was broken."""
    if any(seeds_told):
        silence()
        with workplace() as folder:
            was_broken = [_tell_in_full(seed, folder) for seed in seeds_told]
        sys.exit(any(was_broken))
    found, took = search(first, seeds=seeds, processes=processes or None, goes_on=goes_on)
    print(report_found(found, took))
    if found.failures:
        _tell(found)
        sys.exit(1)


def _tell_in_full(seed: int, folder: Path) -> bool:
    """Returns whether a rule was broken."""
    history = History(seed, draw(seed), folder)
    violation = history.run()
    told = "\n".join((f"history {seed}:", *history.trace, str(violation or "nothing was wrong")))
    print(told.encode(errors="backslashreplace").decode())  # odd answers need not be UTF-8
    return violation is not None


def _tell(found: Found) -> None:
    seed = min(found.failures)
    with workplace() as folder:
        plan, history = shorten(seed, found.failures[seed], folder)
        print(report_failure(seed, plan, history))


if __name__ == "__main__":
    main()
