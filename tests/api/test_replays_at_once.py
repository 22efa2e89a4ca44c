"""Many replays at once, as a program asks for them: played one after the other, while all else goes on."""

import asyncio
import threading
from typing import Any

import httpx2
import pytest

from crm_core.replay import asking, figures
from tests.api.test_replay import V1
from tests.api.test_replay import yesterday as yesterday

pytestmark = pytest.mark.postgres_too


@pytest.mark.fault("F250")
@pytest.mark.usefixtures("yesterday")
async def test_replays_are_played_one_at_a_time_while_others_are_served(
    api: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    play, may_go_on = figures.replay, threading.Event()
    playing, most = 0, 0

    def counted(*inputs: Any) -> Any:
        nonlocal playing, most
        playing += 1
        most = max(most, playing)
        assert may_go_on.wait(20)
        playing -= 1
        return play(*inputs)

    monkeypatch.setattr(asking, "replay", counted)
    asked = [asyncio.create_task(api.post(f"{V1}/replay", json={})) for _ in range(2)]
    asked += [asyncio.create_task(api.post(f"{V1}/sources/1/preview", json={"ramp": 1})) for _ in range(2)]
    while not playing:
        assert (await api.get(f"{V1}/sources/")).status_code == 200
    for _ in range(20):
        assert (await api.get(f"{V1}/sources/1")).status_code == 200
    may_go_on.set()
    assert [answer.status_code for answer in await asyncio.gather(*asked)] == [200] * 4
    assert most == 1
