"""After a 429 nothing is sent to that chat before the wait is over: on no other path, by no other process."""

import asyncio
from datetime import datetime
from typing import Any

import pytest
from aiogram import Bot
from aiogram.methods import (
    CreateForumTopic,
    DeleteMessage,
    DeleteMessages,
    EditForumTopic,
    EditMessageText,
    PinChatMessage,
    SendMessage,
    SetMessageReaction,
    UnpinChatMessage,
)
from aiogram.types import BotCommand
from sqlalchemy import func, select, update

from bot.delivery import menus, rendering
from bot.delivery.rate_limit import LONGEST_WINDOW, PRIVATE
from bot.delivery.rate_limit_middleware import chat_of
from bot.sandbox import Person, Sandbox
from bot.sandbox.world import content
from crm_core.messaging import outbox
from crm_core.storage.tables import OutboxRow, ShownMenu
from tests.stories.arranging import count, until
from tests.support.clock import MovableClock
from tests.support.people import RunningApp
from tests.support.waiting import until_committed


def calls(crm: RunningApp) -> int:
    counted: dict[str, int] = crm.sandbox.stats()["bots"][str(crm.shop.id)]["calls"]
    return sum(number for method, number in counted.items() if method.startswith(("send", "copy", "edit")))


async def due(crm: RunningApp, clock: MovableClock, seconds: float) -> None:
    """Moves the clock on and makes the senders look again, as the app does every two seconds."""
    clock.forward(seconds=seconds)
    await crm.app.supervisor.look_again()


@pytest.mark.fault("F30")
async def test_flood_wait_of_one_chat_does_not_delay_others(crm: RunningApp, clock: MovableClock) -> None:
    anna, boris = await crm.operator("Anna"), await crm.operator("Boris")
    await boris.says("/offline")
    await boris.sees("You are offline")
    ivan, petra = crm.client("Ivan"), crm.client("Petra")
    crm.sandbox.fail(kind="flood", retry_after=60, method="sendMessage", chat=anna)
    await ivan.says("for Anna", to=crm.shop)
    await ivan.sees("#1")
    await anna.says("/offline", to=crm.shop)
    await boris.says("/online")
    await boris.sees("You are online")
    await petra.says("for Boris", to=crm.shop)
    await boris.sees("for Boris")
    await petra.sees("Boris will answer you here")  # a transaction that is tried again takes a further number
    before = calls(crm)
    await due(crm, clock, 30)  # the clock goes on by itself, too: half a minute is more than all this takes
    await petra.says("more for Boris")
    await boris.sees("more for Boris")
    assert anna.looks("for Anna", bot=crm.shop) is None
    await due(crm, clock, 31)
    await anna.sees("You are offline", bot=crm.shop)
    await crm.settled()
    assert calls(crm) == before + 3
    told = [seen.text for seen in anna.chat(crm.shop) if seen.sender != anna.id]
    assert "for Anna" in told[-2]
    assert crm.sandbox.refusals[0].retry_after == 60
    assert len(crm.sandbox.refusals) == 1


@pytest.mark.fault("F31")
async def test_restart_during_a_flood_wait_sends_nothing_early(
    sandbox: Sandbox, database_url: str, clock: MovableClock
) -> None:
    async with await RunningApp.open(sandbox, database_url, clock=clock) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        sandbox.fail(kind="flood", retry_after=3600, method="sendMessage", chat=anna)
        await ivan.says("a question", to=crm.shop)
        await ivan.sees("#1")
        await ivan.says("and another")
        await until(crm, "SELECT count(*) FROM outbox WHERE outcome = 'flood_wait'", 1)
        await until(crm, "SELECT count(*) FROM gates", 1)
        # Without its own moment the row is held by the chat's gate alone.
        await crm.db.write(lambda s: s.execute(update(OutboxRow).values(not_before=None)))
    before = calls(crm)
    async with await RunningApp.open(sandbox, database_url, clock=clock, admin=False) as again:
        await due(again, clock, 3500)
        petra = again.client("Petra")
        await petra.says("a third", to=again.shop)  # to the same operator, by a row of its own
        await petra.sees("#2")
        assert calls(again) == before + 1  # what Petra saw
        await due(again, clock, 101)
        for words in ("a question", "and another", "a third"):
            await anna.sees(words, bot=again.shop)
        assert len(sandbox.refusals) == 1


