"""Contacts over HTTP, without Telegram: found, given, taken, answered, closed."""

from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import update
from sqlalchemy.orm import Session

from crm_core.api.fields import written
from crm_core.storage.database import Database
from crm_core.storage.tables import Contact
from tests.api.conftest import Calling, make_key
from tests.api.test_problem_details import refused
from tests.support.clock import MovableClock
from tests.support.statements import counted

V1 = "/api/v1"


async def office(api: httpx2.AsyncClient, *names: str, limit: int = 10, weight: int = 1) -> list[int]:
    """A source, "Site", with operators who work there through the API. Returns their ids; the source is number 1."""
    assert (await api.post("/sources/", json={"name": "Site"})).json()["id"] == 1
    found = []
    for name in names:
        made = (await api.post("/operators/", json={"name": name, "max_leads": limit})).json()["id"]
        await api.post("/sources/1/assign_operator", json={"operator_id": made, "weight": weight})
        found.append(made)
    return found


async def bring(api: httpx2.AsyncClient, email: str = "ivan@example.com", **further: Any) -> dict[str, Any]:
    """A new contact."""
    made = await api.post("/leads/register_contact/", json={"email": email, "source_id": 1, **further})
    assert made.status_code == 201
    return dict(made.json())


async def load(api: httpx2.AsyncClient) -> dict[str, int]:
    """How many contacts each operator holds, as the dashboard says."""
    rows = (await api.get("/dashboard/operator_stats")).json()
    return {row["operator_name"]: row["current_leads"] for row in rows}


# --- what is shown ----------------------------------------------------------------------------------------------------


async def test_contact_details_show_messages_and_events(api: httpx2.AsyncClient, clock: MovableClock) -> None:
    (anna,) = await office(api, "Anna")
    made = await bring(api, message="Where is my order?", full_name="Ivan", phone="+79991234567")
    clock.forward(minutes=1)
    await api.post(f"{V1}/contacts/1/take")
    clock.forward(minutes=1)
    said = await api.post(f"{V1}/contacts/1/messages", json={"text": "On its way."})
    assert said.status_code == 201
    shown = (await api.get(f"{V1}/contacts/1")).json()
    assert {name: shown[name] for name in made} == {**made, "status": "in_progress"}
    assert shown["version"] == 2
    assert (shown["source_name"], shown["operator_name"], shown["lead_external_id"]) == ("Site", "Anna", None)
    assert not shown["in_telegram"]
    moments = [shown[name] for name in ("created_at", "assigned_at", "taken_at", "replied_at")]
    assert moments == sorted(moments)
    assert all(moment.endswith("Z") for moment in moments)
    assert (shown["queued_at"], shown["closed_at"]) == (None, None)
    assert [(one["author"], one["operator_id"], one["text"]) for one in shown["messages"]] == [
        ("client", None, "Where is my order?"),
        ("operator", anna, "On its way."),
    ]
    assert shown["messages"][1] == said.json()
    assert [(one["kind"], one["actor"]) for one in shown["events"]] == [
        ("contact_created", "client"),
        ("contact_assigned", "system"),
        ("contact_taken", "api:local"),
        ("replied", "api:local"),
    ]
    assert (shown["messages_count"], shown["events_count"]) == (2, 4)


