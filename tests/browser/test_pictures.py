"""The pictures of the documentation show what the product says now; drawn anew by `make screenshots`."""

import pytest

from bot.demo.world import World
from tests.browser import pictures
from tests.browser.forked_product import ForkedProduct
from tests.browser.shop_day import BEGINS, PHONES, PICTURES, ZONE, play, words

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("language", pictures.LANGUAGES)
async def test_pictures_show_what_the_product_says(language: str) -> None:
    said: dict[str, str] = {}
    async with World(language, ZONE, begins=BEGINS, product=ForkedProduct) as world:
        people = {"client": world.clients[0], "operator": world.operators[0], "admin": world.admin}

        async def note(name: str) -> None:
            said[name] = words(people[PHONES[name]], world)

        await play(world, note)
    for theme in pictures.THEMES:
        shown = {name: pictures.words_in(pictures.path(name, language, theme)) for name in PICTURES}
        assert shown == said, "draw them anew: make screenshots"


def test_every_picture_is_there_and_no_other() -> None:
    assert sorted(pictures.FOLDER.iterdir()) == sorted(pictures.paths())