@pytest.mark.fault("F31")
async def test_flood_wait_received_while_stopping_is_stored_for_next_session(
    sandbox: Sandbox, database_url: str
) -> None:
    is_asked, may_answer = asyncio.Event(), asyncio.Event()
    async with await RunningApp.open(sandbox, database_url) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()

        async def hesitate(make_request: Any, bot: Bot, method: Any) -> Any:
            if chat_of(method) == anna.id:
                is_asked.set()
                await may_answer.wait()
            return await make_request(bot, method)

        session, sender = crm.session, crm.sender
        session.bot.session.middleware(hesitate)
        sandbox.fail(kind="flood", retry_after=3600, method="sendMessage", chat=anna)
        await ivan.says("a question", to=crm.shop)
        await is_asked.wait()
        stopping = asyncio.create_task(crm.app.supervisor.stop())
        await sender._stopping.wait()
        may_answer.set()
        await stopping
        assert await count(crm, "outbox", "outcome = 'flood_wait'") == 1
        assert await count(crm, "gates") == 1


async def test_flood_waits_in_several_chats_pause_the_whole_bot(
    sandbox: Sandbox, database_url: str, clock: MovableClock
) -> None:
    async with await RunningApp.open(sandbox, database_url, clock=clock) as crm:
        await crm.operator("Anna")
        people = [crm.client(name) for name in ("Ivan", "Petra", "Sonja")]
        for person in people:
            sandbox.fail(kind="flood", retry_after=60, method="sendMessage", chat=person)
        for person in people:
            await person.says("hello", to=crm.shop)
        await until(crm, "SELECT count(*) FROM outbox WHERE outcome = 'flood_wait'", 3)
        shut_until = crm.app.supervisor.parts.rate_limit_middleware.rate_limiters[crm.shop.id].shut_until
        assert shut_until is not None
    seen: list[datetime] = []
    sandbox.world.transcript.listeners.append(lambda entry: seen.append(clock()) if entry.request_id else None)
    async with await RunningApp.open(sandbox, database_url, clock=clock, admin=False) as again:
        last = again.client("Charlie")
        await last.says("hello", to=again.shop)
        await until(again, "SELECT count(*) FROM contacts", 4)
        for _ in range(3):
            await due(again, clock, 10)
        assert seen == []
        await due(again, clock, 31)
        for person in (*people, last):
            await person.sees("Your request", bot=again.shop)
        assert min(seen) >= shut_until


@pytest.mark.fault("F32")
@pytest.mark.parametrize("seconds", [2.5, None], ids=["a fraction", "none given"])
async def test_flood_wait_with_unreadable_retry_after_is_honoured(
    crm: RunningApp, clock: MovableClock, seconds: Any
) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    crm.sandbox.fail(kind="flood", retry_after=seconds, method="sendMessage", chat=anna)
    await ivan.says("a question", to=crm.shop)
    await ivan.sees("#1")
    await due(crm, clock, 2)
    assert anna.looks("a question", bot=crm.shop) is None
    await due(crm, clock, 3.1)
    await anna.sees("a question", bot=crm.shop)
    await crm.settled()
    assert len([seen for seen in anna.chat(crm.shop) if "a question" in seen.text]) == 1
    assert anna.looks("arrived", bot=crm.shop) is None  # it surely did not arrive before: nothing is ambiguous


