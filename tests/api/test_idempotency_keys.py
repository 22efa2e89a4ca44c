"""`Idempotency-Key`: whatever is sent again, because its answer was lost, is done once."""

import asyncio
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.api import idempotency
from crm_core.api.idempotency import KeyConflict, RepeatableCall, StoredResponse
from crm_core.errors import ContactNotFound, NotAllowed
from crm_core.storage.database import Database, on_commit
from crm_core.storage.locks import try_lock_name
from crm_core.storage.opening import open_database
from crm_core.storage.tables import Alert, Event, Idempotency
from tests.api.conftest import Calling, make_key
from tests.api.test_contacts import V1, bring, office
from tests.api.test_problem_details import refused
from tests.domain.arranging import NOW
from tests.support.clock import MovableClock
from tests.support.statements import counted

pytestmark = pytest.mark.postgres_too

SITE = {"name": "Another site"}
REQUEST = {"email": "ivan@example.com", "source_id": 1, "message": "Hello"}

# What each route that adds or does something is called with, after an office of one contact and two operators is there.
CALLS: dict[str, tuple[str, dict[str, Any] | None]] = {
    "/leads/register_contact/": ("/leads/register_contact/", REQUEST),
    "/contacts/": ("/contacts/", {"lead_external_id": "crm-1", "source_id": 1}),
    "/contacts/{contact_id}/assign": ("/contacts/1/assign", {"operator_id": 2}),
    "/contacts/{contact_id}/take": ("/contacts/1/take", None),
    "/contacts/{contact_id}/messages": ("/contacts/1/messages", {"text": "On its way."}),
    "/contacts/{contact_id}/close": ("/contacts/1/close", None),
    "/contacts/{contact_id}/decline": ("/contacts/1/decline", {"reason": "busy"}),
    "/contacts/{contact_id}/return": ("/contacts/1/return", {"note": "Speaks German"}),
    "/contacts/{contact_id}/transfer": ("/contacts/1/transfer", {"operator_id": 2, "confirmed": True}),
    "/contacts/{contact_id}/snooze": ("/contacts/1/snooze", {"until": "2027-01-01T10:00:00Z"}),
    "/contacts/{contact_id}/wake": ("/contacts/1/wake", None),
    "/contacts/{contact_id}/reopen": ("/contacts/1/reopen", None),
    "/operators/": ("/operators/", {"name": "Charlie"}),
    "/sources/": ("/sources/", SITE),
    "/sources/{source_id}/assign_operator": ("/sources/1/assign_operator", {"operator_id": 2, "weight": 7}),
    "/keys/": ("/keys/", {"name": "site", "scope": "read"}),
    "/forms/": ("/forms/", {"email": "ivan@example.com", "message": "Call me"}),
}
CHANGES_NOTHING = {  # repeated, they say the same by themselves
    "/replay",
    "/sources/{source_id}/preview",
    "/operators/{operator_id}/preview",
    "/sources/{source_id}/operators/{operator_id}/preview",
}
COMMANDS = {"/invitations/"}  # of our own command line, which makes a new code for each call


def named(key: str) -> dict[str, str]:
    """The header that names a call."""
    return {"Idempotency-Key": key}


async def everything(db: Database) -> list[Any]:
    """How much there is of all that a call could add."""
    tables = ("contacts", "leads", "messages", "events", "outbox", "operators", "sources", "weights", "api_keys")
    counts = " UNION ALL ".join(f"SELECT count(*) FROM {table}" for table in tables)  # noqa: S608
    return await db.read(lambda s: list(s.execute(text(counts)).scalars()))


def test_every_post_route_is_covered_by_idempotency_tests(app: FastAPI) -> None:
    posts = {
        route.path.removeprefix(V1)
        for route in app.routes
        if isinstance(route, APIRoute) and "POST" in (route.methods or ())
    }
    assert posts - COMMANDS - CHANGES_NOTHING == {*CALLS}


@pytest.mark.fault("F72")
@pytest.mark.parametrize("route", CALLS)
async def test_repeated_call_is_applied_once_and_returns_the_same_response(
    db: Database, clock: MovableClock, calling: Calling, route: str
) -> None:
    await office(calling(), "Anna")
    if route.endswith("/decline"):
        await calling().patch(f"{V1}/sources/1", json={"offer_seconds": 60})
    await bring(calling())
    await calling().post("/operators/", json={"name": "Boris"})
    if route.endswith("/reopen"):
        assert (await calling().post(f"{V1}/contacts/1/close")).status_code == 200
    if route.endswith("/wake"):
        address, body = CALLS["/contacts/{contact_id}/snooze"]
        assert (await calling().post(V1 + address, json=body)).status_code == 200
    form = {"scope": "form", "source_id": 1} if route == "/forms/" else {"scope": "admin"}
    api = calling(await make_key(db, clock, **form))
    address, body = CALLS[route]
    first = await api.post(V1 + address, json=body, headers=named("call-1"))
    assert first.status_code in (200, 201), first.text
    there = await everything(db)
    again = await api.post(V1 + address, json=body, headers=named("call-1"))
    assert await everything(db) == there
    assert again.headers.pop("Idempotency-Replayed") == "true"
    assert "Idempotency-Replayed" not in first.headers
    if route == "/keys/":  # what is shown once is not kept, not even for a day
        assert again.json() == {**first.json(), "key": None}
        return
    assert (again.status_code, again.content, again.headers) == (first.status_code, first.content, first.headers)


