"""Who may call: on this machine everybody until there is a key, from then on only who has one that may."""

from datetime import timedelta

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from bot.random_codes import new_key
from crm_core.access import api_keys
from crm_core.access.actors import SYSTEM
from crm_core.api import guard
from crm_core.api.call import scope_of
from crm_core.api.limits import FORM_RATE, KEY_RATE, RateLimit
from crm_core.storage.database import Database
from crm_core.storage.opening import open_database
from tests.api.conftest import Calling, make_key
from tests.api.test_problem_details import refused
from tests.support.clock import MovableClock

ADMIN = {"name": "deploy", "scope": "admin"}


# --- without a key ----------------------------------------------------------------------------------------------------


async def test_after_first_key_every_call_needs_a_valid_key(
    api: httpx2.AsyncClient, calling: Calling, db: Database, clock: MovableClock
) -> None:
    made = await api.post("/api/v1/keys/", json=ADMIN)
    assert made.status_code == 201
    key = made.json()["key"]
    refused(await api.get("/operators/"), 401)
    assert (await calling(key).get("/operators/")).status_code == 200
    await calling(key).delete(f"/api/v1/keys/{made.json()['id']}")
    # Revoked, it opens nothing; and the door is not open again because it was the only one.
    for caller in (api, calling(key)):
        answer = await caller.get("/operators/")
        refused(answer, 401)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


# --- with keys --------------------------------------------------------------------------------------------------------


async def test_key_is_accepted_in_both_headers_from_any_address(
    calling: Calling, db: Database, clock: MovableClock
) -> None:
    key = await make_key(db, clock, "read")
    far = {"client": ("203.0.113.7", 5), "host": "crm.example"}
    for headers in ({"Authorization": f"Bearer {key}"}, {"authorization": f"bearer  {key}"}, {"X-API-Key": key}):
        assert (await calling(headers=headers, **far).get("/operators/")).status_code == 200
    wrong = [key[:-1], key + "x", key[:12], new_key(), "", "Bearer", "ключ", "x" * 10_000]
    for given in wrong:
        refused(await calling(headers={"X-API-Key": given.encode()}, **far).get("/operators/"), 401)
    refused(await calling(headers={"Authorization": f"Basic {key}"}, **far).get("/operators/"), 401)


async def test_key_is_stored_as_digest_and_shown_by_prefix(
    api: httpx2.AsyncClient, calling: Calling, db: Database
) -> None:
    made = (await api.post("/api/v1/keys/", json={**ADMIN, "expires_in_days": 30})).json()
    key = made.pop("key")
    assert key.startswith(made["prefix"])
    admin = calling(key)
    assert (await admin.get("/api/v1/keys/")).json() == [made]
    (kept,) = await db.read(api_keys.listing)
    assert key not in repr(kept)
    assert made["expires_at"] > made["created_at"]


@pytest.mark.fault("F73")
async def test_expired_key_is_refused(calling: Calling, db: Database, clock: MovableClock) -> None:
    key = await make_key(db, clock, "read", expires_at=clock() + timedelta(days=1))
    assert (await calling(key).get("/operators/")).status_code == 200
    clock.forward(days=1)
    refused(await calling(key).get("/operators/"), 401)


@pytest.mark.postgres_too
@pytest.mark.fault("F73")
async def test_key_revoked_by_another_process_is_refused_within_seconds(
    calling: Calling, db: Database, clock: MovableClock
) -> None:
    key = await make_key(db, clock, "read")
    assert (await calling(key).get("/operators/")).status_code == 200
    (kept,) = await db.read(api_keys.listing)
    other = open_database(db.url.render_as_string(hide_password=False))
    await other.write(api_keys.revoke, key_id=kept.id, actor=SYSTEM, now=clock())
    await other.close()
    clock.forward(seconds=2.1)
    refused(await calling(key).get("/operators/"), 401)


@pytest.mark.postgres_too
async def test_change_with_just_revoked_admin_key_is_refused(
    app: FastAPI, calling: Calling, db: Database, clock: MovableClock
) -> None:
    """What is remembered lets the call in; the right is asked for again where the effect is."""
    key = await make_key(db, clock, "admin")
    admin = calling(key)
    await admin.get("/operators/")
    (kept,) = await db.read(api_keys.listing)
    other = open_database(db.url.render_as_string(hide_password=False))
    await other.write(api_keys.revoke, key_id=kept.id, actor=SYSTEM, now=clock())
    await other.close()
    refused(await admin.post("/operators/", json={"name": "Anna"}), 403)


@pytest.mark.postgres_too
async def test_last_use_of_a_key_is_recorded(app: FastAPI, calling: Calling, db: Database, clock: MovableClock) -> None:
    key = await make_key(db, clock, "read")
    await calling(key).get("/operators/")
    await app.state.keyring.note_use()
    (kept,) = await db.read(api_keys.listing)
    assert kept.last_used_at is not None
    assert abs(clock() - kept.last_used_at) < timedelta(seconds=10)


@pytest.mark.postgres_too
async def test_event_actor_is_the_calling_key(calling: Calling, db: Database, clock: MovableClock) -> None:
    from sqlalchemy import text

    key = await make_key(db, clock, "admin")
    await calling(key).post("/operators/", json={"name": "Anna"})
    actors = await db.read(lambda s: s.execute(text("SELECT actor FROM events WHERE operator_id = 1")).scalars().all())
    assert actors == ["api:1"]


