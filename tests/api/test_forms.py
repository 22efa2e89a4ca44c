"""A form in a page of the site: what its public key can do, and what it cannot."""

import random

import httpx2
import pytest

from bot.random_codes import new_key
from crm_core.api import guard
from crm_core.api.app import create_app
from crm_core.api.limits import Rate
from crm_core.storage.database import Database
from tests.api.conftest import Calling, make_key
from tests.api.test_problem_details import fields, refused
from tests.support.clock import MovableClock


async def _page(calling: Calling, db: Database, clock: MovableClock) -> tuple[httpx2.AsyncClient, httpx2.AsyncClient]:
    """A visitor's browser and an admin, of a site whose form is source 2."""
    for name in ("Shop", "Form"):
        await calling().post("/sources/", json={"name": name})
    form = await make_key(db, clock, "form", source_id=2)
    admin = await make_key(db, clock, "admin")
    return calling(client=("203.0.113.7", 5), headers={"X-API-Key": form, "Origin": "https://shop.example"}), calling(
        admin
    )


async def test_form_submission_becomes_contact_of_the_forms_source(
    calling: Calling, db: Database, clock: MovableClock
) -> None:
    visitor, admin = await _page(calling, db, clock)
    body = {"email": "client@example.com", "phone": "+7 999 123-45-67", "full_name": "Ann", "message": "Call me"}
    sent = await visitor.post("/api/v1/forms/", json=body)
    assert (sent.status_code, sent.json()) == (201, {"message": "Received"})
    (contact,) = (await admin.get("/leads/1/contacts")).json()
    assert (contact["source_id"], contact["message"]) == (2, "Call me")


async def test_form_visitors_with_same_phone_are_one_lead(calling: Calling, db: Database, clock: MovableClock) -> None:
    visitor, admin = await _page(calling, db, clock)
    for phone in ("+7 999 123-45-67", "8 (999) 123 45 67"):
        assert (await visitor.post("/api/v1/forms/", json={"phone": phone})).status_code == 201
    (lead,) = (await admin.get("/leads/")).json()
    assert (lead["contacts_count"], lead["phone"]) == (1, "+7 999 123-45-67")


@pytest.mark.fault("F128")
async def test_forms_of_people_whose_phones_end_alike_are_two_leads(
    calling: Calling, db: Database, clock: MovableClock
) -> None:
    visitor, admin = await _page(calling, db, clock)
    given = [("Rosa", "+55 11 98765-4321"), ("Caio", "+55 21 98765-4321"), ("Lia", "+7 495 1234567 доб. 5")]
    for name, phone in given:
        sent = await visitor.post("/api/v1/forms/", json={"phone": phone, "full_name": name, "email": ""})
        assert sent.status_code == 201
    assert [(one["full_name"], one["phone"]) for one in (await admin.get("/leads/")).json()] == given
    for phone, name in (("+5521987654321", "Caio"), ("٠٠٥٥٢١٩٨٧٦٥٤٣٢١", "Caio"), ("84951234567", "Lia")):
        assert [one["full_name"] for one in (await admin.get("/leads/", params={"phone": phone})).json()] == [name]
    assert (await admin.get("/leads/", params={"phone": "98765-4321"})).json() == []


@pytest.mark.fault("F130")
async def test_empty_fields_of_a_form_were_not_filled_in(calling: Calling, db: Database, clock: MovableClock) -> None:
    visitor, admin = await _page(calling, db, clock)
    empty = {"phone": "", "full_name": " ", "message": "\u200b \u2800"}
    for filled in ({"email": "a@example.com"}, {"email": "", "phone": "+79990000001"}):
        assert (await visitor.post("/api/v1/forms/", json={**empty, **filled})).status_code == 201
    known = [(one["email"], one["phone"], one["full_name"]) for one in (await admin.get("/leads/")).json()]
    assert known == [("a@example.com", None, None), (None, "+79990000001", None)]


async def test_form_without_usable_email_or_phone_is_refused(
    calling: Calling, db: Database, clock: MovableClock
) -> None:
    visitor, _ = await _page(calling, db, clock)
    for body in ({}, {"message": "Hello"}, {"email": "", "phone": " "}):
        assert fields(await visitor.post("/api/v1/forms/", json=body)) == ["body"]
    assert fields(await visitor.post("/api/v1/forms/", json={"phone": "call me"})) == ["phone"]
    assert fields(await visitor.post("/api/v1/forms/", json={"email": "a@example.com", "source_id": 1})) == [
        "source_id"
    ]


@pytest.mark.fault("F130")
@pytest.mark.parametrize(
    ("accepted", "body", "field", "said"),
    [
        ("ru-RU,ru;q=0.9,en;q=0.8", {"full_name": "Анна", "email": ""}, "body", "Оставьте телефон или почту"),
        ("en-GB,en;q=0.9", {"full_name": "Ann"}, "body", "Please leave a phone number or an e-mail"),
        ("de,ru;q=0.5", {"email": "ivan@example"}, "email", "Проверьте адрес почты"),
        ("", {"email": "ivan@example"}, "email", "Please check the e-mail address"),
        ("ru", {"phone": "позвоните мне"}, "phone", "Проверьте номер телефона"),
        ("en", {"phone": "call me"}, "phone", "Please check the phone number"),
        ("ru", {"email": "a@example.com", "message": "я" * 4097}, "message", "Сообщение слишком длинное"),
    ],
)
async def test_visitor_reads_in_their_language_what_is_wrong_with_a_form(
    calling: Calling, db: Database, clock: MovableClock, accepted: str, body: dict[str, str], field: str, said: str
) -> None:
    visitor, _ = await _page(calling, db, clock)
    answer = await visitor.post("/api/v1/forms/", json=body, headers={"Accept-Language": accepted})
    assert fields(answer) == [field]
    assert answer.json()["detail"].startswith(said)
    assert answer.json()["errors"][0]["message"].startswith(said)
    assert "Invalid" in (await visitor.post("/api/v1/forms/", json={**body, "utm": "x"})).json()["detail"]


