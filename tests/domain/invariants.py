"""What must hold in the database after every transaction, whatever happened; each check looks afresh."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import String, column, select, text
from sqlalchemy.orm import Session

from crm_core.contacts.lead_words import words
from crm_core.messaging import outbox
from crm_core.replay.changes import Changes
from crm_core.replay.reading import history
from crm_core.replay.replayer import play
from crm_core.replay.rows import read_rows
from crm_core.routing import offers, queue, skills
from crm_core.routing.candidates import candidates
from crm_core.routing.choose import eligible
from crm_core.routing.source_facts import source_facts
from crm_core.storage.execute import execute, prefetch
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import OutboxRow
from crm_core.storage.types import Instant


def check_all(s: Session) -> None:
    """Every check below."""
    check_loads(s)
    check_given(s)
    check_needs(s)
    check_line(s)
    check_one_open_contact_each(s)
    check_states(s)
    check_nobody_waits_in_vain(s)
    check_holders_are_told(s)
    check_words(s)
    check_ledgers(s)


def _rows(s: Session, query: str) -> list[Any]:
    return list(s.connection().exec_driver_sql(query))  # without SQLAlchemy's cache, whose key is dearer than the query


# By what is wrong where they find a row: queries for a text of whole numbers.
_LOADS = {
    "(operator, load, asleep, open contacts, of these asleep)": (
        "SELECT o.id || ' ' || o.current_leads || ' ' || o.snoozed || ' ' || count(c.id) || ' ' || count(c.wakes_at) "
        "AS found FROM operators o LEFT JOIN contacts c ON c.operator_id = o.id AND c.status <> 'closed' "
        "GROUP BY o.id, o.current_leads, o.snoozed, o.removed_at "
        "HAVING o.current_leads <> count(c.id) - count(c.wakes_at) OR o.snoozed <> count(c.wakes_at) "
        "OR (o.removed_at IS NOT NULL AND count(c.id) > 0)"
    ),
    "(operator, relief, that of their contacts)": (
        "SELECT o.id || ' ' || o.relief || ' ' || coalesce(sum(c.relief), 0) AS found FROM operators o "
        "LEFT JOIN contacts c ON c.operator_id = o.id "
        "GROUP BY o.id, o.relief HAVING o.relief <> coalesce(sum(c.relief), 0)"
    ),
    "(contact) with relief that is no load": (
        "SELECT id || '' AS found FROM contacts WHERE relief <> 0 AND (status = 'closed' OR offered_at IS NOT NULL "
        "OR wakes_at IS NOT NULL OR operator_id IS NULL)"
    ),
    "(contact) asleep, and closed or only offered": (
        "SELECT id || '' AS found FROM contacts WHERE wakes_at IS NOT NULL AND (status = 'closed' OR offered_at > 0)"
    ),
}
_WAITS_FOR_CLIENT = (
    "c.operator_id IS NOT NULL AND c.status <> 'closed' AND c.offered_at IS NULL AND c.wakes_at IS NULL AND "
    "CASE WHEN c.chat_id IS NULL THEN c.status <> 'new' ELSE NOT EXISTS (SELECT 1 FROM messages m "
    "WHERE m.contact_id = c.id AND m.author = 'client' AND m.id > coalesce((SELECT max(a.id) FROM messages a "
    "WHERE a.contact_id = c.id AND a.author = 'operator' AND a.withdrawn_at IS NULL), 0)) END"
)
_RELIEF = {
    "(contact, relief)": (
        "SELECT c.id || ' ' || c.relief AS found FROM contacts c JOIN sources s ON s.id = c.source_id "  # noqa: S608
        f"WHERE c.relief <> CASE WHEN {_WAITS_FOR_CLIENT} THEN 100 - s.waiting_load ELSE 0 END"
    ),
}
_LEDGERS = {
    "(source, sum of its credits)": (
        "SELECT source_id || ' ' || sum(credit) AS found FROM credits GROUP BY source_id HAVING sum(credit) <> 0"
    ),
    "(source, operator) without credits": (
        "SELECT w.source_id || ' ' || w.operator_id AS found FROM weights w LEFT JOIN credits c "
        "ON c.source_id = w.source_id AND c.operator_id = w.operator_id WHERE c.credit IS NULL"
    ),
    "(source, removed operator) with credits": (
        "SELECT c.source_id || ' ' || c.operator_id AS found FROM credits c JOIN operators o ON o.id = c.operator_id "
        "WHERE o.removed_at IS NOT NULL"
    ),
}
_DISTRIBUTION = Prepared(
    text(
        " UNION ALL ".join(
            f"SELECT '{what}' AS what, found FROM ({query}) AS wrong"  # noqa: S608
            for what, query in (_LOADS | _RELIEF | _LEDGERS).items()
        )
    ).columns(column("what", String), column("found", String))
)


def _check(s: Session, queries: dict[str, str]) -> None:
    for what, query in queries.items():
        wrong = [row.found for row in _rows(s, query)]
        assert wrong == [], f"{what}: {wrong}"


def check_loads(s: Session) -> None:
    """An operator's load is the number of open contacts that they hold and that are awake; `snoozed`, of the others.

    A removed operator holds none.
    """
    _check(s, _LOADS)


def check_relief(s: Session) -> None:
    """What waits for its client takes off its operator's load what its source says, and nothing else does."""
    _check(s, _RELIEF)


