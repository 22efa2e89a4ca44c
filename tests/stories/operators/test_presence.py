"""What operators are told of their own state: /online, the welcome, weights, being switched off or removed."""

import pytest

from bot.sandbox import Person, Sandbox
from tests.stories.arranging import count, operator_id, remove, switch, told
from tests.stories.steering import invites, types
from tests.support.clock import MovableClock
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp

NOWHERE = {
    "en": "You are no longer on the team here, so this went to nobody. To write to us as a client, press /start.",
    "ru": (
        "Вы здесь больше не в команде, поэтому сообщение никому не ушло. Чтобы написать нам как клиент, нажмите /start."
    ),
}


async def test_online_says_how_many_an_operator_holds_and_when_the_next_one_comes(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=2)
    assert (await types(crm, anna, "/online")).text == (
        "🟢 You are online: new requests will come to you. You hold 0 of 2."
    )
    for name in ("Ivan", "Kira", "Lev"):
        await crm.client(name).says("Hello", to=crm.shop)
        await crm.settled()
    assert (await types(crm, anna, "/online")).text == (
        "🟢 You are online. You hold 2 of 2: the next one can come when you close one."
    )
    await types(crm, crm.olga, "/operators limit Anna 1")
    assert (await types(crm, anna, "/online")).text == (
        "🟢 You are online. You hold 2 of 1: the next one can come when you hold fewer than 1."
    )
    await types(crm, crm.olga, "/operators limit Anna 0")
    assert "your limit is 0" in (await types(crm, anna, "/online")).text


@pytest.mark.parametrize(
    ("language", "off", "unassigned", "source_off"),
    [
        ("en", "An admin has switched you off", "not assigned to any source yet", "your sources are switched off"),
        ("ru", "Администратор выключил для вас приём", "вам ещё не назначены источники", "ваши источники выключены"),
    ],
)
async def test_online_says_why_nothing_will_come(
    crm: RunningApp, language: str, off: str, unassigned: str, source_off: str
) -> None:
    anna = await crm.operator("Anna", language=language)
    await switch(crm, await crm.source_id(), is_active=False)
    assert source_off in (await types(crm, anna, "/online")).text
    await types(crm, crm.olga, "/operators off Anna")
    assert off in (await types(crm, anna, "/online")).text
    await types(crm, crm.olga, "/operators on Anna")
    await types(crm, crm.olga, "/assign shop_bot Anna 0")
    assert unassigned in (await types(crm, anna, "/online")).text


async def test_online_names_the_bots_that_are_still_to_be_started(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(
        sandbox, database_url, tokens={TOKEN: "shop_bot", SECOND_TOKEN: "help_bot"}
    ) as crm:
        anna = await crm.operator("Anna")
        await crm.weight(await operator_id(crm, anna), 5, bot=crm.bots[1])
        await crm.settled()
        start = "Please press Start in these bots too, or their requests can't reach you: @help_bot"
        assert (await types(crm, anna, "/online", to=crm.shop)).text == (
            f"🟢 You are online: new requests will come to you. You hold 0 of 10. {start}"
        )
        await types(crm, crm.olga, "/assign shop_bot Anna 0", to=crm.shop)
        assert (await types(crm, anna, "/online", to=crm.shop)).text == (
            f"⚠️ You are online, but nothing can come yet. {start}"
        )


@pytest.mark.parametrize(
    ("language", "none", "some", "given", "taken"),
    [
        (
            "en",
            "Your sources: none yet.",
            "Your sources: shop_bot.",
            "You now get requests from shop_bot.",
            "You no longer",
        ),
        (
            "ru",
            "Ваши источники: пока нет.",
            "Ваши источники: shop_bot.",
            "Теперь вам приходят обращения из shop_bot.",
            "больше не",
        ),
    ],
)
async def test_welcome_names_the_sources_and_a_first_weight_is_told(
    crm: RunningApp, language: str, none: str, some: str, given: str, taken: str
) -> None:
    anna = crm.client("Anna", language=language)
    await anna.starts(crm.shop, await invites(crm, crm.olga, "/operators add Anna 6"))
    assert none in (await anna.sees("Anna!")).text
    await types(crm, crm.olga, "/assign shop_bot Anna 30")
    await anna.sees(given)
    await types(crm, crm.olga, "/assign shop_bot Anna 40")
    await crm.settled()
    assert told(anna, given) == 1
    await types(crm, crm.olga, "/assign shop_bot Anna 0")
    await anna.sees(taken)
    boris, _ = await crm.newcomer("Boris", language=language, limit=6)
    assert some in (await boris.sees("Boris!")).text


@pytest.mark.parametrize(
    ("language", "off", "on"),
    [
        ("en", "An admin has switched you off", "An admin has switched you on again"),
        ("ru", "Администратор выключил для вас приём", "Администратор снова включил для вас приём"),
    ],
)
async def test_operator_is_told_when_switched_off_and_on(crm: RunningApp, language: str, off: str, on: str) -> None:
    anna = await crm.operator("Anna", language=language)
    await types(crm, crm.olga, "/operators off Anna")
    await anna.sees(off)
    await types(crm, crm.olga, "/operators off Anna")
    await crm.settled()
    assert told(anna, off) == 1
    await types(crm, crm.olga, "/operators on Anna")
    await anna.sees(on)


async def stands(crm: RunningApp, language: str) -> Person:
    anna = await crm.operator("Anna", language=language)
    for name in ("Ivan", "Kira"):
        await crm.client(name).says("Hello", to=crm.shop)
        await crm.settled()
    return anna


@pytest.mark.fault("F160")
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "You are no longer an operator here. #1, #2 went back to the queue."),
        ("ru", "Вы здесь больше не оператор. В очередь возвращено: #1, #2."),
    ],
)
async def test_removed_operator_is_told_and_their_words_open_no_request(
    crm: RunningApp, clock: MovableClock, language: str, words: str
) -> None:
    anna = await stands(crm, language)
    await remove(crm, anna)
    await anna.sees(words)
    for typed in ("What has happened?", "/my", "/online"):
        assert (await types(crm, anna, typed)).text == NOWHERE[language]
    assert await count(crm, "contacts") == 2
    clock.forward(days=7, seconds=1)
    await crm.app.schedule.run("purge")
    await anna.says("I need a lamp")
    await anna.sees("#3")