async def test_long_contact_shows_latest_entries_and_pages_the_rest(
    api: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm_core.contacts.details.SHOWN_AT_ONCE", 3)
    await office(api, "Anna")
    await bring(api, message="0")
    for number in range(1, 6):
        await api.post(f"{V1}/contacts/1/messages", json={"text": str(number)})
    shown = (await api.get(f"{V1}/contacts/1")).json()
    assert ([one["text"] for one in shown["messages"]], shown["messages_count"]) == (["3", "4", "5"], 6)
    assert (len(shown["events"]), shown["events_count"]) == (3, 4)
    page = await api.get(f"{V1}/contacts/1/messages?skip=1&limit=2")
    assert [one["text"] for one in page.json()] == ["1", "2"]
    assert page.headers["X-Total-Count"] == "6"
    happened = await api.get(f"{V1}/contacts/1/events?limit=2")
    assert [one["kind"] for one in happened.json()] == ["contact_created", "contact_assigned"]
    for address in ("/contacts/7", "/contacts/7/messages", "/contacts/7/events"):
        assert refused(await api.get(V1 + address), 404)["detail"] == "Contact not found"


async def test_contact_list_supports_every_filter(api: httpx2.AsyncClient, clock: MovableClock) -> None:
    anna, boris = await office(api, "Anna", "Boris", limit=2)
    made = []
    for number in range(5):  # four of them find a place
        made.append(await bring(api, f"client{number % 2}@example.com"))
        clock.forward(minutes=1)
    mine = [one["id"] for one in made if one["operator_id"] == anna]
    await api.post(f"{V1}/contacts/{mine[0]}/take")
    await api.patch(f"/operators/{anna}", json={"max_leads": 0})
    await api.patch(f"/operators/{boris}", json={"max_leads": 0})
    await api.post(f"{V1}/contacts/{mine[1]}/close")

    async def ids(query: str) -> list[int]:
        return [one["id"] for one in (await api.get(f"{V1}/contacts/?{query}")).json()]

    everyone = [5, 4, 3, 2, 1]
    assert await ids("") == everyone
    assert await ids("order=oldest") == everyone[::-1]
    assert await ids("skip=1&limit=2") == [4, 3]
    assert await ids("status=unassigned") == [5]
    assert sorted(await ids("status=active")) == sorted({1, 2, 3, 4} - {mine[1]})
    assert await ids("status=in_progress") == [mine[0]]
    assert await ids("status=closed") == [mine[1]]
    assert await ids("status=new&order=oldest") == sorted({1, 2, 3, 4, 5} - {*mine})
    assert await ids(f"operator_id={anna}") == mine[::-1]
    assert await ids(f"operator_id={anna}&status=active") == [mine[0]]
    assert await ids(f"lead_id={made[1]['lead_id']}") == [4, 2]
    assert await ids("source_id=1") == everyone
    assert await ids("source_id=2") == []
    assert await ids(f"from={made[2]['created_at']}") == [5, 4, 3]
    assert await ids(f"to={made[2]['created_at']}") == [2, 1]
    assert await ids(f"from={made[1]['created_at']}&to={made[3]['created_at']}&order=oldest") == [2, 3]
    found = await api.get(f"{V1}/contacts/?status=active&limit=1")
    assert found.headers["X-Total-Count"] == "3"
    assert 'status=active&skip=1&limit=1>; rel="next"' in found.headers["Link"]


async def test_total_count_is_exact_unfiltered_and_capped_when_filtered(
    api: httpx2.AsyncClient, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm_core.contacts.lists.COUNTED_AT_MOST", 3)
    await office(api, "Anna")
    for number in range(1, 6):
        await bring(api)
        assert (await api.get(f"{V1}/contacts/?limit=1")).headers["X-Total-Count"] == str(number)
        clock.forward(minutes=20)  # what is so old is not counted again
    assert (await api.get(f"{V1}/contacts/?limit=1&source_id=1")).headers["X-Total-Count"] == "3"


def _opened(s: Session, *, at: datetime) -> None:
    s.execute(update(Contact).values(created_at=at))


@pytest.mark.postgres_too
async def test_date_filter_uses_the_installation_timezone(db: Database, api: httpx2.AsyncClient, app: FastAPI) -> None:
    object.__setattr__(app.state.context, "timezone", "Europe/Moscow")
    await office(api, "Anna")
    await bring(api)
    midnight = datetime.fromisoformat("2026-03-02T00:00:00+03:00")
    for created_at, first, last in (
        (midnight, 1, 0),
        (midnight - timedelta(milliseconds=1), 0, 1),
    ):
        await db.write(_opened, at=created_at)
        for query, expected in (("from=2026-03-02", first), ("to=2026-03-02", last)):
            assert len((await api.get(f"{V1}/contacts/?{query}")).json()) == expected


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "from=2026-01-01T00:00:00",
        "to=1767225600",
        "from=2026-13-01",
        "status=old",
        "order=id",
        "source_id=x",
        "unknown=1",
        "skip=100001",
        "limit=1001",
    ],
)
async def test_invalid_contact_filter_is_refused_by_field_name(api: httpx2.AsyncClient, query: str) -> None:
    problem = refused(await api.get(f"{V1}/contacts/?{query}"), 422)
    assert [one["field"] for one in problem["errors"]] == [query.partition("=")[0]]


