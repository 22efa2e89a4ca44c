"""`GET …/changes`: who set what of a source or an operator, and when."""

import re
import sqlite3
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import CompoundSelect
from sqlalchemy.dialects.sqlite import dialect

from crm_core.team import setting_changes
from tests.api.test_offers import V1, shop
from tests.api.test_problem_details import refused


async def test_changes_are_listed_with_author_time_and_values_newest_first(api: httpx2.AsyncClient) -> None:
    await shop(api)
    await api.patch(f"{V1}/sources/1", json={"ramp": 5})
    await api.put(f"{V1}/sources/1/operators/2", json={"weight": 40, "limit": 3})
    changed = await api.get(f"{V1}/sources/1/changes?limit=2")
    weight, ramp = changed.json()
    assert int(changed.headers["X-Total-Count"]) == 7
    assert (weight["kind"], weight["operator_id"], weight["data"]) == ("weight_changed", 2, {"weight": 40, "limit": 3})
    assert (ramp["kind"], ramp["reason"]) == ("source_changed", "ramp")
    assert ramp["data"] == {"ramp": 5, "before": {"ramp": 3}}
    assert weight["at"] >= ramp["at"]
    assert weight["actor"] == ramp["actor"]
    (last,) = (await api.get(f"{V1}/sources/1/changes?skip=6")).json()
    assert last["reason"] == "added"


async def test_changes_of_an_operator_leave_out_their_coming_and_going(api: httpx2.AsyncClient) -> None:
    await shop(api)
    await api.patch(f"{V1}/operators/2", json={"max_leads": 7, "is_active": False})
    changes = (await api.get(f"{V1}/operators/2/changes")).json()
    assert [one["reason"] for one in changes] == ["deactivated", "limit", "added"]
    assert changes[1]["data"] == {"limit": 7}


async def test_changes_of_what_there_is_not_are_not_found(api: httpx2.AsyncClient) -> None:
    for address in ("sources/9/changes", "operators/9/changes"):
        refused(await api.get(f"{V1}/{address}"), 404)


@pytest.mark.parametrize("statement", [setting_changes.OF_SOURCE, setting_changes.OF_OPERATOR])
def test_changes_are_found_by_an_index(statement: CompoundSelect[Any], migrated_file: Path) -> None:
    text = str(statement.compile(dialect=dialect()))
    connection = sqlite3.connect(migrated_file)
    try:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {text}", [1] * text.count("?")).fetchall()
    finally:
        connection.close()
    assert not [step for *_, step in plan if re.search(r"SCAN events", step)], plan
