"""Settings that hold at once, over HTTP."""

import httpx2


async def test_morning_report_is_shown_and_changed(api: httpx2.AsyncClient) -> None:
    shown = {one["name"]: one for one in (await api.get("/api/v1/preferences/")).json()}
    assert shown["morning_report"] == {"name": "morning_report", "value": "", "default": "", "version": 0}
    changed = await api.put("/api/v1/preferences/morning_report", json={"value": "08:30", "version": 0})
    assert (changed.status_code, changed.json()["value"], changed.json()["version"]) == (200, "08:30", 1)
    for body, status, code in (
        ({"value": "08:30", "version": 0}, 412, "outdated"),
        ({"value": "25:00", "version": 1}, 422, "bad_preference"),
        ({"value": 9, "version": 1}, 422, "bad_preference"),
    ):
        refused = await api.put("/api/v1/preferences/morning_report", json=body)
        assert (refused.status_code, refused.json()["code"]) == (status, code)
    missing = await api.put("/api/v1/preferences/nothing", json={"value": 9, "version": 1})
    assert (missing.status_code, missing.json()["code"]) == (404, "preference_not_found")


async def test_reasons_to_decline_are_checked_whole(api: httpx2.AsyncClient) -> None:
    place = "/api/v1/preferences/decline_reasons"
    reason = {"number": 1, "text": "Wrong city", "may_ask_again": False}
    for wrong in ([{"text": "Wrong city"}], [reason] * 7, ["Wrong city"], [{**reason, "text": ""}], [reason, reason]):
        refused = await api.put(place, json={"value": wrong, "version": 0})
        assert (refused.status_code, refused.json()["code"]) == (422, "bad_preference"), wrong
    assert (await api.put(place, json={"value": [reason], "version": 0})).status_code == 200