def check_distribution(s: Session) -> None:
    """What `check_loads`, `check_relief` and `check_ledgers` look at, by one statement."""
    wrong = [tuple(row) for row in execute(s, _DISTRIBUTION)]
    assert wrong == [], wrong


def prefetch_distribution(s: Session) -> None:
    """Announces `check_distribution`, before which nothing is written any more."""
    prefetch(s, _DISTRIBUTION, {})


def check_given(s: Session) -> None:
    """What an operator with a rate was given in the last hour is the number of its rows; others have a minute's."""
    wrong = _rows(
        s,
        "SELECT o.id, o.rate, o.given_lately, count(g.id) FROM operators o LEFT JOIN given g ON g.operator_id = o.id "
        "GROUP BY o.id, o.rate, o.given_lately "
        "HAVING o.given_lately <> CASE WHEN o.rate IS NULL THEN 0 ELSE count(g.id) END "
        "OR (o.rate IS NULL AND sum(CASE WHEN g.had_waited THEN 0 ELSE 1 END) > 0 AND count(g.id) > 0)",
    )
    assert wrong == [], f"(operator, rate, given, rows): {wrong}"


def check_needs(s: Session) -> None:
    """Only who waits needs skills, and only such as its source or itself requires; moments are of those left.

    Where a source works by hours, such a moment may lie further ahead than anybody looks.
    """
    for row in _rows(
        s,
        "SELECT c.id, c.operator_id, c.skills, c.needs, c.drops_at, s.skills AS of_source, s.hours FROM contacts c "
        "JOIN sources s ON s.id = c.source_id WHERE c.needs IS NOT NULL OR c.drops_at IS NOT NULL",
    ):
        required = skills.only(skills.required_by(row.of_source, row.skills), skills.tags(row.needs))
        assert row.operator_id is None, f"#{row.id} has an operator and needs {row.needs}"
        assert required.keys() == skills.tags(row.needs), f"#{row.id} needs {row.needs} beside {dict(required)}"
        has_minutes = any(one is not None for one in required.values())
        assert row.drops_at is None or has_minutes, f"#{row.id}: {dict(required)}"
        assert row.drops_at is not None or row.hours is not None or not has_minutes, f"#{row.id}: {dict(required)}"


def check_line(s: Session) -> None:
    """Whoever waits stands where their age and head starts put them; whoever has an operator stands nowhere."""
    wrong = _rows(
        s,
        "SELECT c.id, c.order_at, c.created_at FROM contacts c "
        "JOIN sources s ON s.id = c.source_id JOIN leads l ON l.id = c.lead_id "
        "WHERE (c.operator_id IS NULL) <> (c.order_at IS NOT NULL) "
        "OR c.order_at <> c.created_at - 60000 * (c.head_start + l.head_start + s.priority_minutes)",
    )
    assert wrong == [], f"(contact, order, creation): {wrong}"


def check_one_open_contact_each(s: Session) -> None:
    """A client of Telegram has at most one open contact at a source with each bot; it may have been moved there."""
    wrong = _rows(
        s,
        "SELECT lead_id, source_id, bot_id, count(*) FROM contacts WHERE status <> 'closed' AND chat_id IS NOT NULL "
        "GROUP BY lead_id, source_id, bot_id HAVING count(*) > 1",
    )
    assert wrong == [], f"(lead, source, bot, open contacts): {wrong}"


def check_states(s: Session) -> None:
    """Who is in progress or closed has, or had, an operator; the times say the same as the status."""
    wrong = _rows(
        s,
        "SELECT id, status FROM contacts WHERE (status <> 'new' AND operator_id IS NULL) "
        "OR (status = 'closed') <> (closed_at IS NOT NULL) OR (status = 'in_progress' AND taken_at IS NULL) "
        "OR (operator_id IS NOT NULL AND assigned_at IS NULL) OR (operator_id IS NULL) <> (queued_at IS NOT NULL) "
        "OR (operator_id IS NULL) <> (current_assigned_at IS NULL)",
    )
    assert wrong == [], f"(contact, status): {wrong}"


def check_ledgers(s: Session) -> None:
    """The credits of a source add up to 0; whoever has a weight is in its ledger, and nobody who was removed."""
    _check(s, _LEDGERS)


