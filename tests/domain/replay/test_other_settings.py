"""What a replay says of other settings is what would have come of them: the product lives the same day under both."""

import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import pytest

from crm_core.hours.calendar import Calendar
from crm_core.hours.reading import read_hours
from crm_core.replay.carried import Carried
from crm_core.replay.courses import Course
from crm_core.replay.reading import history
from crm_core.replay.replayer import play
from crm_core.replay.rows import read_rows
from crm_core.storage.opening import open_database
from tests.domain.arranging import NOW
from tests.domain.replay.plans import DAY, ROLL, Day, Life, Settings, live, moment
from tests.domain.replay.wishes import changes

OPERATORS = 4
T = TypeVar("T")


def found(course: Course) -> tuple[int | None, int | None]:
    """Who got a contact, and how long it had waited for them."""
    return course.operator_id, None if course.assigned is None else course.assigned - (course.created or 0)


def named(life: Life, by_number: Mapping[tuple[int, int], T]) -> dict[tuple[int, int], T]:
    """What is of an operator at a source, by their ids."""
    return {(life.sources[source], life.operators[one]): value for (source, one), value in by_number.items()}


HOURS = (
    "daily 6-20",
    "mon-fri 12-18, 19-23",
    "daily 22-6",
    "daily 13-13:30, 15-17, 18-24",
    "daily 0-24, leave 5 jan - 5 jan",
    "daily 7-22, leave 4 jan - 5 jan",
)
OPENING = ("daily 14:07-20:11", "mon-fri 0-13:01, 15:03-24", "daily 21:09-11:05")


def some_settings(dice: random.Random) -> Settings:
    """Each setting is in use in about one of three lives."""

    def maybe(*values: Any, unless: Any = None) -> Any:
        return dice.choice(values) if dice.random() < 0.35 else unless

    def calendar(*typed: str) -> Calendar | None:
        text = maybe(*typed)
        return None if text is None else read_hours(text, zone="Europe/Berlin", today=NOW.date())

    return Settings(
        {(source, one): dice.choice((0, 1, 5, 20, 60)) for source in range(2) for one in range(OPERATORS)},
        {(source, one): maybe(1, 2) for source in range(2) for one in range(OPERATORS)},
        {
            one: {
                "limit": dice.randint(0, 4),
                "ceiling": maybe(1, 2, 5),
                "rate": maybe(1, 2, 4),
                "skills": maybe("german", "vip", "german,vip"),
                "hours": calendar(*HOURS),
                "is_active": maybe(False, unless=True),
            }
            for one in range(OPERATORS)
        },
        {
            source: {
                "strategy": dice.choice(("exact", "random")),
                "sticky_days": maybe(1, 30, unless=0),
                "sticky_mode": dice.choice(("charged", "apart")),
                "skills": maybe("german=45", "vip=10,german=200"),
                "priority_minutes": maybe(30, 120, unless=0),
                "ramp": maybe(1, 2),
                "catch_up": maybe(1, 3, unless=0),
                "hours": calendar(*OPENING),
            }
            for source in range(2)
        },
    )


@pytest.mark.slow  # a day takes seconds
@pytest.mark.parametrize("seed", range(4))
async def test_replay_under_other_settings_is_the_day_that_these_give(
    migrated_file: Path, tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    first, second = some_settings(dice), some_settings(dice)
    day = Day.of(seed, contacts=50, operators=OPERATORS)
    lives = []
    for number, settings in enumerate((first, second)):
        db = open_database(f"sqlite:///{shutil.copy(migrated_file, tmp_path / f'{number}.db')}")
        lives.append(await live(db, day, settings))
        if number == 0:
            days = max(one["sticky_days"] for one in second.sources.values())
            rows = await db.read(read_rows, since=moment(0), until=moment(DAY), sticky_days=days)
        await db.close()
    was, other = lives
    wished = changes(
        weights=named(was, second.weights),
        limits_here=named(was, second.limits_here),
        operators={was.operators[one]: own for one, own in second.operators.items()},
        sources={was.sources[one]: own for one, own in second.sources.items()},
    )
    with patch.object(Carried, "roll", lambda *_: ROLL):
        outcome = play(history(rows), wished)
    assert {one: found(course) for one, course in outcome.courses.items()} == other.got
