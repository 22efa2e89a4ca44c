"""How many statements an answer costs: a list costs the same however long it is."""

import asyncio

import httpx2
import pytest

from tests.support.clock import MovableClock
from tests.support.statements import counted

pytestmark = pytest.mark.postgres_too


@pytest.mark.parametrize(
    "address",
    [
        "/api/v1/contacts/",
        "/leads/?name=lead",
        "/operators/",
        "/sources/",
        "/leads/",
        "/leads/1/contacts",
        "/dashboard/operator_stats",
        "/dashboard/source_stats",
    ],
)
async def test_every_list_uses_constant_number_of_statements(api: httpx2.AsyncClient, address: str) -> None:
    async def grow(first: int, last: int) -> None:
        for number in range(first, last):
            await api.post("/operators/", json={"name": f"Operator {number}"})
            await api.post("/sources/", json={"name": f"Source {number}"})
            await api.post("/sources/1/assign_operator", json={"operator_id": number})
            who = {"email": f"{number}@example.com", "full_name": "A lead", "source_id": number}
            await api.post("/leads/register_contact/", json=who)
            await api.post("/leads/register_contact/", json={"email": "1@example.com", "source_id": 1})

    await grow(1, 3)
    assert (await api.get(address)).status_code == 200  # what is remembered is remembered from now on
    with counted() as few:
        short = (await api.get(address)).json()
    await grow(3, 25)
    with counted() as many:
        long = (await api.get(address)).json()
    assert len(long) > len(short) + 10
    assert len(_asked(many)) == len(_asked(few))
    assert 0 < len(_asked(few)) < 12


def _asked(statements: list[str]) -> list[str]:
    """Those that are the answer's own: keys are read again every two seconds, whatever is asked."""
    return [one for one in statements if "api_keys" not in one]


async def test_api_key_is_not_read_from_database_on_every_call(api: httpx2.AsyncClient) -> None:
    made = await api.post("/api/v1/keys/", json={"name": "shop", "scope": "read"})
    headers = {"X-API-Key": made.json()["key"]}
    await api.get("/sources/", headers=headers)
    with counted() as found:
        for _ in range(20):
            await api.get("/sources/", headers=headers)
    looks = [one for one in found if "api_keys" in one]
    assert len(looks) < 10  # every two seconds, on a machine however slow


async def test_concurrent_calls_read_the_keys_once(api: httpx2.AsyncClient, clock: MovableClock) -> None:
    await api.get("/sources/")
    clock.forward(seconds=3)
    with counted() as found:
        await asyncio.gather(*(api.get("/sources/") for _ in range(20)))
    assert len([one for one in found if "api_keys" in one]) == 1
