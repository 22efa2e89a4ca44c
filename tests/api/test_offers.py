"""Offers over HTTP: what a source says of them, and declining one."""

import httpx2
import pytest

V1 = "/api/v1"


async def shop(api: httpx2.AsyncClient, **settings: object) -> None:
    """A site with two operators, Anna first in line, that offers its contacts."""
    await api.post("/sources/", json={"name": "Site"})
    for weight, name in ((30, "Anna"), (10, "Boris")):
        made = await api.post("/operators/", json={"name": name, "max_leads": 5})
        await api.post("/sources/1/assign_operator", json={"operator_id": made.json()["id"], "weight": weight})
    wanted = {"strategy": "exact", "offer_seconds": 60, **settings}
    assert (await api.patch(f"{V1}/sources/1", json=wanted)).status_code == 200


async def request(api: httpx2.AsyncClient) -> httpx2.Response:
    return await api.post("/leads/register_contact/", json={"email": "ivan@example.com", "source_id": 1})


async def test_declined_contact_goes_to_the_next_operator(api: httpx2.AsyncClient) -> None:
    await shop(api)
    await request(api)
    before = (await api.get(f"{V1}/sources/1/operators")).json()
    assert [one["credit"] for one in before] == [-250_000, 250_000]
    offered = (await api.get(f"{V1}/contacts/?status=offered")).json()
    assert [(one["id"], one["offered_at"] < one["offer_ends_at"]) for one in offered] == [(1, True)]
    declined = await api.post(f"{V1}/contacts/1/decline", json={"reason": "busy"})
    assert (declined.status_code, declined.json()["operator_id"]) == (200, 2)
    after = (await api.get(f"{V1}/sources/1/operators")).json()
    assert [one["credit"] for one in after] == [0, 0]  # Boris alone could get it: he earned it, and paid it
    taken = await api.post(f"{V1}/contacts/1/take")
    assert taken.status_code == 200
    assert (taken.json()["offered_at"], (await api.get(f"{V1}/contacts/?status=offered")).json()) == (None, [])
    refused = await api.post(f"{V1}/contacts/1/decline", json={"reason": "busy"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_offered")


async def test_unknown_reason_is_refused_with_those_that_there_are(api: httpx2.AsyncClient) -> None:
    await shop(api)
    await request(api)
    refused = await api.post(f"{V1}/contacts/1/decline", json={"reason": "lunch"})
    assert (refused.status_code, refused.json()["code"]) == (422, "reason_not_found")
    assert refused.json()["detail"] == "There is no such reason. These can be given: busy, not_mine"
    assert (await api.get(f"{V1}/contacts/1")).json()["operator_id"] == 1


@pytest.mark.postgres_too
async def test_offers_of_a_source_are_shown_and_checked(api: httpx2.AsyncClient) -> None:
    await shop(api, offer_rounds=2, miss_limit=0, duty_operator_id=2)
    shown = (await api.get(f"{V1}/sources/1")).json()
    names = ("offer_seconds", "offer_rounds", "miss_limit", "duty_operator_id")
    assert [shown[name] for name in names] == [60, 2, 0, 2]
    for wrong in ({"offer_seconds": 4}, {"offer_seconds": 86_401}, {"offer_rounds": 0}, {"miss_limit": 21}):
        assert (await api.patch(f"{V1}/sources/1", json=wrong)).status_code == 422, wrong
    assert (await api.patch(f"{V1}/sources/1", json={"duty_operator_id": 99})).status_code == 404
    await api.patch(f"{V1}/sources/1", json={"duty_operator_id": None, "offer_seconds": 0})
    shown = (await api.get(f"{V1}/sources/1")).json()
    assert [shown[name] for name in names] == [0, 2, 0, None]


@pytest.mark.postgres_too
async def test_operator_on_duty_gets_what_was_declined_for_the_last_time(api: httpx2.AsyncClient) -> None:
    await shop(api, offer_rounds=1, duty_operator_id=2)
    await api.patch(f"{V1}/operators/2", json={"max_leads": 0})
    await request(api)
    declined = await api.post(f"{V1}/contacts/1/decline", json={"reason": "not_mine"})
    assert (declined.status_code, declined.json()["operator_id"]) == (200, 2)
    decisions = (await api.get(f"{V1}/contacts/1/decisions")).json()
    assert decisions[-1]["rule"] == "duty"