async def test_stored_response_does_not_contain_the_created_api_key(db: Database, api: httpx2.AsyncClient) -> None:
    made = (await api.post("/keys/", json={"name": "site", "scope": "read"}, headers=named("call-1"))).json()
    kept = await db.read(lambda s: s.execute(select(Idempotency.body)).scalar_one())
    assert made["key"] not in kept
    assert made["prefix"] in kept


@pytest.mark.fault("F72")
async def test_reused_idempotency_key_with_other_request_is_refused(api: httpx2.AsyncClient) -> None:
    await office(api, "Anna")
    await api.post("/leads/register_contact/", json=REQUEST, headers=named("call-1"))
    other = await api.post("/leads/register_contact/", json={**REQUEST, "message": "Bye"}, headers=named("call-1"))
    problem = refused(other, 422)
    assert (problem["code"], problem["errors"][0]["field"]) == ("key_reused", "Idempotency-Key")
    at_another_state = await api.post(
        "/leads/register_contact/", json=REQUEST, headers={**named("call-1"), "If-Match": '"1"'}
    )
    assert refused(at_another_state, 422)["code"] == "key_reused"
    assert len((await api.get(f"{V1}/contacts/")).json()) == 1


async def test_idempotency_keys_are_scoped_to_caller_and_route(
    db: Database, clock: MovableClock, calling: Calling
) -> None:
    site, shop = [calling(await make_key(db, clock, scope)) for scope in ("admin", "write")]
    await office(site, "Anna")
    made = [await caller.post("/leads/register_contact/", json=REQUEST, headers=named("1")) for caller in (site, shop)]
    made.append(await site.post(f"{V1}/leads/register_contact/", json=REQUEST, headers=named("1")))
    made.append(await site.post("/contacts/", json={"lead_external_id": "x", "source_id": 1}, headers=named("1")))
    assert [one.json()["id"] for one in made] == [1, 2, 3, 4]


async def test_refusal_is_replayed_like_any_response(api: httpx2.AsyncClient) -> None:
    first = await api.post("/leads/register_contact/", json=REQUEST, headers=named("call-1"))
    assert refused(first, 404)["detail"] == "Source not found"
    await office(api, "Anna")
    again = await api.post("/leads/register_contact/", json=REQUEST, headers=named("call-1"))
    assert (again.status_code, again.content) == (404, first.content)
    assert (await api.post("/leads/register_contact/", json=REQUEST, headers=named("call-2"))).status_code == 201


async def test_invalid_request_can_be_corrected_under_the_same_key(api: httpx2.AsyncClient) -> None:
    await office(api, "Anna")
    refused(await api.post("/leads/register_contact/", json={"source_id": 1}, headers=named("call-1")), 422)
    assert (await api.post("/leads/register_contact/", json=REQUEST, headers=named("call-1"))).status_code == 201


@pytest.mark.parametrize("key", ["", "two words", "ключ".encode(), "x" * 256])
async def test_malformed_idempotency_key_is_refused(api: httpx2.AsyncClient, key: str | bytes) -> None:
    answer = await api.post(
        "/sources/", json=SITE, headers=[(b"Idempotency-Key", key if isinstance(key, bytes) else key.encode())]
    )
    assert refused(answer, 422)["errors"][0]["field"] == "Idempotency-Key"
    assert (await api.get("/sources/")).json() == []


async def test_stored_response_expires_after_a_day(api: httpx2.AsyncClient, db: Database, clock: MovableClock) -> None:
    await office(api, "Anna")
    for hours, number in ((0, 1), (23, 1), (2, 2), (1, 2)):
        clock.forward(hours=hours)
        await api.post("/leads/register_contact/", json=REQUEST, headers=named("call-1"))
        assert len((await api.get(f"{V1}/contacts/")).json()) == number
    assert await db.write(idempotency.purge, now=clock()) == 0
    clock.forward(hours=24)
    assert await db.write(idempotency.purge, now=clock()) == 1


