"""Which updates are handled one after the other."""

from typing import Any

import pytest

from bot.receiving.updates import to_update

BOT, GROUP = 7, {"id": -100, "type": "supergroup"}
IN_TOPIC = {"message_thread_id": 4, "is_topic_message": True}


def conversation(**event: Any) -> str:
    return to_update(BOT, {"update_id": 3, **event}).conversation


def test_what_is_written_in_a_topic_of_a_group_is_one_conversation() -> None:
    message = {"chat": GROUP, "text": "It is 300", **IN_TOPIC}
    assert conversation(message=message) == conversation(edited_message=message) == "7:-100:4"
    assert conversation(message={**message, "message_thread_id": 5}) == "7:-100:5"


def test_reactions_on_one_message_of_a_group_are_one_conversation() -> None:
    reaction = {"chat": GROUP, "message_id": 9, "old_reaction": [], "new_reaction": []}
    assert conversation(message_reaction=reaction) == "7:-100:reaction:9"
    assert conversation(message_reaction={**reaction, "message_id": 10}) == "7:-100:reaction:10"
    assert conversation(message_reaction={**reaction, "chat": {"type": "supergroup"}}) == "7:update:3"


def test_commands_that_bind_a_group_are_one_conversation() -> None:
    assert conversation(message={"chat": GROUP, "text": "/Forum off"}) == "7:-100"


@pytest.mark.parametrize("said", [{"text": "Lunch?"}, {"message_thread_id": 4}, {"text": 5}])
def test_what_else_happens_in_a_group_waits_for_nothing(said: dict[str, Any]) -> None:
    assert conversation(message={"chat": GROUP, **said}) == "7:update:3"
