"""A request is handed on with a note: to a colleague, or to the queue of another source."""

import random
from typing import Any

import pytest
from sqlalchemy import text

from bot.sandbox import Person, Sandbox, SeenMessage
from crm_core.access.actors import SYSTEM
from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.routing import new_sources
from crm_core.statistics.recount import differences
from tests.stories.operators.test_giving_back import asks, card
from tests.stories.steering import presses, types
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp


async def refunds(crm: RunningApp, *names: str, skills: dict[str, int | None] | None = None) -> int:
    """Another source, where these operators work. Returns its id."""
    now = crm.clock()
    source_id: int = await crm.db.write(new_sources.add, name="Refunds", description=None, actor=SYSTEM, now=now)
    for name in names:
        await types(crm, crm.olga, f"/assign Refunds {name} 10")
    if skills:
        await types(crm, crm.olga, "/sources skills Refunds " + ", ".join(skills))
    return source_id


async def value(crm: RunningApp, statement: str) -> Any:
    return await crm.db.read(lambda s: s.execute(text(statement)).scalar_one())


def last(who: Person, crm: RunningApp) -> SeenMessage:
    return [seen for seen in who.chat(crm.shop) if seen.sender != who.id][-1]


@pytest.mark.fault("F200")
async def test_operator_hands_a_request_on_with_a_note(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=30)
    ivan = await asks(crm)
    boris = await crm.operator("Boris", weight=10)
    await presses(crm, anna, card(anna, crm), "✋ Take")
    answer = await types(crm, anna, "/transfer #1 Boris The client asks for a refund", to=crm.shop)
    assert answer.text == "#1 is now with Boris."
    assert "📝 Anna: The client asks for a refund" in card(boris, crm).text
    assert card(boris, crm).labels == ["✋ Take", "✔️ Close", "⋯"]
    dead = next(seen for seen in anna.chat(crm.shop) if "↪️" in seen.text)
    assert (dead.text, dead.labels) == ("#1 · shop_bot\n↪️ Now with Boris", [])
    assert [seen.text for seen in ivan.chat(crm.shop)].count("Boris will answer you.") == 1
    await ivan.says("And a bell?", to=crm.shop)
    await boris.sees("And a bell?", bot=crm.shop)
    assert "→ Boris: handed on from Anna" in (await types(crm, crm.olga, "/why 1")).text
    assert (await types(crm, anna, "/transfer #1 Boris", to=crm.shop)).text == "#1 is with Boris."


@pytest.mark.parametrize("to", ["to Boris", "в Boris", "к Boris"])
async def test_colleague_is_named_behind_a_preposition_like_a_source(crm: RunningApp, to: str) -> None:
    anna = await crm.operator("Anna", weight=30)
    await asks(crm)
    boris = await crm.operator("Boris", weight=10)
    answer = await types(crm, anna, f"/transfer #1 {to} A refund", to=crm.shop)
    assert answer.text == "#1 is now with Boris."
    assert "📝 Anna: A refund" in card(boris, crm).text


async def test_note_that_is_too_long_says_how_long_it_may_be(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=30)
    await asks(crm)
    await crm.operator("Boris", weight=10)
    for command in ("/transfer #1 Boris", "/return #1"):
        answer = await types(crm, anna, f"{command} {'x' * 501}", to=crm.shop)
        assert answer.text == "Please use at most 500 characters."


async def test_card_leads_to_a_colleague_and_asks_for_a_note(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=30)
    await asks(crm)
    boris = await crm.operator("Boris", weight=10, limit=5)
    await types(crm, crm.olga, "/operators add Clara")
    menu = await presses(crm, anna, card(anna, crm), "⋯")
    assert menu.labels == ["❓ Why me?", "📤 Give back", "↪️ Transfer", "⏰ Snooze", "◀️ Back"]
    await (await anna.presses(menu, "↪️ Transfer")).answer()
    screen = await anna.sees("Who should get it?", bot=crm.shop)
    assert screen.labels == ["🟢 Boris 0/5", "📇 Card"]
    screen = await presses(crm, anna, screen, "🟢 Boris 0/5")
    assert screen.text == "Write a note to #1 for whoever gets it next. The client does not see it."
    assert screen.labels == ["✅ No note", "✖️ Cancel"]
    assert (await types(crm, anna, "Wants a refund", to=crm.shop)).text == "#1 is now with Boris."
    assert "📝 Anna: Wants a refund" in card(boris, crm).text


async def test_request_is_handed_on_without_a_note(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=30, language="ru")
    await asks(crm)
    boris = await crm.operator("Boris", weight=10)
    menu = await presses(crm, anna, card(anna, crm), "⋯")
    await (await anna.presses(menu, "↪️ Передать")).answer()
    await crm.settled()
    screen = last(anna, crm)
    screen = await presses(crm, anna, screen, "🟢 Boris 0/10")
    screen = await presses(crm, anna, screen, "✅ Без заметки")
    assert "Boris" in screen.text
    assert "📝" not in card(boris, crm).text
    assert all(len(one) <= 20 for one in menu.labels + screen.labels)


