"""Targets of sources and the report of the service level over HTTP."""

import httpx2
import pytest

from tests.support.clock import MovableClock


async def test_targets_are_set_shown_and_taken_away(api: httpx2.AsyncClient) -> None:
    await api.post("/sources/", json={"name": "Site"})
    assert (await api.get("/api/v1/sources/1")).json()["sla"] is None
    changed = await api.patch("/api/v1/sources/1", json={"sla": {"first_reply": 15, "resolution": 480}})
    assert (changed.status_code, changed.json()["sla"]) == (200, {"first_reply": 15, "resolution": 480})
    again = await api.patch("/api/v1/sources/1", json={"sla": None})
    assert again.json()["sla"] is None
    assert again.headers["ETag"] != changed.headers["ETag"]


@pytest.mark.parametrize("sla", [{"first_reply": 0}, {"first_reply": 86_401}, {"next_reply": 1.5}, {"soon": 1}, 15])
async def test_impossible_targets_are_refused(api: httpx2.AsyncClient, sla: object) -> None:
    await api.post("/sources/", json={"name": "Site"})
    refused = await api.patch("/api/v1/sources/1", json={"sla": sla})
    assert refused.status_code == 422
    assert (await api.get("/api/v1/sources/1")).json()["sla"] is None


async def test_report_says_what_was_kept_and_what_was_not(api: httpx2.AsyncClient, clock: MovableClock) -> None:
    await api.post("/sources/", json={"name": "Site"})
    await api.post("/operators/", json={"name": "Anna", "max_leads": 1})
    await api.post("/sources/1/assign_operator", json={"operator_id": 1})
    await api.patch("/api/v1/sources/1", json={"sla": {"first_reply": 15}})
    for number in (1, 2):
        await api.post("/contacts/", json={"lead_external_id": f"crm-{number}", "source_id": 1})
    await api.post("/api/v1/contacts/1/take")
    clock.forward(minutes=20)
    found = (await api.get("/api/v1/statistics/service", params={"period": "7d"})).json()
    [kept] = found["kept"]
    assert kept == {
        "source_id": 1, "source_name": "Site", "measure": "first_reply", "met": 1, "breached": 1, "running": 0,
        "kept_share": 0.5, "causes": {"queue": 1},
    }  # fmt: skip
    [breach] = found["breaches"]
    assert (breach["contact_id"], breach["cause"], breach["target"], breach["is_over"]) == (2, "queue", 900, False)
    assert 1_200 <= breach["took"] < 1_260
    assert found["is_partial"] is False
