"""Reactions in a team's forum: those of whoever has the request go to its client, and the client's come back."""

import pytest

from bot.sandbox import Person
from bot.sandbox.people.people import GroupHandle
from bot.sandbox.people.seen import SeenMessage
from tests.stories.arranging import count, give, now
from tests.stories.clients.test_albums import THREE
from tests.stories.operators.test_forum import holding, only_topic, two_in_one_message, with_two_forums, written
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


def line(crm: RunningApp, group: GroupHandle, text: str) -> SeenMessage:
    """The message of the bot in a topic that ends so."""
    return next(one for one in reversed(written(crm, group)) if one.text.endswith(text))


def own(crm: RunningApp, who: Person, text: str) -> SeenMessage:
    """A message in somebody's chat with the shop, as it is now."""
    return next(one for one in who.chat(crm.shop) if one.text == text)


@pytest.mark.fault("F257")
async def test_reaction_of_the_holder_in_a_topic_shows_at_the_client(crm: RunningApp) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    await ivan.says("Thank you")
    await crm.settled()
    await anna.reacts(line(crm, group, "Ivan: Hello"), "👍")
    await anna.reacts(line(crm, group, "Ivan: Thank you"), "🔥")
    await crm.settled()
    assert own(crm, ivan, "Hello").reactions == ["👍"]
    assert own(crm, ivan, "Thank you").reactions == ["🔥"]
    await anna.reacts(line(crm, group, "Ivan: Thank you"), "❤")
    await anna.reacts(line(crm, group, "Ivan: Hello"), None)
    await crm.settled()
    assert own(crm, ivan, "Hello").reactions == []
    assert own(crm, ivan, "Thank you").reactions == ["❤"]


@pytest.mark.fault("F257")
async def test_holder_reacts_to_words_of_their_own_and_to_one_of_an_album(crm: RunningApp) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    words = await anna.says("It is 300", to=group, thread=only_topic(crm, group))
    await ivan.sees("It is 300")
    photos = await ivan.sends_all(THREE)
    await crm.settled()
    await anna.reacts(words, "🎉")
    await anna.reacts(written(crm, group)[-2], "👍")
    await crm.settled()
    assert own(crm, ivan, "It is 300").reactions == ["🎉"]
    assert [now(ivan, one).reactions for one in photos] == [[], ["👍"], []]


@pytest.mark.fault("F257")
async def test_reaction_of_a_reader_of_a_forum_stays_there(crm: RunningApp) -> None:
    anna, boris, ivan, group, card = await holding(crm)
    hello = line(crm, group, "Ivan: Hello")
    await boris.reacts(hello, "👎")
    await crm.olga.reacts(hello, "👎")
    await anna.presses(card, "Take")
    await give(crm, 1, boris)
    await crm.settled()
    await anna.reacts(hello, "👎")
    talk = await anna.says("What a pest", to=group, thread=only_topic(crm, group))
    await boris.reacts(talk, "😁")
    await crm.settled()
    assert own(crm, ivan, "Hello").reactions == []
    assert await count(crm, "outbox", "kind = 'reaction'") == 0
    await boris.reacts(hello, "👍")
    await crm.settled()
    assert own(crm, ivan, "Hello").reactions == ["👍"]


@pytest.mark.postgres_too
@pytest.mark.fault("F257")
async def test_reaction_where_one_message_shows_several_goes_nowhere(crm: RunningApp, clock: MovableClock) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    await two_in_one_message(crm, clock, anna, ivan, group)
    await anna.reacts(line(crm, group, "Ivan: Two"), "👍")
    await crm.settled()
    assert await count(crm, "outbox", "kind = 'reaction'") == 0


@pytest.mark.fault("F257")
async def test_reaction_in_a_forum_that_is_over_for_its_request_stays_there(crm: RunningApp) -> None:
    anna, ivan, group, other, _ = await with_two_forums(crm)
    hello = line(crm, group, "Ivan: Hello")
    await anna.says("/transfer #1 to Refunds", to=crm.shop)
    await crm.settled()
    await give(crm, 1, anna)
    await crm.settled()
    await anna.reacts(hello, "👍")
    await crm.settled()
    assert own(crm, ivan, "Hello").reactions == []
    await anna.reacts(line(crm, other, "Ivan: Hello"), "❤")
    await crm.settled()
    assert own(crm, ivan, "Hello").reactions == ["❤"]
    await crm.olga.says("/forum off", to=other)
    await crm.settled()
    await anna.reacts(line(crm, other, "Ivan: Hello"), "👎")
    await crm.settled()
    assert own(crm, ivan, "Hello").reactions == ["❤"]


@pytest.mark.fault("F257")
async def test_clients_reaction_shows_in_the_topic_though_nobody_has_the_request(crm: RunningApp) -> None:
    anna, _, ivan, group, card = await holding(crm)
    await anna.presses(card, "Take")
    words = await anna.says("It is 300", to=group, thread=only_topic(crm, group))
    answer = await ivan.sees("It is 300")
    await anna.says("/offline", to=crm.shop)
    await anna.says("/return #1", to=crm.shop)
    await crm.settled()
    assert await count(crm, "contacts", "operator_id IS NULL") == 1
    await ivan.reacts(answer, "👍")
    await crm.settled()
    assert next(one for one in anna.chat(group) if one.id == words.id).reactions == ["👍"]


@pytest.mark.postgres_too
@pytest.mark.fault("F257")
async def test_reactions_that_follow_one_another_end_as_the_last_one(crm: RunningApp) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    hello = line(crm, group, "Ivan: Hello")
    for emoji in ("👍", "🔥", None, "👎", "❤"):
        await anna.reacts(hello, emoji)
    await crm.settled()
    assert own(crm, ivan, "Hello").reactions == ["❤"]