@pytest.mark.postgres_too
@pytest.mark.fault("F160")
async def test_removed_operator_who_presses_start_is_a_client(crm: RunningApp) -> None:
    anna = await stands(crm, "en")
    await remove(crm, anna)
    await anna.starts(crm.shop)
    await anna.sees("How can we help?")
    await anna.says("I need a lamp")
    await anna.sees("Your request is #3")


@pytest.mark.postgres_too
@pytest.mark.fault("F160")
async def test_operator_who_is_an_admin_too_is_told_and_stays_an_admin(crm: RunningApp) -> None:
    await crm.olga.starts(crm.shop, await invites(crm, crm.olga, "/operators add Olga 3"))
    await crm.settled()
    await remove(crm, crm.olga)
    await crm.olga.sees("You are no longer an operator here.")
    assert "You are an admin" in (await types(crm, crm.olga, "Hello?")).text


@pytest.mark.fault("F161")
@pytest.mark.parametrize("how", ["offline", "off", "blocks", "removed", "weight"])
async def test_admins_hear_at_once_that_the_last_operator_has_gone(crm: RunningApp, how: str) -> None:
    anna, boris = await crm.operator("Anna", limit=0), await crm.operator("Boris")
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await boris.sees("Hello")
    await types(crm, crm.olga, "/operators limit Boris 1")
    await crm.client("Kira").says("Hello", to=crm.shop)
    await crm.olga.sees("#2 is waiting")  # an alert of the same source, a moment before
    await anna.says("/offline", to=crm.shop)
    await crm.settled()
    assert told(crm.olga, "🌙") == 0
    match how:
        case "offline":
            await boris.says("/offline")
        case "off":
            await types(crm, crm.olga, "/operators off Boris")
        case "blocks":
            await boris.blocks(crm.shop)
        case "removed":
            await remove(crm, boris)
        case "weight":
            await types(crm, crm.olga, "/assign shop_bot Boris 0")
    seen = await crm.olga.sees("🌙 Nobody is on duty any more. New requests wait.")
    assert seen.labels == ["👥 Operators"]
    await crm.settled()
    assert told(crm.olga, "🌙") == 1


@pytest.mark.fault("F161")
async def test_admins_hear_which_source_is_left_alone(crm: RunningApp) -> None:
    anna, boris = await crm.operator("Anna"), await crm.operator("Boris")
    await types(crm, crm.olga, "/sources link vk VK ads")
    await types(crm, crm.olga, '/assign "VK ads" Anna 0')
    await boris.says("/offline", to=crm.shop)
    await crm.olga.sees("🌙 Nobody is on duty any more for VK ads. New requests from there wait.")
    await anna.says("/offline", to=crm.shop)
    await crm.olga.sees("🌙 Nobody is on duty any more. New requests wait.")


@pytest.mark.fault("F161")
@pytest.mark.parametrize(
    ("language", "away", "busy"),
    [("en", "Nobody is available right now", "busy"), ("ru", "Сейчас никого нет на месте", "заняты")],
)
async def test_client_is_told_that_nobody_is_there_rather_than_busy(
    crm: RunningApp, language: str, away: str, busy: str
) -> None:
    ivan, kira = crm.client("Ivan", language=language), crm.client("Kira", language=language)
    anna = await crm.operator("Anna", limit=1)
    await anna.says("/offline", to=crm.shop)
    await crm.settled()
    await ivan.says("Hello", to=crm.shop)
    seen = await ivan.sees("#1")
    assert away in seen.text
    assert busy not in seen.text
    await anna.says("/online")
    await anna.sees("#1")
    await kira.says("Hello", to=crm.shop)
    seen = await kira.sees("#2")
    assert busy in seen.text
    assert away not in seen.text
