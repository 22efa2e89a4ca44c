"""The clients of people, in this process and over HTTP: the same story for both."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramNetworkError
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from bot.sandbox import RemoteSandbox, Sandbox, SandboxApi, SandboxError
from bot.sandbox.world import content
from tests.support.telegram_kit import strict_bot

TOKEN = "42:secret"  # noqa: S105
TAKE = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="Take", callback_data="take:1:1")]])


@pytest.fixture(params=["here", "remote", pytest.param("process", marks=pytest.mark.slow)], scope="module")
async def anywhere(request: pytest.FixtureRequest) -> AsyncIterator[SandboxApi]:
    if request.param == "process":
        async with await RemoteSandbox.launch("--bot", f"{TOKEN}:shop_bot", "--seed", "5") as launched:
            yield launched
    elif request.param == "here":
        async with await Sandbox.start() as here:
            here.add_bot(TOKEN, "shop_bot")
            yield here
    else:
        # In one process the questions that block would wait for this very loop: serve it from a thread of its own.
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()
        stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

        async def serve() -> None:
            async with await Sandbox.start() as other:
                other.add_bot(TOKEN, "shop_bot")
                stop.append((asyncio.get_running_loop(), asyncio.Event()))
                loop.call_soon_threadsafe(ready.set_result, other.url)
                await stop[0][1].wait()

        thread = asyncio.create_task(asyncio.to_thread(asyncio.run, serve()))
        async with await RemoteSandbox.connect(await ready) as remote:
            yield remote
        stop[0][0].call_soon_threadsafe(stop[0][1].set)
        await thread


@pytest.fixture
async def client(anywhere: SandboxApi) -> AsyncIterator[Bot]:
    bot = strict_bot(anywhere.url, TOKEN)
    yield bot
    for last in await bot.get_updates(offset=-1):  # what one test leaves behind must not end the poll of the next
        await bot.get_updates(offset=last.update_id + 1)
    await bot.session.close()


async def test_conversation_works_in_process_and_over_http(anywhere: SandboxApi, client: Bot) -> None:
    shop = anywhere.bots()[0]
    ivan, anna = anywhere.person("Ivan", language_code="ru"), anywhere.person("Anna")
    await anna.starts(shop, "op_code")
    said = await ivan.says("Hello", to=shop)
    waiting = asyncio.create_task(anna.sees("#1", bot=shop))
    await client.send_message(anna.id, "#1 Ivan", reply_markup=TAKE)
    card = await waiting
    assert card.labels == ["Take"]
    press = await anna.presses(card, "Take")
    updates = await client.get_updates()
    query = updates[-1].callback_query
    assert query is not None
    await client.answer_callback_query(query.id, "yours")
    assert await press.answer() == "yours"
    await client.copy_message(anna.id, ivan.id, said.id)
    copy = await anna.sees(re.compile("^Hello$"))
    assert copy.copied_from == (ivan.id, said.id)
    reply = await anna.replies(copy, content.photo(b"bytes"), caption="see")
    assert (reply.reply_to, reply.kind) == (copy.id, "photo")
    await client.edit_message_text("#1 Anna", chat_id=anna.id, message_id=card.id)
    assert (await anna.sees(lambda seen: seen.edited)).text == "#1 Anna"
    await client.delete_message(anna.id, card.id)
    await anna.sees_gone(card)
    await client.get_updates(offset=updates[-1].update_id + 2)
    events = [entry["event"] for entry in anna.history(shop) if entry["sender"] == shop.id]
    assert events == ["new", "new", "edited", "deleted"]


async def test_failed_expectations_raise_readable_errors(anywhere: SandboxApi, client: Bot) -> None:
    shop = anywhere.bots()[0]
    ivan = anywhere.person("Ivan")
    await ivan.starts(shop)
    await client.send_message(ivan.id, "Welcome", reply_markup=TAKE)
    with pytest.raises(AssertionError, match=r"did not see '#7' within 0.01 s, but\n.*/start.*\n.*Welcome.*Take"):
        await ivan.sees("#7", timeout=0.01)
    with pytest.raises(SandboxError, match="belongs to somebody else"):
        await ivan.edits(await ivan.sees("Welcome"), "Goodbye")


async def test_sees_nothing_new_fails_when_a_message_arrives(anywhere: SandboxApi, client: Bot) -> None:
    shop = anywhere.bots()[0]
    ivan = anywhere.person("Ivan")
    await ivan.starts(shop)
    offset = (await client.get_updates(offset=-1))[-1].update_id + 1
    poll = asyncio.create_task(client.get_updates(offset=offset, timeout=30))
    await ivan.sees_nothing_new(bot=shop)
    done: list[str] = []

    async def settle() -> None:
        done.append("settled")

    await client.send_message(ivan.id, "news")
    with pytest.raises(AssertionError, match=r"sees something new: \['news'\]"):
        await ivan.sees_nothing_new(bot=shop, settled=settle)
    assert done == ["settled"]
    await ivan.says("wake up")
    offset = (await poll)[-1].update_id + 1
    with pytest.raises(AssertionError, match="not idle"):
        await anywhere.settles(timeout=0.01)
    await client.get_updates(offset=offset)


async def test_program_that_never_settles_fails_in_time(anywhere: SandboxApi, client: Bot) -> None:
    class Program:
        async def idle(self) -> None:
            await asyncio.Event().wait()

    anywhere.settles_when(Program().idle)
    poll = asyncio.create_task(client.get_updates(offset=-1, timeout=30))
    await anywhere.online(anywhere.bots()[0])
    with pytest.raises(AssertionError, match=r"the program is not idle after 0.2 s: .*Program.idle"):
        await anywhere.settles(timeout=0.2)
    anywhere.cut_all()
    with pytest.raises(TelegramNetworkError):
        await poll


async def test_stats_preload_and_transcript_work_in_process_and_over_http(anywhere: SandboxApi, client: Bot) -> None:
    shop = anywhere.bots()[0]
    await client.get_me()
    stats = anywhere.stats()["bots"][str(shop.id)]
    assert stats["calls"]["getMe"] >= 1
    poll = asyncio.create_task(client.get_updates(offset=-1, timeout=30))
    await anywhere.online(shop)
    anywhere.cut_all()
    anywhere.stats()
    with pytest.raises(TelegramNetworkError):
        await poll
    ids = anywhere.preload(shop, people=3, each=2)
    updates = await client.get_updates()
    assert [update.message.chat.id for update in updates if update.message][-6:] == ids * 2
    await client.get_updates(offset=updates[-1].update_id + 1)
    assert anywhere.confirmed_ids(shop)[-1] == updates[-1].update_id
    assert anywhere.transcript(limit=2)[1]["seq"] == 2
    assert anywhere.strictness_violations == []
    assert anywhere.refusals == []


async def test_person_without_chat_must_name_a_bot(anywhere: SandboxApi) -> None:
    ivan = anywhere.person("Ivan")
    with pytest.raises(SandboxError, match="name a bot"):
        await ivan.says("Hello")
    assert anywhere.person("Ivan", id=ivan.id).id == ivan.id
