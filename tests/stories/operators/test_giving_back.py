"""Giving a request back: it goes to somebody else, with a note, and comes back only where nobody else is there."""

from bot.sandbox import Person, SeenMessage
from tests.stories.steering import presses, types
from tests.support.people import RunningApp


def card(who: Person, crm: RunningApp) -> SeenMessage:
    return next(
        seen
        for seen in reversed(who.chat(crm.shop))
        if seen.text.startswith(("#1 Ivan", "#1 ·")) and seen.sender != who.id
    )


async def asks(crm: RunningApp) -> Person:
    """Ivan's request, which Anna takes and answers."""
    ivan = crm.client("Ivan")
    await ivan.says("Do you have bicycles?", to=crm.shop)
    await crm.settled()
    return ivan


async def test_request_given_back_by_its_card_goes_to_somebody_else(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=30)
    ivan = await asks(crm)
    boris = await crm.operator("Boris", weight=10)
    await presses(crm, anna, card(anna, crm), "✋ Take")
    menu = await presses(crm, anna, card(anna, crm), "⋯")
    assert menu.labels == ["❓ Why me?", "📤 Give back", "↪️ Transfer", "⏰ Snooze", "◀️ Back"]
    assert menu.text.endswith("To give it back with a note for whoever gets it next: /return #1 …")
    menu = await presses(crm, anna, menu, "◀️ Back")
    assert menu.labels == ["✔️ Close", "⋯"]
    menu = await presses(crm, anna, menu, "⋯")
    given = await presses(crm, anna, menu, "📤 Give back")
    assert given.text == "#1 · shop_bot\n↪️ Now with Boris"
    assert "👥 Anna had it before you" in card(boris, crm).text
    assert ivan.chat(crm.shop)[-1].text == "Boris will answer you."
    assert "back from Anna to the queue: has given it back" in (await types(crm, crm.olga, "/why 1")).text


async def test_note_is_on_the_card_of_who_gets_it_next(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=30)
    await asks(crm)
    boris = await crm.operator("Boris", weight=10)
    answer = await types(crm, anna, "/return #1 They want to speak German.", to=crm.shop)
    assert answer.text == "#1 is with somebody else now."
    assert "📝 Anna: They want to speak German." in card(boris, crm).text
    answer = await types(crm, boris, "/return", to=crm.shop)
    assert "/return #42 …" in answer.text
    assert answer.labels == ["📤 #1 Ivan"]
    answer = await types(crm, anna, "/return #1", to=crm.shop)
    assert answer.text == "#1 is with Boris."
    answer = await types(crm, anna, "/return", to=crm.shop)
    assert answer.labels == []


async def test_request_is_chosen_that_is_to_be_given_back(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=30)
    await asks(crm)
    boris = await crm.operator("Boris", weight=10)
    choice = await types(crm, anna, "/return", to=crm.shop)
    assert await (await anna.presses(choice, "📤 #1 Ivan")).answer() == "#1 is with somebody else now."
    await crm.settled()
    assert card(boris, crm).labels == ["✋ Take", "✔️ Close", "⋯"]


async def test_request_given_back_waits_while_others_are_busy(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=30)
    await asks(crm)
    boris = await crm.operator("Boris", weight=10, limit=0)
    answer = await types(crm, anna, "/return #1", to=crm.shop)
    assert answer.text == "#1 is back in the queue. Nobody else can take it now."
    assert "Anna (has given it back)" not in card(anna, crm).text
    await types(crm, crm.olga, "/operators limit Boris 3")
    assert card(boris, crm).labels == ["✋ Take", "✔️ Close", "⋯"]


async def test_request_given_back_returns_where_nobody_else_is_there(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await asks(crm)
    await anna.says("/return #1 I have no time", to=crm.shop)
    await anna.sees("Nobody else is there, so #1 stays yours.", bot=crm.shop)
    assert card(anna, crm).labels == ["✋ Take", "✔️ Close", "⋯"]


async def test_card_says_why_a_request_came_to_its_operator(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await asks(crm)
    menu = await presses(crm, anna, card(anna, crm), "⋯")
    await (await anna.presses(menu, "❓ Why me?")).answer()
    await crm.settled()
    assert "→ Anna: at random, by weight" in anna.chat(crm.shop)[-1].text
