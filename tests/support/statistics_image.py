"""Draws the statistics images in docs/images from sample figures: `python -m tests.support.statistics_image`.

Run it when the picture of /stats or its texts change.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

from PIL import Image

from bot.texts import translator
from bot.texts.pictures import columns, statistics_words
from crm_core.pictures.arrivals import Step
from crm_core.pictures.drawing import draw
from crm_core.pictures.statistics import statistics_picture
from crm_core.routing.sources import SourceListed
from crm_core.statistics import (
    Arrivals,
    Cause,
    Durations,
    Gap,
    OperatorNumbers,
    Period,
    ShareNumbers,
    SourceNumbers,
    Statistics,
)
from crm_core.team.operators import OperatorFacts

FOLDER = Path(__file__).parents[2] / "docs" / "images"
WIDTH = 960  # pixels
MONDAY = datetime(2026, 11, 15, tzinfo=UTC)
ARRIVALS = ((14, 0), (11, 0), (25, 2), (22, 0), (19, 0), (28, 3), (9, 0))  # all, without an operator, by day
OPERATORS = (("Boris", 5, 5), ("Anna", 8, 10), ("Daria", 6, 12), ("Vera", 2, 10), ("Gleb", 0, 8))  # load, limit
SHARES = {  # planned, actual, cause
    "lumen_shop_bot": (
        97,
        (("Anna", 0.5, 0.52, Cause.CHANCE), ("Vera", 1 / 3, 0.38, Cause.OFF), ("Boris", 1 / 6, 0.1, Cause.FULL)),
    ),
    "VK ads": (31, (("Anna", 0.5, 0.65, Cause.BY_HAND), ("Daria", 0.5, 0.35, Cause.BY_HAND))),
}
RUSSIAN = {
    "Anna": "Анна",
    "Boris": "Борис",
    "Vera": "Вера",
    "Daria": "Дарья",
    "Gleb": "Глеб",
    "lumen_shop_bot": "lampa_shop_bot",
    "VK ads": "Реклама ВКонтакте",
}


def sample(names: dict[str, str]) -> Statistics:
    """Figures of a week, with these names in place of the English ones."""

    def named(name: str) -> str:
        return names.get(name, name)

    staff = tuple(
        OperatorNumbers(OperatorFacts(number, named(name), True, load > 0, limit, load, number), contacts=load)
        for number, (name, load, limit) in enumerate(OPERATORS, 1)
    )
    sources = tuple(
        SourceNumbers(
            SourceListed(number, named(name), None, None, True, "random", "shop_bot"),
            contacts,
            0,
            tuple(
                ShareNumbers(1, named(who), 1, round(contacts * actual), planned, actual, gap=Gap(1, cause, {}))
                for who, planned, actual, cause in shares
            ),
        )
        for number, (name, (contacts, shares)) in enumerate(SHARES.items(), 1)
    )
    return Statistics(
        staff,
        sources,
        contacts=sum(every for every, _ in ARRIVALS),
        unassigned=sum(unassigned for _, unassigned in ARRIVALS),
        waiting=2,
        to_assignment=Durations(123, 12, 65),
        to_take=Durations(120, 185, 640),
        to_reply=Durations(118, 422, 1830),
    )


async def drawn(language: str) -> Image.Image:
    """The picture in a language, at the size at which the documentation shows it."""
    _ = translator(language)
    week = [Arrivals(MONDAY + timedelta(days=day), *counts) for day, counts in enumerate(ARRIVALS)]
    numbers = sample(RUSSIAN if language == "ru" else {})
    svg = statistics_picture(numbers, columns(Step.DAY, week, _), statistics_words(Period.WEEK, Step.DAY, week, _))
    picture = Image.open(BytesIO(await draw(svg))).convert("RGB")
    return picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)


async def main() -> None:
    """Writes both files."""
    for language, name in (("en", "statistics.png"), ("ru", "statistics.ru.png")):
        (await drawn(language)).quantize(128).save(FOLDER / name, optimize=True)


if __name__ == "__main__":
    asyncio.run(main())
