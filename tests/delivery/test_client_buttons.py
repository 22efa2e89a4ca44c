"""Notices to clients can carry buttons, and clients' presses have handlers. No notice of the product has any yet."""

from collections.abc import Iterator

import pytest
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery
from sqlalchemy.orm import Session

from bot.clients import presses
from bot.delivery.card_buttons import button
from bot.delivery.client_notices import CLIENT_NOTICES, Notice
from bot.handling.act import Act
from bot.sandbox import Person, SeenMessage
from bot.screens.contact_buttons import TakeContact
from bot.screens.message import text_message
from crm_core.messaging import outbox
from crm_core.messaging.outbox import CLIENT_NOTICE, OutboxEntry
from tests.stories.arranging import UNKNOWN_PRESS, count
from tests.support.people import RunningApp


class Rate(CallbackData, prefix="test_rate"):
    """A press that only this test knows."""

    stars: int


class Forgotten(CallbackData, prefix="test_old"):
    """A press that nothing handles (any more)."""


@pytest.fixture
def rated(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Registers a notice with buttons and the handler of one of them; gives the stars that were recorded."""
    stars: list[int] = []

    def record(s: Session, *, given: int) -> None:
        stars.append(given)

    async def on_rate(query: CallbackQuery, callback_data: Rate, act: Act) -> str:
        await act(record, given=callback_data.stars, screen=lambda _: text_message("Thank you for rating."))
        return "Recorded"

    keyboard = {"inline_keyboard": [[button("★ 5", Rate(stars=5)), button("Old", Forgotten())]]}
    monkeypatch.setitem(CLIENT_NOTICES, "test_rating", lambda contact, payload, _: Notice("How was it?", keyboard))
    presses.router.callback_query.register(on_rate, Rate.filter())
    yield stars
    presses.router.callback_query.handlers.pop()


async def asked_to_rate(crm: RunningApp) -> tuple[Person, SeenMessage]:
    """A client who has got the notice with buttons."""
    ivan = crm.client()
    await ivan.says("My question", to=crm.shop)
    await ivan.sees("#1")
    notice = OutboxEntry(CLIENT_NOTICE, crm.shop.id, ivan.id, 1, payload={"code": "test_rating"})
    await crm.db.write(outbox.add, [notice], now=crm.clock())
    return ivan, await ivan.sees("How was it?")


async def test_pressed_button_of_a_client_notice_runs_its_handler_once(crm: RunningApp, rated: list[int]) -> None:
    ivan, seen = await asked_to_rate(crm)
    assert seen.labels == ["★ 5", "Old"]
    press = await ivan.presses(seen, "★ 5")
    assert await press.answer() == "Recorded"
    await ivan.sees("Thank you for rating.")
    await crm.settled()
    assert rated == [5]


async def test_unknown_press_of_a_client_answers_politely_and_changes_nothing(
    crm: RunningApp, rated: list[int]
) -> None:
    ivan, seen = await asked_to_rate(crm)
    await crm.settled()
    before = await count(crm, "outbox"), await count(crm, "events"), await count(crm, "messages")
    press = await ivan.presses(seen, "Old")
    assert await press.answer() == UNKNOWN_PRESS
    await crm.settled()
    assert (await count(crm, "outbox"), await count(crm, "events"), await count(crm, "messages")) == before
    assert await count(crm, "inbox", "state <> 'done'") == 0
    assert rated == []


async def test_client_forging_a_press_of_an_operator_changes_nothing(crm: RunningApp) -> None:
    await crm.operator("Anna")
    ivan = crm.client()
    await ivan.says("My question", to=crm.shop)
    await ivan.sees("#1")
    press = await ivan.presses_forged(crm.shop, TakeContact(contact_id=1, version=1).pack())
    assert await press.answer() == UNKNOWN_PRESS
    await crm.settled()
    assert await count(crm, "contacts", "status = 'new'") == 1
