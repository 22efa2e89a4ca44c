"""What a replay says of other settings is what would have come of them: the product lives the same day under both."""

import random
from pathlib import Path
from unittest.mock import patch

import pytest

from crm_core.hours.reading import read_hours
from crm_core.replay.carried import Carried
from crm_core.replay.changes import Changes
from crm_core.replay.courses import Course
from crm_core.replay.reading import history
from crm_core.replay.replayer import play
from crm_core.replay.rows import read_rows
from crm_core.storage.migrate import migrate
from crm_core.storage.opening import open_database
from tests.domain.arranging import NOW
from tests.domain.replay.plans import DAY, ROLL, Day, Settings, live, moment

OPERATORS = 4


def found(course: Course) -> tuple[int | None, int | None]:
    """Who got a contact, and how long it had waited for them."""
    return course.operator_id, None if course.assigned is None else course.assigned - (course.created or 0)


def some_settings(dice: random.Random) -> Settings:
    hours = ("daily 6-20", "mon-fri 12-18, 19-23", "daily 22-6", "daily 13-13:30, 15-17, 18-24")
    return Settings(
        {(source, one): dice.choice((0, 1, 5, 20, 60)) for source in range(2) for one in range(OPERATORS)},
        {one: dice.randint(0, 4) for one in range(OPERATORS)},
        {source: dice.choice(("exact", "random")) for source in range(2)},
        {
            one: read_hours(dice.choice(hours), zone="Europe/Berlin", today=NOW.date())
            for one in range(OPERATORS)
            if dice.random() < 0.4
        },
    )


@pytest.mark.parametrize("seed", range(8))
async def test_replay_under_other_settings_is_the_day_that_these_give(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    first, second = some_settings(dice), some_settings(dice)
    day = Day.of(seed, contacts=80, operators=OPERATORS)
    lives = []
    for number, settings in enumerate((first, second)):
        url = f"sqlite:///{tmp_path}/{number}.db"
        migrate(url)
        db = open_database(url)
        lives.append(await live(db, day, settings))
        if number == 0:
            rows = await db.read(read_rows, since=moment(0), until=moment(DAY))
        await db.close()
    was, other = lives
    changes = Changes(
        weights={(was.sources[source], was.operators[one]): weight for (source, one), weight in second.weights.items()},
        limits={was.operators[one]: limit for one, limit in second.limits.items()},
        strategies={was.sources[source]: strategy for source, strategy in second.strategies.items()},
        hours={one: second.hours.get(number) for number, one in enumerate(was.operators)},
    )
    with patch.object(Carried, "roll", lambda *_: ROLL):
        outcome = play(history(rows), changes)
    assert {one: found(course) for one, course in outcome.courses.items()} == other.got
