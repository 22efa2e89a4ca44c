"""Operators over HTTP: the first founding document's routes and what goes with them."""

from typing import Any

import httpx2

IVAN = {"id": 1, "name": "Иван Петров", "is_active": True, "max_leads": 15, "current_leads": 0}


async def _waiting(api: httpx2.AsyncClient) -> list[Any]:
    found: list[Any] = (await api.get("/leads/1/contacts")).json()
    return [one["id"] for one in found if one["operator_id"] is None]


async def test_operator_is_added_and_listed(api: httpx2.AsyncClient) -> None:
    added = await api.post("/operators/", json={"name": "Иван Петров", "is_active": True, "max_leads": 15})
    assert added.status_code == 201
    assert added.json() == IVAN
    for address in ("/operators/", "/operators", "/api/v1/operators/", "/api/v1/operators"):
        listed = await api.get(address)
        assert (listed.status_code, listed.json()) == (200, [IVAN])
        assert listed.headers["X-Total-Count"] == "1"


async def test_operator_defaults_and_both_limit_field_names_are_accepted(api: httpx2.AsyncClient) -> None:
    added = await api.post("/operators/", json={"name": "Anna"})
    assert added.json() == {"id": 1, "name": "Anna", "is_active": True, "max_leads": 10, "current_leads": 0}
    added = await api.post("/operators/", json={"name": "Boris", "max_load_limit": 3, "is_active": False})
    assert added.json() == {"id": 2, "name": "Boris", "is_active": False, "max_leads": 3, "current_leads": 0}
    changed = await api.patch("/operators/2", json={"max_load_limit": 4})
    assert changed.json()["max_leads"] == 4


async def test_operator_is_changed_partially(api: httpx2.AsyncClient) -> None:
    await api.post("/operators/", json={"name": "Иван Петров"})
    body = {"name": "Иван Петров (старший)", "is_active": False, "max_leads": 20}
    changed = await api.patch("/operators/1", json=body)
    assert (changed.status_code, changed.json()) == (200, {"id": 1, **body, "current_leads": 0})
    assert (await api.patch("/operators/1", json={"is_active": True})).json() == {**changed.json(), "is_active": True}
    assert (await api.patch("/operators/1", json={})).json()["max_leads"] == 20


async def test_raised_limit_or_activation_assigns_waiting_contacts(api: httpx2.AsyncClient) -> None:
    await api.post("/operators/", json={"name": "Anna", "max_leads": 0})
    await api.post("/sources/", json={"name": "Site"})
    await api.post("/sources/1/assign_operator", json={"operator_id": 1})
    for _ in range(3):
        await api.post("/leads/register_contact/", json={"email": "client@example.com", "source_id": 1})
    assert await _waiting(api) == [1, 2, 3]
    assert (await api.patch("/operators/1", json={"max_leads": 2})).json()["current_leads"] == 2
    assert await _waiting(api) == [3]
    await api.patch("/operators/1", json={"is_active": False, "max_leads": 5})
    assert await _waiting(api) == [3]
    assert (await api.patch("/operators/1", json={"is_active": True})).json()["current_leads"] == 3
    assert await _waiting(api) == []


async def test_removed_operator_returns_contacts_to_the_queue(api: httpx2.AsyncClient) -> None:
    await api.post("/operators/", json={"name": "Anna"})
    await api.post("/sources/", json={"name": "Site"})
    await api.post("/sources/1/assign_operator", json={"operator_id": 1})
    await api.post("/leads/register_contact/", json={"email": "client@example.com", "source_id": 1})
    assert (await api.delete("/operators/1")).status_code == 204
    assert await _waiting(api) == [1]
    assert (await api.get("/operators/")).json() == []
    for answer in (await api.delete("/operators/1"), await api.patch("/operators/1", json={"max_leads": 1})):
        assert (answer.status_code, answer.json()["detail"]) == (404, "Operator not found")
    assert (await api.get("/api/v1/operators/1")).status_code == 404


