"""I47: at rest, a topic of a forum shows how its request is, and what was said last; an open one has just one."""

import re
from typing import TYPE_CHECKING, Any

from bot.sandbox.world.chats import Group, Topic
from crm_core.conversation.forum_steps import KEPT
from tests.simulation.safety import Violation

if TYPE_CHECKING:
    from tests.simulation.history import History

MARKS = {"new": "🆕", "in_progress": "🟢", "snoozed": "😴", "closed": "✔️", "elsewhere": "➡️"}
EDITED = re.compile(r" \(edited.*\)$")
_CONTACTS = """
    SELECT c.id, CASE WHEN c.wakes_at IS NOT NULL AND c.status <> 'closed' THEN 'snoozed' ELSE c.status END,
           s.forum_chat_id, o.name
    FROM contacts c JOIN sources s ON s.id = c.source_id LEFT JOIN operators o ON o.id = c.operator_id"""
_TOPICS = "SELECT chat_id, topic_id FROM forum_topics WHERE contact_id = ?"
_SAID = """
    SELECT id, text, withdrawn_at IS NOT NULL, chat_id, message_id FROM messages
    WHERE contact_id = ? AND coalesce(text, '') <> '' ORDER BY id"""
_COUNT = "SELECT count(*) FROM messages WHERE contact_id = ?"  # those without words, too
_DOUBTFUL = "SELECT coalesce(sum(ambiguous), 0) FROM outbox WHERE kind = 'forum' AND contact_id = ? AND chat_id = ?"


def check_forums(history: "History") -> None:
    """Raises Violation."""
    if not history.forums or history.forgotten:
        return  # what became of a topic may be gone with a power cut
    groups = {group.id: group for group in history.forums}
    in_use = {row[0] for row in history.ask("SELECT forum_chat_id FROM sources WHERE forum_chat_id IS NOT NULL")}
    for contact_id, state, home, operator in history.ask(_CONTACTS):
        known = dict(history.ask(_TOPICS, contact_id))
        if home is not None and home not in known and state != "closed":
            raise Violation("a request without a topic", f"#{contact_id} ({state})")
        for chat_id, topic_id in known.items():
            topic = groups[chat_id].topics.get(topic_id)
            if chat_id not in in_use or (topic is None and (chat_id, topic_id) in history.deleted_topics):
                continue
            if topic is None:
                raise Violation("a topic that is not there", f"#{contact_id}: {topic_id}")
            _check_topic(history, groups[chat_id], topic, contact_id, state if chat_id == home else "elsewhere")
            if chat_id == home:
                _check_words(history, groups[chat_id], topic, contact_id, operator if state != "closed" else "")
        _check_others(history, groups, contact_id, known)


def _check_topic(history: "History", group: Group, topic: Topic, contact_id: int, state: str) -> None:
    is_over = state in ("closed", "elsewhere")
    named = [f"{MARKS[state]} #{contact_id} "]
    if state == "elsewhere":  # one that was closed when it left stays as it is
        named.append(f"{MARKS['closed']} #{contact_id} ")
    if not topic.name.startswith(tuple(named)) or topic.closed != is_over:
        raise Violation("a topic is not as its request", f"#{contact_id} ({state}): {topic.name}, {topic.closed}")


def _check_words(history: "History", group: Group, topic: Topic, contact_id: int, operator: str | None) -> None:
    """What the bot shows in a topic is what was said, as it is now; and the last line that names a holder is right."""
    lines = _lines(group, topic)
    is_sure = not history.ask(_DOUBTFUL, contact_id, group.id)[0][0]
    heads = [line for line in lines if line.startswith("📥 ")]
    if operator != "" and is_sure and not heads[-1].endswith(f"{operator or 'nobody'} has it{' yet' * (not operator)}"):
        raise Violation("a forum names somebody else", f"#{contact_id} is {operator}'s: {heads}")
    if history.ask(_COUNT, contact_id)[0][0] > KEPT:
        return  # the older ones may only be counted
    for _id, text, is_withdrawn, chat_id, message_id in history.ask(_SAID, contact_id):
        if chat_id == group.id or _is_deleted(history, chat_id, message_id):
            continue
        base = EDITED.sub("", text)
        shown = [line for line in lines if base in line]
        if not is_withdrawn and not any(line.endswith(text) for line in shown):
            raise Violation("a forum does not show what was said", f"{text!r} of #{contact_id}: {lines}")
        wrong = [line for line in shown if is_withdrawn or not line.endswith(text)]
        if wrong and is_sure:
            raise Violation("a forum shows what is not so", f"{text!r} of #{contact_id}: {wrong}")


def _is_deleted(history: "History", chat_id: int | None, message_id: int | None) -> bool:
    """Whether what was written in a topic of another forum went with that topic: a file cannot be copied any more."""
    return any(group.id == chat_id and message_id not in group.messages for group in history.forums)


def _lines(group: Group, topic: Topic) -> list[str]:
    """What the bot has written in a topic, line by line, the newest message last."""
    found: list[str] = []
    for one in group.messages.values():
        raw: dict[str, Any] = one.json
        if one.request_id is not None and raw.get("message_thread_id") == topic.id and one.kind != "service":
            found += str(raw.get("text", raw.get("caption", ""))).split("\n")
    return found


def _check_others(history: "History", groups: dict[int, Group], contact_id: int, known: dict[int, int]) -> None:
    """Of a request, other topics are there only if the answer of one that was made was lost."""
    for chat_id, group in groups.items():
        mine = [one for one in group.topics.values() if f" #{contact_id} " in f"{one.name} "]
        more = len([one for one in mine if one.id != known.get(chat_id)])
        if more > history.ask(_DOUBTFUL, contact_id, chat_id)[0][0]:
            raise Violation("a second topic", f"#{contact_id}: {[one.name for one in mine]}")
