"""Another system at work on contacts, and what clients and operators see of it in Telegram."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from bot.sandbox import Person, SeenMessage
from crm_core.team import operators
from tests.api.test_contacts import V1
from tests.api.test_problem_details import refused
from tests.support.people import RunningApp


@pytest.fixture
async def desk(crm: RunningApp) -> AsyncIterator[httpx2.AsyncClient]:
    """Another system of the crm, that calls it over HTTP."""
    async with httpx2.AsyncClient(base_url=crm.app.http.address + V1) as caller:
        yield caller


async def ask(crm: RunningApp, client: Person, text: str, *, operator: Person) -> SeenMessage:
    """A client's request, and its card."""
    await client.says(text, to=crm.shop)
    card = await operator.sees(text, bot=crm.shop)
    await crm.settled()
    return card


async def id_of(crm: RunningApp, name: str) -> int:
    """An operator's number."""
    return (await crm.db.read(operators.find, name=name)).id


async def delivery(desk: httpx2.AsyncClient, contact_id: int = 1) -> list[tuple[Any, Any]]:
    """What became of each of the operator's messages."""
    said = (await desk.get(f"/contacts/{contact_id}/messages")).json()
    return [(one["delivery"], one["reason"]) for one in said if one["author"] == "operator"]


async def test_api_replies_reach_client_in_order_and_are_shown_to_operator(
    crm: RunningApp, desk: httpx2.AsyncClient
) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    card = await ask(crm, ivan, "Do you have bicycles?", operator=anna)
    await anna.replies(card, "One moment.")
    await ivan.sees("One moment.")
    for number in range(3):
        said = await desk.post("/contacts/1/messages", json={"text": f"<b>{number}</b> *of* _3_"})
        assert (said.status_code, said.json()["delivery"]) == (201, "pending")
    await crm.settled()
    await anna.says("That is all.", to=crm.shop)
    await ivan.sees("That is all.")
    await crm.settled()
    received = [seen.text for seen in ivan.chat(crm.shop) if seen.sender != ivan.id]
    assert received[-5:] == ["One moment.", *(f"<b>{number}</b> *of* _3_" for number in range(3)), "That is all."]
    shown = await anna.sees("<b>2</b>", bot=crm.shop)
    assert shown.text == "✍️ Written in your name in #1:\n<b>2</b> *of* _3_"
    assert shown.reply_to == card.id
    assert await delivery(desk) == [("sent", None)] * 5
    await ivan.says("Thank you!", to=crm.shop)
    await anna.sees("Thank you!")


async def test_first_api_reply_takes_the_contact_and_updates_the_card(
    crm: RunningApp, desk: httpx2.AsyncClient
) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ask(crm, ivan, "Do you have bicycles?", operator=anna)
    await desk.post("/contacts/1/messages", json={"text": "We do."})
    await ivan.sees("We do.")
    card = await anna.sees("In progress")
    assert card.labels == ["✔️ Close", "⋯"]
    await crm.settled()
    # An operator's reply to a message in their name goes to the same client.
    mirror = await anna.sees("Written in your name in #1")
    await anna.replies(mirror, "In red and blue.")
    await ivan.sees("In red and blue.")


@pytest.mark.postgres_too
async def test_long_api_reply_arrives_whole_and_is_truncated_for_the_operator(
    crm: RunningApp, desk: httpx2.AsyncClient
) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ask(crm, ivan, "Tell me everything", operator=anna)
    text = "🙂" + "я" * 4094
    assert (await desk.post("/contacts/1/messages", json={"text": text})).status_code == 201
    assert (await ivan.sees("🙂")).text == text
    shown = (await anna.sees("Written in your name")).text
    assert len(shown.encode("utf-16-le")) // 2 == 4096


async def test_take_and_close_through_api_update_the_same_card(crm: RunningApp, desk: httpx2.AsyncClient) -> None:
    anna = await crm.operator("Anna")
    await desk.post("/sources/", json={"name": "Site"})
    await desk.post("/sources/2/assign_operator", json={"operator_id": await id_of(crm, "Anna")})
    made = await desk.post("/contacts/", json={"lead_external_id": "crm-1", "source_id": 2, "message": "Call me"})
    card = await anna.sees("Call me", bot=crm.shop)
    assert card.labels == ["✋ Take", "✔️ Close", "⋯"]
    await crm.settled()
    for action, status, labels in (("take", "In progress", ["✔️ Close", "⋯"]), ("close", "closed", ["↩️ Reopen"])):
        changed = await desk.post(f"/contacts/{made.json()['id']}/{action}")
        assert changed.status_code == 200
        card = await anna.sees(status)
        assert card.labels == labels
        await crm.settled()
    assert len([seen for seen in anna.chat(crm.shop) if "Call me" in seen.text]) == 1  # one card, that changed


