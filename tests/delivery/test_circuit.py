"""When the way to Telegram counts as broken, and whose fault a failure is."""

import asyncio

import pytest

from bot.delivery.circuit import KEPT, OPENS_AFTER, Circuit, Way
from bot.telegram.verdict import (
    METHOD_REFUSED,
    FloodWait,
    NotSent,
    OutcomeUnknown,
    Sent,
    TokenRefused,
    Undeliverable,
    Verdict,
)

NO_ANSWER, NO_CONNECTION = OutcomeUnknown("no_answer"), NotSent("no_connection")


class Scene:
    """A circuit, what it asked, and its states."""

    def __init__(self) -> None:
        self.states: list[Way] = []
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()
        self.is_trial = asyncio.Event()
        self.circuit = Circuit(ask=self._ask, pause=lambda: 0.0, on_change=self._change)

    def _change(self, way: Way) -> None:
        self.states.append(way)
        if way is Way.TRIAL:
            self.is_trial.set()

    async def _ask(self) -> None:
        self.asked.set()
        await self.answer.wait()
        self.answer.clear()

    def trial(self) -> int | None:
        return self.circuit.trial

    def note(self, row: int, verdict: Verdict) -> bool:
        """An attempt that begins and ends now."""
        return self.circuit.note(row, verdict, self.circuit.began())


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("failure", [NO_ANSWER, NO_CONNECTION, OutcomeUnknown("server_error")])
def test_failures_in_a_row_open_the_circuit_and_a_success_closes_it(scene: Scene, failure: Verdict) -> None:
    for row in range(OPENS_AFTER - 1):
        scene.note(row, failure)
    assert scene.states == []
    scene.note(OPENS_AFTER, failure)
    assert scene.states == [Way.OPEN]
    assert scene.circuit.holds_all
    scene.note(1, Sent(5))
    assert scene.states == [Way.OPEN, Way.CLOSED]


@pytest.mark.parametrize("answer", [Sent(1), FloodWait(5), Undeliverable("blocked")])
def test_any_answer_between_failures_keeps_the_circuit_closed(scene: Scene, answer: Verdict) -> None:
    for row in range(20):
        scene.note(row, NO_ANSWER)
        scene.note(100 + row, answer)
    assert scene.states == []


def test_row_that_fails_while_others_are_sent_fails_by_itself(scene: Scene) -> None:
    assert not scene.note(1, NO_ANSWER)  # nobody knows yet
    scene.note(2, Sent(5))
    assert scene.note(1, NO_ANSWER)
    assert not scene.note(1, NO_ANSWER)  # nothing else was tried since
    scene.note(3, Sent(6))
    assert scene.note(1, NO_ANSWER)


def test_rows_that_mostly_fail_together_are_not_at_fault(scene: Scene) -> None:
    for turn in range(200):
        failed = [scene.note(row, NO_ANSWER) for row in range(9)]
        assert not any(failed), turn
        scene.note(100, Sent(5))


def test_late_failure_of_a_request_from_before_does_not_open_the_circuit(scene: Scene) -> None:
    began = scene.circuit.began()
    scene.note(1, Sent(5))
    for row in range(2, 40):
        scene.circuit.note(row, NO_ANSWER, began)
    assert scene.circuit.way is Way.CLOSED


def test_one_row_that_keeps_failing_holds_no_other(scene: Scene) -> None:
    for _ in range(OPENS_AFTER):
        scene.note(1, NO_ANSWER)
    assert scene.circuit.way is Way.OPEN
    assert not scene.circuit.holds_all
    scene.note(2, NO_ANSWER)
    assert scene.circuit.holds_all


def test_refused_token_holds_everything_at_once_and_is_nobodys_failure(scene: Scene) -> None:
    assert not scene.note(1, TokenRefused())
    assert scene.circuit.way is Way.OPEN
    assert scene.circuit.holds_all


async def test_open_circuit_asks_then_tries_one_row_and_closes_when_it_arrives(scene: Scene) -> None:
    running = asyncio.create_task(scene.circuit.run())
    for row in range(OPENS_AFTER):
        scene.note(row, NO_ANSWER)
    await scene.asked.wait()
    assert scene.circuit.way is Way.OPEN
    scene.asked.clear()
    scene.answer.set()
    await scene.is_trial.wait()
    scene.is_trial.clear()
    scene.circuit.trial = 7
    scene.note(7, NO_ANSWER)  # Telegram answers, but takes no messages
    assert scene.circuit.tried == {7: 1}
    await scene.asked.wait()
    scene.answer.set()
    await scene.is_trial.wait()
    scene.is_trial.clear()
    scene.circuit.trial = 8
    scene.note(8, Sent(5))
    assert scene.states == [Way.OPEN, Way.TRIAL, Way.OPEN, Way.TRIAL, Way.CLOSED]
    assert scene.circuit.tried == {}
    running.cancel()


async def to_trial(scene: Scene) -> None:
    """The circuit is open, and Telegram says who the bot is."""
    asking = asyncio.create_task(scene.circuit.run())
    scene.answer.set()
    await asyncio.wait_for(scene.is_trial.wait(), 9)
    asking.cancel()


@pytest.mark.fault("F274")
async def test_row_on_trial_that_is_not_sent_leaves_the_trial_to_another_one(scene: Scene) -> None:
    for row in range(OPENS_AFTER):
        scene.note(row, NO_ANSWER)
    await to_trial(scene)
    scene.circuit.trial = 1
    scene.note(1, NotSent("stopped"))
    assert scene.circuit.way is Way.TRIAL
    assert scene.trial() is None


@pytest.mark.fault("F276")
async def test_kind_that_is_refused_with_a_valid_token_fails_by_itself(scene: Scene) -> None:
    circuit = scene.circuit
    assert circuit.read(TokenRefused(), "reaction") == TokenRefused()
    circuit.note(1, TokenRefused(), circuit.began(), kind="reaction")
    await to_trial(scene)
    assert circuit.read(TokenRefused(), "card") == TokenRefused()
    refused = circuit.read(TokenRefused(), "reaction")
    assert refused == NotSent(METHOD_REFUSED)
    circuit.trial = 1
    assert not circuit.note(1, refused, circuit.began(), kind="reaction")  # nothing else was sent so far
    assert scene.states == [Way.OPEN, Way.TRIAL]
    assert scene.trial() is None
    circuit.note(2, Sent(5), circuit.began(), kind="card")
    assert circuit.note(1, refused, circuit.began(), kind="reaction")
    assert scene.states == [Way.OPEN, Way.TRIAL, Way.CLOSED]
    circuit.note(1, Sent(), circuit.began(), kind="reaction")
    assert circuit.read(TokenRefused(), "reaction") == TokenRefused()


def test_memory_of_failures_is_bounded(scene: Scene) -> None:
    for row in range(KEPT + 50):
        scene.note(row, NO_ANSWER)
    assert len(scene.circuit._last_failures) == KEPT
