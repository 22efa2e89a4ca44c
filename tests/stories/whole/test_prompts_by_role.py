"""Operators and clients are asked a typed question. (What admins are asked is in `stories/admins/test_prompts.py`.)"""

import json
from collections.abc import Iterator

import pytest
from aiogram.types import Message
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.handling.act import Act
from bot.handling.prompts import AnswersPrompt, client_answers, operator_answers
from bot.sandbox import Person
from bot.screens.message import text_message
from crm_core.access.actors import telegram
from crm_core.conversation import prompts
from crm_core.conversation.prompts import OpenPrompt, Role
from crm_core.messaging.inbox import AlreadyFinished, StoredUpdate
from crm_core.storage.database import Database
from crm_core.storage.opening import open_database
from crm_core.storage.tables import InboxRow
from tests.stories.arranging import count, remove
from tests.stories.steering import presses, types
from tests.support.people import RunningApp


def note(s: Session, *, text: str) -> str:
    return text


async def on_answer(message: Message, asked: OpenPrompt, act: Act) -> None:
    if message.text == "hm":
        return  # no answer yet, and nothing that would change
    about = asked.data["about"]
    await act(note, text=message.text, reply=lambda noted: text_message(f"Noted about {about}: {noted}"))


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """A feature that asks operators and clients for a colour."""
    for router in (operator_answers, client_answers):
        router.message.register(on_answer, AnswersPrompt("colour"))
    yield
    for router in (operator_answers, client_answers):
        router.message.handlers.pop()


async def asks(crm: RunningApp, who: Person, role: Role, *, db: Database | None = None) -> None:
    await (db or crm.db).write(
        prompts.ask,
        bot_id=crm.shop.id,
        chat_id=who.id,
        question="colour",
        data={"about": "lamps"},
        role=role,
        actor=telegram(who.id),
        now=crm.clock(),
    )


async def test_operator_answers_a_prompt_once(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await asks(crm, anna, Role.OPERATOR)
    assert (await types(crm, anna, "blue")).text == "Noted about lamps: blue"
    assert "this went to nobody" in (await types(crm, anna, "green")).text.casefold()


async def test_client_answers_a_prompt_once(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client("Ivan")
    await ivan.starts(crm.shop)
    await crm.settled()
    await asks(crm, ivan, Role.CLIENT)
    assert (await types(crm, ivan, "blue")).text == "Noted about lamps: blue"
    assert anna.looks("blue") is None
    await ivan.says("green")
    await anna.sees("green")  # a request, as always


@pytest.fixture
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chats with prompts are read for each message, rather than once a second."""
    monkeypatch.setattr("bot.handling.prompts.REMEMBERED", 0.0)


async def test_client_answers_a_prompt_of_another_process(nothing_remembered: None, crm: RunningApp) -> None:
    ivan = crm.client("Ivan")
    await ivan.starts(crm.shop)
    await crm.settled()
    other = open_database(crm.settings.database_url)
    await asks(crm, ivan, Role.CLIENT, db=other)
    await other.close()
    assert (await types(crm, ivan, "blue")).text == "Noted about lamps: blue"


async def test_messages_of_others_answer_no_prompt(crm: RunningApp) -> None:
    anna, boris = await crm.operator("Anna"), await crm.operator("Boris", weight=0)
    ivan, peter = crm.client("Ivan"), crm.client("Peter")
    await ivan.starts(crm.shop)
    await crm.settled()
    await asks(crm, anna, Role.OPERATOR)
    await asks(crm, ivan, Role.CLIENT)
    assert "this went to nobody" in (await types(crm, boris, "blue")).text.casefold()
    await peter.says("blue", to=crm.shop)
    await anna.sees("blue")
    assert (await types(crm, ivan, "red")).text == "Noted about lamps: red"


async def test_reply_to_a_card_goes_to_the_client_while_an_operator_is_asked(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("How much is it?", to=crm.shop)
    card = await anna.sees("How much is it?")
    await asks(crm, anna, Role.OPERATOR)
    await anna.replies(card, "15")
    await ivan.sees("15")
    assert (await types(crm, anna, "blue")).text == "Noted about lamps: blue"


async def test_removed_operator_answers_no_prompt(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    boris = await crm.operator("Boris")
    await asks(crm, anna, Role.OPERATOR)
    await remove(crm, anna)
    await anna.says("blue")
    await anna.sees("this went to nobody")
    assert boris.looks("blue") is None
    assert anna.looks("Noted") is None


async def test_message_that_changes_nothing_leaves_the_prompt_open(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await asks(crm, anna, Role.OPERATOR)
    await anna.says("hm")
    assert (await types(crm, anna, "blue")).text == "Noted about lamps: blue"


@pytest.mark.parametrize("how", ["command", "button"])
async def test_command_or_button_ends_a_prompt_of_a_client(crm: RunningApp, how: str) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.starts(crm.shop)
    await crm.settled()
    await asks(crm, ivan, Role.CLIENT)
    if how == "command":
        await types(crm, ivan, "/help")
    else:
        await (await ivan.presses_forged(crm.shop, "back", message=None)).answer()
    await ivan.says("blue")
    await anna.sees("blue")  # a request, as always


@pytest.mark.postgres_too
async def test_update_handled_again_does_not_end_the_prompt_that_it_asked(crm: RunningApp) -> None:
    """A session that learns of its commit only from the row: what it did stands."""
    screen = await types(crm, crm.olga, "/operators")
    await presses(crm, crm.olga, screen, "➕ Add an operator")
    await crm.settled()
    columns = (InboxRow.id, InboxRow.bot_id, InboxRow.conversation, InboxRow.raw)
    press = await crm.db.read(lambda s: s.execute(select(*columns).order_by(InboxRow.id.desc()).limit(1)).one())
    raw = press.raw if isinstance(press.raw, dict) else json.loads(press.raw)
    with pytest.raises(AlreadyFinished):
        await crm.app.worker.handle(StoredUpdate(press.id, press.bot_id, press.conversation, raw))
    await types(crm, crm.olga, "Boris 10")
    assert await count(crm, "operators", "name = 'Boris'") == 1


@pytest.mark.parametrize("how", ["command", "button"])
async def test_command_or_button_ends_a_prompt_of_an_operator(crm: RunningApp, how: str) -> None:
    anna = await crm.operator("Anna")
    await crm.client("Ivan").says("Hello", to=crm.shop)
    card = await anna.sees("Hello")
    await asks(crm, anna, Role.OPERATOR)
    if how == "command":
        await types(crm, anna, "/my")
    else:
        await presses(crm, anna, card, "Take")
    await anna.says("blue")
    await crm.settled()
    assert anna.looks("Noted") is None
