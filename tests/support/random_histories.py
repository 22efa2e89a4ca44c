"""How Hypothesis plays: a failure is said at once, as it was found.

Shrinking a history of forty steps on a real database takes longer than a test may: the run then died of its time-out
and said nothing. `SHRINK=1` asks for it; a failure that was found before is played first, from `.hypothesis`.
"""

import os

from hypothesis import Phase, settings

SHRINKING = (Phase.shrink, Phase.explain)


def profile(*, shrinks: bool) -> settings:
    """Settings for every property of the suite.

    Args:
        shrinks: whether the shortest example that fails is searched, however long that takes.
    """
    return settings(
        phases=[phase for phase in Phase if shrinks or phase not in SHRINKING],
        print_blob=True,
        deadline=None,  # speed is what `make bench` measures: on a busy machine an example may take any time
    )


def choose_profile() -> None:
    """Makes it the default, by the environment variable SHRINK."""
    settings.register_profile("suite", profile(shrinks=bool(os.environ.get("SHRINK"))))
    settings.load_profile("suite")
