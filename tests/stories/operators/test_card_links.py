"""Links to cards, `?start=c_15`: to the operator whose request it is, and to nobody else."""

import pytest

from bot.sandbox import Sandbox
from tests.stories.admins.test_prompts import admin_who_is_an_operator
from tests.stories.arranging import asks, count, give, link, one_taken
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp

ORDINARY = "You are an operator here."


@pytest.mark.postgres_too
@pytest.mark.fault("F211")
async def test_link_to_a_card_shows_it_at_the_end_of_the_chat(crm: RunningApp) -> None:
    anna, _, card = await one_taken(crm)
    await anna.starts(crm.shop, "c_1")
    again = await anna.sees("My question", after=card)
    assert "📥" in again.text
    assert again.labels == ["✔️ Close", "⋯"]
    await crm.settled()
    assert await count(crm, "posted", "is_card") == 1
    await anna.starts(crm.shop)
    await anna.sees(ORDINARY, after=again)


@pytest.mark.fault("F211")
@pytest.mark.parametrize("number", [1, 2, 2**31, 10**17])
async def test_link_to_a_request_of_somebody_else_says_what_it_says_of_none(crm: RunningApp, number: int) -> None:
    anna = await crm.operator("Anna")
    await asks(crm, "Ivan", anna)
    boris = await crm.operator("Boris")
    await give(crm, 1, boris)
    await crm.settled()
    await anna.starts(crm.shop, f"c_{number}")
    assert (await anna.sees("There is no request")).text == f"There is no request #{number}."


@pytest.mark.fault("F211")
@pytest.mark.parametrize("payload", ["c_", "c_0", "c_01", "c_1x", "c_-1", "C_1", "c_1_2", "c_١", "c_" + "9" * 40])
async def test_link_with_anything_but_a_number_is_an_ordinary_start(crm: RunningApp, payload: str) -> None:
    anna, _, card = await one_taken(crm)
    await anna.says(f"/start {payload}", to=crm.shop)
    await anna.sees(ORDINARY, after=card)
    await crm.settled()
    assert await count(crm, "outbox", "kind = 'card'") == 1


@pytest.mark.fault("F211")
async def test_link_to_a_card_is_an_ordinary_start_for_everybody_else(crm: RunningApp) -> None:
    _, ivan, _ = await one_taken(crm)
    await ivan.starts(crm.shop, "c_1")
    await ivan.sees("Your request #1 is open: Anna will answer you here.")
    charlie = crm.client("Charlie")
    await charlie.starts(crm.shop, "c_1")
    await charlie.sees("Hello! How can we help?")
    olga = crm.olga
    before = olga.chat(crm.shop)[-1]
    await olga.starts(crm.shop, "c_1")
    await olga.sees("operators", after=before)
    await crm.settled()
    assert await count(crm, "outbox", "kind = 'card'") == 1
    assert await count(crm, "contacts") == 1


async def test_admin_who_is_an_operator_has_links_to_cards_too(crm: RunningApp) -> None:
    olga = await admin_who_is_an_operator(crm)
    await crm.client("Ivan").says("Hello", to=crm.shop)
    card = await olga.sees("Hello", bot=crm.shop)
    await crm.settled()
    await olga.starts(crm.shop, "c_1")
    assert "📥" in (await olga.sees("Hello", after=card)).text


async def test_source_named_like_a_card_is_still_a_source(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await link(crm, "c_1", "Cards", anna)
    ivan = crm.client("Ivan")
    await ivan.starts(crm.shop, "src_c_1")
    await ivan.sees("How can we help?")
    await ivan.says("Hello", to=crm.shop)
    await anna.sees("📥 Cards", bot=crm.shop)


@pytest.mark.fault("F211")
async def test_link_into_the_wrong_bot_names_the_right_one(sandbox: Sandbox, database_url: str) -> None:
    tokens = {TOKEN: "shop_bot", SECOND_TOKEN: "help_bot"}
    async with await RunningApp.open(sandbox, database_url, tokens=tokens) as crm:
        shop, desk = crm.bots
        anna = await crm.operator("Anna", bots=[shop, desk])
        await crm.client("Ivan").says("Hello", to=desk)
        card = await anna.sees("Hello", bot=desk)
        await anna.starts(shop, "c_1")
        await anna.sees("That request came to @help_bot", bot=shop)
        await anna.starts(desk, "c_1")
        await anna.sees("📥", bot=desk, after=card)
