"""A closed contact is opened again: by a slip of the finger nobody loses a client, and it stays the contact it was."""

import asyncio
import random
from typing import Any

import pytest
from sqlalchemy import text

from bot.sandbox import Person, SeenMessage
from crm_core import statistics
from crm_core.access.actors import telegram
from crm_core.contacts import lifecycle, reopening
from crm_core.conversation import sending_to_client
from tests.domain.invariants import check_loads, check_one_open_contact_each, check_states
from tests.domain.recounting import recounted
from tests.stories.arranging import (
    closes,
    count,
    every_message_opens,
    give,
    link,
    now,
    operator_id,
    remove,
    told,
    until,
    value,
)
from tests.stories.steering import types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def closed_card(crm: RunningApp, client: Person, operator: Person, words: str) -> SeenMessage:
    """The card of a request that its operator has closed."""
    await client.says(words, to=crm.shop)
    card = await operator.sees(words, bot=crm.shop)
    await crm.settled()
    await operator.presses(card, "Close")
    await operator.presses(await operator.sees("Nobody has taken this yet", bot=crm.shop), "Close it")
    await client.sees("is closed")
    await crm.settled()
    return now(operator, card)


@pytest.mark.fault("F148")
async def test_closed_contact_is_reopened_by_its_operator_and_goes_on(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna", limit=1), crm.client("Ivan")
    card = await closed_card(crm, ivan, anna, "Do you have bicycles?")
    assert card.labels == ["↩️ Reopen"]
    before = len(ivan.chat(crm.shop))
    press = await anna.presses(card, "Reopen")
    assert await press.answer() == "#1 is open again, and yours."
    await crm.settled()
    assert len(ivan.chat(crm.shop)) == before  # the client is told nothing
    assert "🟢" in now(anna, card).text
    assert now(anna, card).labels == ["✔️ Close", "⋯"]
    assert await value(crm, "SELECT current_leads FROM operators") == 1

    await ivan.says("And skis?")
    await anna.sees("And skis?")
    await anna.replies(now(anna, card), "Both.")
    await ivan.sees("Both.")
    assert await count(crm, "contacts") == 1
    await anna.presses(now(anna, card), "Close")
    await crm.settled()
    assert told(ivan, "Request #1 is closed") == 2
    assert await value(crm, "SELECT current_leads FROM operators") == 0
    await crm.db.read(check_loads)
    await crm.db.read(check_states)


@pytest.mark.fault("F148")
async def test_operator_writes_first_to_a_client_of_long_ago(crm: RunningApp, clock: MovableClock) -> None:
    anna, boris, ivan = await crm.operator("Anna"), await crm.operator("Boris", weight=0), crm.client("Ivan")
    await closed_card(crm, ivan, anna, "Do you have bicycles?")
    clock.forward(days=200)
    await crm.app.schedule.run("purge")
    refused = await types(crm, boris, "#1 We have bicycles")
    assert refused.text.startswith("#1 is not one of your requests here, so this was not sent.")

    held = await types(crm, anna, "#1 We have bicycles now")
    assert (held.text, held.labels) == ("#1 is closed, so this was not sent.", ["↩️ Reopen and send"])
    await anna.presses(held, "Reopen and send")
    await ivan.sees("We have bicycles now")
    await crm.settled()
    await anna.presses(await anna.sees("🟢 In progress", bot=crm.shop), "Close")
    await crm.settled()

    clock.forward(days=200)
    await crm.app.schedule.run("purge")
    said = await types(crm, anna, "/history #1")
    assert "We have bicycles now" in said.text
    await anna.presses(said, "Card")
    card = await anna.sees("✔️ #1 Ivan", after=said)
    await anna.presses(card, "Reopen")
    await anna.sees("🟢 In progress", after=said)
    await anna.replies(now(anna, card), "And skis")
    await ivan.sees("And skis")
    assert await count(crm, "contacts") == 1


async def test_history_offers_a_card_only_to_whose_it_is(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await anna.sees("Hello")
    assert (await types(crm, crm.olga, "/history #1")).labels == []
    assert (await types(crm, anna, "/history #1")).labels == ["📇 Card"]


@pytest.mark.postgres_too
@pytest.mark.fault("F148")
async def test_reopening_exceeds_the_limit_and_counts_in_the_load(crm: RunningApp) -> None:
    anna, ivan, maria, oleg = await crm.operator("Anna", limit=1), crm.client(), crm.client("Maria"), crm.client("Oleg")
    card = await closed_card(crm, ivan, anna, "Ivan asks")
    await maria.says("Maria asks", to=crm.shop)
    await anna.sees("Maria asks")
    await anna.presses(card, "Reopen")
    await crm.settled()
    assert await value(crm, "SELECT current_leads FROM operators") == 2
    await oleg.says("Oleg asks", to=crm.shop)
    await oleg.sees("queue")
    await anna.presses(now(anna, card), "Close")
    await crm.settled()
    assert await value(crm, "SELECT status FROM contacts WHERE id = 3") == "new"
    assert await value(crm, "SELECT operator_id FROM contacts WHERE id = 3") is None  # still at the limit
    await crm.db.read(check_loads)


@pytest.mark.postgres_too
@pytest.mark.fault("F148")
async def test_repeated_and_old_presses_of_reopen_take_effect_once(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    card = await closed_card(crm, ivan, anna, "Hello")
    presses = [await anna.presses(card, "Reopen", stale=True) for _ in range(3)]
    answers = [await press.answer() for press in presses]
    assert answers == ["#1 is open again, and yours.", *["#1 is already yours."] * 2]
    await crm.settled()
    await anna.presses(now(anna, card), "Close")
    await crm.settled()
    press = await anna.presses(card, "Reopen", stale=True)  # of the earlier closing
    assert "out of date" in str(await press.answer())
    assert await count(crm, "events", "kind = 'contact_reopened'") == 1
    assert await value(crm, "SELECT current_leads FROM operators") == 0


@pytest.mark.postgres_too
@pytest.mark.fault("F148")
async def test_only_the_operator_who_had_it_reopens_a_contact(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("Hello", to=crm.shop)
    old = await anna.sees("Hello")
    await crm.settled()
    boris = await crm.operator("Boris")
    await give(crm, 1, boris)
    card = await boris.sees("Hello")
    await crm.settled()
    await closes(boris, card)
    await crm.settled()
    assert now(anna, old).labels == []
    version = await value(crm, "SELECT version FROM contacts")
    press = await anna.presses_forged(crm.shop, f"reopen:1:{version}", message=old)
    assert await press.answer() == "#1 is with Boris."
    press = await ivan.presses_forged(crm.shop, f"reopen:1:{version}", message=1)
    await press.answer()
    await crm.settled()
    assert await value(crm, "SELECT status FROM contacts") == "closed"
    await boris.presses(now(boris, card), "Reopen")
    await crm.settled()
    assert await value(crm, "SELECT status FROM contacts") == "in_progress"


@pytest.mark.fault("F149")
async def test_contact_whose_client_has_a_newer_one_is_not_reopened(crm: RunningApp) -> None:
    await every_message_opens(crm)
    anna, ivan = await crm.operator("Anna"), crm.client()
    card = await closed_card(crm, ivan, anna, "The first")
    await ivan.says("The second")
    await anna.sees("The second")
    press = await anna.presses(card, "Reopen")
    assert await press.answer() == "#1 is closed, and the client has a newer request with you: #2. Reply there."
    await crm.settled()
    await give(crm, 2, await crm.operator("Boris"))
    press = await anna.presses(card, "Reopen")
    assert await press.answer() == "#1 is closed, and the client has a newer request: #2, with Boris."
    assert await value(crm, "SELECT status FROM contacts WHERE id = 1") == "closed"


@pytest.mark.postgres_too
@pytest.mark.fault("F149")
async def test_reopening_beside_a_new_message_leaves_one_open_contact(crm: RunningApp) -> None:
    """Anna reopens while the client writes: whoever is first, the client has one open contact, and all words."""
    anna = await crm.operator("Anna", limit=50)
    for number in range(1, 7):
        ivan = crm.client(f"Ivan {number}")
        card = await closed_card(crm, ivan, anna, f"question of {number}")
        await asyncio.gather(anna.presses(card, "Reopen"), ivan.says(f"one more of {number}"))
        await anna.sees(f"one more of {number}")
        await crm.settled()
        await crm.db.read(check_one_open_contact_each)
        await crm.db.read(check_loads)
    assert await count(crm, "contacts", "status <> 'closed'") == 6


@pytest.mark.fault("F148")
async def test_words_after_reopening_join_the_contact_of_a_link(crm: RunningApp) -> None:
    """Closing ends the booking of a source link; reopening must bring it back, or the answer opens another contact."""
    anna = await crm.operator("Anna")
    await link(crm, "vk", "VK ads", anna)
    ivan = crm.client("Ivan")
    await ivan.starts(crm.shop, "src_vk")
    await crm.settled()
    card = await closed_card(crm, ivan, anna, "By the link")
    await anna.presses(card, "Reopen")
    await crm.settled()
    await ivan.says("Still about the link")
    await anna.sees("Still about the link")
    assert await count(crm, "contacts") == 1


@pytest.mark.fault("F148")
async def test_reopening_leaves_statistics_exact(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    card = await closed_card(crm, ivan, anna, "Never taken")
    await crm.db.write(statistics.fold)
    await anna.presses(card, "Reopen")
    await crm.settled()
    await anna.replies(now(anna, card), "Here I am")
    await ivan.sees("Here I am")
    await crm.settled()
    plain = await crm.db.read(recounted, zone="UTC")
    totals = await crm.db.read(statistics.overview, since=None)
    assert dict(plain.opened) == {1: 1}
    assert plain.moves[1, await operator_id(crm, anna)] == [1, 0, 0, 0]
    assert {kind: len(took) for kind, took in plain.lengths.items()} == {
        "contact_assigned": 1,
        "contact_taken": 1,
        "replied": 1,
    }
    for of in (totals.to_assignment, totals.to_take, totals.to_reply):
        assert of.count == 1
    await crm.db.read(check_states)


@pytest.mark.postgres_too
@pytest.mark.fault("F148")
async def test_operator_without_a_card_in_their_chat_gets_one_when_it_is_reopened(crm: RunningApp) -> None:
    """The card was never delivered, as the contact was closed before: then it comes, with all that was said."""
    anna, ivan = await crm.operator("Anna"), crm.client()
    card = await closed_card(crm, ivan, anna, "Hello")
    await crm.db.write(lambda s: s.execute(text("DELETE FROM posted WHERE is_card")))
    await anna.presses(card, "Reopen")
    await crm.settled()
    again = await anna.sees("Hello", after=card)
    assert again.labels == ["✔️ Close", "⋯"]


@pytest.mark.postgres_too
@pytest.mark.fault("F148", "F153")
@pytest.mark.parametrize("is_answered", [False, True], ids=["copies", "talk"])
async def test_reopening_before_late_words_arrive_sends_each_word_once(
    crm: RunningApp, clock: MovableClock, is_answered: bool
) -> None:
    """Anna's chat takes nothing: of the closed request she has neither the card, nor what came after it."""
    anna, ivan = await crm.operator("Anna"), crm.client()
    crm.sandbox.fail(kind="flood", retry_after=60, method="sendMessage", chat=anna)
    for words in ("Hello", "And skis?"):
        await ivan.says(words, to=crm.shop)
    await until(crm, "SELECT count(*) FROM messages", 2)
    await until(crm, "SELECT count(*) FROM outbox WHERE outcome = 'flood_wait'", 1)
    act: dict[str, Any] = {"actor": telegram(anna.id), "now": crm.clock()}
    if is_answered:
        await crm.db.write(sending_to_client.reply_via_api, contact_id=1, text="Both.", operator_id=1, **act)
    await crm.db.write(lifecycle.close, contact_id=1, version=None, rng=random.random, **act)
    await ivan.says("Thank you!")
    await until(crm, "SELECT count(*) FROM messages WHERE author = 'client'", 3)
    await crm.db.write(reopening.reopen, contact_id=1, version=None, **act)
    clock.forward(seconds=61)
    await crm.app.supervisor.look_again()
    await anna.sees("Thank you!", bot=crm.shop)
    await crm.settled()
    assert [told(anna, words) for words in ("Hello", "And skis?", "Thank you!")] == [1, 1, 1]
    assert told(anna, "further message") == 0  # of none it is said that it did not come


@pytest.mark.fault("F148")
async def test_contact_of_a_removed_operator_stays_closed(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    card = await closed_card(crm, ivan, anna, "Hello")
    await remove(crm, anna)
    press = await anna.presses(card, "Reopen", stale=True)
    await press.answer()
    await crm.settled()
    assert await value(crm, "SELECT status FROM contacts WHERE id = 1") == "closed"