@pytest.mark.postgres_too
@pytest.mark.parametrize("number", [1, 100])
async def test_contact_list_uses_constant_number_of_statements(
    api: httpx2.AsyncClient, db: Database, number: int
) -> None:
    await office(api, "Anna", limit=1000)
    for one in range(number):
        await bring(api, f"client{one}@example.com", message="Hello")
    with counted() as statements:
        found = await api.get(f"{V1}/contacts/?source_id=1&limit=100")
    assert len(found.json()) == number
    assert len(statements) == 3


# --- by hand ----------------------------------------------------------------------------------------------------------


async def test_waiting_contact_is_assigned_manually_after_confirmation(api: httpx2.AsyncClient) -> None:
    anna, boris = await office(api, "Anna", "Boris", limit=0)
    waiting = await bring(api)
    assert waiting["operator_id"] is None
    problem = refused(await api.post(f"{V1}/contacts/1/assign", json={"operator_id": anna}), 409)
    assert problem["code"] == "needs_confirmation"
    assert "full" in problem["detail"]
    given = await api.post(f"{V1}/contacts/1/assign", json={"operator_id": anna, "force": True})
    assert (given.status_code, given.json()["operator_id"], given.json()["queued_at"]) == (200, anna, None)
    assert given.headers["ETag"] == '"2"'
    again = refused(await api.post(f"{V1}/contacts/1/assign", json={"operator_id": anna}), 409)
    assert again["code"] == "contact_already_theirs"
    await api.post(f"{V1}/contacts/1/assign", json={"operator_id": boris, "force": True})
    assert await load(api) == {"Anna": 0, "Boris": 1}
    happened = (await api.get(f"{V1}/contacts/1/events")).json()
    assert [one["operator_id"] for one in happened if one["reason"] == "by_hand"] == [anna, boris]
    unknown = refused(await api.post(f"{V1}/contacts/1/assign", json={"operator_id": 99}), 404)
    assert unknown["detail"] == "Operator not found"


async def test_inactive_operator_is_not_assigned_without_confirmation(api: httpx2.AsyncClient) -> None:
    (anna,) = await office(api, "Anna")
    await api.patch(f"/operators/{anna}", json={"is_active": False})
    await bring(api)
    problem = refused(await api.post(f"{V1}/contacts/1/assign", json={"operator_id": anna, "force": False}), 409)
    assert problem["code"] == "needs_confirmation"
    assert (await api.get(f"{V1}/contacts/1")).json()["operator_id"] is None


async def test_close_frees_capacity_for_oldest_waiting_contact(api: httpx2.AsyncClient) -> None:
    (anna,) = await office(api, "Anna", limit=1)
    for number in range(3):
        await bring(api, f"client{number}@example.com")
    taken = await api.post(f"{V1}/contacts/1/take")
    assert (taken.json()["status"], taken.json()["version"]) == ("in_progress", 2)
    assert refused(await api.post(f"{V1}/contacts/1/take"), 409)["code"] == "contact_already_yours"
    closed = await api.post(f"{V1}/contacts/1/close")
    assert closed.json()["status"] == "closed"
    assert closed.json()["closed_at"] is not None
    assert [one["id"] for one in (await api.get(f"{V1}/contacts/?operator_id={anna}&status=active")).json()] == [2]
    assert await load(api) == {"Anna": 1}
    for action in ("take", "close", "messages", "assign"):
        body = {"messages": {"text": "Hello?"}, "assign": {"operator_id": anna}}.get(action)
        assert refused(await api.post(f"{V1}/contacts/1/{action}", json=body), 409)["code"] == "contact_closed"
        assert refused(await api.post(f"{V1}/contacts/99/{action}", json=body), 404)["code"] == "contact_not_found"


async def test_unassigned_contact_cannot_be_taken_answered_or_closed(api: httpx2.AsyncClient) -> None:
    await office(api)
    await bring(api)
    for action, body in (("take", None), ("close", None), ("messages", {"text": "Hello?"})):
        problem = refused(await api.post(f"{V1}/contacts/1/{action}", json=body), 409)
        assert (problem["code"], problem["detail"]) == ("contact_held", "The contact is waiting in the queue")


