"""`POST …/preview`: what a change would have meant yesterday, before it is made."""

from typing import Any

import httpx2
import pytest

from crm_core.storage.database import Database
from tests.api.test_idempotency_keys import everything
from tests.api.test_problem_details import refused
from tests.api.test_replay import V1, replayed
from tests.api.test_replay import yesterday as yesterday

SOURCE, OPERATOR, WEIGHT = (f"{V1}/{path}/preview" for path in ("sources/1", "operators/1", "sources/1/operators/2"))


async def previewed(api: httpx2.AsyncClient, address: str, **given: Any) -> dict[str, Any]:
    """What a preview says, besides which day it played."""
    answer = await api.post(address, json=given)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert len(found.pop("day")) == len("2026-11-28")
    return found


CHANGES = pytest.mark.parametrize(
    ("address", "given", "typed"),
    [
        (OPERATOR, {"max_leads": 5}, ["Anna.limit=5"]),
        (OPERATOR, {"max_held": 1, "max_leads": 7}, ["Anna.limit=7", "Anna.ceiling=1"]),
        (OPERATOR, {"is_active": False}, ["Anna.active=no"]),
        (OPERATOR, {"hours": "daily 3-4"}, ["Anna.hours=daily 3-4"]),
        (WEIGHT, {"weight": 0}, ["Site.Boris.weight=0"]),
        (WEIGHT, {"weight": 30, "limit": 1}, ["Site.Boris.weight=30", "Site.Boris.limit=1"]),
        (SOURCE, {"skills": ["german"]}, ["Site.skills=german"]),
        (SOURCE, {"strategy": "exact", "ramp": None}, ["Site.strategy=exact", "Site.ramp=off"]),
        (SOURCE, {"is_active": False}, ["Site.active=no"]),
        (SOURCE, {"offer_seconds": 60, "offer_rounds": 2}, ["Site.offers=60", "Site.rounds=2"]),
        (SOURCE, {"miss_limit": 1, "duty_operator_id": 2}, ["Site.misses=1", "Site.duty=Boris"]),
    ],
)


@CHANGES
@pytest.mark.usefixtures("yesterday")
async def test_preview_is_the_replay_of_yesterday_and_changes_nothing(
    db: Database, api: httpx2.AsyncClient, address: str, given: dict[str, Any], typed: list[str]
) -> None:
    shown = [(await api.get(f"{V1}/{path}")).json() for path in ("sources/1", "operators/1", "sources/1/operators")]
    there = await everything(db)
    assert await previewed(api, address, **given) == {**await replayed(api, set=typed), "left_out": []}
    assert await everything(db) == there
    again = [(await api.get(f"{V1}/{path}")).json() for path in ("sources/1", "operators/1", "sources/1/operators")]
    assert again == shown


@CHANGES
@pytest.mark.usefixtures("yesterday")
async def test_preview_of_what_was_set_today_is_of_yesterday_too(
    api: httpx2.AsyncClient, address: str, given: dict[str, Any], typed: list[str]
) -> None:
    method = "PUT" if address == WEIGHT else "PATCH"
    assert (await api.request(method, address.removesuffix("/preview"), json=given)).status_code == 200
    assert await previewed(api, address, **given) == {**await replayed(api, set=typed), "left_out": []}


@pytest.mark.usefixtures("yesterday")
async def test_preview_names_what_no_replay_knows(api: httpx2.AsyncClient) -> None:
    found = await previewed(api, SOURCE, away_minutes=60, name="Our site", ramp=1, timezone="UTC", hours="daily 0-24")
    assert sorted(found["left_out"]) == ["away_minutes", "name"]
    assert found["contacts"] == 3
    same = await previewed(api, SOURCE, away_minutes=60, handover="hold")
    assert (same["moved"], same["waits_happened"]) == (0, same["waits_replayed"])


@pytest.mark.parametrize(
    ("address", "given", "status", "code"),
    [
        (SOURCE, {"keywords": [{"words": ["a*"], "skills": {"x": 1}}]}, 422, "bad_keywords"),
        (SOURCE, {"duty_operator_id": 99}, 404, "operator_not_found"),
        (f"{V1}/sources/99/preview", {"ramp": 1}, 404, "source_not_found"),
        (f"{V1}/operators/99/preview", {"max_leads": 1}, 404, "operator_not_found"),
        (OPERATOR, {"name": "Boris"}, 409, "name_taken"),
        (WEIGHT, {"weight": -1}, 422, "invalid"),
    ],
)
@pytest.mark.usefixtures("yesterday")
async def test_preview_of_a_change_that_would_be_refused_is_refused(
    api: httpx2.AsyncClient, address: str, given: dict[str, Any], status: int, code: str
) -> None:
    assert refused(await api.post(address, json=given), status)["code"] == code
