"""Plays histories in a copy of the project until one shows something wrong; says what, on one line of JSON."""

import json
import sys

from tests.simulation.search import search


def main(seeds: int, processes: int) -> None:
    """At most so many histories, in so many processes (0: one for each processor)."""
    found, _ = search(1, seeds=seeds, processes=processes or None)
    seed = min(found.failures, default=None)
    print(json.dumps({"seed": seed, "rule": None if seed is None else found.failures[seed], "seen": found.histories}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