async def test_absent_colleague_needs_a_second_press_which_keeps_the_note(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=30)
    await asks(crm)
    boris = await crm.operator("Boris", weight=10)
    await types(crm, boris, "/offline", to=crm.shop)
    question = await types(crm, anna, "/transfer #1 Boris Wants a refund", to=crm.shop)
    assert question.labels == ["Transfer anyway", "◀️ No"]
    back = await presses(crm, anna, question, "◀️ No")
    assert back.labels == ["⚪️ Boris 0/10", "📇 Card"]
    screen = await presses(crm, anna, back, "⚪️ Boris 0/10")
    assert screen.labels == ["✅ No note", "✖️ Cancel"]
    question = await types(crm, anna, "Wants a refund", to=crm.shop)
    done = await presses(crm, anna, question, "Transfer anyway")
    assert done.text == "#1 is now with Boris."
    assert "📝 Anna: Wants a refund" in card(boris, crm).text


async def test_only_whoever_holds_a_request_hands_it_on(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=30)
    await asks(crm)
    boris = await crm.operator("Boris", weight=10)
    assert (await types(crm, boris, "/transfer #1 Boris", to=crm.shop)).text == "#1 is with Anna."
    for line in ("Nobody", "to nowhere", "в магазин"):  # who is no admin has no /operators to look it up
        again = await types(crm, anna, f"/transfer #1 {line}", to=crm.shop)
        assert again.text.startswith(f"There is no “{line.split()[-1]}”.")
        assert any("Boris" in label for label in again.labels)
    choice = await types(crm, anna, "/transfer", to=crm.shop)
    assert "/transfer #42 Anna …" in choice.text
    await (await anna.presses(choice, "↪️ #1 Ivan")).answer()
    await anna.sees("Who should get it?", bot=crm.shop)
    assert (await types(crm, crm.olga, "/transfer")).labels == []
    assert (await types(crm, anna, "/transfer #1 Anna", to=crm.shop)).text == "#1 is already with Anna."
    assert (await types(crm, crm.olga, "/transfer #1 Boris Please look")).text == "#1 is now with Boris."
    assert "📝 Please look" in card(boris, crm).text


@pytest.mark.postgres_too
@pytest.mark.fault("F200")
async def test_request_moved_to_another_source_goes_to_who_works_there(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=30)
    ivan = await asks(crm)
    boris = await crm.operator("Boris", weight=10)
    await refunds(crm, "Boris")
    await presses(crm, anna, card(anna, crm), "✋ Take")
    menu = await presses(crm, anna, card(anna, crm), "⋯")
    await (await anna.presses(menu, "↪️ Transfer")).answer()
    await crm.settled()
    screen = last(anna, crm)
    assert screen.labels == ["🟢 Boris 0/10", "📥 To another source", "📇 Card"]
    screen = await presses(crm, anna, screen, "📥 To another source")
    screen = await presses(crm, anna, screen, "📥 Refunds")
    assert (await types(crm, anna, "Wants his money", to=crm.shop)).text == "#1 is at Refunds now, with Boris."
    assert "📥 Refunds" in card(boris, crm).text
    assert "📝 Anna: Wants his money" in card(boris, crm).text
    dead = next(seen for seen in anna.chat(crm.shop) if "↪️ Now" in seen.text)
    assert (dead.text, dead.labels) == ("#1 · Refunds\n↪️ Now with Boris", [])
    assert [seen.text for seen in ivan.chat(crm.shop)].count("Boris will answer you.") == 1
    await ivan.says("When do I get it?", to=crm.shop)
    words = await boris.sees("When do I get it?", bot=crm.shop)
    await presses(crm, boris, card(boris, crm), "✋ Take")
    await boris.replies(words, "Tomorrow")
    await ivan.sees("Tomorrow", bot=crm.shop)
    why = (await types(crm, crm.olga, "/why 1")).text
    assert "back from Anna to the queue: it was moved to another source" in why
    assert "moved to the queue of Refunds" in why
    assert await value(crm, "SELECT count(*) FROM contacts") == 1
    assert await crm.db.read(differences) == []


async def test_moved_request_waits_for_the_skills_of_its_new_source(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=30)
    ivan = await asks(crm)
    boris = await crm.operator("Boris", weight=10)
    await refunds(crm, "Anna", "Boris", skills={"money": None})
    answer = await types(crm, anna, "/transfer #1 to Refunds Please", to=crm.shop)
    assert answer.text == "#1 waits in the queue of Refunds now."
    assert "#1 Ivan · Refunds" in (await types(crm, crm.olga, "/queue")).text
    await ivan.says("Hello?", to=crm.shop)
    await crm.settled()
    assert await value(crm, "SELECT count(*) FROM contacts") == 1
    await types(crm, crm.olga, "/operators skills Boris money")
    assert "📝 Anna: Please" in card(boris, crm).text
    await boris.sees("Hello?", bot=crm.shop)


