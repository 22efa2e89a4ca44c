"""Topics: an operator who wants it has one for each request in their chat, and nothing is routed by it."""

import random
from collections.abc import Collection

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from bot.sandbox import Person, Sandbox, SeenMessage
from bot.sandbox.world import content
from crm_core.access.actors import SYSTEM
from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.conversation import topics
from crm_core.messaging.messages import MessageContent
from crm_core.team import departure
from tests.stories.arranging import ask, count, give, now, operator_id, told, until, value
from tests.stories.clients.test_albums import THREE
from tests.stories.steering import types
from tests.support.clock import MovableClock
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp

CREATE, EDIT = "createForumTopic", "editForumTopic"


async def with_topics(crm: RunningApp, name: str = "Anna") -> Person:
    """An operator who has switched topics on, of a bot that has them."""
    crm.sandbox.set_topics(crm.shop)
    person = await crm.operator(name)
    await person.says("/topics", to=crm.shop)
    await person.sees("Topics are on")
    return person


async def asks(crm: RunningApp, name: str, operator: Person) -> tuple[Person, SeenMessage]:
    """A new client, whose request has come to an operator; and the card."""
    client = crm.client(name)
    return client, await ask(crm, client, operator, f"{name} asks")


def shown(person: Person, crm: RunningApp) -> list[SeenMessage]:
    """What the bot has written to somebody about requests: all but the answers to /topics."""
    seen = [one for one in person.chat(crm.shop) if one.sender == crm.shop.id and one.kind != "service"]
    return [one for one in seen if "opics are" not in one.text]


def calls(crm: RunningApp, method: str) -> int:
    """How often a method was called."""
    return int(crm.sandbox.stats()["bots"][str(crm.shop.id)]["calls"].get(method, 0))


