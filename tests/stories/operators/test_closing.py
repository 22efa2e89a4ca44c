"""[Close]: at once for whoever works on it, after a question where nobody does, by a button of any age."""

import pytest

from bot.sandbox import Sandbox
from tests.stories.arranging import now, value
from tests.support.people import RunningApp

STATUS = "SELECT status FROM contacts"
QUESTION = "Nobody has taken this yet. Close it anyway?"


@pytest.mark.fault("F151")
async def test_close_of_an_untaken_request_asks_on_the_card(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello")
    assert await (await anna.presses(card, "Close")).answer() is None
    asked = await anna.sees(QUESTION)
    assert (asked.id, asked.labels) == (card.id, ["✔️ Close it", "◀️ No"])
    assert await value(crm, STATUS) == "new"

    await anna.presses(asked, "No")
    await crm.settled()
    assert (now(anna, card).text, now(anna, card).labels) == (card.text, card.labels)

    await anna.presses(now(anna, card), "Close")
    press = await anna.presses(await anna.sees(QUESTION), "Close it")
    assert await press.answer() == "#1 is closed."
    await ivan.sees("Request #1 is closed")
    await crm.settled()
    assert anna.chat()[-1].id == card.id  # nothing was added to the chat


@pytest.mark.postgres_too
@pytest.mark.fault("F151")
async def test_question_before_closing_survives_a_restart(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        await ivan.says("Hello", to=crm.shop)
        await anna.presses(await anna.sees("Hello"), "Close")
        asked = await anna.sees(QUESTION)
        await crm.settled()
    async with await RunningApp.open(sandbox, database_url, admin=False) as crm:
        await anna.presses(asked, "Close it")
        await ivan.sees("is closed", bot=crm.shop)
        assert await value(crm, STATUS) == "closed"


@pytest.mark.fault("F151")
async def test_answer_after_the_question_takes_and_ends_it(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello")
    await anna.presses(card, "Close")
    asked = await anna.sees(QUESTION)
    await anna.replies(card, "We are open")
    await anna.sees("In progress")
    await crm.settled()
    assert now(anna, card).labels == ["✔️ Close", "⋯"]
    await anna.presses(asked, "No", stale=True)
    await crm.settled()
    assert now(anna, card).labels == ["✔️ Close", "⋯"]
    press = await anna.presses(asked, "Close it", stale=True)
    assert await press.answer() == "#1 is closed."


@pytest.mark.fault("F152")
@pytest.mark.parametrize("first", ["Take", "answer"])
async def test_take_and_close_by_the_same_card_are_both_meant(crm: RunningApp, first: str) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello")
    if first == "Take":
        await anna.presses(card, "Take", stale=True)
    else:
        await anna.replies(card, "We are open")
    press = await anna.presses(card, "Close", stale=True)
    assert await press.answer() == "#1 is closed."
    await ivan.sees("is closed")
    await crm.settled()
    assert now(anna, card).labels == ["↩️ Reopen"]
    assert await value(crm, "SELECT current_leads FROM operators") == 0


async def test_answer_that_takes_comes_without_a_notice_before_it(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("Hello", to=crm.shop)
    await anna.replies(await anna.sees("Hello"), "We are open")
    await ivan.sees("We are open")
    await crm.settled()
    assert [seen.text for seen in ivan.chat()][2:] == ["We are open"]