async def test_form_of_a_source_that_is_off_is_refused_in_words(
    calling: Calling, db: Database, clock: MovableClock
) -> None:
    visitor, admin = await _page(calling, db, clock)
    assert (await admin.patch("/api/v1/sources/2", json={"is_active": False})).status_code == 200
    sent = await visitor.post("/forms/", json={"phone": "+79990000001"}, headers={"Accept-Language": "ru"})
    assert (sent.status_code, sent.json()["code"]) == (409, "source_off")
    assert "не принимаем обращения" in sent.json()["detail"]


async def test_forms_endpoint_and_form_key_accept_only_each_other(
    calling: Calling, db: Database, clock: MovableClock
) -> None:
    visitor, admin = await _page(calling, db, clock)
    refused(await visitor.get("/leads/"), 403)
    refused(await visitor.post("/leads/register_contact/", json={"email": "a@example.com", "source_id": 1}), 403)
    refused(await admin.post("/api/v1/forms/", json={"email": "a@example.com"}), 403)


async def test_cors_allows_only_configured_origins(calling: Calling, db: Database, clock: MovableClock) -> None:
    visitor, _ = await _page(calling, db, clock)
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-api-key"}
    allowed = await calling().options("/api/v1/forms/", headers={"Origin": "https://shop.example", **asks})
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
    assert {"content-type", "x-api-key"} <= {
        one.strip().lower() for one in allowed.headers["Access-Control-Allow-Headers"].split(",")
    }
    foreign = await calling().options("/api/v1/forms/", headers={"Origin": "https://evil.example", **asks})
    assert foreign.status_code == 400
    assert "Access-Control-Allow-Origin" not in foreign.headers
    sent = await visitor.post("/api/v1/forms/", json={"email": "a@example.com"})
    assert sent.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "Access-Control-Allow-Credentials" not in sent.headers  # no cookies: the key alone counts
    refusal = await visitor.post("/api/v1/forms/", json={})
    assert refusal.headers["Access-Control-Allow-Origin"] == "https://shop.example"  # so that the page can show why


@pytest.mark.fault("F111")
async def test_forms_of_one_visitor_join_one_open_contact(calling: Calling, db: Database, clock: MovableClock) -> None:
    visitor, admin = await _page(calling, db, clock)
    bodies = [{"email": "a@example.com", "message": f"number {number}"} for number in range(5)]
    assert {(await visitor.post("/api/v1/forms/", json=body)).status_code for body in bodies} == {201}
    (contact,) = (await admin.get("/leads/1/contacts")).json()
    said = (await admin.get(f"/api/v1/contacts/{contact['id']}/messages")).json()
    assert [one["text"] for one in said] == [f"number {number}" for number in range(5)]
    refused(await visitor.post("/api/v1/forms/", json=bodies[0]), 429)


@pytest.mark.fault("F111")
async def test_form_writes_nothing_into_the_lead_of_a_named_address(
    calling: Calling, db: Database, clock: MovableClock
) -> None:
    visitor, admin = await _page(calling, db, clock)
    await admin.post("/leads/register_contact/", json={"email": "maria@example.com", "source_id": 1})
    forged = {"email": "Maria@example.com", "phone": "+44 20 7946 0000", "full_name": "Mallory", "message": "Call me"}
    assert (await visitor.post("/api/v1/forms/", json=forged)).status_code == 201
    (lead,) = (await admin.get("/leads/")).json()
    assert (lead["phone"], lead["full_name"], lead["contacts_count"]) == (None, None, 2)
    texts = [one["message"] for one in (await admin.get("/leads/1/contacts")).json()]
    assert "Call me\n\n⚠️ Mallory · +44 20 7946 0000" in texts


@pytest.mark.fault("F111")
async def test_visitor_behind_a_trusted_proxy_is_limited_and_others_are_not(
    db: Database, clock: MovableClock, calling: Calling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "FORM_RATE", Rate(per_second=1, burst=100))
    await calling().post("/sources/", json={"name": "Form"})
    form = await make_key(db, clock, "form", source_id=1)
    app = create_app(db=db, clock=clock, rng=random.random, new_key=new_key, trusted_proxies=["10.0.0.0/8"])

    async def statuses(peer: str, address: str, times: int = 6) -> list[int]:
        transport = httpx2.ASGITransport(app, client=(peer, 5))
        headers = {"X-API-Key": form, "X-Forwarded-For": address}
        async with httpx2.AsyncClient(transport=transport, base_url="http://crm.example", headers=headers) as page:
            sent = [await page.post("/api/v1/forms/", json={"email": f"a{n}@example.com"}) for n in range(times)]
        return [one.status_code for one in sent]

    refused_last = [201] * 5 + [429]
    assert await statuses("10.0.0.1", "198.51.100.4") == refused_last
    assert await statuses("10.0.0.1", "203.0.113.9, 198.51.100.4", 1) == [429]  # what stands further left is no proof
    assert await statuses("10.0.0.1", "198.51.100.5") == refused_last
    assert await statuses("10.0.0.1", "2001:db8:1::5") == refused_last
    assert await statuses("10.0.0.1", "2001:db8:1::6", 1) == [429]
    assert await statuses("203.0.113.7", "198.51.100.4") == [201] * 6  # nobody trusts this proxy: it speaks for nobody
    assert await statuses("10.0.0.2", "") == [201] * 6
