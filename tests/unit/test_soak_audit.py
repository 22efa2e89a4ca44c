"""What the soak's audit calls lost, and what refused."""

from typing import Any

import pytest

from bot.sandbox.world.limits import Refusal
from tests.soak.audit import Audit, Question, waits
from tests.soak.result import unstored

BOT, OPERATOR = 1, 20


def said(message_id: int, album: str | None = None) -> dict[str, Any]:
    """An operator's message, as the transcript has it."""
    return {
        "event": "new", "bot": BOT, "chat": OPERATOR, "sender": OPERATOR, "message_id": message_id, "time": 0.0,
        "text": f"words {message_id}", "kind": "text", "album": album,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Кому отправить? Выберите, и сообщение уйдёт.", [4]),
        ("Кому отправить эти сообщения (2)? Выберите, и они уйдут.", [2, 4]),
        ("Who are these 3 messages for? Pick one and I'll send them.", [1, 2, 4]),
    ],
)
def test_answered_question_tells_of_all_that_waited_under_it_and_of_no_more(text: str, told: list[int]) -> None:
    audit = Audit(clients=[], operators=[OPERATOR])
    for message_id in (1, 2, 3, 4, 5):
        audit.hear(said(message_id))
    audit.said[BOT, OPERATOR, 3].arrivals.append((1.0, (BOT, 30, 1)))
    question = Question.read({"text": text, "reply_to": 4})
    assert not any(audit.is_told(one) for one in audit.of_operators())
    audit.note_answered(BOT, OPERATOR, question)
    assert [one.key[2] for one in audit.of_operators() if audit.is_told(one)] == told


@pytest.mark.parametrize("arrived", [None, 2])
def test_answered_question_tells_of_all_parts_of_an_album_unless_one_arrived(arrived: int | None) -> None:
    audit = Audit(clients=[], operators=[OPERATOR])
    for message_id in (1, 2, 3):
        audit.hear(said(message_id, album="a"))
    if arrived:
        audit.said[BOT, OPERATOR, arrived].arrivals.append((1.0, (BOT, 30, 1)))
    audit.note_answered(BOT, OPERATOR, Question.read({"text": "Who is this for?", "reply_to": 1}))
    told = [one.key[2] for one in audit.of_operators() if audit.is_told(one)]
    assert told == ([3] if arrived else [1, 2, 3])


@pytest.mark.parametrize(
    ("told", "again", "is_excused"),
    [(9.9, 11, True), (10.1, 11, True), (8.5, 11, False), (11.5, 12, False), (9.9, 9.95, False)],
)
def test_only_a_wait_told_at_the_moment_of_a_kill_may_be_unknown(told: float, again: float, is_excused: bool) -> None:
    first = Refusal(told, BOT, OPERATOR, "sendMessage", 3, during_wait=False, text=None, ordered=True)
    second = Refusal(again, BOT, OPERATOR, "sendMessage", 3, during_wait=True, text=None)
    elsewhere = Refusal(again, BOT, OPERATOR + 1, "sendMessage", 3, during_wait=True, text=None)
    assert unstored([first, second, elsewhere], [10.0]) == ([second] if is_excused else [])


@pytest.mark.parametrize("comes_anew", [False, True])
def test_correction_of_what_a_line_counted_waits_from_itself_and_in_no_order(comes_anew: bool) -> None:
    audit = Audit(clients=[OPERATOR], operators=[])
    for message_id in (1, 2):
        audit.hear(said(message_id))
    for at in (250.0, 400.0):
        audit.hear({**said(1), "event": "edited", "time": at})
    first, second = audit.of_clients()
    second.arrivals.append((2.0, (BOT, 30, 1)))
    first.arrivals.append((251.0, (BOT, 30, 2)))
    first.comes_anew = comes_anew
    assert waits([first, second]) == ([1.0, 2.0] if comes_anew else [2.0, 251.0])
    assert audit.misplaced([first, second]) == ([] if comes_anew else [second.key])