def check_words(s: Session) -> None:
    """The words by which a lead is found are those of their name."""
    stored: dict[int, set[str]] = {}
    for lead_id, word in _rows(s, "SELECT lead_id, word FROM lead_words"):
        stored.setdefault(lead_id, set()).add(word)
    for lead_id, name in _rows(s, "SELECT id, full_name FROM leads"):
        assert stored.pop(lead_id, set()) == set(words(name)), f"words of lead {lead_id}, {name}"
    assert not stored


def check_nobody_waits_in_vain(s: Session) -> None:
    """Where a contact waits at a source that is on and open, nobody who is eligible there has room."""
    waits = text(
        "SELECT source_id, max(chat_id), needs, max(coalesce(waits_since, created_at)) AS since, bot_id, 0 "
        "FROM contacts WHERE operator_id IS NULL AND status = 'new' AND wakes_at IS NULL AND NOT is_asked "
        "GROUP BY source_id, chat_id IS NULL, needs, bot_id "
        "UNION ALL SELECT source_id, chat_id, needs, coalesce(waits_since, created_at), bot_id, id FROM contacts "
        "WHERE operator_id IS NULL AND status = 'new' AND wakes_at IS NULL AND is_asked"
    ).columns(since=Instant())
    for source_id, chat_id, needs, since, bot_id, asked in s.execute(waits):
        source = source_facts(s, source_id)
        source = queue.as_seen_by(source, chat_id=chat_id, needs=needs, since=since, bot_id=bot_id)
        source = offers.with_asked(s, source, asked) if asked else source
        free = eligible(candidates(s, source))[0] if source.why_nobody is None else []
        assert free == [], f"somebody waits at source {source_id}, though these are free: {free}"


def _quoted(s: Session) -> dict[tuple[int, int], set[int]]:
    """Texts that whoever took over reads in a talk of both sides: by contact and chat, the stored messages."""
    pages = select(OutboxRow.contact_id, OutboxRow.chat_id, OutboxRow.payload).where(
        OutboxRow.kind == outbox.TALK, OutboxRow.state == "pending"
    )
    found: dict[tuple[int, int], set[int]] = {}
    for contact_id, chat_id, payload in s.execute(pages):
        found.setdefault((contact_id, chat_id), set()).update(range(payload["first"], payload["last"] + 1))
    return found


def check_holders_are_told(s: Session) -> None:
    """While nothing is sent yet: the card and the messages of a contact are queued for its holder, and nobody else."""
    held = _rows(
        s,
        "SELECT c.id, s.telegram_id FROM contacts c JOIN staff s ON s.operator_id = c.operator_id "
        "WHERE c.status <> 'closed' AND c.bot_id IS NOT NULL",
    )
    holder: dict[int, int] = {row.id: row.telegram_id for row in held}
    waiting = _rows(
        s,
        "SELECT contact_id, chat_id, kind, message_ref FROM outbox WHERE state = 'pending' AND contact_id IS NOT NULL "
        "ORDER BY id",
    )
    cards = {(row.contact_id, row.chat_id) for row in waiting if row.kind == "card"}
    copies = [(row.contact_id, row.chat_id, row.message_ref) for row in waiting if row.kind == "to_operator"]
    assert len(copies) == len(set(copies)), "a copy is on its way twice"
    for contact_id, account in holder.items():
        assert (contact_id, account) in cards, f"no card of {contact_id} for {account}"
    said: dict[int, list[int]] = {}
    for contact_id, message_id in _rows(s, "SELECT contact_id, id FROM messages WHERE author = 'client' ORDER BY id"):
        said.setdefault(contact_id, []).append(message_id)
    quoted = _quoted(s)
    for contact_id, account in holder.items():
        due = [message_id for of, chat, message_id in copies if (of, chat) == (contact_id, account)]
        in_talk = quoted.get((contact_id, account), set())
        assert due == [one for one in said.get(contact_id, [])[1:] if one not in in_talk], (
            f"messages of {contact_id} for {account}: {due}, stored {said.get(contact_id)}, in a talk {in_talk}"
        )
    foreign = [(of, chat) for of, chat, _ in copies if of in holder and holder[of] != chat]
    foreign += [(of, chat) for of, chat in quoted if of in holder and holder[of] != chat]
    assert foreign == [], f"copies on their way to who does not hold the contact: {foreign}"


def check_replay(s: Session) -> None:
    """All that ever happened, played again under unchanged settings, ends with the same operators."""
    rows = read_rows(s, since=datetime(2000, 1, 1, tzinfo=UTC), until=datetime(2200, 1, 1, tzinfo=UTC))
    played = play(history(rows), Changes()).courses
    really = {row.id: row.operator_id for row in _rows(s, "SELECT id, operator_id FROM contacts")}
    wrong = {
        one: (course.operator_id, really[one]) for one, course in played.items() if course.operator_id != really[one]
    }
    assert wrong == {}, f"contact: (operator in the replay, operator): {wrong}"
    assert played.keys() == really.keys(), "a contact has no event of its arrival"