@pytest.mark.postgres_too
async def test_client_opens_a_new_request_once_the_moved_one_is_closed(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=30)
    ivan = await asks(crm)
    await types(crm, crm.olga, "/sources late shop_bot 0")
    await refunds(crm, "Anna")
    await types(crm, crm.olga, "/sources late Refunds 0")
    await anna.says("/transfer #1 to Refunds", to=crm.shop)
    await anna.sees("#1 is at Refunds now, with Anna.", bot=crm.shop)
    await crm.settled()
    await presses(crm, anna, card(anna, crm), "✋ Take")
    await presses(crm, anna, card(anna, crm), "✔️ Close")
    await ivan.says("One more thing", to=crm.shop)
    await anna.sees("One more thing", bot=crm.shop)
    assert await value(crm, "SELECT source_id FROM contacts WHERE id = 2") == await crm.source_id(crm.shop)
    await crm.settled()
    refused = await types(crm, anna, "/transfer #2 to shop_bot", to=crm.shop)
    assert refused.text == "#2 is at shop_bot already."


@pytest.mark.postgres_too
async def test_client_of_a_link_comes_back_to_the_moved_request(crm: RunningApp) -> None:
    """While one that was moved is open, another one of a link comes and goes."""
    anna = await crm.operator("Anna", weight=30)
    ivan = await asks(crm)
    await refunds(crm, "Anna")
    await types(crm, crm.olga, "/sources link vk VK")
    await types(crm, crm.olga, "/assign VK Anna 10")
    await types(crm, anna, "/transfer #1 to Refunds", to=crm.shop)
    await ivan.starts(crm.shop, "src_vk")
    await ivan.says("Something else", to=crm.shop)
    other = await anna.sees("Something else", bot=crm.shop)
    refused = await types(crm, crm.olga, "/transfer #2 to Refunds")
    assert refused.text == "The client has another open request at Refunds: #1."
    other = await presses(crm, anna, other, "✋ Take")
    await presses(crm, anna, other, "✔️ Close")
    await ivan.says("Back to the first one", to=crm.shop)
    await crm.settled()
    assert await value(crm, "SELECT contact_id FROM messages WHERE text = 'Back to the first one'") == 1


@pytest.mark.postgres_too
async def test_moved_request_is_opened_again_where_it_was(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=30)
    ivan = await asks(crm)
    source_id = await refunds(crm, "Anna")
    await types(crm, anna, "/transfer #1 to Refunds", to=crm.shop)
    await presses(crm, anna, card(anna, crm), "✋ Take")
    closed = await presses(crm, anna, card(anna, crm), "✔️ Close")
    await presses(crm, anna, closed, "↩️ Reopen")
    await ivan.says("Here I am again", to=crm.shop)
    await anna.sees("Here I am again", bot=crm.shop)
    assert await value(crm, "SELECT count(*) FROM contacts") == 1
    assert await value(crm, "SELECT source_id FROM chats") == source_id


async def test_request_moved_to_another_bot_stays_with_the_bot_of_its_client(
    sandbox: Sandbox, database_url: str
) -> None:
    async with await RunningApp.open(sandbox, database_url, tokens={TOKEN: "shop_bot", SECOND_TOKEN: "spa_bot"}) as crm:
        shop, spa = crm.bots
        anna = await crm.operator("Anna", weight=30)
        ivan = await asks(crm)
        clara = await crm.operator("Clara", bots=[spa])
        boris = await crm.operator("Boris", bots=[spa, shop], weight=1)
        await types(crm, crm.olga, "/assign shop_bot Boris 0")
        await types(crm, anna, "/transfer #1 to spa_bot They want a massage", to=shop)
        seen = await boris.sees("They want a massage", bot=shop)
        assert "📥 spa_bot" in seen.text
        assert clara.looks("#1") is None
        await ivan.says("At six", to=shop)
        words = await boris.sees("At six", bot=shop)
        await boris.replies(words, "Fine")
        await ivan.sees("Fine", bot=shop)
        await ivan.says("Are you open?", to=spa)
        await crm.settled()
        assert await crm.db.read(lambda s: s.execute(text("SELECT count(*) FROM contacts")).scalar_one()) == 2


@pytest.mark.postgres_too
@pytest.mark.fault("F253")
async def test_moved_request_does_not_wait_behind_one_that_reaches_nobody(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url, tokens={TOKEN: "shop_bot", SECOND_TOKEN: "spa_bot"}) as crm:
        shop, _spa = crm.bots
        anna = await crm.operator("Anna", bots=[shop])
        boris = await crm.operator("Boris", bots=[shop], weight=1)
        await types(crm, crm.olga, "/assign shop_bot Boris 0")
        await types(crm, crm.olga, "/assign spa_bot Boris 1")
        spa_source = await value(crm, "SELECT id FROM sources WHERE name = 'spa_bot'")
        lead = LeadFacts(external_id="crm-1")
        waits = await crm.db.write(  # its card would come from a bot that Boris has not started
            lifecycle.register, source_id=spa_source, lead=lead, now=crm.clock(), rng=random.random
        )
        assert await value(crm, f"SELECT operator_id FROM contacts WHERE id = {waits.id}") is None  # noqa: S608
        await asks(crm)
        await types(crm, anna, "/transfer #2 to spa_bot They want a massage", to=shop)
        await boris.sees("They want a massage", bot=shop)
