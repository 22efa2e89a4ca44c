"""`POST /api/v1/replay`: days under other settings, for keys that administer."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.support.clock import MovableClock

V1 = "/api/v1"


@pytest.fixture
async def yesterday(api: httpx2.AsyncClient, clock: MovableClock) -> None:
    """Anna and Boris, with a limit of 1 each, got two of three contacts yesterday."""
    await api.post("/sources/", json={"name": "Site"})
    for name in ("Anna", "Boris"):
        made = (await api.post("/operators/", json={"name": name, "max_leads": 1})).json()["id"]
        await api.post("/sources/1/assign_operator", json={"operator_id": made, "weight": 10})
    for number in range(3):
        await api.post("/leads/register_contact/", json={"email": f"client{number}@example.com", "source_id": 1})
    clock.forward(days=1)


async def replayed(api: httpx2.AsyncClient, **given: Any) -> dict[str, Any]:
    answer = await api.post(f"{V1}/replay", json=given)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.usefixtures("yesterday")
async def test_replay_shows_what_was_beside_what_would_have_been(api: httpx2.AsyncClient) -> None:
    found = await replayed(api, set=["Anna.limit=5", "Site.Boris.weight=0"])
    assert (found["contacts"], found["moved"], found["fixed"]) == (3, 2, 0)
    shares = {one["operator_name"]: (one["happened"], one["replayed"]) for one in found["shares"]}
    assert shares == {"Anna": (1, 3), "Boris": (1, 0)}
    was, would = found["waits_happened"], found["waits_replayed"]
    assert (was["waited"], was["still_waiting"], was["median"]) == (1, 1, 0)
    assert was["longest"] == was["p90"] > 0
    assert would == {"waited": 0, "still_waiting": 0, "median": 0, "p90": 0, "longest": 0}
    limits = {one["operator_name"]: (one["happened"] > 0, one["replayed"] > 0) for one in found["at_limit"]}
    assert limits == {"Anna": (True, False), "Boris": (True, True)} or limits == {
        "Anna": (True, False),
        "Boris": (True, False),
    }


@pytest.mark.usefixtures("yesterday")
async def test_unchanged_settings_show_the_same_twice_and_days_can_be_named(api: httpx2.AsyncClient) -> None:
    found = await replayed(api)
    assert found["waits_happened"] == found["waits_replayed"]
    assert all(one["happened"] == one["replayed"] for one in found["shares"] + found["at_limit"])
    assert (await replayed(api, **{"from": "2026-01-01", "to": "2026-01-02"}))["contacts"] == 0
    assert (await replayed(api, set=["1.2.weight=0", "1.strategy=exact", "2.hours=always"]))["contacts"] == 3


async def test_replay_of_offers_says_how_many_would_be_missed(api: httpx2.AsyncClient, clock: MovableClock) -> None:
    clock.goes_to(14, 5)
    await api.post("/sources/", json={"name": "Site"})
    await api.post("/operators/", json={"name": "Anna", "max_leads": 1})
    await api.post("/sources/1/assign_operator", json={"operator_id": 1, "weight": 10})
    await api.post("/leads/register_contact/", json={"email": "client@example.com", "source_id": 1})
    clock.forward(seconds=90)
    assert (await api.post(f"{V1}/contacts/1/take")).status_code == 200
    clock.forward(days=1)
    assert (await replayed(api))["offers_missed"] == {"happened": 0, "replayed": 0}
    for offers, missed in (("Site.offers=60", 1), ("Site.offer_seconds=40", 2), ("Site.offers=2 min", 0)):
        found = await replayed(api, set=[offers, "Site.misses=off"])
        assert found["offers_missed"] == {"happened": 0, "replayed": missed}
        assert (found["contacts"], found["moved"]) == (1, 0)


@pytest.mark.fault("F252")
@pytest.mark.parametrize("last", [0, 5])
async def test_replay_of_a_day_that_is_not_over_ends_now(
    api: httpx2.AsyncClient, clock: MovableClock, last: int
) -> None:
    clock.goes_to(14, 5)
    await api.post("/sources/", json={"name": "Site"})
    await api.post("/operators/", json={"name": "Anna", "max_leads": 1})
    await api.post("/sources/1/assign_operator", json={"operator_id": 1, "weight": 10})
    for number in range(2):
        await api.post("/leads/register_contact/", json={"email": f"client{number}@example.com", "source_id": 1})
    clock.forward(minutes=10)
    today = clock().date()
    given = {"from": today.isoformat(), "to": (today + timedelta(days=last)).isoformat()}
    found = await replayed(api, **given, set=["Anna.limit=1"])
    for waits in (found["waits_happened"], found["waits_replayed"]):
        assert (waits["waited"], waits["still_waiting"]) == (1, 1)
        assert 600 <= waits["longest"] < 660
    assert [600 <= one["happened"] < 660 and 600 <= one["replayed"] < 660 for one in found["at_limit"]] == [True]


@pytest.mark.usefixtures("yesterday")
async def test_replay_takes_settings_by_the_names_of_the_api(api: httpx2.AsyncClient) -> None:
    named = [
        "Anna.max_held=1",
        "Anna.limit=9",
        "Boris.is_active=false",
        "Site.priority_minutes=30",
        "Site.sticky_days=9",
        "Site.ramp=null",
        "Boris.rate=null",
    ]
    found = await replayed(api, set=named)
    shares = {one["operator_name"]: (one["happened"], one["replayed"]) for one in found["shares"]}
    assert shares == {"Anna": (1, 1), "Boris": (1, 0)}
    assert found["waits_replayed"]["still_waiting"] == 2


@pytest.mark.fault("F248")
@pytest.mark.parametrize(
    ("given", "status", "code", "detail"),
    [
        ({"set": ["Anna.limits=5"]}, 422, "bad_change", "did you mean Anna.limit=5"),
        ({"set": ["nonsense"]}, 422, "bad_change", "examples are"),
        ({"set": ["Site.handover=hold"]}, 422, "cannot_be_replayed", "these can be: weight, limit, ceiling"),
        ({"set": ["Site.offer_seconds=4"]}, 422, "bad_value", "from 5 to 86400"),
        ({"set": ["Site.duty_operator_id=Ana"]}, 404, "operator_not_found", "did you mean Anna?"),
        ({"set": ["Anna.rate=-1"]}, 422, "bad_value", "from 1 to 1000"),
        ({"set": ["Ana.limit=5"]}, 404, "operator_not_found", "Operator not found (Ana); did you mean Anna?"),
        ({"set": ['Site."An.na".weight=5']}, 404, "operator_not_found", "(An.na); did you mean Anna?"),
        ({"set": ["Site.Boris=a.weight=5"]}, 404, "operator_not_found", "(Boris=a); did you mean Boris?"),
        ({"set": ["Sight.Anna.weight=5"]}, 404, "source_not_found", "Source not found (Sight)"),
        ({"set": ["Site.Anna.weight=-1"]}, 422, "bad_value", "from 0 to 1000"),
        ({"set": ["Anna.hours=sometimes"]}, 422, "bad_hours", "sometimes"),
        ({"from": "2026-02-02", "to": "2026-02-01"}, 422, "bad_period", "not a past period"),
        ({"from": "0001-01-01"}, 422, "bad_period", "not a past period"),
        ({"to": "1969-12-31"}, 422, "bad_period", "not a past period"),
        ({"from": "2999-01-01"}, 422, "bad_period", "not a past period"),
    ],
)
@pytest.mark.usefixtures("yesterday")
async def test_wrong_replay_says_what_would_be_right(
    api: httpx2.AsyncClient, given: dict[str, Any], status: int, code: str, detail: str
) -> None:
    answer = await api.post(f"{V1}/replay", json=given)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert detail in answer.text
