"""Updates that nobody can read are set aside and delay nobody."""

from typing import Any

import pytest
from sqlalchemy import select

from bot.receiving.updates import to_update
from bot.sandbox import Sandbox
from crm_core.messaging import inbox
from crm_core.storage.tables import InboxRow
from tests.support.people import RunningApp

# A forward of before Bot API 7.0 with a hidden author, which aiogram 3.31 refuses to parse.
POISON: dict[str, Any] = {
    "message": {"message_id": "not a number", "date": "never", "chat": {"id": 5, "type": "private"}}
}


async def states(crm: RunningApp) -> list[str]:
    query = select(InboxRow.state).order_by(InboxRow.id)
    return await crm.db.read(lambda s: list(s.execute(query).scalars()))


@pytest.mark.fault("F14")
async def test_unparsable_updates_are_dead_lettered_without_delaying_others(
    sandbox: Sandbox, database_url: str
) -> None:
    async with await RunningApp.open(sandbox, database_url) as crm:
        anna = await crm.operator("Anna")
        before = len(await states(crm))
    # While nobody receives, Telegram collects: poison first, in the middle, and last in one batch.
    ivan, petra = sandbox.person("Ivan", language_code="en"), sandbox.person("Petra", language_code="en")
    sandbox.inject_raw(crm.shop, POISON)
    await ivan.says("first", to=crm.shop)
    sandbox.inject_raw(crm.shop, POISON)
    await petra.says("second", to=crm.shop)
    sandbox.inject_raw(crm.shop, POISON)

    async with await RunningApp.open(sandbox, database_url, admin=False) as again:
        await anna.sees("first", bot=crm.shop)
        await anna.sees("second", bot=crm.shop)
        await again.settled()
        assert (await states(again))[before:] == ["dead", "done", "dead", "done", "dead"]
        # Admins hear of it once, not three times.
        told = [seen for seen in crm.olga.chat(crm.shop) if "could not be processed" in seen.text]
        assert len(told) == 1


@pytest.mark.fault("F15")
@pytest.mark.filterwarnings("ignore:Detected unknown update type:RuntimeWarning")
async def test_update_of_unknown_type_is_marked_done(crm: RunningApp) -> None:
    crm.sandbox.inject_raw(crm.shop, {"a_thing_of_tomorrow": {"chat": {"id": 7}}})
    ivan = crm.client()
    await ivan.says("Hello", to=crm.shop)
    await ivan.sees("#1")
    await crm.settled()
    assert set(await states(crm)) == {"done"}


@pytest.mark.fault("F14")
@pytest.mark.parametrize(
    "odd",
    [
        {"message": {"chat": {"id": 10**30, "type": "private"}}},
        {"message": 5, "callback_query": "x"},
        {"message": {"text": "half a character: \ud83d", "chat": None}},
        {},
    ],
    ids=["huge id", "no objects", "half a character", "empty"],
)
async def test_malformed_update_blocks_neither_its_batch_nor_later_updates(
    crm: RunningApp, odd: dict[str, Any]
) -> None:
    anna = await crm.operator("Anna")
    good = to_update(crm.shop.id, {"update_id": 2, "message": {"chat": {"id": 1}}})
    stored = await crm.db.write(
        inbox.store,
        bot_id=crm.shop.id,
        updates=[to_update(crm.shop.id, {"update_id": 1, **odd}), good],
        now=crm.clock(),
    )
    assert len(stored) == 2
    crm.app.worker.add(stored)
    ivan = crm.client()
    await ivan.says("Hello", to=crm.shop)
    await anna.sees("Hello", bot=crm.shop)


async def test_nul_in_words_and_names_is_left_out_and_sets_nothing_aside(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client("Iv\x00an")
    await ivan.says("Hel\x00lo", to=crm.shop)
    card = await anna.sees("Hello", bot=crm.shop)
    assert "Ivan" in card.text
    await crm.settled()
    assert set(await states(crm)) == {"done"}


def test_half_characters_are_replaced_since_no_database_holds_them() -> None:
    raw = {"update_id": 1, "message": {"text": "half \ud83d, whole 🚲", "entities": [{"url": "\udeb2"}]}}
    assert to_update(7, raw).raw["message"] == {"text": "half �, whole 🚲", "entities": [{"url": "�"}]}


HUGE = 10**30


def said(**other: Any) -> dict[str, Any]:
    """A message as Telegram sends it, apart from what is given."""
    person = {"id": 5, "is_bot": False, "first_name": "Mallory"}
    return {"message_id": 7, "date": 1, "chat": {"id": 5, "type": "private"}, "from": person, "text": "hi", **other}


@pytest.mark.fault("F112")
@pytest.mark.parametrize(
    "odd",
    [
        said(**{"from": {"id": HUGE, "is_bot": False, "first_name": "Mallory"}}),
        said(chat={"id": -HUGE, "type": "private"}),
        said(message_id=HUGE),
        said(date=HUGE),
        said(message_id=2**63),
        said(reply_to_message=said(message_id=HUGE)),
        said(text=None, contact={"phone_number": "1", "first_name": "x", "user_id": -HUGE}),
    ],
    ids=["person", "chat", "message", "date", "65 bits", "reply", "shared contact"],
)
async def test_number_that_telegram_never_sends_is_ignored_without_alarm(
    crm: RunningApp, odd: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    before = len(await states(crm))
    update = to_update(crm.shop.id, {"update_id": 1, "message": odd})
    crm.app.worker.add(await crm.db.write(inbox.store, bot_id=crm.shop.id, updates=[update], now=crm.clock()))
    await crm.settled()
    assert (await states(crm))[before:] == ["done"]
    assert [seen for seen in crm.olga.chat(crm.shop) if "could not be processed" in seen.text] == []