async def test_reply_in_name_of_wrong_operator_is_refused(api: httpx2.AsyncClient) -> None:
    anna, boris = await office(api, "Anna", "Boris", limit=1)
    holder = (await bring(api))["operator_id"]
    other = boris if holder == anna else anna
    problem = refused(await api.post(f"{V1}/contacts/1/messages", json={"text": "Hello", "operator_id": other}), 409)
    assert problem["code"] == "contact_held"
    said = await api.post(f"{V1}/contacts/1/messages", json={"text": "Hello", "operator_id": holder})
    assert said.json()["operator_id"] == holder
    assert (await api.get(f"{V1}/contacts/1")).json()["status"] == "in_progress"  # the first message takes it


@pytest.mark.parametrize("text", ["", "  \n ", "\x00", "x" * 4097, "🙂" * 2049, 5, None])
async def test_invalid_reply_text_is_refused(api: httpx2.AsyncClient, text: Any) -> None:
    await office(api, "Anna")
    await bring(api)
    problem = refused(await api.post(f"{V1}/contacts/1/messages", json={"text": text}), 422)
    assert [one["field"] for one in problem["errors"]] == ["text"]


async def test_write_key_may_change_contacts_and_is_recorded_as_actor(
    calling: Calling, db: Database, clock: MovableClock
) -> None:
    admin = calling(await make_key(db, clock, "admin"))
    (anna,) = await office(admin, "Anna", limit=0)
    writer = calling(await make_key(db, clock, "write"))
    await bring(writer)
    for action, body in (
        ("assign", {"operator_id": anna, "force": True}),
        ("take", None),
        ("messages", {"text": "Hello"}),
        ("close", None),
    ):
        assert (await writer.post(f"{V1}/contacts/1/{action}", json=body)).status_code in (200, 201), action
    actors = {one["actor"] for one in (await writer.get(f"{V1}/contacts/1/events")).json()}
    assert actors == {"client", "system", "api:2"}


async def test_dashboard_and_statistics_show_the_same_figures(api: httpx2.AsyncClient) -> None:
    anna, boris = await office(api, "Anna", "Boris", limit=2)
    for number in range(5):
        await bring(api, f"client{number}@example.com")
    await api.post(f"{V1}/contacts/1/take")
    for root in ("", V1):
        assert (await api.get(f"{root}/dashboard/operator_stats")).json() == [
            {
                "operator_id": number,
                "operator_name": name,
                "is_active": True,
                "max_leads": 2,
                "current_leads": 2,
                "available_capacity": 0,
                "total_contacts": 2,
            }
            for number, name in ((anna, "Anna"), (boris, "Boris"))
        ]
        (site,) = (await api.get(f"{root}/dashboard/source_stats")).json()
        assert {name: site[name] for name in ("source_id", "source_name", "total_contacts")} == {
            "source_id": 1,
            "source_name": "Site",
            "total_contacts": 5,
        }
        assert site["operators"] == [
            {"operator_id": number, "operator_name": name, "weight": 1, "contacts_assigned": 2}
            for number, name in ((anna, "Anna"), (boris, "Boris"))
        ]
    for query in ("", "?period=all", "?period=today", "?from=2020-01-01&to=2100-01-01"):
        figures = (await api.get(f"{V1}/statistics/{query}")).json()
        assert (figures["contacts"], figures["unassigned"], figures["waiting"]) == (5, 1, 1), query
        assert figures["unassigned_share"] == pytest.approx(0.2)
        assert figures["to_take"]["contacts"] == 1
        assert [one["contacts"] for one in figures["operators"]] == [2, 2]
        shares = figures["sources"][0]["operators"]
        assert [(one["planned_share"], one["actual_share"]) for one in shares] == [(0.5, 0.5), (0.5, 0.5)]
    assert (await api.get(f"{V1}/statistics/?to=2020-01-01")).json()["contacts"] == 0
    (day,) = (await api.get(f"{V1}/statistics/arrivals?period=7d")).json()
    assert (day["contacts"], day["unassigned"]) == (5, 1)
    narrowed = await api.get(f"{V1}/statistics/?period=7d&from=2020-01-01&to=2020-12-31")
    assert narrowed.json()["contacts"] == 0


