"""People in several roles: clients who become operators, and operators of one bot who are clients of another."""

import random

import pytest

from bot.random_codes import new_code
from bot.sandbox import Person, Sandbox
from bot.sandbox.world import content as kinds
from bot.screens.links import OPERATOR_PAYLOAD
from crm_core.access.actors import SYSTEM
from crm_core.routing import source_settings, weight_settings
from crm_core.team import invitations, operators
from tests.stories.arranging import count, told, value
from tests.stories.steering import types
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp

TWO = {TOKEN: "shop_bot", SECOND_TOKEN: "help_bot"}


async def invitation(crm: RunningApp, name: str, *, weights: dict[int, int] | None = None) -> tuple[int, str]:
    """A new operator with weights at sources. Returns their id and the payload of their invitation."""
    number = await crm.db.write(operators.add, name=name, max_leads=10, actor=SYSTEM, now=crm.clock())
    for source_id, weight in (weights or {}).items():
        await give_weight(crm, source_id, number, weight)
    code = new_code()
    await crm.db.write(
        invitations.invite, code=code, role="operator", operator_id=number, actor=SYSTEM, now=crm.clock()
    )
    return number, OPERATOR_PAYLOAD + code


async def give_weight(crm: RunningApp, source_id: int, operator_id: int, weight: int = 1) -> None:
    await crm.db.write(
        weight_settings.set_weight,
        source_id=source_id,
        operator_id=operator_id,
        weight=weight,
        actor=SYSTEM,
        now=crm.clock(),
        rng=random.random,
    )


async def becomes_operator(crm: RunningApp, who: Person, name: str, *, weight: int = 1) -> None:
    _, payload = await invitation(crm, name, weights={await crm.source_id(): weight} if weight else None)
    await who.starts(crm.shop, payload)
    await crm.settled()


async def operator_with_an_own_request(crm: RunningApp) -> tuple[Person, Person, Person]:
    """Anna, who has Vera's request; Vera, who is an operator by now; and Ivan, who has written and is Vera's client."""
    anna, vera = await crm.operator("Anna", limit=1), crm.client("Vera")
    await vera.says("Where is my lamp?", to=crm.shop)
    await anna.sees("Where is my lamp?")
    await becomes_operator(crm, vera, "Vera")
    ivan = crm.client("Ivan")
    await ivan.says("Are you open?", to=crm.shop)
    return anna, vera, ivan


@pytest.mark.fault("F156")
async def test_client_who_becomes_an_operator_stays_client_of_their_open_request(crm: RunningApp) -> None:
    anna, vera = await crm.operator("Anna"), crm.client("Vera")
    await vera.says("Where is my lamp?", to=crm.shop)
    card = await anna.sees("Where is my lamp?")
    answer = await anna.replies(card, "On its way")
    answered = await vera.sees("On its way")
    await becomes_operator(crm, vera, "Vera")
    await vera.says("When does it come?")
    await anna.sees("When does it come?")
    await vera.replies(answered, "To my office, please")
    seen = await anna.sees("To my office, please")
    assert seen.reply_to == answer.id
    assert await count(crm, "contacts") == 1
    assert told(vera, "went to nobody") == 0

    await anna.presses(card, "Close")
    await vera.sees("is closed")
    await crm.settled()
    assert "went to nobody" in (await types(crm, vera, "Thanks!")).text
    assert await count(crm, "contacts") == 1


@pytest.mark.fault("F156")
async def test_edits_of_a_client_who_became_an_operator_reach_their_operator(crm: RunningApp) -> None:
    anna, vera = await crm.operator("Anna"), crm.client("Vera")
    await vera.says("Hello", to=crm.shop)
    await anna.sees("Hello")
    await becomes_operator(crm, vera, "Vera", weight=0)
    said = await vera.says("I live at 5 Oak Street")
    await anna.sees("5 Oak Street")
    await vera.edits(said, "I live at 7 Oak Street")
    await anna.sees("7 Oak Street")


