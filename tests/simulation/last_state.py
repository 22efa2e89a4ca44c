"""I45: at rest, each message stands at the other side as its writer left it, and what was taken back is gone.

Looked at is what people see: the original in one chat, its newest copy in the other, or a talk below that shows whoever
has the request again how it is now. Excepted is what Telegram refused, or of which it is unknown whether it was done.
"""

import re
from typing import TYPE_CHECKING, Any

from bot.sandbox.world.chats import StoredMessage
from tests.simulation.safety import Violation

if TYPE_CHECKING:
    from tests.simulation.history import History

_MESSAGES = """
    SELECT m.id, m.author, m.bot_id, m.chat_id, m.message_id, m.text, m.withdrawn_at IS NOT NULL, m.contact_id,
           CASE WHEN m.author = 'operator' THEN c.chat_id ELSE s.telegram_id END
    FROM messages m JOIN contacts c ON c.id = m.contact_id LEFT JOIN staff s ON s.operator_id = c.operator_id
    WHERE m.message_id IS NOT NULL ORDER BY m.id"""
_TROUBLE = """
    SELECT 1 FROM outbox WHERE message_ref = ? AND chat_id = ?
    AND (ambiguous > 0 OR state = 'uncertain' OR state = 'dead' AND outcome NOT IN ('withdrawn', 'nothing_to_send'))"""

_WITHOUT_NUMBER = """
    SELECT 1 FROM outbox WHERE message_ref = ? AND chat_id = ? AND kind = 'to_client'
    AND state = 'sent' AND result_id IS NULL"""
_HOLDERS = "SELECT count(DISTINCT operator_id) FROM events WHERE contact_id = ? AND kind = 'contact_assigned'"
_QUOTED = re.compile("❝ .* ❞\\n")  # above words that quote what has no copy there
_TALKS = """
    SELECT result_id FROM outbox
    WHERE kind = 'talk' AND state = 'sent' AND contact_id = ? AND bot_id = ? AND chat_id = ?
    AND ? BETWEEN json_extract(payload, '$.first') AND json_extract(payload, '$.last') AND result_id > ?"""
_POSTED = "SELECT message_id FROM posted WHERE message_ref = ? AND bot_id = ? AND chat_id = ?"


def check_last_state(history: "History") -> None:
    """Raises Violation."""
    if history.forgotten:
        return  # what became of it may be gone with a power cut
    for ref, author, bot_id, chat_id, message_id, text, is_withdrawn, contact_id, reader in history.ask(_MESSAGES):
        chat = None if reader is None else history.world.dialogue(bot_id, reader)
        original = history.world.place(chat_id, bot_id if chat_id > 0 else chat_id).messages.get(message_id)
        if chat is None or chat.blocked or original is None or history.ask(_TROUBLE, ref, reader):
            continue
        # A live location is no copy, but the bot's own.
        posted = {row[0] for row in history.ask(_POSTED, ref, bot_id, reader)}
        every = chat.messages.values()
        copies = [one for one in every if one.copied_from == (chat_id, message_id) or one.id in posted]
        about = f"{text!r} of #{contact_id} for {reader}"
        if is_withdrawn:
            if copies and author == "operator" and not history.ask(_WITHOUT_NUMBER, ref, reader):
                raise Violation("taken back, and still there", about)
            continue
        if copies and _is_as_stored(original, text):
            left, seen = _state(original), _state(copies[-1])
            below = history.ask(_TALKS, contact_id, bot_id, reader, ref, copies[-1].id)
            if left != seen and not any(_shows(chat.messages.get(row[0]), text) for row in below):
                raise Violation("not as it was left", f"{about}: {left}, there {seen}")
            if history.ask(_HOLDERS, contact_id)[0][0] == 1:  # a former operator's stays, and they see no further one
                again = _copies_for_writer(history, original, bot_id)
                _check_reactions(history, bot_id, [original, *again], copies, reader, about)
        elif author == "client" and not _is_as_stored(original, text):
            raise Violation("an edit was lost", f"{about}: {_state(original)}")


def _shows(talk: StoredMessage | None, text: str) -> bool:
    """Whether a talk shows these words; one that is gone did, before its reader deleted it."""
    return talk is None or text in talk.json.get("text", "")


def _is_as_stored(original: StoredMessage, text: str | None) -> bool:
    """Whether a message has the words that are stored: an edit is refused of who has lost the contact."""
    return bool((original.json.get("text", original.json.get("caption")) or None) == (text or None))


def _state(one: StoredMessage) -> tuple[Any, ...]:
    """What people see of a message."""
    raw, text = one.json, str(one.json.get("text", one.json.get("caption", "")))
    above = len(quoted[0]) if one.copied_from is None and (quoted := _QUOTED.match(text)) else 0
    file = raw.get("photo", raw.get("video"))
    where = raw.get("location", {})
    entities = [(each["type"], each["offset"] - above, each["length"]) for each in raw.get("entities", ())]
    return (
        one.kind,
        text[above:],
        entities,
        file[-1]["file_unique_id"] if file else None,
        (where.get("latitude"), where.get("longitude")),
    )


def _copies_for_writer(history: "History", original: StoredMessage, bot_id: int) -> list[StoredMessage]:
    """Copies of a message for who wrote it.

    They had the contact back from the queue, or wrote in a forum that shows it no longer.
    """
    chat_id, writer = int(original.json["chat"]["id"]), int(original.json["from"]["id"])
    places = {(chat_id, bot_id if chat_id > 0 else chat_id), (writer, bot_id)}
    every = [one for place in sorted(places) for one in history.world.place(*place).messages.values()]
    return [one for one in every if one.copied_from == (chat_id, original.id)]


def _check_reactions(
    history: "History",
    bot_id: int,
    originals: list[StoredMessage],
    copies: list[StoredMessage],
    reader: int,
    about: str,
) -> None:
    """What the bot shows on a message is what the other side has set last. A reaction may be lost: then nothing shows.

    Of what the other side has set in a forum it may be any: the bot does not see the next one where it is no admin.

    Args:
        originals: the message, and its copies for its writer.
    """
    writer = int(originals[0].json["from"]["id"])
    for one, there, person in ((originals[0], copies, reader), (copies[-1], originals, writer)):
        allowed = [each.reactions.get(person, []) for each in there]
        if int(one.json["chat"]["id"]) < 0:  # a forum shows what either of them has set
            allowed += [each.reactions.get(writer, []) for each in originals]
        in_forums = history.reactions_in_forums.get(person, set())
        shown = one.reactions.get(bot_id)
        if shown and shown not in allowed and shown[0]["emoji"] not in in_forums:
            raise Violation("a reaction of before", f"{about}: {shown}, not of {allowed} or {in_forums}")
