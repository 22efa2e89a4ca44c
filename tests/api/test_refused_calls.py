"""What becomes of refused calls: counted per address, logged without secrets, found again by their reference."""

import json
import logging
import random
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from bot.random_codes import new_key
from crm_core.api.app import create_app
from crm_core.api.limits import UNKNOWN_RATE, Rate, RateLimit
from crm_core.monitoring import security_log
from crm_core.monitoring.security_log import SecurityLog
from crm_core.storage.database import Database
from tests.api.conftest import Calling, make_key
from tests.api.test_problem_details import refused
from tests.support.clock import MovableClock

FAR: dict[str, Any] = {"client": ("203.0.113.7", 5), "host": "crm.example"}


@pytest.fixture(autouse=True)
def _fresh_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log of a process that has refused nothing yet."""
    monkeypatch.setattr(security_log.security, "_periods", {})


@pytest.mark.fault("F87")
async def test_calls_without_a_valid_key_are_limited_per_address(
    calling: Calling, db: Database, clock: MovableClock
) -> None:
    key = await make_key(db, clock, "read")
    guesses = [(await calling("mck_" + "x" * 40, **FAR).get("/operators/")).status_code for _ in range(50)]
    assert set(guesses[: UNKNOWN_RATE.burst]) == {401}
    assert set(guesses[-5:]) == {429}
    late = await calling(**FAR).get("/anything")
    assert refused(late, 429)["code"] == "too_many_requests"
    assert int(late.headers["Retry-After"]) >= 1
    # Others are not concerned, nor is a valid key from there: behind a proxy, all have one address.
    refused(await calling(client=("203.0.113.8", 5)).get("/operators/"), 401)
    assert (await calling(key, **FAR).get("/operators/")).status_code == 200
    assert (await calling(**FAR).get("/healthz")).status_code == 200


@pytest.mark.fault("F87")
async def test_only_a_trusted_proxy_is_believed_whom_it_speaks_for(
    db: Database, clock: MovableClock, caplog: pytest.LogCaptureFixture
) -> None:
    proxies = ["10.0.0.0/8", "2001:db8::1"]
    app = create_app(db=db, clock=clock, rng=random.random, new_key=new_key, trusted_proxies=proxies)
    await make_key(db, clock, "read")
    told = [
        ("10.0.0.1", "198.51.100.4", "198.51.100.4"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.4, 10.9.9.9", "198.51.100.4"),  # the first may be a lie, the last is ours
        ("10.0.0.1", "1.1.1.1, nonsense, 10.9.9.9", "10.9.9.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("2001:db8::1", "2001:db8:1::5", "2001:db8:1::5"),
        ("203.0.113.7", "198.51.100.4", "203.0.113.7"),  # nobody trusts this one
        ("127.0.0.1", "198.51.100.4", "127.0.0.1"),
    ]
    for peer, header, address in told:
        caplog.clear()
        transport = httpx2.ASGITransport(app, client=(peer, 5))
        async with httpx2.AsyncClient(transport=transport, base_url="http://crm.example") as caller:
            refused(await caller.get("/operators/", headers={"X-Forwarded-For": header}), 401)
        (line,) = [one for one in caplog.records if one.name == "security"]
        assert line.__dict__["address"] == address


@pytest.mark.fault("F88")
async def test_refusals_and_errors_are_logged_under_their_reference(
    app: FastAPI, calling: Calling, db: Database, clock: MovableClock, caplog: pytest.LogCaptureFixture
) -> None:
    read = await make_key(db, clock, "read")
    unknown = refused(await calling("mck_" + "x" * 40, **FAR).get("/api/v1/leads/?name=Ivan"), 401)
    scope = refused(await calling(read, **FAR).post("/operators/", json={"name": "Anna"}), 403)
    nowhere = refused(await calling(**FAR).get("/api/v1/a-name"), 401)
    lines = [one.__dict__ for one in caplog.records if one.name == "security"]
    assert [(one["reference"], one["status"], one.get("path")) for one in lines] == [
        (unknown["reference"], 401, "/api/v1/leads/"),
        (scope["reference"], 403, "/operators/"),
        (nowhere["reference"], 401, None),
    ]
    assert [one.get("key_id") for one in lines] == [None, 1, None]
    assert all(one["address"] == "203.0.113.7" for one in lines)
    assert "xxxx" not in json.dumps(lines, default=str)
    assert "Ivan" not in json.dumps(lines, default=str)

    async def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a secret")

    app.state.context.db.read, reading = fails, app.state.context.db.read
    error = refused(await calling(read).get("/operators/"), 500)
    app.state.context.db.read = reading
    (line,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert line.__dict__["reference"] == error["reference"]
    # What the caller got wrong by themselves needs no log.
    assert "reference" not in refused(await calling(read).get("/leads/x/contacts"), 422)


def test_flood_of_events_becomes_some_lines_and_a_count(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    log = SecurityLog(lambda: now)
    for number in range(1000):
        log.report("api_refused", status=401, user_id=None, path=str(number))
    log.report("press_refused", code="not_allowed")
    lines = [one for one in caplog.records if one.name == "security"]
    assert [one.getMessage() for one in lines] == ["api_refused"] * security_log.MOST + ["press_refused"]
    assert "user_id" not in lines[0].__dict__
    now = security_log.PERIOD
    log.report("api_refused", status=401)
    assert caplog.records[-1].__dict__["suppressed"] == 1000 - security_log.MOST
    log.report("api_refused", status=401)
    assert "suppressed" not in caplog.records[-1].__dict__


def test_limits_remember_a_bounded_number_of_callers() -> None:
    limit, rate = RateLimit(most=10), Rate(per_second=1, burst=2)
    assert [limit.wait("flooder", rate, now=0.0) for _ in range(3)][:2] == [0, 0]
    for number in range(1000):
        limit.wait(number, rate, now=0.0)
        assert len(limit._full_at) <= 10
    assert limit.wait("flooder", rate, now=0.0) > 0  # the one that is furthest from being full is not forgotten
