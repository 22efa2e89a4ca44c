"""Operators over HTTP: the first founding document's routes and what goes with them."""

import httpx2


async def test_an_operator_is_added_and_listed(api: httpx2.AsyncClient) -> None:
    added = await api.post("/operators/", json={"name": "Иван Петров", "is_active": True, "max_leads": 15})
    assert added.status_code == 201
    ivan = {"id": 1, "name": "Иван Петров", "is_active": True, "max_leads": 15, "current_leads": 0}
    assert added.json() == ivan
    for address in ("/operators/", "/operators", "/api/v1/operators/", "/api/v1/operators"):
        listed = await api.get(address)
        assert (listed.status_code, listed.json()) == (200, [ivan])
        assert listed.headers["X-Total-Count"] == "1"
