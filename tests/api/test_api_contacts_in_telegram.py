"""A contact that came through the API is worked on in Telegram, exactly as one that came from there."""

import random
from collections.abc import AsyncIterator

import httpx2
import pytest

from bot.sandbox import Sandbox
from crm_core.access.actors import SYSTEM
from crm_core.routing import source_settings, sources
from crm_core.team import operators
from tests.stories.arranging import closes
from tests.stories.steering import types
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp


@pytest.fixture
async def site(crm: RunningApp) -> AsyncIterator[httpx2.AsyncClient]:
    """A site that calls the crm over HTTP, with a source of its own."""
    async with httpx2.AsyncClient(base_url=crm.app.http.address, timeout=30) as caller:
        await caller.post("/sources/", json={"name": "Site"})
        yield caller


async def _site_id(crm: RunningApp) -> int:
    return (await crm.db.read(sources.find, name="Site")).id


async def _works_for_the_site(crm: RunningApp, site: httpx2.AsyncClient, name: str) -> None:
    operator = await crm.db.read(operators.find, name=name)
    done = await site.post(f"/sources/{await _site_id(crm)}/assign_operator", json={"operator_id": operator.id})
    assert done.status_code == 200


async def _requests(crm: RunningApp, site: httpx2.AsyncClient, message: str, email: str = "ann@example.com") -> int:
    body = {
        "email": email,
        "source_id": await _site_id(crm),
        "message": message,
        "full_name": "Ann Lee",
        "phone": "+79991234567",
    }
    made = await site.post("/leads/register_contact/", json=body)
    assert made.status_code == 201
    return int(made.json()["id"])


async def test_api_contact_is_taken_and_closed_in_telegram(crm: RunningApp, site: httpx2.AsyncClient) -> None:
    anna = await crm.operator("Anna")
    await _works_for_the_site(crm, site, "Anna")
    number = await _requests(crm, site, "Do you have bicycles?")
    card = await anna.sees(f"#{number}", bot=crm.shop)
    assert "Site" in card.text
    assert "Ann Lee" in card.text
    assert "Do you have bicycles?" in card.text
    assert "🌐 No chat: call or e-mail" in card.text
    assert "+7999" not in card.text  # the client's phone is shown once the contact is taken
    assert card.labels == ["✋ Take", "✔️ Close", "⋯"]

    press = await anna.presses(card, "Take")
    assert f"#{number} is yours" in (await press.answer() or "")
    await crm.settled()
    card = await anna.sees("In progress")
    assert "+79991234567" in card.text
    assert "ann@example.com" in card.text
    (contact,) = (await site.get("/leads/1/contacts")).json()
    assert contact["status"] == "in_progress"
    assert (await site.get("/operators/")).json()[0]["current_leads"] == 1

    await anna.presses(card, "Close")
    await crm.settled()
    assert (await anna.sees("closed")).labels == ["↩️ Reopen"]
    (contact,) = (await site.get("/leads/1/contacts")).json()
    assert contact["status"] == "closed"
    assert (await site.get("/operators/")).json()[0]["current_leads"] == 0


async def test_operator_is_told_truly_how_to_reach_a_client_without_chat(
    crm: RunningApp, site: httpx2.AsyncClient
) -> None:
    """Another system may know its client by a number alone; and a chat that is not there cannot be written to."""
    anna = await crm.operator("Anna")
    await _works_for_the_site(crm, site, "Anna")
    body = {"lead_external_id": "42", "source_id": await _site_id(crm), "message": "From the desk"}
    assert (await site.post("/contacts/", json=body)).status_code == 201
    card = await anna.sees("From the desk", bot=crm.shop)
    assert "🌐 No chat: answer where the request came from" in card.text
    for said in (await anna.replies(card, "Hello?"), await anna.says("Hello?", to=crm.shop)):
        refused = await anna.sees("so the client has no chat here.", after=said)
        assert "Take it first: then the card says how to reach them." in refused.text
    press = await anna.presses(card, "Take")
    assert await press.answer() == "#1 is yours. The card says how to reach the client."
    await crm.settled()
    card = await anna.sees("In progress")
    assert "No chat: answer where the request came from" in card.text
    await anna.replies(card, "Hello?")
    await anna.sees("#1 did not come from Telegram, so the client has no chat here. The card says how to reach them.")
    await _requests(crm, site, "Call me")
    await anna.presses(await anna.sees("Call me"), "Take")
    await crm.settled()
    assert "No chat: call or e-mail" in (await anna.sees("Call me")).text


