"""`ETag` and `If-Match`: no caller overwrites a state that it has not read."""

import asyncio
from typing import Any

import httpx2
import pytest

from tests.api.test_contacts import V1, bring, office
from tests.api.test_problem_details import refused

CHANGES = [
    ("/operators/1", {"max_leads": 3}, {"name": "Annette"}),
    ("/sources/1", {"description": "The shop"}, {"name": "Shop"}),
    ("/leads/1", {"phone": "+79991234567"}, {"full_name": "Ivan"}),
]


def at(*tags: str) -> dict[str, str]:
    """The header that says what the caller knows."""
    return {"If-Match": ", ".join(tags)}


@pytest.mark.parametrize(("address", "change", "other"), CHANGES)
async def test_change_with_outdated_etag_is_refused(
    api: httpx2.AsyncClient, address: str, change: dict[str, Any], other: dict[str, Any]
) -> None:
    await office(api, "Anna")
    await bring(api)
    seen = (await api.get(V1 + address)).headers["ETag"]
    changed = await api.patch(V1 + address, json=change, headers=at(seen))
    assert changed.status_code == 200
    assert changed.headers["ETag"] not in ("", seen)
    problem = refused(await api.patch(V1 + address, json=other, headers=at(seen)), 412)
    assert problem["code"] == "outdated"
    shown = await api.get(V1 + address)
    assert shown.headers["ETag"] == changed.headers["ETag"]
    assert {name: shown.json()[name] for name in other} != other
    for tags in ((seen, shown.headers["ETag"]), ("*",)):
        assert (await api.patch(V1 + address, json=other, headers=at(*tags))).status_code == 200
        other = {**other, **change}
    assert (await api.patch(V1 + address, json=change)).status_code == 200  # who does not ask is not asked


@pytest.mark.parametrize("tag", ['W/"{}"', "{}", '"{}', "", '""', '"other"', "**"])
async def test_if_match_without_current_strong_etag_is_refused(api: httpx2.AsyncClient, tag: str) -> None:
    await office(api, "Anna")
    seen = (await api.get(f"{V1}/operators/1")).headers["ETag"].strip('"')
    answer = await api.patch(f"{V1}/operators/1", json={"max_leads": 3}, headers=at(tag.format(seen)))
    assert refused(answer, 412)["code"] == "outdated"
    refused(await api.patch(f"{V1}/operators/9", json={"max_leads": 3}, headers=at(tag.format(seen))), 404)


async def test_load_change_does_not_invalidate_operator_etag(api: httpx2.AsyncClient) -> None:
    made = await api.post("/operators/", json={"name": "Anna"})
    await api.post("/sources/", json={"name": "Site"})
    await api.post("/sources/1/assign_operator", json={"operator_id": 1})
    await bring(api)
    listed = await api.get("/operators/")
    assert listed.json()[0]["current_leads"] == 1
    changed = await api.patch("/operators/1", json={"max_leads": 3}, headers=at(made.headers["ETag"]))
    assert changed.json()["current_leads"] == 1


@pytest.mark.parametrize("address", ["/operators/1", "/sources/2"])
async def test_delete_with_outdated_etag_is_refused(api: httpx2.AsyncClient, address: str) -> None:
    await office(api, "Anna")
    await api.post("/sources/", json={"name": "Shop"})
    seen = (await api.get(address)).headers["ETag"]
    await api.patch(address, json={"is_active": False})
    refused(await api.delete(address, headers=at(seen)), 412)
    now = (await api.get(address)).headers["ETag"]
    assert (await api.delete(address, headers=at(now))).status_code == 204


@pytest.mark.postgres_too
@pytest.mark.parametrize("address", ["/operators/1", "/sources/2", "/leads/1"])
async def test_one_of_concurrent_changes_with_same_etag_succeeds(api: httpx2.AsyncClient, address: str) -> None:
    await office(api, "Anna")  # Anna works at source 1, so nothing but Anna's own row keeps her state here
    await api.post("/sources/1/assign_operator", json={"operator_id": 1, "weight": 0})
    await api.post("/sources/", json={"name": "Shop"})
    await bring(api)
    seen = (await api.get(address)).headers["ETag"]
    field = "full_name" if address == "/leads/1" else "name"
    changes = (api.patch(address, json={field: f"Name {number}"}, headers=at(seen)) for number in range(8))
    statuses = [one.status_code for one in await asyncio.gather(*changes)]
    assert sorted(statuses) == [200] + [412] * 7


async def test_contact_action_with_outdated_etag_is_refused(api: httpx2.AsyncClient) -> None:
    anna, boris = await office(api, "Anna", "Boris", limit=1)
    holder = (await bring(api))["operator_id"]
    other = {"operator_id": boris if holder == anna else anna}
    first = (await api.get(f"{V1}/contacts/1")).headers["ETag"]
    assert first == '"1"'
    taken = await api.post(f"{V1}/contacts/1/take", headers=at(first))
    assert taken.headers["ETag"] == '"2"'
    for action, body in (("assign", other), ("take", None), ("messages", {"text": "Hello"}), ("close", None)):
        stale = await api.post(f"{V1}/contacts/1/{action}", json=body, headers=at(first))
        assert refused(stale, 412)["code"] == "outdated", action
    said = await api.post(f"{V1}/contacts/1/messages", json={"text": "Hello"}, headers=at('"2"'))
    assert said.status_code == 201
    given = await api.post(f"{V1}/contacts/1/assign", json=other, headers=at('"1"', '"2"'))
    assert (given.json()["operator_id"], given.headers["ETag"]) == (other["operator_id"], '"3"')
    assert (await api.post(f"{V1}/contacts/1/close", headers=at('"3"'))).status_code == 200
    refused(await api.post(f"{V1}/contacts/1/close", headers=at('"3"')), 412)
    assert refused(await api.post(f"{V1}/contacts/1/close", headers=at("*")), 409)["code"] == "contact_closed"


@pytest.mark.postgres_too
async def test_one_of_concurrent_closes_succeeds(api: httpx2.AsyncClient) -> None:
    await office(api, "Anna", limit=1)
    for number in range(3):
        await bring(api, f"client{number}@example.com")
    closes = (api.post(f"{V1}/contacts/1/close", headers=at('"1"')) for _ in range(8))
    assert sorted(one.status_code for one in await asyncio.gather(*closes)) == [200] + [412] * 7
    plain = (api.post(f"{V1}/contacts/2/close") for _ in range(8))
    assert sorted(one.status_code for one in await asyncio.gather(*plain)) == [200] + [409] * 7
    assert (await api.get("/operators/")).json()[0]["current_leads"] == 1  # the third contact's