@pytest.mark.fault("F33")
async def test_flood_wait_of_get_updates_is_honoured(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    crm.sandbox.fail(kind="flood", retry_after=1, method="getUpdates")
    await ivan.says("a question", to=crm.shop)
    await ivan.says("and another")
    await anna.sees("and another", bot=crm.shop)
    await crm.settled()
    assert [refusal.method for refusal in crm.sandbox.refusals] == ["getUpdates"]


def menus_set(crm: RunningApp) -> int:
    counted: dict[str, int] = crm.sandbox.stats()["bots"][str(crm.shop.id)]["calls"]
    return counted.get("setMyCommands", 0)


@pytest.mark.fault("F116")
async def test_flood_wait_of_a_menu_delays_no_message_even_after_restart(
    sandbox: Sandbox, database_url: str, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await RunningApp.open(sandbox, database_url, clock=clock) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        await crm.settled()  # her first menu is not to be among those that must wait
    for module in (menus, rendering):
        monkeypatch.setattr(module, "commands_for", lambda roles, _: [BotCommand(command="new", description="New")])
    sandbox.fail(kind="flood", retry_after=490, method="setMyCommands")
    async with await RunningApp.open(sandbox, database_url, clock=clock, admin=False) as crm:
        await until(crm, "SELECT count(*) FROM method_gates", 1)
        menu = outbox.OutboxEntry(outbox.MENU, crm.shop.id, anna.id)  # her own menu must wait, too
        await crm.db.write(outbox.add, [menu], now=clock())
        await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'menu' AND outcome = 'flood_wait'", 1)
        await ivan.says("Hello", to=crm.shop)
        await anna.sees("Hello", bot=crm.shop)
        await ivan.sees("#1", bot=crm.shop)
        asked = menus_set(crm)
    async with await RunningApp.open(sandbox, database_url, clock=clock, admin=False) as crm:
        await ivan.says("Are you there?")
        await anna.sees("Are you there?", bot=crm.shop)
        await due(crm, clock, 480)
        await ivan.says("Still there?")
        await anna.sees("Still there?", bot=crm.shop)
        assert menus_set(crm) == asked  # not one attempt while Telegram says to wait
        await due(crm, clock, 20)
        await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'menu' AND state <> 'sent'", 0)
    assert len(sandbox.refusals) == 1


@pytest.mark.fault("F116")
@pytest.mark.parametrize(
    ("method", "seconds"),
    [("answerCallbackQuery", 1), ("getUpdates", 1), pytest.param("getMe", 490, marks=pytest.mark.fault("F176"))],
)
async def test_flood_wait_of_a_method_without_chat_delays_no_message(
    crm: RunningApp, method: str, seconds: int
) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello", bot=crm.shop)
    crm.sandbox.fail(kind="flood", retry_after=seconds, method=method)
    if method == "getMe":  # asked whether Telegram answers, after a poll that failed
        crm.sandbox.fail(kind="http_500", method="getUpdates")
    await anna.presses(card, "Take")
    await ivan.sees("Anna is now taking care", bot=crm.shop)
    limiter = crm.app.supervisor.parts.rate_limit_middleware.rate_limiters[crm.shop.id]
    assert limiter.shut_until is None


async def test_menus_are_set_only_when_they_have_changed(
    sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def shown(crm: RunningApp) -> int:
        await until(crm, "SELECT count(*) FROM shown_menus WHERE chat_id = 0", 3)
        await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'menu' AND state <> 'sent'", 0)
        return menus_set(crm)

    async with await RunningApp.open(sandbox, database_url) as crm:
        anna = await crm.operator("Anna")
        first = await shown(crm)
    async with await RunningApp.open(sandbox, database_url, admin=False) as crm:
        await anna.says("/start", to=crm.shop)
        await crm.settled()
        assert await shown(crm) == first
    monkeypatch.setattr(menus, "commands_for", lambda roles, _: [BotCommand(command="new", description="New")])
    async with await RunningApp.open(sandbox, database_url, admin=False) as crm:
        changed = select(func.count()).where(ShownMenu.chat_id == 0).group_by(ShownMenu.digest)

        async def all_changed() -> bool:
            return bool(await crm.db.read(lambda s: s.execute(changed).scalars().all()) == [3])

        await until_committed(crm.db, all_changed)
        assert menus_set(crm) == first + 3


@pytest.mark.fault("F167")
@pytest.mark.parametrize("refusals", [0, 1])
async def test_next_process_counts_every_request_of_a_copy(crm: RunningApp, refusals: int) -> None:
    """A copy may take several: a note about votes, or another way where Telegram refuses the first."""
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("Do you have bicycles?", to=crm.shop)
    card = await anna.sees("bicycles", bot=crm.shop)
    await crm.settled()
    before, counted = await requests_to(crm, anna), calls(crm)
    if refusals:
        crm.sandbox.fail(kind="error", code=400, text="Bad Request: no", method="copyMessage", times=refusals)
    await ivan.sends(content.poll("Which one?", "red", "blue"))
    await anna.sees("doesn't see votes", after=card)
    await crm.settled()
    made = calls(crm) - counted
    assert (await requests_to(crm, anna) - before, made) == (made, 2 + refusals)


@pytest.mark.fault("F264")
@pytest.mark.parametrize("refusals", [0, 1, 2], ids=["a topic", "a refused copy", "two refused copies"])
async def test_next_process_counts_every_request_of_an_attempt_under_way(crm: RunningApp, refusals: int) -> None:
    """Telegram has counted what the attempt did first, too, although nobody has recorded it."""
    crm.sandbox.set_topics(crm.shop)
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    if refusals:
        await ivan.says("Good day", to=crm.shop)
        await anna.replies(await anna.sees("Good day", bot=crm.shop), "What would you like?")
        asked = await ivan.sees("What would you like?", bot=crm.shop)
    else:
        await anna.says("/topics", to=crm.shop)
        await anna.sees("Topics are on")
    await crm.settled()
    before, counted = await requests_to(crm, anna), topics_and_copies(crm)
    then = "copyMessage" if refusals == 1 else "sendMessage"
    if refusals:
        crm.sandbox.fail(kind="error", code=400, text="Bad Request: no", method="copyMessage", times=refusals)
    crm.sandbox.fail(kind="slow", method=then, chat=anna, delay=0.5)  # the process could die meanwhile
    await (ivan.replies(asked, "A bicycle") if refusals else ivan.says("A bicycle", to=crm.shop))
    await anna.sees("A bicycle", bot=crm.shop)
    assert await count(crm, "outbox", f"state = 'sending' AND chat_id = {anna.id}") == 1
    assert topics_and_copies(crm) - counted == (2 if refusals else 1)  # before or instead of a message
    assert await requests_to(crm, anna) - before == PRIVATE.burst  # more than that at once would have been held up


def topics_and_copies(crm: RunningApp) -> int:
    """How many topics a bot has made, and how often it has tried to copy something."""
    made: dict[str, int] = crm.sandbox.stats()["bots"][str(crm.shop.id)]["calls"]
    return made.get("createForumTopic", 0) + made.get("copyMessage", 0)


async def requests_to(crm: RunningApp, anna: Person) -> int:
    """How many requests to a chat a process counts that starts now."""
    now = crm.app.clock()
    sent = await crm.app.db.read(outbox.sent_since, bot_id=crm.shop.id, since=now - LONGEST_WINDOW, now=now)
    return sum(chat_id == anna.id for chat_id, _ in sent)


@pytest.mark.fault("F277")
@pytest.mark.parametrize("about", ["reaction", "deletion"])
async def test_flood_wait_of_what_sends_nothing_delays_no_message(crm: RunningApp, about: str) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("a question", to=crm.shop)
    await anna.replies(await anna.sees("a question", bot=crm.shop), "an answer")
    answer = await ivan.sees("an answer")
    await crm.settled()
    limiter = crm.app.supervisor.parts.rate_limit_middleware.rate_limiters[crm.shop.id]
    if about == "reaction":
        crm.sandbox.fail(kind="flood", retry_after=490, method="setMessageReaction")
        await ivan.reacts(answer, "👍")
    else:
        crm.sandbox.fail(kind="flood", retry_after=490, method="deleteMessage")
        await anna.replies(next(one for one in anna.chat(crm.shop) if one.text == "an answer"), "/del")
    await until(crm, "SELECT count(*) FROM outbox WHERE outcome = 'flood_wait'", 1)
    other = crm.client("Petra")
    await other.says("another question", to=crm.shop)
    await anna.sees("another question", bot=crm.shop)
    assert limiter.chats_shut == {}
    assert list(limiter.methods_shut) == ["setMessageReaction" if about == "reaction" else "deleteMessage"]


def test_request_that_sends_nothing_is_of_its_method_in_a_private_chat() -> None:
    for chat_id, counts_as in ((-5, -5), (5, None)):
        for method in (SetMessageReaction, PinChatMessage, UnpinChatMessage, DeleteMessage):
            assert chat_of(method(chat_id=chat_id, message_id=4)) == counts_as
        assert chat_of(DeleteMessages(chat_id=chat_id, message_ids=[4])) == counts_as
        assert chat_of(SendMessage(chat_id=chat_id, text="x")) == chat_id
        assert chat_of(EditMessageText(chat_id=chat_id, message_id=4, text="x")) == chat_id


@pytest.mark.fault("F234")
def test_flood_wait_for_a_topic_is_of_its_group_or_in_private_of_the_method() -> None:
    for chat_id, counts_as in ((-5, -5), (5, None)):
        assert chat_of(CreateForumTopic(chat_id=chat_id, name="x")) == counts_as
        assert chat_of(EditForumTopic(chat_id=chat_id, message_thread_id=4, name="x")) == counts_as
