"""How Hypothesis plays: a failure is said at once, as it was found.

Shrinking a history of forty steps on a real database takes longer than a test may: the run then died of its time-out
and said nothing. `SHRINK=1` asks for it; a failure that was found before is played first, from `.hypothesis`.
`QUICK=1`, as in `make quick`, plays a quarter as many: each property is tried, and the whole suite tries it in full.
"""

import os

from hypothesis import Phase, settings

SHRINKING = (Phase.shrink, Phase.explain)
EXAMPLES, EXAMPLES_IN_A_HURRY = 100, 25


def profile(*, shrinks: bool, is_quick: bool = False) -> settings:
    """Settings for every property of the suite.

    Args:
        shrinks: whether the shortest example that fails is searched, however long that takes.
        is_quick: whether few examples are enough.
    """
    return settings(
        phases=[phase for phase in Phase if shrinks or phase not in SHRINKING],
        print_blob=True,
        max_examples=EXAMPLES_IN_A_HURRY if is_quick else EXAMPLES,
        deadline=None,  # speed is what `make bench` measures: on a busy machine an example may take any time
    )


def choose_profile() -> None:
    """Makes it the default, by the environment variables SHRINK and QUICK."""
    chosen = profile(shrinks=bool(os.environ.get("SHRINK")), is_quick=bool(os.environ.get("QUICK")))
    settings.register_profile("suite", chosen)
    settings.load_profile("suite")
