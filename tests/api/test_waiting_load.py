"""What contacts count that wait for their clients, over HTTP."""

import httpx2
import pytest

V1 = "/api/v1"


async def test_answered_contact_of_a_site_counts_less(api: httpx2.AsyncClient) -> None:
    await api.post("/sources/", json={"name": "Site"})
    await api.post("/operators/", json={"name": "Anna", "max_leads": 1})
    await api.post("/sources/1/assign_operator", json={"operator_id": 1, "weight": 1})
    changed = await api.patch(f"{V1}/sources/1", json={"waiting_load": 0.3})
    assert (changed.status_code, changed.json()["waiting_load"]) == (200, 0.3)
    for number in (1, 2):
        await api.post("/leads/register_contact/", json={"email": f"client{number}@example.com", "source_id": 1})
    assert (await api.get(f"{V1}/contacts/2")).json()["operator_id"] is None
    await api.post(f"{V1}/contacts/1/take")  # where there is no chat, whoever takes it has replied
    assert (await api.get(f"{V1}/contacts/2")).json()["operator_id"] == 1
    anna = (await api.get(f"{V1}/operators/1")).json()
    assert (anna["current_leads"], anna["load"]) == (2, 1.3)
    await api.post(f"{V1}/contacts/1/close")
    assert (await api.get(f"{V1}/operators/1")).json()["load"] == 1.0
    await api.patch(f"{V1}/sources/1", json={"waiting_load": 1})
    assert (await api.get(f"{V1}/sources/1")).json()["waiting_load"] == 1.0


async def test_part_that_is_none_is_refused(api: httpx2.AsyncClient) -> None:
    await api.post("/sources/", json={"name": "Site"})
    for wrong in (-0.1, 1.01, "0.3", None):
        assert (await api.patch(f"{V1}/sources/1", json={"waiting_load": wrong})).status_code == 422, wrong
    assert (await api.get(f"{V1}/sources/1")).json()["waiting_load"] == 1.0


@pytest.mark.postgres_too
@pytest.mark.fault("F283")
async def test_transfer_leaves_a_full_operator_of_half_requests_full_in_credits(api: httpx2.AsyncClient) -> None:
    for name in ("Anna", "Boris"):
        await api.post("/operators/", json={"name": name})
    for source_id, name in ((1, "Site"), (2, "Shop")):
        await api.post("/sources/", json={"name": name})
        await api.put(f"{V1}/sources/{source_id}/operators/1", json={"weight": 1})
        await api.patch(f"{V1}/sources/{source_id}", json={"waiting_load": 0.5})
    for number, source_id in enumerate((1, 1, 1, 2)):
        await api.post(f"{V1}/contacts/", json={"source_id": source_id, "lead_external_id": f"client-{number}"})
    for contact_id in (1, 4):  # taken, they wait for their clients and count half
        await api.post(f"{V1}/contacts/{contact_id}/take")
    await api.put(f"{V1}/sources/1/operators/1", json={"weight": 1, "limit": 2})  # Anna holds 2.5 there
    await api.put(f"{V1}/sources/1/operators/2", json={"weight": 1})
    await api.patch(f"{V1}/sources/1", json={"strategy": "exact"})
    moved = await api.post(f"{V1}/contacts/1/transfer", json={"operator_id": 2})
    assert moved.status_code == 200
    anna, boris = (await api.get(f"{V1}/sources/1/operators")).json()
    assert (anna["why_not"], anna["credit"], boris["credit"]) == ("full_here", 0, 0)
    decision = (await api.get(f"{V1}/contacts/1/decisions")).json()[-1]
    assert [one["why_not"] for one in decision["candidates"]] == ["full_here", None]
