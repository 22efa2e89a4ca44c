"""What the soak's audit calls lost, and what refused."""

from typing import Any

import pytest

from tests.soak.audit import Audit, Question

BOT, OPERATOR = 1, 20


def said(message_id: int) -> dict[str, Any]:
    """An operator's message, as the transcript has it."""
    return {
        "event": "new", "bot": BOT, "chat": OPERATOR, "sender": OPERATOR, "message_id": message_id, "time": 0.0,
        "text": f"words {message_id}", "kind": "text", "album": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Кому отправить? Выберите, и сообщение уйдёт.", [4]),
        ("Кому отправить эти сообщения (2)? Выберите, и они уйдут.", [2, 4]),
        ("Who are these 3 messages for? Pick one and I'll send them.", [1, 2, 4]),
    ],
)
def test_answered_question_tells_of_all_that_waited_under_it_and_of_nothing_else(text: str, told: list[int]) -> None:
    audit = Audit(clients=[], operators=[OPERATOR])
    for message_id in (1, 2, 3, 4, 5):
        audit.hear(said(message_id))
    audit.said[BOT, OPERATOR, 3].arrivals.append((1.0, (BOT, 30, 1)))
    question = Question.read({"text": text, "reply_to": 4})
    assert not any(audit.is_told(one) for one in audit.of_operators())
    audit.note_answered(BOT, OPERATOR, question)
    assert [one.key[2] for one in audit.of_operators() if audit.is_told(one)] == told