@pytest.mark.fault("F72")
async def test_concurrent_calls_with_same_key_are_applied_once(api: httpx2.AsyncClient) -> None:
    await office(api, "Anna")
    calls = (api.post("/leads/register_contact/", json=REQUEST, headers=named("call-1")) for _ in range(12))
    answers = await asyncio.gather(*calls)
    done = [one for one in answers if one.status_code == 201]
    early = [one for one in answers if one.status_code != 201]
    assert {one.content for one in done} == {done[0].content}
    assert early
    for one in early:
        assert refused(one, 409)["code"] == "still_running"
        assert one.headers["Retry-After"] == "1"
    assert len((await api.get(f"{V1}/contacts/")).json()) == 1


async def test_call_without_idempotency_key_adds_no_statements(api: httpx2.AsyncClient) -> None:
    await office(api, "Anna")
    with counted() as unnamed:
        await bring(api)
    with counted() as statements:
        await api.post("/leads/register_contact/", json=REQUEST, headers=named("call-1"))
    assert not any("idempotency" in one for one in unnamed)
    assert any("idempotency" in one for one in statements)
    assert not any(one.startswith("SAVEPOINT") for one in unnamed)


# --- what is one transaction ------------------------------------------------------------------------------------------

CALL = RepeatableCall(1, "POST /contacts/", "call-1", "digest")


def acts(s: Session, *, cause: str = "cause", then: Exception | None = None) -> str:
    """Does something, says so, and perhaps fails."""
    s.execute(Alert.__table__.insert().values(cause=cause, told_at=NOW))
    on_commit(s, cause)
    if then is not None:
        raise then
    return cause


def once(s: Session, /, **inputs: Any) -> StoredResponse | KeyConflict:
    """`acts`, at most once. Refusals are kept, but for those about the caller."""
    return idempotency.store_or_replay(
        s,
        call=CALL,
        now=NOW,
        action=acts,
        inputs=inputs,
        render=lambda result: StoredResponse(201, {}, result),
        refuse=lambda error: None if isinstance(error, NotAllowed) else StoredResponse(error.status, {}, error.code),
    )


async def seen(db: Database) -> tuple[int, int]:
    """How much was done, and how many answers are kept."""
    return await db.read(lambda s: (_count(s, Alert), _count(s, Idempotency)))


def _count(s: Session, table: type[Any]) -> int:
    return s.execute(select(func.count()).select_from(table)).scalar_one()


async def test_failed_action_stores_neither_effect_nor_response(db: Database) -> None:
    announced: list[Any] = []
    db.listeners.append(announced.extend)
    for error in (RuntimeError("broken"), NotAllowed(role="write")):
        with pytest.raises(type(error)):
            await db.write(once, then=error)
    assert await seen(db) == (0, 0)
    assert await db.write(once) == StoredResponse(201, {}, "cause")
    assert await seen(db) == (1, 1)
    assert announced == ["cause"]


async def test_stored_refusal_changes_nothing_and_announces_nothing(db: Database) -> None:
    announced: list[Any] = []
    db.listeners.append(announced.extend)
    answer = StoredResponse(404, {}, "contact_not_found")
    assert await db.write(once, then=ContactNotFound(contact=1)) == answer
    assert await seen(db) == (0, 1)
    assert announced == []
    repeated = await db.write(once)
    assert repeated == StoredResponse(404, {}, "contact_not_found", is_repeated=True)


async def test_stored_refusal_undoes_prepared_statements_too(db: Database) -> None:
    def writes(s: Session) -> None:
        events.record_one(s, events.OPERATOR_CHANGED, actor="system", now=NOW)  # a prepared INSERT, and nothing before
        raise ContactNotFound(contact=1)

    def refused(s: Session) -> StoredResponse | KeyConflict:
        return idempotency.store_or_replay(
            s, call=CALL, now=NOW, action=writes, inputs={}, render=lambda _: StoredResponse(201, {}, ""),
            refuse=lambda error: StoredResponse(error.status, {}, error.code),
        )  # fmt: skip

    assert await db.write(refused) == StoredResponse(404, {}, "contact_not_found")
    assert await db.read(lambda s: (_count(s, Event), _count(s, Idempotency))) == (0, 1)


async def test_call_running_in_another_process_is_refused_without_waiting(db: Database) -> None:
    if db.url.get_backend_name() != "postgresql":  # one process writes, one body after another
        assert await db.write(lambda s: (try_lock_name(s, "a"), try_lock_name(s, "a"))) == (True, True)
        return
    other = open_database(db.url.render_as_string(hide_password=False))
    try:
        async with other._engine.connect() as connection:  # type: ignore[attr-defined]
            await connection.run_sync(lambda c: try_lock_name(Session(c), f"1 {CALL.route} {CALL.key}"))
            assert await db.write(once) is KeyConflict.RUNNING
        assert await db.write(once) == StoredResponse(201, {}, "cause")
    finally:
        await other.close()
