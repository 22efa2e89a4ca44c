"""Leads over HTTP, and contacts that other systems bring."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from crm_core.contacts import lead_words
from crm_core.storage import paging
from tests.support.clock import MovableClock

CLIENT = {
    "email": "client@example.com",
    "source_id": 1,
    "message": "Здравствуйте, хочу узнать о ваших услугах",
    "phone": "+79991234567",
    "full_name": "Алексей Иванов",
}


@pytest.fixture
async def site(api: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """A caller with a source, 1, where Anna, 1, has a weight."""
    await api.post("/operators/", json={"name": "Anna", "max_leads": 5})
    await api.post("/sources/", json={"name": "Site"})
    await api.post("/sources/1/assign_operator", json={"operator_id": 1})
    return api


async def test_register_contact_creates_lead_and_contact(site: httpx2.AsyncClient, clock: MovableClock) -> None:
    made = await site.post("/leads/register_contact/", json=CLIENT)
    assert made.status_code == 201
    created_at = made.json()["created_at"]
    assert created_at.endswith("Z")
    assert created_at[:16] == clock().isoformat()[:16]
    assert made.json() == {
        "id": 1,
        "lead_id": 1,
        "source_id": 1,
        "operator_id": 1,
        "status": "new",
        "created_at": created_at,
        **{name: CLIENT[name] for name in ("message", "email", "phone", "full_name")},
    }
    leads = await site.get("/leads/")
    assert leads.json() == [
        {
            "id": 1,
            "email": "client@example.com",
            "phone": "+79991234567",
            "full_name": "Алексей Иванов",
            "created_at": created_at,
            "contacts_count": 1,
        }
    ]
    contacts = await site.get("/leads/1/contacts")
    assert contacts.json() == [
        {
            "id": 1,
            "lead_id": 1,
            "source_id": 1,
            "operator_id": 1,
            "message": CLIENT["message"],
            "status": "new",
            "created_at": created_at,
        }
    ]


async def test_known_email_adds_contact_to_existing_lead(site: httpx2.AsyncClient) -> None:
    await site.post("/leads/register_contact/", json={"email": "Client1@Test.com", "source_id": 1, "full_name": "Ann"})
    again = await site.post(
        "/leads/register_contact/",
        json={
            "email": "client1@test.com",
            "source_id": 1,
            "message": "Еще вопрос",
            "full_name": "Eve",
            "phone": "+1234567",
        },
    )
    assert (again.json()["id"], again.json()["lead_id"]) == (2, 1)
    # What was not known is taken over, what was known stays.
    assert (again.json()["full_name"], again.json()["phone"]) == ("Ann", "+1234567")
    (lead,) = (await site.get("/leads/")).json()
    assert (lead["full_name"], lead["phone"], lead["contacts_count"]) == ("Ann", "+1234567", 2)
    other = await site.post("/leads/register_contact/", json={"email": "client2@test.com", "source_id": 1})
    assert other.json()["lead_id"] == 2


async def test_contact_without_available_operator_is_stored_unassigned(site: httpx2.AsyncClient) -> None:
    await site.patch("/operators/1", json={"is_active": False})
    made = (await site.post("/leads/register_contact/", json={"email": "urgent@test.com", "source_id": 1})).json()
    created_at = made.pop("created_at")
    assert created_at
    assert made == {
        "id": 1,
        "lead_id": 1,
        "source_id": 1,
        "operator_id": None,
        "message": None,
        "status": "new",
        "email": "urgent@test.com",
        "phone": None,
        "full_name": None,
    }


@pytest.mark.parametrize("address", ["/leads/register_contact/", "/api/v1/contacts/"])
async def test_contact_with_unknown_source_is_refused_and_stores_nothing(
    site: httpx2.AsyncClient, address: str
) -> None:
    who = {"lead_external_id": "crm-1"} if "contacts/" in address[8:] else {"email": "client@example.com"}
    refused = await site.post(address, json={**who, "source_id": 99})
    assert (refused.status_code, refused.json()["detail"]) == (404, "Source not found")
    assert (await site.get("/leads/")).json() == []  # nothing is left of what was refused


@pytest.mark.postgres_too
async def test_lead_is_matched_by_external_id_or_email(site: httpx2.AsyncClient) -> None:
    first = await site.post("/api/v1/contacts/", json={"lead_external_id": "crm-1", "source_id": 1})
    assert first.status_code == 201
    assert (first.json()["lead_id"], first.json()["operator_id"], first.json()["email"]) == (1, 1, None)
    body = {
        "lead_external_id": "crm-1",
        "source_id": 1,
        "email": "a@example.com",
        "message": "Hello",
        "phone": "+1234567",
    }
    second = (await site.post("/api/v1/contacts/", json=body)).json()
    assert (second["lead_id"], second["email"], second["message"]) == (1, "a@example.com", "Hello")
    by_email = await site.post("/leads/register_contact/", json={"email": "a@example.com", "source_id": 1})
    assert by_email.json()["lead_id"] == 1
    assert (await site.get("/api/v1/leads/1")).json()["external_id"] == "crm-1"


async def test_external_id_takes_precedence_over_email(site: httpx2.AsyncClient) -> None:
    for number in (1, 2):
        who = {"lead_external_id": f"crm-{number}", "email": f"{number}@example.com"}
        await site.post("/api/v1/contacts/", json={**who, "source_id": 1})
    both = {"lead_external_id": "crm-2", "email": "1@example.com", "source_id": 1}
    assert (await site.post("/api/v1/contacts/", json=both)).json()["lead_id"] == 2
    await site.post("/api/v1/contacts/", json={"lead_external_id": "crm-3", "source_id": 1})
    taken = {"lead_external_id": "crm-3", "email": "1@example.com", "source_id": 1}
    made = (await site.post("/api/v1/contacts/", json=taken)).json()
    assert (made["lead_id"], made["email"]) == (3, None)  # an address that is somebody else's is not given away


async def _found(api: httpx2.AsyncClient, **filters: Any) -> list[int]:
    answer = await api.get("/api/v1/leads/", params=filters)
    assert answer.headers["X-Total-Count"] == str(len(answer.json()))
    return [one["id"] for one in answer.json()]


async def test_leads_are_found_by_name_phone_and_email_in_any_spelling(site: httpx2.AsyncClient) -> None:
    for number, (name, phone) in enumerate((("Алексей Иванов", "+79991234567"), ("Пётр 100%", "8 (999) 765-43-21"))):
        body = {"email": f"{number}@Example.com", "source_id": 1, "full_name": name, "phone": phone}
        await site.post("/leads/register_contact/", json=body)
    assert await _found(site, name="иванов") == [1]
    assert await _found(site, name="АЛЕКСЕЙ  И") == [1]
    assert await _found(site, name="петр") == [2]
    assert await _found(site, name="ванов") == []
    assert await _found(site, name="%") == await _found(site, name="_") == []
    assert await _found(site, name="100%") == [2]
    assert await _found(site, name=" ") == [1, 2]
    assert await _found(site, phone="8-999-123-45-67") == [1]
    assert await _found(site, phone="79997654321") == [2]
    assert await _found(site, phone="no digits") == []
    assert await _found(site, email="0@EXAMPLE.com") == [1]
    assert await _found(site, email="0@example.com", name="петр") == []
    await site.post("/leads/register_contact/", json={"email": "2@x.yy", "source_id": 1, "full_name": "Петя"})
    page = await site.get("/leads/", params={"name": "пет", "limit": 1})
    assert page.headers["X-Total-Count"] == "2"
    assert page.links["next"]["url"] == "/leads/?name=%D0%BF%D0%B5%D1%82&skip=1&limit=1"
    assert "X-Incomplete-Results" not in page.headers


@pytest.mark.fault("F129")
async def test_addresses_of_different_people_stay_two_leads_and_are_shown_as_given(site: httpx2.AsyncClient) -> None:
    given = ["anna@straße.example", "anna@strasse.example", "Ivan@Example.com", "client@пример.рф"]
    again = ["mailto:ivan@example.com", "her@example.com", "her@example.com\u200b", "client@xn--e1afmkfd.xn--p1ai"]
    for email in (*given, *again):
        made = await site.post("/leads/register_contact/", json={"email": email, "source_id": 1})
        assert made.status_code == 201, email
    assert [one["email"] for one in (await site.get("/leads/")).json()] == [*given, "her@example.com"]
    assert await _found(site, email="client@xn--e1afmkfd.xn--p1ai") == [4]
    assert await _found(site, email="\u202aHER@example.com") == [5]


@pytest.mark.fault("F130")
async def test_empty_optional_fields_of_a_request_count_as_left_out(site: httpx2.AsyncClient) -> None:
    empty = {"phone": "", "full_name": "", "message": " "}
    made = await site.post("/leads/register_contact/", json={"email": "p@example.com", "source_id": 1, **empty})
    assert (made.status_code, made.json()["phone"], made.json()["full_name"]) == (201, None, None)
    made = await site.post(
        "/api/v1/contacts/", json={"lead_external_id": "crm-1", "source_id": 1, "email": "", **empty}
    )
    assert (made.status_code, made.json()["email"], made.json()["message"]) == (201, None, None)
    await site.patch("/leads/1", json={"phone": "+79991234567"})
    assert (await site.patch("/leads/1", json={"phone": "", "full_name": "Ann"})).json()["phone"] == "+79991234567"
    missing = await site.post("/leads/register_contact/", json={"email": "", "source_id": 1})
    assert missing.status_code == 422  # it says whose request it is


@pytest.mark.fault("F128")
@pytest.mark.parametrize("address", ["/leads/register_contact/", "/api/v1/contacts/"])
async def test_words_in_place_of_a_phone_are_refused_with_a_sentence(site: httpx2.AsyncClient, address: str) -> None:
    body = {"lead_external_id": "crm-1"} if "contacts/" in address[8:] else {"email": "client@example.com"}
    refused = await site.post(address, json={**body, "source_id": 1, "phone": "call me"})
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_phone")
    assert "phone number" in refused.json()["detail"]
    assert (await site.get("/leads/")).json() == []


async def test_search_that_looked_at_a_part_only_says_so(
    site: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        body = {"email": f"{number}@x.yy", "source_id": 1, "full_name": "Anna"}
        await site.post("/leads/register_contact/", json=body)
    monkeypatch.setattr(lead_words, "LOOKED_AT", 2)
    answer = await site.get("/api/v1/leads/?name=ann")
    assert [one["id"] for one in answer.json()] == [1, 2]
    assert answer.headers["X-Incomplete-Results"] == "true"


@pytest.mark.postgres_too
async def test_lead_is_changed_and_duplicate_email_is_refused(site: httpx2.AsyncClient) -> None:
    await site.post("/leads/register_contact/", json=CLIENT)
    await site.post("/leads/register_contact/", json={"email": "other@example.com", "source_id": 1})
    changed = await site.patch("/leads/1", json={"full_name": "Пётр", "phone": None, "email": "New@example.com"})
    assert changed.status_code == 200
    assert (changed.json()["full_name"], changed.json()["phone"], changed.json()["email"]) == (
        "Пётр",
        None,
        "New@example.com",
    )
    assert await _found(site, name="петр") == [1]
    assert await _found(site, phone="79991234567") == []
    refused = await site.patch("/leads/1", json={"email": "other@example.com"})
    assert (refused.status_code, refused.json()["code"]) == (409, "email_taken")
    assert (await site.patch("/leads/9", json={"phone": "+1234567"})).json()["detail"] == "Lead not found"
    assert (await site.patch("/leads/9", json={})).status_code == 404


@pytest.mark.fault("F73")
async def test_unknown_lead_returns_404(site: httpx2.AsyncClient) -> None:
    for address in ("/leads/1", "/leads/1/contacts", "/api/v1/leads/-1/contacts"):
        answer = await site.get(address)
        assert (answer.status_code, answer.json()["detail"]) == (404, "Lead not found")


@pytest.mark.postgres_too
async def test_lead_count_stays_exact_across_requests(site: httpx2.AsyncClient, clock: MovableClock) -> None:
    """Only those that came since are counted again; the number is true all the same."""
    for number in range(6):
        await site.post("/leads/register_contact/", json={"email": f"{number}@example.com", "source_id": 1})
        assert (await site.get("/leads/?limit=1")).headers["X-Total-Count"] == str(number + 1)
        if number % 2:
            clock.ahead += paging.SETTLED_AFTER + timedelta(seconds=1)


@pytest.mark.fault("F112")
@pytest.mark.parametrize("field", ["name", "phone", "email", "external_id"])
async def test_search_with_a_nul_character_is_refused(site: httpx2.AsyncClient, field: str) -> None:
    assert (await site.get(f"/api/v1/leads/?{field}=a%00b")).status_code == 422


async def test_head_starts_of_contact_lead_and_source_order_the_queue(api: httpx2.AsyncClient) -> None:
    await api.post("/api/v1/operators/", json={"name": "Anna", "max_leads": 1})
    for number, name in ((1, "Site"), (2, "Shop")):
        await api.post("/api/v1/sources/", json={"name": name})
        await api.put(f"/api/v1/sources/{number}/operators/1", json={"weight": 1})

    async def request(lead: str, source_id: int, **more: int) -> int:
        body = {"lead_external_id": lead, "source_id": source_id, **more}
        made = await api.post("/api/v1/contacts/", json=body)
        assert made.status_code == 201
        return int(made.json()["id"])

    busy = await request("first", 1)
    plain = await request("plain", 1)
    urgent = await request("urgent", 1, priority_minutes=20)
    vip = await request("vip", 1)
    of_shop = await request("of shop", 2)
    before = await api.get("/api/v1/leads/4")
    assert before.json()["priority_minutes"] == 0
    changed = await api.patch("/api/v1/leads/4", json={"priority_minutes": 60})
    assert (changed.status_code, changed.json()["priority_minutes"]) == (200, 60)
    stale = {"If-Match": before.headers["ETag"]}
    refused = await api.patch("/api/v1/leads/4", json={"priority_minutes": 5}, headers=stale)
    assert refused.status_code == 412
    changed = await api.patch("/api/v1/sources/2", json={"priority_minutes": 30})
    assert (changed.status_code, changed.json()["priority_minutes"]) == (200, 30)
    given, held = [], busy
    for _ in range(4):
        await api.post(f"/api/v1/contacts/{held}/close", json={})
        (one,) = (await api.get("/api/v1/contacts/?status=active&operator_id=1")).json()
        held = one["id"]
        given.append(held)
    assert given == [vip, of_shop, urgent, plain]
    for address in ("/api/v1/leads/4", "/api/v1/sources/2"):
        for wrong in (-1, 10_081, "soon"):
            assert (await api.patch(address, json={"priority_minutes": wrong})).status_code == 422
    body = {"lead_external_id": "plain", "source_id": 1, "priority_minutes": 10_081}
    assert (await api.post("/api/v1/contacts/", json=body)).status_code == 422
