"""Clients who write without end for ten minutes, and how long their operator waits for everything else.

The whole product runs on the simulated loop, against the sandbox with Telegram's limits: ten minutes take seconds.
"""

from pathlib import Path

import pytest

from bot.sandbox.world.transcript import NEW
from tests.simulation.history import History
from tests.simulation.loop import TELEGRAM
from tests.simulation.prepared import BEGINS, OPERATOR_ACCOUNTS

FLOODERS, SECONDS = 3, 600
AT_MOST = 5.0  # seconds until the operator sees what is not of the flooders
ARRIVALS = (2, 20, 45, 90, 180, 300, 301, 420, 540, 597)  # seconds at which another client writes for the first time
COMMANDS = (5, 30, 60, 200, 299, 400, 595)  # seconds at which the operator asks for their requests
OPERATOR = OPERATOR_ACCOUNTS[0]


class Flood:
    """Ten minutes of one operator."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.history = History(seed, [], folder)
        self.awaited: dict[str, tuple[str, float]] = {}  # what → words that the operator must see, and since when
        self.stored = 0  # updates

    def play(self) -> None:
        """Lets everybody write."""
        with self.history.loop.running():
            try:
                self.history._begin_life()
                self.history.pass_time(5)
                self._leave_one_operator()
                self._write()
            finally:
                self.history.db.end(power_cut=False)
                self.history.wire.drop()
                self.history.loop.forget_process()
                self.history.file.end()

    def _leave_one_operator(self) -> None:
        people = self.history.people
        with self.history.loop.owned_by(TELEGRAM):
            people.limit(0, 100)
            for other in range(1, len(OPERATOR_ACCOUNTS)):
                people.activity(other, is_active=False)
        self.history.pass_time(5)

    def _write(self) -> None:
        history = self.history
        began = history.loop.now
        for second in range(SECONDS):
            with history.loop.owned_by(TELEGRAM):
                for flooder in range(FLOODERS):
                    history.people.say(flooder, 0, "text", 1)
                if second in ARRIVALS:
                    self._arrive(second)
                if second in COMMANDS:
                    self.awaited[f"command at {second}"] = " waiting", history.loop.now
                    history.people._writes(0, 0, "/my")
            history.pass_time(max(0.0, began + second + 1 - history.loop.now))
        history.pass_time(30)
        self.stored = history.ask("SELECT count(*) FROM inbox")[0][0]

    def _arrive(self, second: int) -> None:
        history = self.history
        history.clients.append(history.world.add_person({"first_name": f"Client {second}"}).id)
        self.awaited[f"client at {second}"] = f"of {history.clients[-1]}", history.loop.now
        history.people.say(len(history.clients) - 1, 0, "text", 1)

    def waited(self) -> dict[str, float]:
        """What the operator had to see → after how many seconds they did; what they never saw is missing."""
        seen = [
            (entry.time - BEGINS.timestamp(), str(entry.message.get("text", "")))
            for entry in self.history.world.transcript.entries
            if entry.chat_id == OPERATOR and entry.event == NEW and entry.request_id is not None
        ]
        firsts = {
            name: next((at - since for at, text in seen if at >= since and words in text), None)
            for name, (words, since) in self.awaited.items()
        }
        return {name: seconds for name, seconds in firsts.items() if seconds is not None}


@pytest.mark.slow
@pytest.mark.fault("F117")
def test_operator_sees_others_within_five_seconds_in_ten_minutes_of_floods(tmp_path: Path) -> None:
    flood = Flood(1, tmp_path)
    flood.play()
    waited = flood.waited()
    assert {f"client at {second}" for second in ARRIVALS} | {f"command at {second}" for second in COMMANDS} == {*waited}
    assert {name: seconds for name, seconds in waited.items() if seconds > AT_MOST} == {}
    # The flood was one: far more was said than an operator's chat takes.
    shown = sum(entry.chat_id == OPERATOR for entry in flood.history.world.transcript.entries)
    assert flood.stored >= FLOODERS * SECONDS
    assert shown < flood.stored / 2
