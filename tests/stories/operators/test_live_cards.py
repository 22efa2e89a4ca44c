"""Of each request exactly one card is live, with whoever has it; the others name them, without words or buttons."""

from collections.abc import AsyncIterator

import pytest

from bot.sandbox import Person, Sandbox, SeenMessage
from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.messaging.messages import MessageContent
from crm_core.routing import sources
from tests.delivery.test_ambiguous_outcomes import SHORT
from tests.stories.arranging import ask, count, give, now, value
from tests.stories.steering import types
from tests.support.clock import MovableClock
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp
from tests.support.waiting import until_committed


@pytest.fixture
async def hasty(sandbox: Sandbox, database_url: str, clock: MovableClock) -> AsyncIterator[RunningApp]:
    async with await RunningApp.open(sandbox, database_url, clock=clock, retry_delays=SHORT) as crm:
        yield crm
    assert sandbox.strictness_violations == []


def dead(who: Person, card: SeenMessage) -> tuple[str, list[str]]:
    """What a card says, and its buttons."""
    seen = now(who, card)
    return seen.text, seen.labels


async def talk_until_edit_is_given_up(crm: RunningApp, petra: Person, anna: Person) -> None:
    """Others go on writing, and are passed on, while the edit of a card fails by itself; then the next one succeeds."""
    for number in range(20):
        await petra.says(f"Meanwhile {number}", to=crm.shop)
        await anna.sees(f"Meanwhile {number}", bot=crm.shop)
        tried = (
            "SELECT coalesce(sum(CASE state WHEN 'uncertain' THEN 1000 ELSE attempts END), 0) FROM outbox "
            "WHERE kind = 'card_edit'"
        )
        before = await value(crm, tried)

        async def is_tried_again(before: int = before, tried: str = tried) -> bool:
            return bool(await value(crm, tried) > before or before >= 1000)

        await until_committed(crm.db, is_tried_again)
        if await count(crm, "outbox", "kind = 'card_edit' AND state = 'uncertain'"):
            crm.sandbox.clear_fault()
            return
    raise AssertionError("no edit was given up")


@pytest.mark.fault("F213")
async def test_card_of_a_former_operator_names_who_gets_it_out_of_the_queue(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    card = await ask(crm, ivan, anna)
    boris = await crm.operator("Boris", limit=0)
    await types(crm, anna, "/return #1", to=crm.shop)
    assert dead(anna, card) == ("#1 · shop_bot\n↪️ Back in the queue", [])
    await types(crm, crm.olga, "/operators limit Boris 5")
    live = await boris.sees("My question", bot=crm.shop)
    await crm.settled()
    assert now(boris, live).labels == ["✋ Take", "✔️ Close", "⋯"]
    assert dead(anna, card) == ("#1 · shop_bot\n↪️ Now with Boris", [])


@pytest.mark.postgres_too
@pytest.mark.fault("F213")
async def test_card_whose_edits_failed_dies_when_another_one_has_come(hasty: RunningApp) -> None:
    anna, ivan, petra = await hasty.operator("Anna"), hasty.client("Ivan"), hasty.client("Petra")
    await ask(hasty, petra, anna, "Hello")
    card = await ask(hasty, ivan, anna)
    hasty.sandbox.fail(kind="http_500", method="editMessageText", chat=anna, probability=1.0)
    await ivan.says("/email ivan@example.com", to=hasty.shop)
    await talk_until_edit_is_given_up(hasty, petra, anna)
    live = await anna.sees("My question", after=card)
    await hasty.settled()
    assert now(anna, live).labels == ["✋ Take", "✔️ Close", "⋯"]
    assert dead(anna, card) == ("#2 Ivan · ⤵️ below", [])


@pytest.mark.fault("F213")
async def test_former_card_whose_edits_failed_is_edited_with_the_next_change(hasty: RunningApp) -> None:
    anna, ivan, petra = await hasty.operator("Anna"), hasty.client("Ivan"), hasty.client("Petra")
    await ask(hasty, petra, anna, "Hello")
    card = await ask(hasty, ivan, anna)
    boris = await hasty.operator("Boris")
    hasty.sandbox.fail(kind="http_500", method="editMessageText", chat=anna, probability=1.0)
    await give(hasty, 2, boris)
    live = await boris.sees("My question", bot=hasty.shop)
    await talk_until_edit_is_given_up(hasty, petra, anna)
    assert "My question" in now(anna, card).text
    await boris.presses(live, "Take")
    await hasty.settled()
    assert dead(anna, card) == ("#2 · shop_bot\n↪️ Now with Boris", [])


@pytest.mark.fault("F213")
async def test_card_in_another_bots_chat_is_dead_once_a_request_goes_on_elsewhere(
    sandbox: Sandbox, database_url: str
) -> None:
    async with await RunningApp.open(sandbox, database_url, tokens={TOKEN: "shop_bot", SECOND_TOKEN: "spa_bot"}) as crm:
        shop, spa = crm.bots
        anna = await crm.operator("Anna", bots=[shop, spa])
        source = next(one for one in await crm.db.read(sources.listing) if one.name == "shop_bot")
        words = MessageContent("text", text="From the site")
        await crm.db.write(
            lifecycle.register,
            source_id=source.id,
            lead=LeadFacts(external_id="crm-1"),
            content=words,
            now=crm.clock(),
            rng=lambda: 0.5,
        )
        card = await anna.sees("From the site", bot=shop)
        await crm.settled()
        await types(crm, anna, "/transfer #1 to spa_bot", to=shop)
        live = await anna.sees("From the site", bot=spa)
        await crm.settled()
        assert live.labels == ["✋ Take", "✔️ Close", "⋯"]
        former = next(seen for seen in anna.chat(shop) if seen.id == card.id)
        assert (former.text, former.labels) == ("#1 · spa_bot\n↪️ Now with Anna", [])