async def test_operator_details_show_weights(api: httpx2.AsyncClient) -> None:
    for name in ("Anna", "Boris"):
        await api.post("/operators/", json={"name": name})
    await api.post("/sources/", json={"name": "Site"})
    await api.post("/sources/1/assign_operator", json={"operator_id": 1, "weight": 30})
    await api.post("/sources/1/assign_operator", json={"operator_id": 2, "weight": 70})
    shown = (await api.get("/api/v1/operators/2")).json()
    assert shown["sources"] == [
        {
            "source_id": 1,
            "source": "Site",
            "operator_id": 2,
            "operator": "Boris",
            "weight": 70,
            "part": 0.7,
            "limit": None,
        }
    ]
    assert (shown["telegram_id"], shown["is_online"], shown["missing_bots"]) == (None, True, [])


async def test_operator_names_are_unique_ignoring_case(api: httpx2.AsyncClient) -> None:
    await api.post("/operators/", json={"name": "Анна"})
    refused = await api.post("/operators/", json={"name": "анна"})
    assert (refused.status_code, refused.json()["code"]) == (409, "name_taken")
    await api.post("/operators/", json={"name": "Boris"})
    assert (await api.patch("/operators/2", json={"name": "АННА"})).status_code == 409
    assert (await api.patch("/operators/1", json={"name": "АННА"})).json()["name"] == "АННА"


async def test_pages_link_to_each_other(api: httpx2.AsyncClient) -> None:
    for number in range(5):
        await api.post("/operators/", json={"name": f"Operator {number}"})
    page = await api.get("/operators/", params={"skip": 2, "limit": 2})
    assert [one["id"] for one in page.json()] == [3, 4]
    assert page.headers["X-Total-Count"] == "5"
    assert {name: link["url"] for name, link in page.links.items()} == {
        "first": "/operators/?skip=0&limit=2",
        "prev": "/operators/?skip=0&limit=2",
        "next": "/operators/?skip=4&limit=2",
        "last": "/operators/?skip=4&limit=2",
    }
    last = await api.get(page.links["last"]["url"])
    assert [one["id"] for one in last.json()] == [5]
    assert "next" not in last.links


async def test_working_hours_are_set_shown_and_taken_away(api: httpx2.AsyncClient) -> None:
    await api.post("/operators/", json={"name": "Anna", "max_leads": 5})
    shown = (await api.get("/api/v1/operators/1")).json()
    assert (shown["hours"], shown["on_shift"]) == (None, True)
    changed = await api.patch(
        "/api/v1/operators/1", json={"hours": "mon-fri 9-18 break 13-14", "timezone": "Europe/Berlin"}
    )
    assert changed.status_code == 200
    shown = (await api.get("/api/v1/operators/1")).json()
    weekday = ["09:00-18:00", "break 13:00-14:00"]
    assert shown["hours"] == {"zone": "Europe/Berlin", "week": [*[weekday] * 5, [], []]}
    tagged = await api.get("/api/v1/operators/1")
    added = await api.patch("/api/v1/operators/1", json={"hours": "leave 1 jul - 14 jul", "timezone": "Europe/London"})
    assert added.headers["ETag"] != tagged.headers["ETag"]
    shown = (await api.get("/api/v1/operators/1")).json()
    assert shown["hours"]["zone"] == "Europe/London"
    assert shown["hours"]["week"][0] == weekday
    assert len(shown["hours"]["leave"]) == 1
    await api.patch("/api/v1/operators/1", json={"hours": None, "max_leads": 7})
    shown = (await api.get("/api/v1/operators/1")).json()
    assert (shown["hours"], shown["max_leads"]) == (None, 7)


async def test_hours_that_cannot_be_read_are_refused_with_the_part(api: httpx2.AsyncClient) -> None:
    await api.post("/operators/", json={"name": "Anna"})
    for body, part in (
        ({"hours": "mon-fri 9-25"}, "25"),
        ({"hours": "sometimes"}, "sometimes"),
        ({"hours": "mon 9-18", "timezone": "Atlantis/Capital"}, "Atlantis/Capital"),
    ):
        refused = await api.patch("/api/v1/operators/1", json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, "bad_hours")
        assert part in refused.json()["detail"]
    assert (await api.get("/api/v1/operators/1")).json()["hours"] is None


async def test_hours_hold_before_whatever_else_a_change_allows(api: httpx2.AsyncClient) -> None:
    await api.post("/operators/", json={"name": "Anna", "is_active": False})
    await api.post("/sources/", json={"name": "Site"})
    await api.post("/sources/1/assign_operator", json={"operator_id": 1})
    await api.post("/leads/register_contact/", json={"email": "nina@example.com", "source_id": 1})
    changed = await api.patch("/api/v1/operators/1", json={"is_active": True, "hours": "daily off"})
    assert changed.json()["current_leads"] == 0