@pytest.mark.fault("F156")
async def test_operator_with_an_own_request_answers_clients_by_replies_to_cards(crm: RunningApp) -> None:
    anna, vera, ivan = await operator_with_an_own_request(crm)
    card = await vera.sees("Are you open?")
    await vera.replies(card, "Until eight")
    await ivan.sees("Until eight")
    await vera.says("#2 and on Sundays, too")
    await ivan.sees("and on Sundays, too")
    numbered = kinds.album(kinds.photo(caption="#2 this lamp"), kinds.photo(caption="and its box"))
    await vera.sends_all(numbered)  # what the second part is for, the first one says
    await ivan.sees(lambda seen: seen.raw.get("caption") == "and its box")
    items = await vera.sends_all(kinds.album(kinds.photo(), kinds.photo(caption="the shop")), reply_to=card)
    await ivan.sees(lambda seen: seen.raw.get("caption") == "the shop")
    late = {key: value for key, value in items[1].raw.items() if key != "reply_to_message"}
    crm.sandbox.inject_raw(crm.shop, {"message": {**late, "message_id": 900, "caption": "late"}})
    await vera.sees("🗑 #2: a message (photo) was deleted")  # it was on its way to Ivan
    await vera.says("Is anybody there?")  # for Anna: no words go to Ivan by guess
    await anna.sees("Is anybody there?")
    assert ivan.looks("Is anybody there?") is None
    assert anna.looks("Until eight") is None
    assert anna.looks("Sundays") is None
    assert [seen for seen in anna.chat() if seen.raw.get("photo")] == []
    await vera.presses(card, "Close")
    await ivan.sees("is closed")


async def test_number_under_a_later_album_part_is_obeyed_beside_an_own_request(
    crm: RunningApp,
) -> None:
    anna, vera, ivan = await operator_with_an_own_request(crm)
    await vera.sees("Are you open?")
    await vera.sends_all(kinds.album(kinds.photo(caption="my lamp"), kinds.photo(caption="#2 this lamp")))
    await anna.sees(lambda seen: seen.raw.get("caption") == "my lamp")
    await ivan.sees(lambda seen: seen.raw.get("caption") == "this lamp")
    await crm.settled()
    assert [len([seen for seen in one.chat(crm.shop) if seen.copied_from]) for one in (anna, ivan)] == [1, 1]


@pytest.mark.fault("F157")
@pytest.mark.parametrize("strategy", ["random", "exact"])
async def test_own_waiting_request_is_never_given_to_its_client(crm: RunningApp, strategy: str) -> None:
    vera, ivan = crm.client("Vera"), crm.client("Ivan")
    await crm.db.write(
        source_settings.set_strategy, source_id=await crm.source_id(), strategy=strategy, actor=SYSTEM, now=crm.clock()
    )
    await vera.says("Where is my lamp?", to=crm.shop)
    await crm.settled()
    await ivan.says("Are you open?", to=crm.shop)
    await crm.settled()
    await becomes_operator(crm, vera, "Vera")
    await vera.sees("Are you open?")  # the next in line, not her own
    await crm.settled()
    assert await value(crm, "SELECT operator_id FROM contacts WHERE id = 1") is None
    assert vera.looks("#1 · shop_bot") is None

    refused = await types(crm, crm.olga, "/assign #1 Vera")
    assert refused.text == "Vera is the client of this request; choose somebody else."
    anna = await crm.operator("Anna")
    await anna.sees("Where is my lamp?")


@pytest.mark.fault("F157")
async def test_admins_are_told_when_nobody_but_its_client_could_take_a_request(crm: RunningApp) -> None:
    anna, vera = await crm.operator("Anna"), crm.client("Vera")
    await vera.says("Where is my lamp?", to=crm.shop)
    await anna.sees("Where is my lamp?")
    await becomes_operator(crm, vera, "Vera")
    await anna.blocks(crm.shop)
    await crm.settled()
    seen = await crm.olga.sees("#1 is waiting")
    assert "it is their own request" in seen.text


