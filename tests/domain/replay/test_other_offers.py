"""What a replay says of other offers is what would have come of them: the product lives the same day with and without.

Each operator takes what they are given after a time of their own, so that it is known of whoever had a contact or not.
"""

import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from crm_core.replay.carried import Carried
from crm_core.replay.changes import Changes
from crm_core.replay.history import History
from crm_core.replay.reactions import Reactions
from crm_core.replay.reading import history
from crm_core.replay.replayer import play
from crm_core.replay.rows import read_rows
from crm_core.replay.with_offers import WithOffers
from crm_core.storage.opening import open_database
from tests.domain.replay.plans import DAY, ROLL, Day, Life, Settings, live, moment
from tests.domain.replay.test_other_settings import OPERATORS, found, named, some_settings
from tests.domain.replay.wishes import changes

NOBODY_MISSES = 24 * 3600


def with_offers(settings: Settings, dice: random.Random, *, seconds: tuple[int, ...]) -> Settings:
    """The same settings with these offers, and a team of which more can be asked."""
    settings.weights.update({both: max(1, weight) for both, weight in settings.weights.items()})
    for own in settings.operators.values():
        own["limit"] += 1
    for own in settings.sources.values():
        own["offer_seconds"] = dice.choice(seconds)
        own["offer_rounds"] = dice.randint(1, 4)
        own["miss_limit"] = dice.choice((0, 1, 2, 3))
        own["duty_operator_id"] = dice.choice((None, *range(OPERATORS)))
    return settings


async def lived(path: Path, day: Day, settings: Settings, *, sticky_days: int) -> tuple[Life, History]:
    """A day under settings, and what a replay reads of it."""
    db = open_database(f"sqlite:///{path}")
    life = await live(db, day, settings)
    rows = await db.read(read_rows, since=moment(0), until=moment(DAY), sticky_days=sticky_days)
    await db.close()
    return life, history(rows)


@pytest.mark.slow  # a day takes seconds
@pytest.mark.parametrize("seed", range(1, 5))
async def test_replay_under_other_offers_is_the_day_that_these_give(
    migrated_file: Path, tmp_path: Path, seed: int
) -> None:
    first_file, second_file = (Path(shutil.copy(migrated_file, tmp_path / f"{one}.db")) for one in ("first", "second"))
    dice = random.Random(seed)
    first, second = some_settings(dice), some_settings(dice)
    if seed % 2:
        second = replace(first, sources={one: dict(own) for one, own in first.sources.items()})
    first = with_offers(first, dice, seconds=((0, NOBODY_MISSES), (0,))[seed % 2])
    second = with_offers(second, dice, seconds=(30, 120, 600))
    reactions = [dice.choice((20_011, 90_023, 400_037, 2_500_051)) for _ in range(OPERATORS)]
    day = replace(Day.of(seed, contacts=50, operators=OPERATORS), reactions=reactions)
    days = max(one["sticky_days"] for one in second.sources.values())
    was, past = await lived(first_file, day, first, sticky_days=days)
    usual = [Reactions(past).of((0, one), 0).worked for one in was.operators]
    other, own_past = await lived(second_file, replace(day, reactions=usual), second, sticky_days=days)
    wished = changes(
        weights=named(was, second.weights),
        limits_here=named(was, second.limits_here),
        operators={was.operators[one]: own for one, own in second.operators.items()},
        sources={was.sources[one]: by_ids(was, own) for one, own in second.sources.items()},
    )
    with patch.object(Carried, "roll", lambda *_: ROLL):
        outcome = play(past, wished)
        again = WithOffers(own_past, Changes()).run()
    assert {one: found(course) for one, course in outcome.courses.items()} == other.got
    assert {one: found(course) for one, course in again.courses.items()} == other.got  # made anew, they meet the past
    assert again.missed == play(own_past, Changes()).missed
    assert outcome.missed == again.missed


def by_ids(life: Life, own: dict[str, Any]) -> dict[str, Any]:
    """Settings of a source, with the id of whoever is on duty."""
    duty = own["duty_operator_id"]
    return {**own, "duty_operator_id": None if duty is None else life.operators[duty]}