async def test_time_zone_without_hours_is_refused(api: httpx2.AsyncClient) -> None:
    await api.post("/operators/", json={"name": "Anna"})
    for body in ({"timezone": "Nonsense/Zone"}, {"timezone": "Europe/Berlin"}, {"hours": None, "timezone": "Nonsense"}):
        refused = await api.patch("/api/v1/operators/1", json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, "bad_hours")


async def test_rate_is_set_shown_and_taken_away(api: httpx2.AsyncClient) -> None:
    await api.post("/api/v1/operators/", json={"name": "Anna"})
    assert (await api.get("/api/v1/operators/1")).json()["rate"] is None
    assert (await api.patch("/api/v1/operators/1", json={"rate": 6, "max_leads": 7})).status_code == 200
    shown = (await api.get("/api/v1/operators/1")).json()
    assert (shown["rate"], shown["given_lately"], shown["max_leads"]) == (6, 0, 7)
    assert (await api.patch("/api/v1/operators/1", json={"rate": 0})).status_code == 422
    await api.patch("/api/v1/operators/1", json={"rate": None})
    assert (await api.get("/api/v1/operators/1")).json()["rate"] is None


async def test_change_of_rate_and_limit_gives_out_nothing_beyond_either(api: httpx2.AsyncClient) -> None:
    await api.post("/api/v1/operators/", json={"name": "Anna", "max_leads": 2})
    await api.patch("/api/v1/operators/1", json={"rate": 1})
    await api.post("/api/v1/sources/", json={"name": "Site"})
    await api.put("/api/v1/sources/1/operators/1", json={"weight": 1})
    for number in range(3):
        await api.post("/api/v1/contacts/", json={"lead_external_id": f"crm-{number}", "source_id": 1})
    await api.patch("/api/v1/operators/1", json={"rate": None, "max_leads": 1})
    assert (await api.get("/api/v1/operators/1")).json()["current_leads"] == 1
    await api.patch("/api/v1/operators/1", json={"rate": 2, "max_leads": 5})
    assert (await api.get("/api/v1/operators/1")).json()["current_leads"] == 2


async def test_skills_of_operators_sources_and_contacts_decide_who_gets_a_contact(api: httpx2.AsyncClient) -> None:
    await api.post("/api/v1/sources/", json={"name": "Site"})
    for number, tags in ((1, []), (2, ["German"])):
        await api.post("/api/v1/operators/", json={"name": f"Operator {number}"})
        await api.patch(f"/api/v1/operators/{number}", json={"skills": tags})
        await api.put(f"/api/v1/sources/1/operators/{number}", json={"weight": 1})
    assert (await api.get("/api/v1/operators/2")).json()["skills"] == ["german"]
    lead = {"lead_external_id": "crm-1", "source_id": 1}
    made = [(await api.post("/api/v1/contacts/", json={**lead, "skills": ["german"]})).json() for _ in range(5)]
    assert {one["operator_id"] for one in made} == {2}
    changed = await api.patch("/api/v1/sources/1", json={"skills": {"german": 30, "vip": None}})
    assert changed.json()["skills"] == {"german": 30, "vip": None}
    waits = (await api.post("/api/v1/contacts/", json={**lead, "skills": {"vip": 5}})).json()
    assert waits["operator_id"] is None
    (decision,) = (await api.get(f"/api/v1/contacts/{waits['id']}/decisions")).json()
    assert decision["rule"] == "no_skill"
    assert [one["lacking"] for one in decision["candidates"]] == [["german", "vip"], ["vip"]]
    for wrong in ({"skills": ["two words"]}, {"skills": {"german": -1}}, {"skills": "german"}):
        assert (await api.patch("/api/v1/sources/1", json=wrong)).status_code == 422
    assert (await api.patch("/api/v1/sources/1", json={"skills": {}})).json()["waiting"] == 1
    await api.patch("/api/v1/operators/1", json={"skills": ["VIP"]})
    assert (await api.get(f"/api/v1/contacts/{waits['id']}")).json()["operator_id"] == 1