@pytest.mark.postgres_too
@pytest.mark.fault("F158")
async def test_operator_of_one_bot_is_a_client_of_another(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url, tokens=TWO) as crm:
        shop, support = crm.bots
        anna = await crm.operator("Anna", bots=[shop])
        boris = await crm.operator("Boris", bots=[support])
        await anna.starts(support)
        await anna.sees("How can we help?", bot=support)
        await anna.says("My invoice is wrong", to=support)
        card = await boris.sees("My invoice is wrong", bot=support)
        await boris.replies(card, "Which one?")
        await anna.sees("Which one?", bot=support)
        await crm.client("Ivan").says("Hello", to=shop)  # and she is the operator at hers
        await anna.sees("Hello", bot=shop)
        assert await count(crm, "staff_chats", f"telegram_id = {anna.id}") == 1

        # When she gets work there, too, her request goes on, and she can be reached at once.
        number = await value(crm, f"SELECT operator_id FROM staff WHERE telegram_id = {anna.id}")  # noqa: S608
        await give_weight(crm, await crm.source_id(support), number, 1000)
        await crm.settled()
        assert await count(crm, "staff_chats", f"telegram_id = {anna.id} AND is_reachable") == 2
        await anna.says("Number 15", to=support)
        await boris.sees("Number 15", bot=support)
        await boris.says("/offline", to=support)
        await crm.client("Kira").says("Is this support?", to=support)
        await anna.sees("Is this support?", bot=support)


@pytest.mark.fault("F159")
@pytest.mark.parametrize("language", ["en", "ru"])
async def test_operator_is_reachable_at_once_where_they_have_written_as_a_client(
    sandbox: Sandbox, database_url: str, language: str
) -> None:
    async with await RunningApp.open(sandbox, database_url, tokens=TWO) as crm:
        shop, support = crm.bots
        anna = crm.client("Anna", language=language)
        await anna.starts(support)  # last week; Telegram shows her no Start button there any more
        await crm.settled()
        _, payload = await invitation(
            crm, "Anna", weights={await crm.source_id(shop): 1, await crm.source_id(support): 1}
        )
        await anna.starts(shop, payload)
        await crm.settled()
        await crm.client("Ivan").says("Hello", to=support)
        await anna.sees("Hello", bot=support)
        assert "has not started or has blocked" not in (await types(crm, crm.olga, "/operators Anna", to=shop)).text


@pytest.mark.fault("F159")
async def test_chat_that_blocked_the_bot_is_not_taken_for_reachable(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url, tokens=TWO) as crm:
        shop, support = crm.bots
        anna = crm.client("Anna")
        await anna.starts(support)
        await crm.settled()
        await anna.blocks(support)
        await crm.settled()
        _, payload = await invitation(crm, "Anna", weights={await crm.source_id(support): 1})
        await anna.starts(shop, payload)
        await crm.settled()
        assert (
            "has not started or has blocked @help_bot" in (await types(crm, crm.olga, "/operators Anna", to=shop)).text
        )
        await anna.unblocks(support)
        await crm.settled()
        assert "has not started or has blocked" not in (await types(crm, crm.olga, "/operators Anna", to=shop)).text


@pytest.mark.fault("F159")
@pytest.mark.parametrize("round_", range(4))
async def test_joining_and_start_in_the_next_bot_cross(sandbox: Sandbox, database_url: str, round_: int) -> None:
    async with await RunningApp.open(sandbox, database_url, tokens=TWO) as crm:
        shop, support = crm.bots
        anna = crm.client("Anna")
        _, payload = await invitation(
            crm, "Anna", weights={await crm.source_id(shop): 1, await crm.source_id(support): 1}
        )
        pressed = [(shop, payload), (support, "")]
        for bot, word in pressed if round_ % 2 else reversed(pressed):
            await anna.starts(bot, word)
        await crm.settled()
        await crm.app.schedule.run("sweep")
        await crm.client("Ivan").says("Hello", to=support)
        await anna.sees("Hello", bot=support)