# --- the setting ------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F221")
async def test_bot_without_topics_says_so_and_nothing_changes(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await anna.says("/topics", to=crm.shop)
    assert "This bot has no topics" in (await anna.sees()).text
    crm.sandbox.set_topics(crm.shop)
    await asks(crm, "Ivan", anna)
    assert anna.topics(crm.shop) == {}
    assert calls(crm, CREATE) == 0


@pytest.mark.postgres_too
async def test_topics_are_switched_on_and_off_also_where_the_bot_has_none_now(crm: RunningApp) -> None:
    anna = await with_topics(crm)
    crm.sandbox.set_topics(crm.shop, enabled=False)
    await anna.says("/topics")
    await anna.sees("Topics are off")
    await anna.says("/topics")
    await anna.sees("This bot has no topics")
    await crm.settled()
    assert await count(crm, "staff", "has_topics") == 0


async def test_topics_are_switched_on_while_telegram_does_not_say_if_there_are_any(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    crm.sandbox.fail(kind="http_500", method="getMe", times=9)
    await anna.says("/topics", to=crm.shop)
    await anna.sees("Topics are on")
    await asks(crm, "Ivan", anna)
    assert [one.thread for one in shown(anna, crm)] == [None]


async def test_chat_without_topics_costs_no_look_for_any(crm: RunningApp, monkeypatch: pytest.MonkeyPatch) -> None:
    anna, boris = await crm.operator("Anna"), await with_topics(crm, "Boris")
    looks, original = [], topics.of_contacts

    def look(s: Session, contact_ids: Collection[int]) -> dict[topics.Place, topics.ShownTopic]:
        looks.append(set(contact_ids))
        return original(s, contact_ids)

    monkeypatch.setattr(topics, "of_contacts", look)
    await crm.weight(2, 0)
    ivan, _ = await asks(crm, "Ivan", anna)
    await ivan.says("More of Ivan")
    await anna.sees("More of Ivan")
    await crm.settled()
    assert looks == []
    await give(crm, 1, boris)
    await boris.sees("Ivan asks")
    assert looks[0] == {1}


# --- what stands in a topic -------------------------------------------------------------------------------------------


@pytest.mark.fault("F39")
async def test_all_of_a_request_stands_in_its_topic(crm: RunningApp) -> None:
    anna = await with_topics(crm)
    ivan, card = await asks(crm, "Ivan", anna)
    [topic] = anna.topics(crm.shop)
    assert anna.topics(crm.shop) == {topic: "#1 Ivan"}
    words = await ivan.says("And another thing")
    await ivan.sends_all(THREE)
    await ivan.sends(content.location(1, 2))
    await crm.settled()
    await ivan.edits(words, "And this")
    await anna.presses(card, "Take")
    await crm.settled()
    seen = shown(anna, crm)
    assert [one.thread for one in seen] == [topic] * len(seen)
    assert sum("media_group_id" in one.raw for one in seen) == 3
    assert next(one for one in seen if one.copied_from == (ivan.id, words.id)).text == "And this"
    assert calls(crm, CREATE) == 1


async def test_each_of_two_requests_has_its_topic_and_other_operators_have_none(crm: RunningApp) -> None:
    anna = await with_topics(crm)
    boris = await crm.operator("Boris", weight=0)
    await asks(crm, "Ivan", anna)
    maria, _ = await asks(crm, "Maria", anna)
    await maria.says("More of Maria")
    await crm.settled()
    first, second = anna.topics(crm.shop)
    assert anna.topics(crm.shop) == {first: "#1 Ivan", second: "#2 Maria"}
    assert [one.thread for one in shown(anna, crm) if "Ivan" in one.text] == [first]
    assert {one.thread for one in shown(anna, crm) if "Maria" in one.text} == {second}
    await give(crm, 1, boris)
    await boris.sees("Ivan asks", bot=crm.shop)
    await crm.settled()
    assert boris.topics(crm.shop) == {}


async def test_long_name_of_a_client_fits_a_topic(crm: RunningApp) -> None:
    anna = await with_topics(crm)
    ivan = crm.client("🦊" * 64)
    await ask(crm, ivan, anna, "Hello")
    [name] = anna.topics(crm.shop).values()
    assert name.startswith("#1 🦊🦊")
    assert len(name.encode("utf-16-le")) // 2 <= 128


# --- nothing is routed by it ------------------------------------------------------------------------------------------


@pytest.mark.fault("F39")
async def test_words_typed_in_a_topic_are_asked_about_there_as_anywhere_else(
    crm: RunningApp,
) -> None:
    anna = await with_topics(crm)
    ivan, _ = await asks(crm, "Ivan", anna)
    maria, _ = await asks(crm, "Maria", anna)
    of_ivan, of_maria = anna.topics(crm.shop)
    await anna.says("It is ready", thread=of_ivan)
    question = await anna.sees("Who is this for?")
    assert question.thread == of_ivan
    assert {ivan.looks("It is ready", bot=crm.shop), maria.looks("It is ready", bot=crm.shop)} == {None}
    await anna.presses(question, "#2")
    await maria.sees("It is ready")
    await anna.says("/history #2", thread=of_ivan)
    assert (await anna.sees("It is ready")).thread == of_ivan
    copy = next(one for one in shown(anna, crm) if "Maria asks" in one.text)
    assert copy.thread == of_maria
    await anna.says("For Maria", reply_to=copy, thread=of_ivan)
    await maria.sees("For Maria")
    await crm.settled()
    assert ivan.looks("For Maria", bot=crm.shop) is None


@pytest.mark.fault("F39")
async def test_service_messages_of_topics_are_nobodys_words(crm: RunningApp) -> None:
    """Of topics that the bot makes it hears itself; people make some, too."""
    anna = await with_topics(crm)
    ivan, _ = await asks(crm, "Ivan", anna)
    for person in (anna, ivan):
        update = {
            "message": {
                "message_id": 900,
                "from": person.user,
                "chat": {"id": person.id, "type": "private", "first_name": person.first_name},
                "date": int(crm.clock().timestamp()),
                "message_thread_id": 900,
                "is_topic_message": True,
                "forum_topic_created": {"name": "Mine", "icon_color": 7322096},
            }
        }
        crm.sandbox.inject_raw(crm.shop, update)
    before = len(anna.chat(crm.shop))
    await crm.settled()
    assert len(anna.chat(crm.shop)) == before
    assert await count(crm, "messages") == 1
    assert await count(crm, "contacts") == 1


# --- without one ------------------------------------------------------------------------------------------------------


REFUSED = {
    "refused": {"kind": "error", "text": "Bad Request: the chat is not a forum"},
    "failing": {"kind": "http_500"},
    "no_answer": {"kind": "silent"},
    "too_many": {"kind": "flood", "retry_after": 600},
}


@pytest.mark.fault("F40", "F221", "F223")
@pytest.mark.parametrize("fault", REFUSED)
async def test_card_comes_without_a_topic_at_once_where_none_can_be_made(
    crm: RunningApp, clock: MovableClock, fault: str
) -> None:
    anna = await with_topics(crm)
    crm.sandbox.fail(method=CREATE, **REFUSED[fault])  # type: ignore[arg-type]
    ivan, card = await asks(crm, "Ivan", anna)
    assert card.thread is None
    await ivan.says("More of Ivan")
    await anna.sees("More of Ivan")
    await crm.settled()
    # Not tried again at once, nor held up: the next card comes without one, too.
    _, other = await asks(crm, "Maria", anna)
    assert other.thread is None
    assert calls(crm, CREATE) == 1
    assert told(anna, "may have arrived twice") == 0
    clock.forward(minutes=11)
    _, later = await asks(crm, "Petra", anna)
    assert later.thread in anna.topics(crm.shop)
    assert [one.thread for one in shown(anna, crm) if "Ivan" in one.text] == [None, None]


@pytest.mark.postgres_too
@pytest.mark.fault("F221")
async def test_deleted_topic_is_forgotten_and_what_was_for_it_arrives_once(crm: RunningApp) -> None:
    anna = await with_topics(crm)
    ivan, _ = await asks(crm, "Ivan", anna)
    [topic] = anna.topics(crm.shop)
    await anna.deletes_topic(topic)
    await ivan.says("More of Ivan")
    assert (await anna.sees("More of Ivan")).thread is None
    await crm.settled()
    assert await count(crm, "topics") == 0
    assert [one.thread for one in shown(anna, crm)] == [None]
    assert await count(crm, "outbox", "ambiguous > 0 OR state <> 'sent'") == 0
    await anna.says("#1")  # its card, with a topic anew
    card = await anna.sees("More of Ivan", after=shown(anna, crm)[-1])
    assert card.thread in anna.topics(crm.shop)


@pytest.mark.fault("F221")
async def test_album_for_a_deleted_topic_arrives_as_one_album(crm: RunningApp) -> None:
    anna = await with_topics(crm)
    ivan, _ = await asks(crm, "Ivan", anna)
    [topic] = anna.topics(crm.shop)
    await anna.deletes_topic(topic)
    await ivan.sends_all(THREE)
    await crm.settled()
    albums = [one.raw.get("media_group_id") for one in shown(anna, crm)]
    assert len(albums) == 3
    assert len(set(albums)) == 1
    assert await count(crm, "topics") == 0


@pytest.mark.fault("F221")
async def test_everything_is_as_without_once_topics_are_switched_off(crm: RunningApp) -> None:
    """By the operator, who may have them again; and by the owner of the bot."""
    anna = await with_topics(crm)
    ivan, _ = await asks(crm, "Ivan", anna)
    [topic] = anna.topics(crm.shop)
    await anna.says("/topics")
    await anna.sees("Topics are off")
    await ivan.says("Without")
    # It replies to the card, and so Telegram shows it there; a new request has no topic.
    assert (await anna.sees("Without")).thread == topic
    maria, card = await asks(crm, "Maria", anna)
    assert card.thread is None
    await anna.says("/topics")
    await anna.sees("Topics are on", after=card)
    await maria.says("Within")
    assert (await anna.sees("Within")).thread is None  # a topic is made with a card
    await ivan.says("Within, too")
    assert (await anna.sees("Within, too")).thread == topic
    crm.sandbox.set_topics(crm.shop, enabled=False)
    await ivan.says("No more")
    assert (await anna.sees("No more")).thread is None
    _, card = await asks(crm, "Petra", anna)
    assert card.thread is None
    assert calls(crm, CREATE) == 2


@pytest.mark.fault("F221")
async def test_older_server_sends_everything_without_topics(crm: RunningApp) -> None:
    anna = await with_topics(crm)
    await asks(crm, "Ivan", anna)
    crm.sandbox.configure(older=True)
    _, card = await asks(crm, "Maria", anna)
    assert card.thread is None
    assert [one for one in shown(anna, crm) if "Maria" in one.text]


# --- the name ---------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F222")
async def test_name_says_that_a_request_is_closed_and_no_longer_once_reopened(crm: RunningApp) -> None:
    anna = await with_topics(crm)
    ivan, card = await asks(crm, "Ivan", anna)
    await anna.presses(card, "Take")
    await anna.presses(now(anna, card), "Close")
    await crm.settled()
    [topic] = anna.topics(crm.shop)
    assert anna.topics(crm.shop) == {topic: "✔️ #1 Ivan"}
    await anna.presses(now(anna, card), "Reopen")
    await crm.settled()
    assert anna.topics(crm.shop) == {topic: "#1 Ivan"}
    await ivan.says("Thank you")
    assert (await anna.sees("Thank you")).thread == topic
    assert (calls(crm, CREATE), calls(crm, EDIT)) == (1, 2)


@pytest.mark.fault("F222")
async def test_transferred_request_is_marked_and_uses_its_topic_again_on_return(crm: RunningApp) -> None:
    anna = await with_topics(crm)
    ivan, _ = await asks(crm, "Ivan", anna)
    boris = await with_topics(crm, "Boris")
    [of_anna] = anna.topics(crm.shop)
    await give(crm, 1, boris)
    card = await boris.sees("Ivan asks", bot=crm.shop)
    await crm.settled()
    assert anna.topics(crm.shop) == {of_anna: "→ #1 Ivan · Boris"}
    assert boris.topics(crm.shop) == {card.thread: "#1 Ivan"}
    assert {one.thread for one in shown(boris, crm)} == {card.thread}
    await give(crm, 1, anna)
    await crm.settled()
    assert anna.topics(crm.shop) == {of_anna: "#1 Ivan"}
    assert boris.topics(crm.shop) == {card.thread: "→ #1 Ivan · Anna"}
    await ivan.says("Here again?")
    assert (await anna.sees("Here again?", bot=crm.shop)).thread == of_anna


@pytest.mark.fault("F222")
async def test_request_that_goes_on_in_another_bot_has_its_topic_there(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url, tokens={TOKEN: "shop_bot", SECOND_TOKEN: "spa_bot"}) as crm:
        shop, spa = crm.bots
        anna = await crm.operator("Anna", bots=[shop, spa])
        for bot in crm.bots:
            crm.sandbox.set_topics(bot)
        await anna.says("/topics", to=shop)
        await anna.sees("Topics are on")
        await crm.db.write(
            lifecycle.register,
            source_id=await crm.source_id(shop),
            lead=LeadFacts(external_id="crm-1", full_name="Ivan"),
            content=MessageContent("text", text="From the site"),
            now=crm.clock(),
            rng=lambda: 0.5,
        )
        await anna.sees("From the site", bot=shop)
        await crm.settled()
        await types(crm, anna, "/transfer #1 to spa_bot", to=shop)
        await anna.sees("From the site", bot=spa)
        await crm.settled()
        assert list(anna.topics(shop).values()) == ["→ #1 Ivan"]
        assert list(anna.topics(spa).values()) == ["#1 Ivan"]


@pytest.mark.fault("F222")
async def test_request_given_back_is_marked(crm: RunningApp) -> None:
    anna = await with_topics(crm)
    await asks(crm, "Ivan", anna)
    await anna.says("/offline")
    await anna.says("/return #1")
    await crm.settled()
    assert list(anna.topics(crm.shop).values()) == ["→ #1 Ivan"]


@pytest.mark.fault("F229")
async def test_topic_of_an_operator_who_was_removed_says_who_has_the_request(crm: RunningApp) -> None:
    anna = await with_topics(crm)
    await asks(crm, "Ivan", anna)
    boris = await crm.operator("Boris")
    await crm.db.write(
        departure.remove,
        operator_id=await operator_id(crm, anna),
        actor=SYSTEM,
        now=crm.clock(),
        rng=random.random,
    )
    await boris.sees("Ivan asks", bot=crm.shop)
    await crm.settled()
    assert list(anna.topics(crm.shop).values()) == ["→ #1 Ivan · Boris"]


@pytest.mark.fault("F222")
@pytest.mark.parametrize("kind", ["http_500", "flood", "error"])
async def test_name_that_cannot_be_changed_is_tried_once(crm: RunningApp, clock: MovableClock, kind: str) -> None:
    anna = await with_topics(crm)
    ivan, card = await asks(crm, "Ivan", anna)
    await anna.presses(card, "Take")
    crm.sandbox.fail(kind=kind, method=EDIT, retry_after=5, times=9)
    await anna.presses(now(anna, card), "Close")
    await crm.settled()
    assert now(anna, card).labels == ["↩️ Reopen"]
    assert calls(crm, EDIT) == 1
    clock.forward(minutes=2)
    await ivan.says("Thank you")  # the card is edited once more
    await anna.sees("Thank you")
    await crm.settled()
    assert calls(crm, EDIT) == 1


@pytest.mark.postgres_too
@pytest.mark.fault("F222")
async def test_topic_that_has_its_name_already_is_kept(crm: RunningApp) -> None:
    """The process ended before it was recorded that the topic was renamed."""
    anna = await with_topics(crm)
    ivan, card = await asks(crm, "Ivan", anna)
    await anna.presses(card, "Take")
    await anna.presses(now(anna, card), "Close")
    await crm.settled()
    await crm.db.write(lambda s: s.execute(text("UPDATE topics SET shown = ''")))
    await ivan.says("Thank you")
    assert (await anna.sees("Thank you")).thread in anna.topics(crm.shop)
    await crm.settled()
    assert calls(crm, EDIT) == 2
    assert await count(crm, "topics", "shown <> ''") == 1


# --- a process that ends ----------------------------------------------------------------------------------------------


@pytest.mark.postgres_too
@pytest.mark.fault("F223")
async def test_topic_whose_record_was_lost_is_made_once_more_and_nothing_is_lost(
    sandbox: Sandbox, database_url: str, clock: MovableClock
) -> None:
    """The card is known to be on its way, and no more: neither it nor the topic was recorded."""
    async with await RunningApp.open(sandbox, database_url, clock=clock) as crm:
        anna = await with_topics(crm)
        ivan, _ = await asks(crm, "Ivan", anna)

        def undone(s: Session) -> None:
            for query in (
                "DELETE FROM topics",
                "DELETE FROM posted",
                "UPDATE outbox SET state = 'sending', settled_at = NULL, result_id = NULL WHERE kind = 'card'",
            ):
                s.execute(text(query))

        await crm.db.write(undone)
    async with await RunningApp.open(sandbox, database_url, clock=clock, admin=False) as crm:
        clock.forward(minutes=1)
        await until(crm, "SELECT count(*) FROM topics", 1)
        await crm.settled()
        first, second = anna.topics(crm.shop)
        assert await value(crm, "SELECT topic_id FROM topics") == second
        assert [one.thread for one in shown(anna, crm)] == [first, second]
        await ivan.says("More")
        assert (await anna.sees("More", bot=crm.shop)).thread == second


@pytest.mark.fault("F223")
async def test_topic_of_a_card_that_must_wait_is_kept_for_it(crm: RunningApp, clock: MovableClock) -> None:
    anna = await with_topics(crm)
    crm.sandbox.fail(kind="flood", method="sendMessage", retry_after=5, chat=anna)
    ivan = crm.client("Ivan")
    await ivan.says("Ivan asks", to=crm.shop)
    await until(crm, "SELECT count(*) FROM topics", 1)
    clock.forward(seconds=6)
    await crm.app.supervisor.look_again()
    card = await anna.sees("Ivan asks")
    assert anna.topics(crm.shop) == {card.thread: "#1 Ivan"}
    assert calls(crm, CREATE) == 1