@pytest.mark.postgres_too
async def test_key_names_are_unique_and_form_keys_need_a_source(api: httpx2.AsyncClient, calling: Calling) -> None:
    await api.post("/sources/", json={"name": "Site"})
    admin = calling((await api.post("/api/v1/keys/", json=ADMIN)).json()["key"])
    assert refused(await admin.post("/api/v1/keys/", json=ADMIN), 409)["code"] == "name_taken"
    for wrong in ({"scope": "form"}, {"scope": "form", "source_id": 9}, {"scope": "read", "source_id": 1}):
        refused(await admin.post("/api/v1/keys/", json={"name": "other", **wrong}), 404)
    form = {"name": "page", "scope": "form", "source_id": 1}
    assert (await admin.post("/api/v1/keys/", json=form)).status_code == 201
    assert refused(await admin.delete("/api/v1/sources/1"), 409)["code"] == "source_in_use"
    assert refused(await admin.delete("/api/v1/keys/9"), 404)["detail"] == "Key not found"


# --- every route ------------------------------------------------------------------------------------------------------

PUBLIC = {"/healthz", "/readyz"}
NEEDS = {
    "admin": {
        ("POST", "/operators/"), ("PATCH", "/operators/{operator_id}"), ("DELETE", "/operators/{operator_id}"),
        ("POST", "/sources/"), ("PATCH", "/sources/{source_id}"), ("DELETE", "/sources/{source_id}"),
        ("POST", "/sources/{source_id}/assign_operator"), ("PUT", "/sources/{source_id}/operators/{operator_id}"),
        ("DELETE", "/sources/{source_id}/operators/{operator_id}"),
        ("GET", "/contacts/{contact_id}/decisions"), ("POST", "/replay"),
        ("POST", "/sources/{source_id}/preview"), ("POST", "/operators/{operator_id}/preview"),
        ("POST", "/sources/{source_id}/operators/{operator_id}/preview"),
        ("GET", "/sources/{source_id}/changes"), ("GET", "/operators/{operator_id}/changes"),
        ("GET", "/preferences/"), ("PUT", "/preferences/{name}"),
        ("GET", "/keys/"), ("POST", "/keys/"), ("DELETE", "/keys/{key_id}"),
    },
    "form": {("POST", "/forms/")},
    "owner": {("POST", "/invitations/")},
}  # fmt: skip
MAY = {"read": {"read"}, "write": {"read", "write"}, "admin": {"read", "write", "admin"}, "form": {"form"}}


def needed(method: str, path: str) -> str:
    """What a route should need: reading for GET, everyday work otherwise, unless the table says more."""
    place = (method, path.removeprefix("/api/v1"))
    for scope, routes in NEEDS.items():
        if place in routes:
            return scope
    return "read" if method == "GET" else "write"


def test_every_route_requires_the_expected_scope(app: FastAPI) -> None:
    for route in app.routes:
        if isinstance(route, APIRoute):
            (method,) = route.methods or {"GET"}
            scope = scope_of(route)
            assert scope == (None if route.path in PUBLIC else needed(method, route.path)), (method, route.path)


@pytest.mark.further
@pytest.mark.fault("F73")
async def test_every_route_accepts_only_keys_of_sufficient_scope(
    app: FastAPI, calling: Calling, db: Database, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "UNKNOWN_RATE", KEY_RATE)
    monkeypatch.setattr(guard, "FORM_RATE", KEY_RATE)  # there are more routes than a form may call at once
    admin = calling()
    await admin.post("/sources/", json={"name": "Site"})
    keys = {scope: await make_key(db, clock, scope) for scope in ("read", "write", "admin")}
    keys["form"] = await make_key(db, clock, "form", source_id=1)
    callers = {scope: calling(key) for scope, key in keys.items()} | {None: calling()}
    walked = 0
    for route in app.routes:
        if not isinstance(route, APIRoute) or route.path in PUBLIC:
            continue
        (method,) = route.methods or {"GET"}
        address = route.path.replace("{", "").replace("}", "")  # not a number, so that a sufficient key gets 422
        for scope, caller in callers.items():
            answer = await caller.request(method, address, json=None if method in ("GET", "DELETE") else 0)
            if scope is None:
                refused(answer, 401)
            elif needed(method, route.path) not in MAY[scope]:
                refused(answer, 403)
            else:
                assert answer.status_code in (200, 422), (scope, method, address)
            walked += 1
    assert walked > 150


# --- how many ---------------------------------------------------------------------------------------------------------


def test_rate_limit_allows_a_burst_then_a_steady_rate() -> None:
    limit, rate = RateLimit(), KEY_RATE
    assert all(limit.wait(1, rate, now=0.0) == 0 for _ in range(rate.burst))
    early = limit.wait(1, rate, now=0.0)
    assert early == pytest.approx(1 / rate.per_second)
    assert limit.wait(2, rate, now=0.0) == 0  # another key is not concerned
    assert limit.wait(1, rate, now=early) == 0
    passed = sum(limit.wait(1, rate, now=early + number / 1000) == 0 for number in range(1000))
    assert passed == pytest.approx(rate.per_second, abs=1)
    assert limit.wait(1, rate, now=1_000.0) == 0


async def test_rate_limited_key_gets_429_with_retry_after(calling: Calling, db: Database, clock: MovableClock) -> None:
    await calling().post("/sources/", json={"name": "Site"})
    caller = calling(await make_key(db, clock, "form", source_id=1))
    answers = [await caller.get("/api/v1/operators/") for _ in range(FORM_RATE.burst + 5)]
    late = next(one for one in answers if one.status_code == 429)
    assert refused(late, 429)["code"] == "too_many_requests"
    assert int(late.headers["Retry-After"]) >= 1
