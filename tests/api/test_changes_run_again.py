"""A change over HTTP whose transaction PostgreSQL ends for a deadlock: run again, it does the same."""

import contextlib
from typing import Any

import httpx2
import pytest

from crm_core.storage.database import Database

pytestmark = pytest.mark.postgres_too

V1 = "/api/v1"


class Undone(Exception):
    """Ends a first run."""


@pytest.fixture
def run_again(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each transaction is undone once and run again, as PostgreSQL's deadlocked ones are."""
    write = db.write

    async def twice(action: Any, /, *args: Any, **inputs: Any) -> Any:
        def undone(s: Any) -> None:
            action(s, *args, **inputs)
            raise Undone

        with contextlib.suppress(Undone):
            await write(undone)
        return await write(action, *args, **inputs)

    monkeypatch.setattr(db, "write", twice)


@pytest.fixture
async def _there(api: httpx2.AsyncClient) -> None:
    await api.post("/sources/", json={"name": "Site"})
    await api.post("/operators/", json={"name": "Anna", "max_leads": 1})
    await api.post("/leads/register_contact/", json={"email": "ivan@example.com", "source_id": 1})


@pytest.mark.fault("F249")
@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("sources/1", {"waiting_load": 0.5, "priority_minutes": 30, "ramp": 2}),
        ("sources/1", {"sla": {"first_reply": 15}, "handover": "hold", "away_minutes": 5}),
        ("operators/1", {"rate": 5, "skills": ["german"], "max_held": 9}),
        ("leads/1", {"priority_minutes": 30, "full_name": "Ivan"}),
    ],
)
@pytest.mark.usefixtures("_there", "run_again")
async def test_change_whose_transaction_is_run_again_sets_everything(
    api: httpx2.AsyncClient, path: str, given: dict[str, Any]
) -> None:
    assert (await api.patch(f"{V1}/{path}", json=given)).status_code == 200
    shown = (await api.get(f"{V1}/{path}")).json()
    assert {name: shown[name] for name in given} == given


@pytest.mark.fault("F249")
@pytest.mark.parametrize("path", ["sources/1", "operators/1"])
@pytest.mark.usefixtures("_there", "run_again")
async def test_hours_are_set_by_a_transaction_that_is_run_again(api: httpx2.AsyncClient, path: str) -> None:
    given = {"hours": "mon-fri 9-18", "timezone": "Europe/Berlin"}
    assert (await api.patch(f"{V1}/{path}", json=given)).status_code == 200
    assert (await api.get(f"{V1}/{path}")).json()["hours"]["zone"] == "Europe/Berlin"
