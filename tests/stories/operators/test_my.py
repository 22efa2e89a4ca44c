"""/my: how long a contact has been with its operator, whoever held it before."""

from datetime import timedelta

from tests.stories.arranging import give
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def test_my_command_shows_age_since_hand_over(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    clock.ahead = timedelta(hours=-5)
    await crm.client("Ivan").says("Do you have bicycles?", to=crm.shop)
    await anna.sees("Do you have bicycles?", bot=crm.shop)
    boris = await crm.operator("Boris")
    clock.ahead = timedelta(hours=-2)
    await give(crm, 1, boris)
    clock.ahead = timedelta()

    await boris.says("/my")
    assert "#1 Ivan · shop_bot · 2 h" in (await boris.sees("1 open request")).text
    await give(crm, 1, anna)
    await anna.says("/my")
    assert "#1 Ivan · shop_bot · just now" in (await anna.sees("1 open request")).text


async def test_my_command_shows_age_since_return_from_a_colleague(crm: RunningApp, clock: MovableClock) -> None:
    boris = await crm.operator("Boris")
    clock.ahead = timedelta(hours=-5)
    await crm.client("Ivan").says("Do you have bicycles?", to=crm.shop)
    await boris.sees("Do you have bicycles?", bot=crm.shop)
    anna = await crm.operator("Anna")
    clock.ahead = timedelta(minutes=-30)
    await boris.blocks(crm.shop)
    await anna.sees("Do you have bicycles?", bot=crm.shop)
    clock.ahead = timedelta()
    await anna.says("/my")
    assert "#1 Ivan · shop_bot · 30 min" in (await anna.sees("1 open request")).text