async def test_reply_to_client_without_telegram_is_stored_without_delivery(
    crm: RunningApp, desk: httpx2.AsyncClient
) -> None:
    anna = await crm.operator("Anna")
    await desk.post("/sources/", json={"name": "Site"})
    await desk.post("/sources/2/assign_operator", json={"operator_id": await id_of(crm, "Anna")})
    await desk.post("/contacts/", json={"lead_external_id": "crm-1", "source_id": 2})
    await anna.sees("No message", bot=crm.shop)
    await crm.settled()
    said = await desk.post("/contacts/1/messages", json={"text": "We shall call you."})
    assert said.json()["delivery"] is None
    card = await anna.sees("In progress")
    assert "No message" in card.text  # what an operator wrote is not the client's request
    await anna.sees("We shall call you.")
    assert await delivery(desk) == [(None, None)]


async def test_close_through_api_notifies_client_and_assigns_next_waiting(
    crm: RunningApp, desk: httpx2.AsyncClient
) -> None:
    anna, ivan, maria = await crm.operator("Anna", limit=1), crm.client("Ivan"), crm.client("Maria")
    await ask(crm, ivan, "Bicycles?", operator=anna)
    await maria.says("Skis?", to=crm.shop)
    await maria.sees("you are next in the queue")
    assert (await desk.post("/contacts/1/close")).json()["status"] == "closed"
    await ivan.sees("Request #1 is closed")
    await anna.sees("Skis?")
    assert (await anna.sees("✔️ #1")).labels == ["↩️ Reopen"]


async def test_manual_assignment_through_api_moves_contact_between_operators(
    crm: RunningApp, desk: httpx2.AsyncClient
) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ask(crm, ivan, "Bicycles?", operator=anna)
    boris = await crm.operator("Boris", weight=1)
    await ivan.says("Red ones.", to=crm.shop)
    await anna.sees("Red ones.")
    await crm.settled()
    given = await desk.post("/contacts/1/assign", json={"operator_id": await id_of(crm, "Boris")})
    assert given.json()["operator_name"] == "Boris"
    await anna.sees("Now with Boris")
    await boris.sees("Bicycles?", bot=crm.shop)
    await boris.sees("Red ones.")
    stranger = (await desk.post("/operators/", json={"name": "Charlie"})).json()["id"]
    problem = refused(await desk.post("/contacts/1/assign", json={"operator_id": stranger, "force": True}), 409)
    assert problem["code"] == "operator_unreachable"


async def test_reply_to_deactivated_client_fails_and_next_one_is_refused(
    crm: RunningApp, desk: httpx2.AsyncClient
) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ask(crm, ivan, "Bicycles?", operator=anna)
    await desk.post("/contacts/1/take")
    await crm.settled()
    ivan.deactivates()
    assert (await desk.post("/contacts/1/messages", json={"text": "Hello?"})).status_code == 201
    await crm.settled()
    ((state, reason),) = await delivery(desk)
    assert (state, reason) == ("failed", "deactivated")
    await anna.sees("#1: the client has blocked the bot")
    events = (await desk.get("/contacts/1/events")).json()
    assert ("delivery_dead", "deactivated") in [(one["kind"], one["reason"]) for one in events]
    problem = refused(await desk.post("/contacts/1/messages", json={"text": "Hello?"}), 409)
    assert problem["code"] == "client_unreachable"


async def test_api_reply_refused_by_telegram_is_reported_as_failed(crm: RunningApp, desk: httpx2.AsyncClient) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ask(crm, ivan, "Bicycles?", operator=anna)
    await desk.post("/contacts/1/take")
    await crm.settled()
    # Refused only at the second attempt: by then Anna has seen what was written in their name.
    crm.sandbox.fail(kind="flood", retry_after=1, method="sendMessage", chat=ivan)
    crm.sandbox.fail(kind="error", method="sendMessage", code=400, text="Bad Request: something new", chat=ivan)
    await desk.post("/contacts/1/messages", json={"text": "Hello?"})
    await crm.settled()
    ((state, reason),) = await delivery(desk)
    assert (state, bool(reason)) == ("failed", True)
    notice = await anna.sees("could not be delivered")
    assert notice.reply_to == (await anna.sees("Hello?")).id
