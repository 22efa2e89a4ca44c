"""Sources and weights over HTTP."""

import httpx2
import pytest

from crm_core.access.actors import SYSTEM
from crm_core.routing import forum_settings
from crm_core.storage.database import Database
from tests.support.clock import MovableClock

ANNA = {"name": "Anna", "max_leads": 5}
SITE = {"name": "Site", "description": "The form"}


async def test_source_is_added_and_listed(api: httpx2.AsyncClient) -> None:
    added = await api.post("/sources/", json={"name": "Telegram Бот", "description": "Основной бот в Telegram"})
    assert added.status_code == 201
    assert added.json() == {"id": 1, "name": "Telegram Бот", "description": "Основной бот в Telegram"}
    assert (await api.post("/sources/", json={"name": "Site"})).json() == {"id": 2, "name": "Site", "description": None}
    listed = await api.get("/sources/", params={"limit": 1, "skip": 1})
    assert [one["name"] for one in listed.json()] == ["Site"]
    assert listed.headers["X-Total-Count"] == "2"


async def test_assign_operator_again_changes_weight_and_zero_removes_it(api: httpx2.AsyncClient) -> None:
    await api.post("/operators/", json=ANNA)
    await api.post("/sources/", json=SITE)
    for weight in (None, 30, 40, 0):
        body = {"operator_id": 1} if weight is None else {"operator_id": 1, "weight": weight}
        done = await api.post("/sources/1/assign_operator", json=body)
        assert (done.status_code, done.json()) == (200, {"message": "Operator assigned to source successfully"})
        shares = (await api.get("/api/v1/sources/1")).json()["operators"]
        assert [one["weight"] for one in shares] == ([] if weight == 0 else [weight or 1])


async def test_assign_with_unknown_source_or_operator_returns_404(api: httpx2.AsyncClient) -> None:
    await api.post("/operators/", json=ANNA)
    await api.post("/sources/", json=SITE)
    for address, body, detail in (
        ("/sources/99/assign_operator", {"operator_id": 1}, "Source not found"),
        ("/sources/1/assign_operator", {"operator_id": 99}, "Operator not found"),
        ("/sources/1/assign_operator", {"operator_id": 0}, "Operator not found"),
    ):
        refused = await api.post(address, json=body)
        assert refused.status_code == 404
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["detail"] == detail


async def test_weight_and_unused_source_can_be_removed(api: httpx2.AsyncClient) -> None:
    await api.post("/operators/", json=ANNA)
    await api.post("/sources/", json=SITE)
    await api.post("/sources/1/assign_operator", json={"operator_id": 1, "weight": 3})
    assert (await api.delete("/api/v1/sources/1/operators/1")).status_code == 204
    assert (await api.get("/api/v1/sources/1")).json()["operators"] == []
    await api.post("/sources/1/assign_operator", json={"operator_id": 1, "weight": 3})
    assert (await api.delete("/api/v1/sources/1")).status_code == 204
    assert (await api.get("/api/v1/sources/1")).status_code == 404
    assert (await api.get("/api/v1/operators/1")).json()["sources"] == []


async def test_source_with_contacts_can_only_be_deactivated(api: httpx2.AsyncClient) -> None:
    await api.post("/sources/", json=SITE)
    await api.post("/leads/register_contact/", json={"email": "client@example.com", "source_id": 1})
    refused = await api.delete("/sources/1")
    assert (refused.status_code, refused.json()["code"]) == (409, "source_in_use")
    changed = await api.patch("/sources/1", json={"is_active": False, "description": None, "strategy": "exact"})
    assert (changed.status_code, changed.json()["is_active"], changed.json()["description"]) == (200, False, None)
    assert (changed.json()["strategy"], changed.json()["waiting"]) == ("exact", 1)
    refused = await api.post("/leads/register_contact/", json={"email": "client@example.com", "source_id": 1})
    assert (refused.status_code, refused.json()["code"]) == (409, "source_off")


