"""Topics: an operator who wants it has one for each of their contacts, in the private chat with the bot.

They are a hint for the eye. What an operator writes is routed by what it replies to, and by no topic; what cannot be
sent to a topic is sent without one (`bot.delivery.topics`). A topic is made with the card of a contact, so a chat has
those of the contacts whose cards came since its operator wanted them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_operator
from crm_core.errors import TopicsNotEnabled
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.prepared import PreparedForIds, prepared_upsert
from crm_core.storage.tables import Staff, Topic

_topic, _staff = Topic.__table__, Staff.__table__

Place = tuple[int, int, int]
"""A contact, a bot, and the chat where it writes about the contact."""


@dataclass(frozen=True, slots=True)
class ShownTopic:
    """The topic of a contact in a chat.

    Attributes:
        topic_id: Telegram's `message_thread_id`; None if there is none, or none any more.
        shown: a digest of its name, so that it is only changed when it differs.
    """

    topic_id: int | None = None
    shown: str = ""


NO_TOPIC = ShownTopic()


def toggle(s: Session, *, bot_has_topics: bool, actor: Actor) -> bool:
    """The operator wants topics from now on, or no longer; at first nobody has them.

    Args:
        bot_has_topics: whether the bot that they write to can have some. Somebody may do without at any time.

    Returns whether they want them now. Raises NotAllowed, TopicsNotEnabled.
    """
    access_operator(s, actor)
    mine = update(_staff).where(_staff.c.telegram_id == actor.telegram_id)
    if execute_count(s, mine.where(_staff.c.has_topics).values(has_topics=False)):
        return False
    if not bot_has_topics:
        raise TopicsNotEnabled()
    execute(s, mine.values(has_topics=True))
    return True


_OF_CONTACTS = PreparedForIds(lambda ids: select(_topic).where(_topic.c.contact_id.in_(ids)))


def of_contacts(s: Session, contact_ids: Collection[int]) -> dict[Place, ShownTopic]:
    """The topics of contacts in all chats."""
    found = execute(s, _OF_CONTACTS, {"ids": sorted(contact_ids)})
    return {(row.contact_id, row.bot_id, row.chat_id): ShownTopic(row.topic_id, row.shown) for row in found}


_STORE = prepared_upsert(
    _topic,
    lambda insert: insert.on_conflict_do_update(
        index_elements=["contact_id", "bot_id", "chat_id"],
        set_={"topic_id": insert.excluded.topic_id, "shown": insert.excluded.shown},
    ),
)


def note(s: Session, news: Sequence[tuple[Place, ShownTopic]]) -> None:
    """Stores which topics were made or have another name, and forgets those that are gone."""
    for (contact_id, bot_id, chat_id), topic in sorted(news, key=lambda one: one[0]):
        place = {"contact_id": contact_id, "bot_id": bot_id, "chat_id": chat_id}
        if topic.topic_id is None:
            execute(s, delete(_topic).where(*(_topic.c[name] == value for name, value in place.items())))
        else:
            execute(s, _STORE, [{**place, "topic_id": topic.topic_id, "shown": topic.shown}])
