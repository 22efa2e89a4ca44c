"""Commands that name a request by its number: as people type it, and what follows it."""

import pytest

from tests.stories.arranging import value
from tests.support.people import RunningApp


@pytest.mark.parametrize("number", ["#1", "1", "№1", "№ 1", "# 1"])
async def test_number_is_understood_however_it_is_typed(crm: RunningApp, number: str) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("Is the lamp there?", to=crm.shop)
    await crm.settled()
    await anna.says(f"/take {number}", to=crm.shop)
    await crm.settled()
    assert await value(crm, "SELECT status FROM contacts") == "in_progress"


@pytest.mark.parametrize("command", ["take", "close", "history", "why"])
async def test_words_after_the_number_are_refused_and_change_nothing(crm: RunningApp, command: str) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("Is the lamp there?", to=crm.shop)
    await crm.settled()
    await anna.says(f"/{command}@shop_bot 1 as agreed", to=crm.shop)
    await anna.sees(f"The number is enough: /{command} #1")
    assert await value(crm, "SELECT status FROM contacts") == "new"


async def test_words_after_the_number_are_refused_in_russian(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Анна", language="ru"), crm.client("Ivan")
    await ivan.says("Is the lamp there?", to=crm.shop)
    await crm.settled()
    await anna.says("/close #1 готово", to=crm.shop)
    await anna.sees("Достаточно номера: /close #1")