async def test_source_names_are_unique_ignoring_case(api: httpx2.AsyncClient) -> None:
    await api.post("/sources/", json=SITE)
    assert (await api.post("/sources/", json={"name": "site"})).json()["code"] == "name_taken"
    await api.post("/sources/", json={"name": "Shop"})
    assert (await api.patch("/sources/2", json={"name": "Site"})).status_code == 409
    assert (await api.patch("/sources/2", json={"name": "Shop 2"})).json()["name"] == "Shop 2"


async def test_operators_of_a_source_are_listed_with_credits_and_eligibility(api: httpx2.AsyncClient) -> None:
    await api.post("/sources/", json=SITE)
    for name, limit in (("Anna", 1), ("Boris", 5), ("Clara", 5)):
        made = (await api.post("/operators/", json={"name": name, "max_leads": limit})).json()["id"]
        await api.put(f"/api/v1/sources/1/operators/{made}", json={"weight": 10})
    await api.put("/api/v1/sources/1/operators/1", json={"weight": 30})
    await api.patch("/api/v1/sources/1", json={"strategy": "exact"})
    for number in (1, 2):
        await api.post("/leads/register_contact/", json={"email": f"client{number}@example.com", "source_id": 1})
    found = (await api.get("/api/v1/sources/1/operators")).json()
    # Anna paid for the first one and is full: of the second one, Boris and Clara each earned half.
    assert found[0] == {
        "operator_id": 1,
        "operator": "Anna",
        "weight": 30,
        "part": 0.6,
        "limit": None,
        "credit": -400_000,
        "eligible": False,
        "why_not": "full",
    }
    assert [(one["weight"], one["eligible"], one["why_not"]) for one in found[1:]] == [(10, True, None)] * 2
    assert sorted(one["credit"] for one in found[1:]) == [-300_000, 700_000]

    # Whoever is without a weight keeps a credit, so that the sum stays 0.
    changed = (await api.put("/api/v1/sources/1/operators/1", json={"weight": 0})).json()
    assert [one["operator_id"] for one in changed] == [2, 3, 1]
    assert (changed[-1]["weight"], changed[-1]["part"], changed[-1]["credit"]) == (0, 0.0, -400_000)
    assert (changed[-1]["eligible"], changed[-1]["why_not"]) == (False, "no_weight")
    assert sum(one["credit"] for one in changed) == 0
    await api.patch("/api/v1/sources/1", json={"is_active": False})
    found = (await api.get("/api/v1/sources/1/operators")).json()
    assert {one["why_not"] for one in found} == {"source_off"}


async def test_operators_and_weights_of_unknown_sources_are_not_found(api: httpx2.AsyncClient) -> None:
    await api.post("/operators/", json=ANNA)
    await api.post("/sources/", json=SITE)
    assert (await api.get("/api/v1/sources/1/operators")).json() == []
    for answered in (
        await api.get("/api/v1/sources/9/operators"),
        await api.put("/api/v1/sources/9/operators/1", json={"weight": 1}),
        await api.put("/api/v1/sources/1/operators/9", json={"weight": 1}),
    ):
        assert answered.status_code == 404
    for body in ({}, {"weight": -1}, {"weight": 1001}, {"weight": 1.5}, {"weight": None}):
        assert (await api.put("/api/v1/sources/1/operators/1", json=body)).status_code == 422


async def test_hours_of_a_source_are_set_shown_and_taken_away(api: httpx2.AsyncClient) -> None:
    await api.post("/sources/", json={"name": "Site"})
    shown = (await api.get("/api/v1/sources/1")).json()
    assert (shown["hours"], shown["is_open"]) == (None, True)
    body = {"hours": "mon-fri 9-18, leave 2026-01-01 - 2027-12-31", "timezone": "Europe/Berlin"}
    changed = await api.patch("/api/v1/sources/1", json=body)
    assert (changed.status_code, changed.json()["is_open"]) == (200, False)
    assert changed.json()["hours"]["zone"] == "Europe/Berlin"
    made = (await api.post("/contacts/", json={"lead_external_id": "crm-1", "source_id": 1})).json()
    assert made["status"] == "new"
    decided = (await api.get(f"/api/v1/contacts/{made['id']}/decisions")).json()
    assert "source_closed" in str(decided)
    refused = await api.patch("/api/v1/sources/1", json={"hours": "mon-fri 9-25"})
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_hours")
    again = await api.patch("/api/v1/sources/1", json={"hours": None, "late_hours": 5})
    assert (again.json()["hours"], again.json()["is_open"], again.json()["late_hours"]) == (None, True, 5)
    assert again.headers["ETag"] != changed.headers["ETag"]


