"""What a topic of a team's forum does not show as it is, as conditions on its row (`crm_core.conversation.forums`)."""

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, not_, or_

from crm_core.storage.tables import ForumLine, ForumTopic, Message

# Instead of a topic's name, while a change is under way: if its answer is lost, nobody knows whether it was made.
NAME_UNKNOWN = "?"
STATE_UNKNOWN = "??"  # neither whether it is open; its name is set after that
ELSEWHERE = ">"  # how the digest of a name begins that says that its contact is elsewhere


def unsaid(contact_id: Any, chat_id: Any, topic_id: Any, upto: Any) -> ColumnElement[bool]:
    """Messages that a topic is to show and does not show yet.

    Args:
        contact_id, chat_id, topic_id, upto: of the topic, values or columns; `upto`: the newest message that it shows.
    """
    # What was written in a topic stands there. A topic's id is that of its first message: what is older was written in
    # one that is gone.
    stands_there = and_(func.coalesce(Message.chat_id, 0) == chat_id, func.coalesce(Message.message_id, 0) > topic_id)
    return and_(Message.contact_id == contact_id, Message.id > upto, Message.withdrawn_at.is_(None), not_(stands_there))


def behind_a_closed_contact() -> ColumnElement[bool]:
    """Topics that may be closed, and yet do not show how their closed contact is, or what was said last."""
    topic, line = ForumTopic, ForumLine
    return or_(
        topic.name.in_((NAME_UNKNOWN, STATE_UNKNOWN)),
        topic.name.startswith(ELSEWHERE, autoescape=True),
        exists().where(unsaid(topic.contact_id, topic.chat_id, topic.topic_id, topic.shown_to)),
        exists().where(line.contact_id == topic.contact_id, line.chat_id == topic.chat_id, line.is_stale.is_(True)),
    )
