"""I43: of each contact exactly one card is live, with whoever holds it; every other one has neither words nor buttons.

Looked at is what stands in operators' chats, not what is stored. Excepted is what nobody can change: a card of which it
is unknown that it arrived (`_in_doubt`), and one that Telegram does not let the bot edit any more (`is_old`).
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.sandbox.world.transcript import EDITED, NEW
from tests.simulation.card_buttons import pressable
from tests.simulation.prepared import BEGINS, BOT_IDS, OPERATOR_ACCOUNTS
from tests.simulation.safety import Violation

if TYPE_CHECKING:
    from tests.simulation.history import History

Place = tuple[int, int, int]
"""The bot, the chat, and Telegram's id of a message."""

_OPEN, _GONE, _FOLDED = (re.compile(one) for one in (r"#(\d+) [^\n]*\n📥 ", r"#(\d+) · [^\n]*\n↪️ (.+)", r"✔️ #(\d+) "))
_QUESTION = "Who should get it?"  # has the head of the card that it is about
_BELOW = re.compile(r"#(\d+) [^\n]* · ⤵️ below")

_CONTACTS = """
    SELECT c.id, c.status, c.bot_id, o.name, s.telegram_id FROM contacts c
    LEFT JOIN operators o ON o.id = c.operator_id LEFT JOIN staff s ON s.operator_id = c.operator_id"""


@dataclass(frozen=True, slots=True)
class Card:
    """A card as it stands in a chat.

    Attributes:
        is_old: whether Telegram lets the bot edit it no more.
        is_forgotten: whether a power cut has taken away what the process knew of it.
    """

    contact_id: int
    place: Place
    text: str
    is_live: bool
    is_old: bool
    is_forgotten: bool


def check_live_cards(history: "History") -> None:
    """Raises Violation."""
    known = {tuple(row) for row in history.ask("SELECT bot_id, chat_id, message_id FROM posted")}
    cards, given_up, deleting = _cards(history), _given_up(history), history.people.deleted_cards
    for contact_id, status, bot_id, operator, chat_id in history.ask(_CONTACTS):
        mine = cards[contact_id]
        doubtful = [one for one in mine if one.place not in known and not one.is_forgotten]
        if len(doubtful) > _in_doubt(history, contact_id):
            raise Violation("a card that nobody knows of", f"#{contact_id}: {[one.place for one in doubtful]}")
        home = None if operator is None or bot_id is None else (bot_id, chat_id)
        at_home = [one for one in mine if one.is_live and one.place[:2] == home]
        where = "Closed" if status == "closed" else f"Now with {operator}" if operator else "Back in the queue"
        for one in mine:
            is_sure = one.place in known - given_up and not one.is_old and not one.is_forgotten
            if is_sure and one not in at_home and not _is_dead(one, where, mine, deleting):
                raise Violation("a second card is not dead", f"#{contact_id} ({where}), {one}")
        is_needed = status != "closed" and home is not None and not _is_excused(history, contact_id, chat_id)
        sure = [one for one in at_home if one.place in known - given_up and not one.is_old and not one.is_forgotten]
        # What was undone by a power cut after the card had been changed can come out otherwise the second time.
        is_lost = any(one.is_forgotten and one.place[:2] == home for one in mine)
        if len(sure) > 1 or (is_needed and not at_home and not is_lost):
            raise Violation("not one live card", f"#{contact_id} ({where}): {len(sure)} of {mine}")


def _cards(history: "History") -> dict[int, list[Card]]:
    """All cards that stand in chats which a bot can write to, by contact."""
    first, changed = dict[Place, str](), defaultdict[Place, list[float]](list)
    for entry in history.world.transcript.entries:
        if entry.request_id is None or entry.bot_id is None or entry.event not in (NEW, EDITED):
            continue
        place = (entry.bot_id, entry.chat_id, entry.message["message_id"])
        first.setdefault(place, entry.message.get("text", ""))
        changed[place].append(entry.time - BEGINS.timestamp())
    found: dict[int, list[Card]] = defaultdict(list)
    for bot_id in BOT_IDS:
        for account in OPERATOR_ACCOUNTS:
            chat = history.world.dialogue(bot_id, account)
            for message in () if chat.blocked else chat.messages.values():
                place = (bot_id, account, message.id)
                came_as = first.get(place, "")
                named = _OPEN.match(came_as) or _GONE.match(came_as) or _FOLDED.match(came_as)
                if named is None or came_as.endswith(_QUESTION):
                    continue
                is_live, is_forgotten = bool(pressable(message.json)), _is_forgotten(history, changed[place])
                card = Card(int(named[1]), place, message.json["text"], is_live, message.is_old, is_forgotten)
                found[card.contact_id].append(card)
    return found


def _is_dead(card: Card, where: str, all_of_it: list[Card], deleting: set[int]) -> bool:
    """Whether a card shows no words, has no buttons, and says who has its contact, or that a newer card does.

    Args:
        deleting: accounts of operators who have deleted cards: the newer one may have been among them.
    """
    gone = _GONE.fullmatch(card.text)
    if card.is_live or gone is None:
        is_below = _BELOW.fullmatch(card.text) is not None
        newer = [one for one in all_of_it if one.place[:2] == card.place[:2] and one.place > card.place]
        return not card.is_live and is_below and (bool(newer) or card.place[1] in deleting)
    return gone[2] == where


def _is_forgotten(history: "History", changed: Sequence[float]) -> bool:
    """Whether a power cut has taken away that a message was sent, or what it was changed to last.

    Args:
        changed: when it was sent, and each time when it was changed.
    """
    return any(map(history.is_forgotten, (changed[0], changed[-1])))


def _in_doubt(history: "History", contact_id: int) -> int:
    """How many cards may stand there that nobody knows of: of attempts with unknown outcome, or without a number."""
    rows = history.ask(
        "SELECT coalesce(sum(ambiguous + (state = 'sent' AND result_id IS NULL)), 0) FROM outbox "
        "WHERE kind = 'card' AND contact_id = ?",
        contact_id,
    )
    return int(rows[0][0])


def _given_up(history: "History") -> set[Place]:
    """Cards of which nobody knows what they show: the last edit was tried too often, and others were sent meanwhile."""
    rows = history.ask(
        "SELECT bot_id, chat_id, json_extract(payload, '$.message_id'), state FROM outbox "
        "WHERE kind = 'card_edit' ORDER BY id"
    )
    newest = {place: state for *place_, state in rows for place in (tuple(place_),)}
    return {place for place, state in newest.items() if state == "uncertain"}


def _is_excused(history: "History", contact_id: int, chat_id: int) -> bool:
    """Whether its holder may see no card: it could not be sent, they have blocked the bot, or have deleted it."""
    given_up = history.ask(
        "SELECT 1 FROM outbox "
        "WHERE kind = 'card' AND contact_id = ? AND chat_id = ? AND state IN ('dead', 'uncertain')",
        contact_id,
        chat_id,
    )
    is_blocked = any(history.world.dialogue(bot_id, chat_id).blocked for bot_id in BOT_IDS)
    return bool(given_up) or is_blocked or chat_id in history.people.deleted_cards
