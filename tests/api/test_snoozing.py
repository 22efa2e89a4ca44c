"""Snoozing over HTTP, and the ceiling of an operator."""

from datetime import UTC, datetime, timedelta

import httpx2

V1 = "/api/v1"
LATER = (datetime.now(UTC) + timedelta(days=2)).isoformat()


async def shop(api: httpx2.AsyncClient, *, limit: int = 1) -> None:
    """A site with one operator, and a contact of theirs."""
    await api.post("/sources/", json={"name": "Site"})
    await api.post("/operators/", json={"name": "Anna", "max_leads": limit})
    await api.post("/sources/1/assign_operator", json={"operator_id": 1, "weight": 1})
    await request(api)


async def request(api: httpx2.AsyncClient) -> httpx2.Response:
    return await api.post("/leads/register_contact/", json={"email": "ivan@example.com", "source_id": 1})


async def test_snoozed_contact_frees_its_place_and_is_woken(api: httpx2.AsyncClient) -> None:
    await shop(api)
    await request(api)
    snoozed = await api.post(f"{V1}/contacts/1/snooze", json={"until": LATER})
    assert (snoozed.status_code, snoozed.json()["operator_id"]) == (200, 1)
    assert snoozed.json()["wakes_at"][:16] == LATER[:16]
    assert (await api.get(f"{V1}/contacts/2")).json()["operator_id"] == 1
    anna = (await api.get(f"{V1}/operators/1")).json()
    assert (anna["current_leads"], anna["snoozed"], anna["max_held"]) == (1, 1, None)
    assert [one["id"] for one in (await api.get(f"{V1}/contacts/?status=snoozed")).json()] == [1]
    again = await api.post(f"{V1}/contacts/1/snooze", json={"until": LATER})
    assert (again.status_code, again.json()["code"]) == (409, "contact_sleeps")
    woken = await api.post(f"{V1}/contacts/1/wake")
    assert (woken.status_code, woken.json()["wakes_at"], woken.json()["version"]) == (200, None, 3)
    again = await api.post(f"{V1}/contacts/1/wake")
    assert (again.status_code, again.json()["code"]) == (409, "not_sleeping")
    kinds = [one["kind"] for one in (await api.get(f"{V1}/contacts/1")).json()["events"]]
    assert kinds[-2:] == ["contact_snoozed", "contact_woke"]


async def test_moment_that_is_none_is_refused(api: httpx2.AsyncClient) -> None:
    await shop(api)
    for wrong in ("tomorrow", "2026-11-30", "2020-01-01T10:00:00Z", "2999-01-01T10:00:00Z", 7, None):
        refused = await api.post(f"{V1}/contacts/1/snooze", json={"until": wrong})
        assert refused.status_code == 422, wrong
    assert (await api.get(f"{V1}/contacts/1")).json()["wakes_at"] is None


async def test_ceiling_is_set_checked_and_taken_away(api: httpx2.AsyncClient) -> None:
    await shop(api)
    changed = await api.patch(f"{V1}/operators/1", json={"max_held": 1})
    assert changed.status_code == 200
    assert (await api.get(f"{V1}/operators/1")).json()["max_held"] == 1
    await api.post(f"{V1}/contacts/1/snooze", json={"until": LATER})
    assert (await request(api)).json()["operator_id"] is None
    (stands,) = (await api.get(f"{V1}/sources/1/operators")).json()
    assert stands["why_not"] == "ceiling"
    refused = await api.post(f"{V1}/contacts/2/assign", json={"operator_id": 1, "force": True})
    assert (refused.status_code, refused.json()["code"]) == (409, "operator_at_ceiling")
    for wrong in (0, 10_001, "3"):
        assert (await api.patch(f"{V1}/operators/1", json={"max_held": wrong})).status_code == 422, wrong
    await api.patch(f"{V1}/operators/1", json={"max_held": None})
    assert (await api.get(f"{V1}/contacts/2")).json()["operator_id"] == 1


async def test_wider_ceiling_with_a_lower_limit_gives_nothing_beyond_the_limit(api: httpx2.AsyncClient) -> None:
    await shop(api, limit=5)
    await api.patch(f"{V1}/operators/1", json={"max_held": 1})
    for _ in range(3):
        await request(api)
    await api.patch(f"{V1}/operators/1", json={"max_held": 20, "max_leads": 2})
    assert (await api.get(f"{V1}/operators/1")).json()["current_leads"] == 2