async def test_long_message_is_sent_in_full_below_the_card(crm: RunningApp, site: httpx2.AsyncClient) -> None:
    anna = await crm.operator("Anna")
    await _works_for_the_site(crm, site, "Anna")
    await _requests(crm, site, "long " * 800 + "END")
    card = await anna.sees("in full below")
    assert "END" not in card.text
    assert (await anna.sees("END")).text == "long " * 800 + "END"


async def test_close_in_telegram_assigns_waiting_api_contact(crm: RunningApp, site: httpx2.AsyncClient) -> None:
    anna = await crm.operator("Anna", limit=1)
    await _works_for_the_site(crm, site, "Anna")
    first = await _requests(crm, site, "The first")
    second = await _requests(crm, site, "The second")
    await closes(anna, await anna.sees(f"#{first}"))
    assert "The second" in (await anna.sees(f"#{second}")).text


async def test_operator_gets_api_contacts_only_after_starting_first_bot(sandbox: Sandbox, database_url: str) -> None:
    """Operators get contacts of a site through the first bot; those whom it cannot reach are not eligible."""
    tokens = {TOKEN: "shop_bot", SECOND_TOKEN: "help_bot"}
    async with (
        await RunningApp.open(sandbox, database_url, tokens=tokens) as crm,
        httpx2.AsyncClient(base_url=crm.app.http.address, timeout=30) as site,
    ):
        await site.post("/sources/", json={"name": "Site"})
        anna = await crm.operator("Anna", bots=[crm.bots[1]])
        await _works_for_the_site(crm, site, "Anna")
        number = await _requests(crm, site, "Hello")
        (contact,) = (await site.get("/leads/1/contacts")).json()
        assert contact["operator_id"] is None
        await crm.db.write(
            source_settings.set_active,
            source_id=await crm.source_id(crm.bots[1]),
            is_active=False,
            actor=SYSTEM,
            now=crm.clock(),
            rng=random.random,
        )
        assert (await types(crm, anna, "/online", to=crm.bots[1])).text == (
            "⚠️ You are online, but nothing can come yet. "
            "Please press Start in these bots too, or their requests can't reach you: @shop_bot"
        )
        await anna.starts(crm.shop)
        card = await anna.sees(f"#{number}", bot=crm.shop)
        assert card.labels == ["✋ Take", "✔️ Close", "⋯"]


async def test_operator_without_telegram_account_is_assigned_api_contact(
    crm: RunningApp, site: httpx2.AsyncClient
) -> None:
    boris = (await site.post("/operators/", json={"name": "Boris"})).json()
    await _works_for_the_site(crm, site, "Boris")
    await _requests(crm, site, "Hello")
    (contact,) = (await site.get("/leads/1/contacts")).json()
    assert contact["operator_id"] == boris["id"]
    await crm.settled()


async def test_operator_without_account_gets_api_but_not_telegram_contacts(
    crm: RunningApp, site: httpx2.AsyncClient
) -> None:
    """Such an operator gets contacts of the API only; a client in Telegram waits for an operator who is there."""
    ivan = crm.client("Ivan")
    shop = await crm.source_id()
    await ivan.says("Hello from Telegram", to=crm.shop)
    await ivan.sees("#1")
    await site.post("/operators/", json={"name": "Boris", "is_active": False})
    boris = await crm.db.read(operators.find, name="Boris")
    await site.post(f"/sources/{shop}/assign_operator", json={"operator_id": boris.id})
    body = {"email": "ann@example.com", "source_id": shop}
    waits = (await site.post("/leads/register_contact/", json=body)).json()
    assert waits["operator_id"] is None
    await site.patch(f"/operators/{boris.id}", json={"is_active": True})
    made = (await site.post("/leads/register_contact/", json=body)).json()
    assert made["operator_id"] == boris.id
    held = {one["id"]: one["operator_id"] for one in (await site.get("/api/v1/contacts/")).json()}
    assert held == {1: None, waits["id"]: boris.id, made["id"]: boris.id}
    anna = await crm.operator("Anna")
    assert "Hello from Telegram" in (await anna.sees("#1")).text


async def test_operator_is_told_everywhere_that_a_contact_of_a_site_has_no_chat(
    crm: RunningApp, site: httpx2.AsyncClient
) -> None:
    anna = await crm.operator("Anna")
    await _works_for_the_site(crm, site, "Anna")
    number = await _requests(crm, site, "Call me")
    card = await anna.sees(f"#{number}", bot=crm.shop)
    press = await anna.presses(card, "Take")
    assert await press.answer() == f"#{number} is yours. The card says how to reach the client."
    assert "🌐 No chat: call or e-mail" in (await anna.sees("In progress")).text
    said = await anna.says("Hello?")
    refused = await anna.sees(after=said)
    assert f"#{number}" in refused.text
    assert "no open requests" not in refused.text
