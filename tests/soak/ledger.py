"""What the database says of a soak: read while it goes on, and held against what people saw in the end."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.domain import invariants
from tests.soak.audit import Audit, Key

CHECKS = (
    invariants.check_loads,
    invariants.check_one_open_contact_each,
    invariants.check_states,
    invariants.check_nobody_waits_in_vain,
)


def broken(s: Session) -> list[str]:
    """What must hold at every moment, and does not."""
    found = []
    for check in CHECKS:
        try:
            check(s)
        except AssertionError as error:
            found.append(str(error).split("\n", 1)[0])
    return found


def unfinished(s: Session) -> dict[str, int]:
    """What is still to be done: updates, requests to Telegram, contacts that wait, words that came after closing."""
    queries = {
        "updates": "SELECT count(*) FROM inbox WHERE state = 'new'",
        "requests": "SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending')",
        "queue": "SELECT count(*) FROM contacts WHERE operator_id IS NULL AND status = 'new'",
        "undecided": "SELECT count(*) FROM contacts WHERE late_from IS NOT NULL",
    }
    return {name: int(s.execute(text(query)).scalar_one()) for name, query in queries.items()}


def over_limit(s: Session, *, places: int) -> int:
    """How many contacts an operator was given though they held as many as they might, by replaying all that happened.

    Args:
        places: what everybody may hold in the beginning.
    """
    loads: Counter[int] = Counter()
    limits: defaultdict[int, int] = defaultdict(lambda: places)
    count = 0
    events = text(
        "SELECT kind, operator_id, reason, data FROM events WHERE operator_id IS NOT NULL AND (kind IN "
        "('contact_assigned', 'contact_closed', 'contact_reopened') OR (kind = 'contact_queued') OR "
        "(kind = 'operator_changed' AND reason = 'limit')) ORDER BY id"
    )
    for kind, operator_id, _, data in s.execute(events):
        if kind == "operator_changed":
            limits[operator_id] = _limit(data)
        elif kind == "contact_assigned":
            loads[operator_id] += 1
            count += loads[operator_id] > limits[operator_id]
        elif kind == "contact_reopened":  # by their own decision, over the limit too
            loads[operator_id] += 1
        else:
            loads[operator_id] -= 1
    return count


def _limit(data: Any) -> int:
    return int((json.loads(data) if isinstance(data, str) else data)["limit"])


@dataclass(slots=True)
class Doubles:
    """What came more often than once: explained by answers that nobody heard, and not explained by anything."""

    after_doubt: int = 0
    without: int = 0


def doubles(s: Session, audit: Audit) -> Doubles:
    """Compares how often each message and card came with the rows that say it, and their ambiguous attempts."""
    found = Doubles()
    rows = text(
        "SELECT o.kind, o.bot_id, o.chat_id, o.contact_id, m.chat_id, m.message_id, o.ambiguous FROM outbox o "
        "LEFT JOIN messages m ON m.id = o.message_ref WHERE o.kind IN ('card', 'to_operator', 'to_client')"
    )
    copies: defaultdict[tuple[Key, int], list[int]] = defaultdict(list)
    cards: defaultdict[Key, list[int]] = defaultdict(list)
    for kind, bot_id, chat_id, contact_id, from_chat, message_id, ambiguous in s.execute(rows):
        if kind == "card":
            cards[bot_id, chat_id, contact_id].append(ambiguous)
        else:
            copies[(bot_id, from_chat, message_id), chat_id].append(ambiguous)
    for card, count in audit.cards.items():
        _compare(found, count, cards[card])
    for one in audit.said.values():
        came = Counter(key[1] for _, key in one.arrivals if audit.is_copy(key) and key not in audit.gone)
        for chat, count in came.items():
            _compare(found, count, copies[one.key, chat])
    return found


def _compare(found: Doubles, count: int, rows: list[int]) -> None:
    found.after_doubt += min(max(0, count - len(rows)), sum(rows))
    found.without += max(0, count - len(rows) - sum(rows))


def named_only(s: Session) -> dict[Key, Key | None]:
    """What Telegram lets nobody copy is named to the operator: by original, the first message that names it.

    None where Telegram said that it took it, but not under which number.
    """
    rows = s.execute(
        text(
            "SELECT m.bot_id, m.chat_id, m.message_id, o.chat_id, o.result_id FROM messages m "
            "JOIN outbox o ON o.message_ref = m.id WHERE o.kind = 'to_operator' AND o.state = 'sent' ORDER BY o.id DESC"
        )
    )
    return {(bot, chat, message): (bot, to, result) if result else None for bot, chat, message, to, result in rows}


def summed_up(s: Session) -> set[Key]:
    """What clients said that one line stood for, since too much waited or the request was closed.

    Only where such lines arrived and count all that was left out of the request.
    """
    counted: defaultdict[int, int] = defaultdict(int)
    lines = s.execute(text("SELECT contact_id, payload FROM outbox WHERE kind = 'more' AND state = 'sent'"))
    for contact_id, payload in lines:
        counted[contact_id] += (json.loads(payload) if isinstance(payload, str) else payload)["count"]
    left_out: defaultdict[int, list[Key]] = defaultdict(list)
    rows = s.execute(
        text(
            "SELECT m.contact_id, m.bot_id, m.chat_id, m.message_id FROM messages m JOIN outbox o "
            "ON o.message_ref = m.id WHERE o.kind = 'to_operator' AND o.outcome IN ('closed', 'collapsed')"
        )
    )
    for contact_id, *key in rows:
        left_out[contact_id].append((key[0], key[1], key[2]))
    return {key for contact_id, keys in left_out.items() if counted[contact_id] == len(keys) for key in keys}


def left_out(s: Session) -> set[Key]:
    """What clients said whose first copy was never sent: a line counted it. Its correction is a copy of its own."""
    return _originals(
        s,
        "o.message_ref = m.id WHERE o.outcome IN ('closed', 'collapsed') AND o.id IN "
        "(SELECT min(id) FROM outbox WHERE kind = 'to_operator' GROUP BY message_ref)",
    )


def without_number(s: Session) -> set[Key]:
    """Originals of which a copy stands somewhere whose number Telegram never told: nobody can correct that."""
    return _originals(
        s,
        "o.message_ref = m.id OR (o.kind = 'card' AND o.contact_id = m.contact_id) "
        "WHERE o.state = 'sent' AND o.result_id IS NULL AND o.kind IN ('card', 'to_operator', 'to_client')",
    )


def _originals(s: Session, rows: str) -> set[Key]:
    """Messages `m` to which there is such a row `o` of the outbox.

    Args:
        rows: the condition by which they are joined, and what is asked of them.
    """
    found = s.execute(text(f"SELECT m.bot_id, m.chat_id, m.message_id FROM messages m JOIN outbox o ON {rows}"))  # noqa: S608 - our own words
    return {(bot, chat, message) for bot, chat, message in found}


def history(s: Session, key: Key) -> list[tuple[object, ...]]:
    """What became of a message: contact, that of the row, its kind, chat, state, outcome, attempts, ambiguous ones,
    number, and when it was added and settled.
    """
    rows = s.execute(
        text(
            "SELECT m.contact_id, o.contact_id, o.kind, o.chat_id, o.state, o.outcome, o.attempts, o.ambiguous, "
            "o.result_id, o.created_at, o.settled_at FROM messages m LEFT JOIN outbox o ON o.message_ref = m.id "
            "WHERE m.bot_id = :bot AND m.chat_id = :chat AND m.message_id = :message ORDER BY o.id"
        ),
        dict(zip(("bot", "chat", "message"), key, strict=True)),
    )
    return [tuple(row) for row in rows]


def given_up(s: Session) -> list[tuple[str, str, str, int]]:
    """Rows that nobody will send any more: (kind, state, why, how many).

    Not those that a line stands for, nor those whose words came again with another contact.
    """
    rows = s.execute(
        text(
            "SELECT kind, state, outcome, count(*) FROM outbox WHERE state IN ('dead', 'uncertain') "
            "AND outcome NOT IN ('closed', 'collapsed', 'renewed') GROUP BY kind, state, outcome ORDER BY 1, 2, 3"
        )
    )
    return [(kind, state, why, int(count)) for kind, state, why, count in rows]


def buried(s: Session) -> int:
    """Updates that failed for good."""
    return int(s.execute(text("SELECT count(*) FROM inbox WHERE state = 'dead'")).scalar_one())
