"""Whether every message was delivered exactly once, computed from what people saw rather than from the database."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bot.demo.arrivals import read_card

Json = dict[str, Any]
Key = tuple[int, int, int]  # bot, chat, message


@dataclass(frozen=True, slots=True)
class Audit:
    """How many messages were sent, and which were lost or duplicated.

    Attributes:
        clients, operators: how many messages they sent.
        lost: those that never reached the other side, as (sender's name, text).
        doubled: how many arrived more than once, cards included.
        cards: how many contacts have a card.
    """

    clients: int
    operators: int
    lost: tuple[tuple[str, str], ...]
    doubled: int
    cards: int


def audit(entries: Sequence[Json], *, operators: Iterable[int], names: dict[int, str]) -> Audit:
    """Compares what people said to bots with what arrived in the chats of the other side.

    Args:
        entries: the sandbox's transcript.
        operators: Telegram ids of the operators.
        names: the name of everybody who took part, by Telegram id.
    """
    staff = set(operators)
    said: dict[Key, Json] = {}
    arrived: Counter[Key] = Counter()
    cards: Counter[tuple[int, int]] = Counter()
    unread: defaultdict[tuple[int, str, str], deque[Key]] = defaultdict(deque)
    on_card: dict[tuple[int, int], Key] = {}
    for entry in entries:
        if entry["event"] != "new":
            continue
        key = (entry["bot"], entry["chat"], entry["message_id"])
        if entry["sender"] == entry["chat"]:
            if entry["sender"] in names and not entry["text"].startswith("/"):
                said[key] = entry
                unread[entry["bot"], names[entry["chat"]], entry["text"]].append(key)
        elif entry["copied_from"] is not None:
            arrived[entry["bot"], *entry["copied_from"]] += 1
        elif entry["chat"] in staff and (card := read_card(entry["text"])) is not None:
            contact = (entry["bot"], card.number)
            cards[contact] += 1
            # A first message that is a text stands on the card itself; anything else follows as a copy. Somebody may
            # begin two contacts with the same text: each card accounts for one of them.
            waiting = unread[entry["bot"], card.client, card.text]
            if contact not in on_card and waiting:
                on_card[contact] = waiting.popleft()
            if contact in on_card:
                arrived[on_card[contact]] += 1
    lost = tuple(
        (names[entry["chat"]], entry["text"] or entry["kind"]) for key, entry in said.items() if not arrived[key]
    )
    doubled = sum(count - 1 for count in arrived.values() if count > 1) + sum(count - 1 for count in cards.values())
    by_operators = sum(1 for entry in said.values() if entry["sender"] in staff)
    return Audit(len(said) - by_operators, by_operators, lost, doubled, len(cards))