async def test_limit_of_an_operator_at_a_source_is_set_kept_and_taken_away(api: httpx2.AsyncClient) -> None:
    await api.post("/api/v1/sources/", json={"name": "Site"})
    await api.post("/api/v1/operators/", json={"name": "Anna"})
    at = "/api/v1/sources/1/operators"
    (stands,) = (await api.put(f"{at}/1", json={"weight": 30, "limit": 1})).json()
    assert (stands["weight"], stands["limit"], stands["eligible"]) == (30, 1, True)
    await api.post("/api/v1/contacts/", json={"lead_external_id": "crm-1", "source_id": 1})
    (stands,) = (await api.put(f"{at}/1", json={"weight": 40})).json()
    assert (stands["weight"], stands["limit"], stands["why_not"]) == (40, 1, "full_here")
    (decision,) = (await api.get("/api/v1/contacts/1/decisions")).json()
    (candidate,) = decision["candidates"]
    assert (candidate["load_here"], candidate["limit_here"], candidate["rate"]) == (0, 1, None)
    assert (await api.get("/api/v1/sources/1")).json()["operators"][0]["limit"] == 1
    assert (await api.put(f"{at}/1", json={"weight": 40, "limit": 0})).status_code == 422
    (stands,) = (await api.put(f"{at}/1", json={"weight": 40, "limit": None})).json()
    assert (stands["limit"], stands["why_not"]) == (None, None)


async def test_keyword_rules_of_a_source_are_replaced_and_shown(api: httpx2.AsyncClient) -> None:
    await api.post("/sources/", json={"name": "Site"})
    tag = (await api.get("/api/v1/sources/1")).headers["etag"]
    refunds = {"words": ["Refund*", "money  BACK"], "skills": {"billing": 30}}
    rules = [refunds, {"words": ["срочно"], "priority_minutes": 60}]
    changed = await api.patch("/api/v1/sources/1", json={"keywords": rules}, headers={"If-Match": tag})
    kept = [
        {"words": ["refund*", "money back"], "skills": {"billing": 30}, "priority_minutes": 0},
        {"words": ["срочно"], "skills": {}, "priority_minutes": 60},
    ]
    assert (changed.status_code, changed.json()["keywords"]) == (200, kept)
    assert changed.headers["etag"] != tag
    body = {"lead_external_id": "crm-1", "source_id": 1, "message": "Refunded? СРОЧНО!", "skills": {"vip": None}}
    made = (await api.post("/contacts/", json={**body, "priority_minutes": 5})).json()
    decided = (await api.get(f"/api/v1/contacts/{made['id']}/decisions")).json()[-1]
    assert decided["required"] == [
        {"skill": "billing", "drop_after": 30, "origin": "keywords"},
        {"skill": "vip", "drop_after": None, "origin": "api"},
    ]
    assert decided["head_starts"] == [{"minutes": 60, "origin": "keywords"}, {"minutes": 5, "origin": "api"}]
    assert decided["keywords"] == ["refund*, money back: billing 30", "срочно: +60"]
    for wrong, reason in (
        ([{"words": ["refund"]}], "at least one skill"),
        ([{"words": ["re*fund"], "priority_minutes": 5}], "re*fund"),
        ([{"words": [], "priority_minutes": 5}], "words"),
        ([{"words": ["refund"], "priority_minutes": 10_081}], "priority_minutes"),
        ([{"words": ["refund"], "skills": ["two words"]}], "two words"),
        ([{"words": [f"w{number}"], "priority_minutes": 5} for number in range(21)], "keywords"),
    ):
        refused = await api.patch("/api/v1/sources/1", json={"keywords": wrong})
        assert refused.status_code == 422
        assert reason in refused.text
    emptied = await api.patch("/api/v1/sources/1", json={"keywords": []})
    assert emptied.json()["keywords"] == []