async def test_waiting_contact_says_what_for_and_until_when_it_is_held_back(
    api: httpx2.AsyncClient, clock: MovableClock
) -> None:
    await api.post(f"{V1}/sources/", json={"name": "Site"})
    await api.patch(f"{V1}/sources/1", json={"ramp": 1})
    await api.post(f"{V1}/operators/", json={"name": "Anna", "max_leads": 5})
    await api.put(f"{V1}/sources/1/operators/1", json={"weight": 30})
    await api.patch(f"{V1}/operators/1", json={"is_active": False})
    for number in (1, 2):
        await api.post(f"{V1}/contacts/", json={"lead_external_id": f"crm-{number}", "source_id": 1})
    shown = (await api.get(f"{V1}/contacts/2")).json()
    assert (shown["waits_for"], shown["waits_until"]) == ("inactive", None)
    clock.forward(seconds=1)
    await api.patch(f"{V1}/sources/1", json={"is_active": False})
    await api.patch(f"{V1}/operators/1", json={"is_active": True})
    assert (await api.get(f"{V1}/contacts/2")).json()["waits_for"] == "source_off"
    await api.patch(f"{V1}/sources/1", json={"is_active": True})
    given = datetime.fromisoformat((await api.get(f"{V1}/contacts/1")).json()["assigned_at"])
    shown = (await api.get(f"{V1}/contacts/2")).json()
    assert (shown["waits_for"], shown["waits_until"]) == ("ramp", written(given + timedelta(minutes=1)))
    event = shown["events"][-1]
    assert (event["kind"], event["reason"]) == ("contact_held_back", "ramp")
    assert datetime.fromisoformat(event["data"]["until"]) == given + timedelta(minutes=1)
    made = (await api.get(f"{V1}/contacts/2/decisions")).json()[-1]
    assert (made["rule"], made["assigned"]) == ("ramp", False)
    assert [(one["why_not"], one["last_minute"], one["ramp"]) for one in made["candidates"]] == [("ramp", 1, 1)]
    shown = (await api.get(f"{V1}/contacts/1")).json()
    assert (shown["operator_name"], shown["waits_for"], shown["waits_until"]) == ("Anna", None, None)


async def test_decisions_of_a_contact_have_every_number_that_decided(api: httpx2.AsyncClient) -> None:
    await api.post("/sources/", json={"name": "Site"})
    for name, limit, weight in (("Anna", 5, 30), ("Boris", 5, 10), ("Clara", 0, 60)):
        made = (await api.post("/operators/", json={"name": name, "max_leads": limit})).json()["id"]
        await api.post("/sources/1/assign_operator", json={"operator_id": made, "weight": weight})
    await api.patch("/api/v1/sources/1", json={"strategy": "exact"})
    await api.post("/leads/register_contact/", json={"email": "nina@example.com", "source_id": 1})
    (made,) = (await api.get("/api/v1/contacts/1/decisions")).json()
    roll = made.pop("roll")
    assert 0 <= roll < 1
    assert made.pop("at").endswith("Z")
    no_more: dict[str, Any] = {"load_here": None, "limit_here": None, "last_hour": None, "rate": None}
    no_more |= {"last_minute": None, "ramp": None, "lacking": []}
    anna = {"operator_id": 1, "operator": "Anna", "weight": 30, "load": 0, "limit": 5, "part": 0.75, "why_not": None}
    boris = {"operator_id": 2, "operator": "Boris", "weight": 10, "load": 0, "limit": 5, "part": 0.25, "why_not": None}
    clara = {
        "operator_id": 3, "operator": "Clara", "weight": 60, "load": 0, "limit": 0, "part": None, "why_not": "full",
    }  # fmt: skip
    assert made == {
        "rule": "exact", "assigned": True, "dropped": [], "operator_id": 1, "operator": "Anna", "actor": "system",
        "strategy": "exact", "required": [], "head_starts": [], "keywords": [],
        "from_operator_id": None, "moved_to": None,
        "candidates": [
            {**anna, **no_more, "credit": 0, "credit_after": -250_000},
            {**boris, **no_more, "credit": 0, "credit_after": 250_000},
            {**clara, **no_more, "credit": 0, "credit_after": 0},
        ],
    }  # fmt: skip
    await api.post("/api/v1/contacts/1/assign", json={"operator_id": 2})
    found = (await api.get("/api/v1/contacts/1/decisions")).json()
    assert [(one["rule"], one["operator"], one["roll"]) for one in found] == [
        ("exact", "Anna", roll),
        ("by_hand", "Boris", None),
    ]
    assert (await api.get("/api/v1/contacts/9/decisions")).status_code == 404