async def test_ramp_of_a_source_begins_with_three_is_set_and_taken_away(api: httpx2.AsyncClient) -> None:
    await api.post("/sources/", json=SITE)
    assert (await api.get("/api/v1/sources/1")).json()["ramp"] == 3
    for ramp in (5, None):
        changed = await api.patch("/api/v1/sources/1", json={"ramp": ramp})
        assert (changed.status_code, changed.json()["ramp"]) == (200, ramp)
    for wrong in (0, 1_001, "many"):
        assert (await api.patch("/api/v1/sources/1", json={"ramp": wrong})).status_code == 422
    assert (await api.get("/api/v1/sources/1")).json()["ramp"] is None


@pytest.mark.postgres_too
async def test_content_of_a_source_is_protected_when_that_is_set(api: httpx2.AsyncClient) -> None:
    await api.post("/sources/", json=SITE)
    tag = (await api.get("/api/v1/sources/1")).headers["etag"]
    assert (await api.get("/api/v1/sources/1")).json()["protect_content"] is False
    changed = await api.patch("/api/v1/sources/1", json={"protect_content": True}, headers={"If-Match": tag})
    assert (changed.status_code, changed.json()["protect_content"]) == (200, True)
    assert changed.headers["etag"] != tag
    assert (await api.patch("/api/v1/sources/1", json={"protect_content": None})).status_code == 422


async def test_forum_is_shown_and_can_only_be_switched_off(
    api: httpx2.AsyncClient, db: Database, clock: MovableClock
) -> None:
    await api.post("/sources/", json=SITE)
    assert (await api.get("/api/v1/sources/1")).json()["forum"] is None
    forum = {"chat_id": -1001, "bot_id": 700001, "language": "en"}
    refused = await api.patch("/api/v1/sources/1", json={"forum": forum})
    assert (refused.status_code, refused.json()["code"]) == (409, "forum_bound_in_its_group")
    await db.write(forum_settings.set_forum, source_id=1, forum=forum, actor=SYSTEM, now=clock())
    assert (await api.get("/api/v1/sources/1")).json()["forum"] == forum
    as_it_is = await api.patch("/api/v1/sources/1", json={"forum": forum, "description": "Shop"})
    assert (as_it_is.status_code, as_it_is.json()["forum"]) == (200, forum)
    off = await api.patch("/api/v1/sources/1", json={"forum": None})
    assert (off.status_code, off.json()["forum"]) == (200, None)


async def test_catch_up_of_a_source_is_none_at_first_and_can_be_set(api: httpx2.AsyncClient) -> None:
    await api.post("/sources/", json=SITE)
    assert (await api.get("/api/v1/sources/1")).json()["catch_up"] == 0
    assert (await api.patch("/api/v1/sources/1", json={"catch_up": 2})).json()["catch_up"] == 2
    for wrong in (-1, 1_001, None):
        assert (await api.patch("/api/v1/sources/1", json={"catch_up": wrong})).status_code == 422


@pytest.mark.postgres_too
async def test_what_is_done_while_operators_are_away_is_set_and_shown(api: httpx2.AsyncClient) -> None:
    await api.post("/sources/", json=SITE)
    shown = (await api.get("/api/v1/sources/1")).json()
    assert (shown["handover"], shown["away_minutes"]) == ("hand_over", 30)
    for change in ({"handover": "hold"}, {"away_minutes": 0}, {"handover": "keep", "away_minutes": 45}):
        shown = {**shown, **change}
        answer = await api.patch("/api/v1/sources/1", json=change)
        assert (answer.status_code, answer.json()) == (200, shown)
    for wrong in ({"handover": "return"}, {"away_minutes": -1}, {"away_minutes": 10_081}):
        assert (await api.patch("/api/v1/sources/1", json=wrong)).status_code == 422, wrong
    assert (await api.get("/api/v1/sources/1")).json() == shown
