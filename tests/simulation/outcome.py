"""What must hold when everything has come to rest: what people saw, against what is stored."""

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bot.sandbox.world.transcript import DELETED, EDITED, NEW, button_data
from crm_core.delivery.repeating import AT_LEAST_ONCE, REPEATABLE
from crm_core.routing import skills
from tests.domain import invariants
from tests.simulation.forum_state import check_forums
from tests.simulation.last_state import check_last_state
from tests.simulation.live_cards import check_live_cards
from tests.simulation.prepared import BEGINS, BOT_IDS, OPERATOR_ACCOUNTS
from tests.simulation.safety import Violation

if TYPE_CHECKING:
    from tests.simulation.history import History


Tried = dict[tuple[int, int], tuple[int, int]]
"""(message, chat) → how often its words may stand there, and how many rows of it were given up."""
Copies = dict[tuple[int, int, int, int], list[int]]
"""Where true copies stand: (bot, chat, original's chat, original's id) → their places in the transcript."""

Told = dict[tuple[int, int], set[int]]
"""(bot, person) → the messages at which they were told something."""

Delivery = dict[int, tuple[str, str, str, int]]
"""Row of the outbox → its kind, state, outcome, and how many failures are counted against it."""

PART = "part-"  # begins the ids of albums whose parts come one by one
LATE = 5.0  # seconds after which an offer should be over that has ended
OF_OUTAGES = {"server_error", "no_answer", "unreadable_answer", "api_error", "no_connection", "process_ended"}


def check_outcome(history: "History") -> None:
    """Raises Violation."""
    _everything_is_finished(history)
    _books(history)
    taken_out = _taken_out(history)
    tried, copies, told = _tried(history), _copies(history, taken_out), _told(history)
    _words_are_kept_once(history, told)
    _clients_are_heard(history, tried, copies, told, taken_out)
    _operators_are_heard(history, tried, copies, told)
    _notices_come_once(history)
    _albums_stay_whole(history)
    _cards_are_new(history)
    check_live_cards(history)
    _overviews_are_one(history)
    check_last_state(history)
    check_forums(history)
    _offers_end(history)
    _rules_hold_for_new_words(history)
    _nobody_holds_what_they_are_not_there_for(history)


def _rules_hold_for_new_words(history: "History") -> None:
    """I39: a contact requires, and is itself ahead by, what the keyword rules said when it came, and no more."""
    ask = history.ask
    # The rules are those of the source where it came from, wherever it was moved since.
    contacts = "SELECT id, coalesce(first_source_id, source_id), message, skills, head_start FROM contacts"
    for contact_id, source_id, said, own, ahead in ask(contacts):
        came = ask("SELECT id FROM events WHERE contact_id = ? AND kind = 'contact_created'", contact_id)
        rules = ask(
            "SELECT data FROM events WHERE source_id = ? AND reason = 'keywords' AND id < ? ORDER BY id DESC LIMIT 1",
            source_id,
            came[0][0],
        )
        stored = json.loads(rules[0][0])["keywords"] if rules else None
        met = [rule for rule in json.loads(stored or "[]") if any(_begins(said or "", word) for word in rule[0])]
        required = {tag for _, tags, _ in met for tag in skills.read(tags)}
        if required != skills.read(own).keys() or ahead != max((minutes for *_, minutes in met), default=0):
            raise Violation("a keyword rule was not kept", f"#{contact_id} {said!r}: {own}, {ahead}; {met}")


def _begins(said: str, word: str) -> bool:
    """Whether a text has some words: those of the histories begin it, or end it."""
    beginning = word.removesuffix("*")
    return said.startswith(beginning) if word.endswith("*") else beginning in said


def _offers_end(history: "History") -> None:
    """I38: no offer outlasts its time."""
    overdue = overdue_offers(history)
    if overdue:
        raise Violation("an offer outlasts its time", overdue)


def overdue_offers(history: "History") -> list[Any]:
    """Offers that were over when the job that ends them ran last: (contact, when it should have ended)."""
    ran = BEGINS + timedelta(seconds=history.app.ran_at("end_offers"))
    late = ran + history.skew - timedelta(seconds=LATE)
    return history.ask("SELECT id, offer_ends_at FROM contacts WHERE offer_ends_at < ?", late.timestamp() * 1000)


def _nobody_holds_what_they_are_not_there_for(history: "History") -> None:
    """I40: what a client waits for leaves whoever is away for too long."""
    left = held_by_the_absent(history)
    if left:
        raise Violation("held by somebody who is away", left)


_HELD_BY_THE_ABSENT = """
    SELECT c.id, c.operator_id FROM contacts c JOIN operators o ON o.id = c.operator_id
    JOIN sources s ON s.id = c.source_id
    WHERE c.status <> 'closed' AND c.wakes_at IS NULL AND s.handover = 'hand_over'
    AND max(o.away_since, c.current_assigned_at, coalesce(c.woke_at, 0)) + 60000 * s.away_minutes < ?1
    AND NOT (o.is_online AND o.on_shift)
    AND CASE WHEN c.chat_id IS NULL THEN c.status = 'new' ELSE EXISTS (
        SELECT 1 FROM messages m WHERE m.contact_id = c.id AND m.author = 'client' AND m.created_at < ?1
        AND NOT EXISTS (
            SELECT 1 FROM messages a WHERE a.contact_id = c.id AND a.author = 'operator' AND a.id > m.id
            AND a.withdrawn_at IS NULL)) END"""


def held_by_the_absent(history: "History") -> list[Any]:
    """What should have been handed over when the job that does it ran last: (contact, operator)."""
    ran = BEGINS + timedelta(seconds=history.app.ran_at("hand_over"))
    late = ran + history.skew - timedelta(seconds=LATE)
    return history.ask(_HELD_BY_THE_ABSENT, late.timestamp() * 1000)


def delivery(history: "History") -> Delivery:
    """How all rows of the outbox stand."""
    rows = history.ask("SELECT id, kind, state, coalesce(outcome, ''), failures FROM outbox")
    return {row_id: (kind, state, outcome, failures) for row_id, kind, state, outcome, failures in rows}


def check_outage(before: Delivery, after: Delivery) -> None:
    """I37: between two moments of an outage, with no success between them, nothing is given up or has a failure more.

    Excepted are notices that are sent at most once (I18). Raises Violation.
    """
    for row_id, (kind, state, outcome, failures) in after.items():
        _, state_before, _, failures_before = before.get(row_id, (kind, "", "", 0))
        if failures > failures_before:
            raise Violation("an outage was counted against a row", f"{kind} {row_id}: {failures_before} → {failures}")
        is_given_up = state == "uncertain" or (state == "dead" and outcome in OF_OUTAGES)
        if is_given_up and state != state_before and kind in AT_LEAST_ONCE | REPEATABLE:
            raise Violation("given up in an outage", f"{kind} {row_id}: {state}, {outcome}")


def _everything_is_finished(history: "History") -> None:
    """I2, I17, I29."""
    left = history.ask("SELECT id, state, error FROM inbox WHERE state <> 'done'")
    if len(left) != history.people.poisoned or any(row[1:] != ("dead", "unparsable") for row in left):
        raise Violation("an update is not finished", left)
    waits = history.ask("SELECT id, kind, state, outcome FROM outbox WHERE state IN ('pending', 'sending')")
    if waits:
        raise Violation("something still waits to be sent", waits)
    for_a_topic = history.ask("SELECT id, kind FROM outbox WHERE kind <> 'forum' AND outcome = 'topic_gone'")
    if for_a_topic:
        raise Violation("given up since a topic is gone", for_a_topic)
    # What a killed process has left unfinished is thrown away as it stands, which Python remarks on, some time later.
    troubles = [one for one in history.loop.troubles if "never retrieved" not in one.get("message", "")]
    if troubles:
        raise Violation("nobody caught an error", troubles)


def _books(history: "History") -> None:
    """I7, I9, I12: as after every transaction, and nobody waits in vain."""
    with history.file.look() as s:
        try:
            for check in (
                invariants.check_loads,
                invariants.check_one_open_contact_each,
                invariants.check_states,
                invariants.check_nobody_waits_in_vain,
                invariants.check_ledgers,
                invariants.check_replay,
            ):
                check(s)
        except AssertionError as error:
            raise Violation("the books are wrong", error) from None


def _words_are_kept_once(history: "History", told: Told) -> None:
    """I2: everything that a client said is a message of a contact, once; or they were told why not."""
    kept = Counter(
        tuple(row) for row in history.ask("SELECT bot_id, chat_id, message_id FROM messages WHERE author = 'client'")
    )
    twice = [key for key, number in kept.items() if key[0] is not None and number > 1]
    if twice:
        raise Violation("a client's message was kept twice", twice)
    for bot_id in BOT_IDS:
        for client in history.clients:
            chat = history.world.dialogue(bot_id, client)
            for one in chat.messages.values():
                is_words = one.request_id is None and not one.json.get("text", "").startswith("/")
                if is_words and (bot_id, client, one.id) not in kept and one.id not in told[bot_id, client]:
                    raise Violation("a client's message is lost", f"{client}: {one.json.get('text', one.kind)}")


_SAID = """
    SELECT messages.id, messages.bot_id, messages.chat_id, messages.message_id, contact_id, messages.text,
           staff.telegram_id
    FROM messages JOIN contacts ON contacts.id = contact_id
    LEFT JOIN staff ON staff.operator_id = contacts.operator_id
    WHERE author = 'client' AND messages.bot_id IS NOT NULL
    AND json_extract(messages.media, '$.point.live_period') IS NULL  -- which is no copy, but the bot's own
    ORDER BY messages.id"""
_TRIED = """
    SELECT message_ref, chat_id, sum(1 + ambiguous), sum(state = 'dead') FROM outbox
    WHERE kind IN ('to_operator', 'to_client') GROUP BY message_ref, chat_id"""


def _clients_are_heard(history: "History", tried: Tried, copies: Copies, told: Told, taken_out: set[int]) -> None:
    """I17, I18, I19: the last holder of a contact saw all of its words, in order, and doubles only after doubt."""
    cards, quoted = _cards(history), _quoted(history)
    undecided = dict(history.ask("SELECT id, late_from FROM contacts WHERE late_from IS NOT NULL"))
    firsts: set[int] = set()
    # What was taken out, and came no more since the contact went to somebody else, has an order of its own.
    order: dict[tuple[int, int, bool], list[int]] = defaultdict(list)
    for ref, bot_id, chat_id, message_id, contact_id, _text, holder in history.ask(_SAID):
        is_first = contact_id not in firsts
        firsts.add(contact_id)
        for account in OPERATOR_ACCOUNTS:
            seen = copies.get((bot_id, account, chat_id, message_id), [])
            allowed, dead = tried.get((ref, account), (0, 0))
            if _is_doubled(history, seen, allowed):
                raise Violation(
                    "doubled without doubt", f"{_text!r}: {len(seen)} copies for {account}, {allowed} allowed"
                )
            is_quoted = any(ref in talk for talk in quoted[account])
            # What was quoted, or stands on the card, comes as a copy only if it is edited, whenever that is.
            is_edited_first = is_first and _is_edited(history, bot_id, chat_id, message_id)
            if seen and not is_quoted and not is_edited_first:
                order[contact_id, account, seen[0] in taken_out].append(seen[0])
            if account != holder:
                continue
            has_card = cards.get((bot_id, account, contact_id)) or _excused(history, "card", contact_id, account)
            if is_first and not has_card:
                raise Violation("a holder never saw the card", f"#{contact_id} for {account}")
            # What came after closing to who is busy by now becomes a request of its own after some minutes.
            is_undecided = ref >= undecided.get(contact_id, ref + 1)
            is_said = _is_said_below_a_quote(history, bot_id, account, _text)
            has_words = seen or is_said or dead or is_first or is_quoted or is_undecided
            if not has_words and not _excused(history, "to_operator", contact_id, account):
                raise Violation("a holder never saw a client's words", f"{_text!r} of #{contact_id} for {account}")
    for (contact_id, account, _is_out), places in order.items():
        if places != sorted(places):
            raise Violation("out of order", f"#{contact_id} for {account}: {places}")
    for (contact_id, chat), said in _in_order_of_storing(history, told).items():
        if said != sorted(said):
            raise Violation("kept out of order", f"#{contact_id} of {chat}: {said}")


def _is_said_below_a_quote(history: "History", bot_id: int, account: int, words: str | None) -> bool:
    """Whether words came as a text below what they quote: of a copy that nobody knows of, since it came twice."""
    if words is None:
        return False
    every = history.world.dialogue(bot_id, account).messages.values()
    return any(one.request_id and str(one.json.get("text", "")).endswith(f"❞\n{words}") for one in every)


def _is_edited(history: "History", bot_id: int, chat_id: int, message_id: int) -> bool:
    original = history.world.dialogue(bot_id, chat_id).messages.get(message_id)
    return original is not None and "edit_date" in original.json


def _in_order_of_storing(history: "History", told: Told) -> dict[tuple[int, int], list[int]]:
    """I3: what a person has said in a contact, as it was stored: Telegram's ids rise in that order.

    An operator's reply waits where they were asked, at that very message, for whom it is.
    """
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    for contact_id, bot_id, chat_id, message_id in history.ask(
        "SELECT contact_id, bot_id, chat_id, message_id FROM messages WHERE message_id IS NOT NULL ORDER BY id"
    ):
        is_corrected = (chat_id, message_id) in history.slips  # it was refused first, and goes when it is edited
        if not is_corrected and (chat_id not in OPERATOR_ACCOUNTS or message_id not in told[bot_id, chat_id]):
            found[contact_id, chat_id].append(message_id)
    return found


def _asked_about(history: "History") -> str:
    """All that waits for an operator's choice, with others under one question, or of which they were told its end."""
    waits = history.ask("SELECT messages FROM pending_replies WHERE contact_id IS NULL")
    ended = history.ask("SELECT payload FROM outbox WHERE json_extract(payload, '$.code') = 'not_sent'")
    return " ".join(row[0] for row in (*waits, *ended))


def _operators_are_heard(history: "History", tried: Tried, copies: Copies, told: Told) -> None:
    """I15, I17, I18: an operator's words reached the client once, or the operator knows that they did not."""
    kept = {
        (bot_id, chat_id, message_id): (ref, client, contact_id)
        for ref, bot_id, chat_id, message_id, client, contact_id in history.ask(
            "SELECT m.id, m.bot_id, m.chat_id, m.message_id, c.chat_id, c.id FROM messages m "
            "JOIN contacts c ON c.id = m.contact_id WHERE author = 'operator'"
        )
    }
    # Who lost their last weight at a bot before it could write to them is a client there.
    of_clients = set(history.ask("SELECT bot_id, chat_id, message_id FROM messages WHERE author = 'client'"))
    asked_about = _asked_about(history)
    withdrawn = {row[0] for row in history.ask("SELECT id FROM messages WHERE withdrawn_at IS NOT NULL")}
    for bot_id in BOT_IDS:
        for account in OPERATOR_ACCOUNTS:
            chat = history.world.dialogue(bot_id, account)
            answered = told[bot_id, account]
            for one in chat.messages.values():
                if one.request_id is not None or one.json.get("text", "").startswith("/"):
                    continue
                key = (bot_id, account, one.id)
                if key not in kept:
                    is_asked = one.json.get("text", "") in asked_about
                    if not is_asked and one.id not in answered and not chat.blocked and key not in of_clients:
                        raise Violation("an operator's words are lost", one.json.get("text"))
                    continue
                ref, client, contact_id = kept[key]
                if ref in withdrawn:
                    continue
                seen = copies.get((bot_id, client, account, one.id), [])
                allowed, dead = tried.get((ref, client), (0, 0))
                if _is_doubled(history, seen, allowed):
                    raise Violation(
                        "doubled without doubt", f"{one.json.get('text')!r}: {len(seen)}, {allowed} allowed"
                    )
                if not seen and not dead:
                    raise Violation("a client never saw an answer", one.json.get("text"))
                is_told = (
                    one.id in answered
                    or any(  # once for all words that wait for a client who has blocked the bot
                        f"#{contact_id}: the client has blocked" in other.json.get("text", "")
                        for other in chat.messages.values()
                    )
                )
                if dead and not seen and not is_told and not chat.blocked:
                    raise Violation("nobody was told that an answer did not arrive", one.json.get("text"))


_PARTS = """
    SELECT o.chat_id, m.album, o.bot_id, m.chat_id, m.message_id, m.id, o.attempts, o.state, o.outcome, m.created_at,
           m.contact_id
    FROM outbox o JOIN messages m ON m.id = o.message_ref
    WHERE json_extract(o.payload, '$.album') IS NOT NULL ORDER BY o.chat_id, m.album, m.id"""
_BETWEEN = "SELECT 1 FROM messages WHERE contact_id = ? AND id BETWEEN ? AND ? AND album IS NOT ?"
TOGETHER = 500  # milliseconds within which all of an album was handled, long before it was taken for complete


def _albums_stay_whole(history: "History") -> None:
    """I41: an album that came at once, and of which each part was sent at the first attempt, is an album there."""
    if history.forgotten:
        return
    group_of = {
        (entry.bot_id, entry.chat_id, *entry.copied_from): entry.message.get("media_group_id")
        # From the last back to the first: a part that was corrected after it was gone came once more, alone.
        for entry in reversed(history.world.transcript.entries)
        if entry.event == NEW and entry.copied_from is not None
    }
    for (chat_id, album), rows in itertools.groupby(history.ask(_PARTS), key=lambda row: row[:2]):
        parts = list(rows)
        moments, refs = [row[9] for row in parts], [row[5] for row in parts]
        at_once = max(moments) - min(moments) < TOGETHER and not album.startswith(PART)
        is_usual = all(row[6:9] == (1, "sent", "ok") for row in parts)
        if len(parts) < 2 or not at_once or not is_usual or len(set(refs)) < len(refs):
            continue
        if history.ask(_BETWEEN, parts[0][10], min(refs), max(refs), album):
            continue  # what a colleague wrote in the forum meanwhile keeps its place
        groups = {group_of.get((bot_id, chat_id, chat, number)) for _, _, bot_id, chat, number, *_ in parts}
        if len(groups) != 1 or None in groups:
            raise Violation("an album came apart", f"{album} for {chat_id}: {groups}")


_OUR_OWN = """
    SELECT bot_id, chat_id,
           sum(CASE WHEN kind = 'client_notice' THEN state IN ('sent', 'uncertain')
               WHEN state = 'dead' THEN ambiguous ELSE 1 + ambiguous END)
    FROM outbox WHERE kind IN ('client_notice', 'answer') GROUP BY bot_id, chat_id"""


_WRITTEN = "SELECT text FROM messages WHERE author = 'operator' AND text IS NOT NULL"


def _notices_come_once(history: "History") -> None:
    """I18: greetings and the like are sent at most once, whatever became of the answer."""
    if history.forgotten:
        return  # what was noted of them may be gone with it
    allowed = {(bot_id, chat_id): number for bot_id, chat_id, number in history.ask(_OUR_OWN)}
    # What an operator wrote is sent anew where it cannot be copied.
    words = {text for (text,) in history.ask(_WRITTEN)}
    seen: Counter[tuple[int | None, int]] = Counter(
        (one.bot_id, one.chat_id)
        for one in history.world.transcript.entries
        if one.event == NEW
        and one.request_id is not None
        and one.copied_from is None
        and one.message.get("text") not in words
    )
    for bot_id in BOT_IDS:
        for client in history.clients:
            if seen[bot_id, client] > allowed.get((bot_id, client), 0):
                raise Violation("a notice came twice", f"{client}: {seen[bot_id, client]} of {allowed}")


_POSTED_CARDS = """
    SELECT posted.bot_id, posted.chat_id, posted.message_id, contacts.id, contacts.version,
           CASE WHEN contacts.offered_at IS NOT NULL THEN 'offered' WHEN contacts.wakes_at IS NOT NULL THEN 'snoozed'
           ELSE contacts.status END,
           staff.telegram_id = posted.chat_id AND contacts.bot_id = posted.bot_id, contacts.late_from IS NOT NULL
    FROM posted JOIN contacts ON contacts.id = posted.contact_id
    LEFT JOIN staff ON staff.operator_id = contacts.operator_id WHERE is_card"""
_BUTTONS = {
    "new": ["take", "close"],
    "offered": ["take", "decline"],
    "snoozed": ["wake", "close"],
    "in_progress": ["close"],
    "closed": ["reopen"],
}


def _cards_are_new(history: "History") -> None:
    """A card shows how its contact stands now, and only to who holds it; or it could not be changed."""
    cards, changed = history.ask(_POSTED_CARDS), _last_changed(history)
    newest: dict[tuple[int, int, int], int] = {}
    for bot_id, chat_id, message_id, contact_id, *_ in cards:
        newest[bot_id, chat_id, contact_id] = max(message_id, newest.get((bot_id, chat_id, contact_id), 0))
    for bot_id, chat_id, message_id, contact_id, version, status, is_his, is_late in cards:
        card = history.world.dialogue(bot_id, chat_id).messages.get(message_id)
        if card is None or _excused(history, "card_edit", contact_id, chat_id):
            continue
        at = changed[bot_id, chat_id, message_id]
        if history.is_forgotten(at):  # by a change that nobody was told had been
            continue
        shown = button_data(card.json)
        due = [f"{action}:{contact_id}:{version}" for action in _BUTTONS[status] if is_his]
        due += [f"more:{contact_id}"] if is_his and status != "closed" else []
        due += [f"late_no:{contact_id}"] if is_late and is_his else []
        late_is_missing = _excused(history, "card", contact_id, chat_id) or _has_no_number(history, contact_id, chat_id)
        if is_late and is_his and late_is_missing:
            continue  # late words bring a card of their own, which could not be sent or of which no number is known
        if (
            status in ("new", "snoozed")
            and is_his
            and shown == [f"close_new:{contact_id}:{version}", f"keep:{contact_id}"]
        ):
            continue  # it asks whether to close what nobody has taken
        asked_why = [one.split(":")[0] for one in shown] == ["because", "because", "keep"]
        if status == "offered" and is_his and asked_why and shown[0].startswith(f"because:{contact_id}:{version}:"):
            continue  # it asks why it is declined
        asked_until_when = {one.split(":")[0] for one in shown} == {"sleep", "sleep_ask", "keep"}
        if status in ("new", "in_progress") and is_his and asked_until_when:
            continue  # it asks until when it is to be snoozed
        also = {"offered": (), "snoozed": ("transfer",)}.get(status, ("return", "transfer", "snooze"))
        more = [f"why:{contact_id}", *(f"{one}:{contact_id}:{version}" for one in also), f"keep:{contact_id}"]
        if is_his and status != "closed" and shown == more:
            continue  # it shows what else can be done
        # Who has lost a contact and got it back has a new card below; the older one still says that it went away.
        is_newest = message_id == newest[bot_id, chat_id, contact_id]
        if shown != due and (shown or is_newest):
            raise Violation("a card shows what was", f"#{contact_id} for {chat_id}: {shown}, not {due}")


_OVERVIEWS = "SELECT bot_id, chat_id, message_id FROM overviews WHERE NOT is_off"
# How often a new one may have come twice, or unknown to us, since the answer was lost or had no number of a message.
_DOUBLED = """
    SELECT coalesce(sum(ambiguous + (state = 'sent' AND result_id IS NULL)), 0) FROM outbox
    WHERE bot_id = ? AND chat_id = ? AND kind IN ('overview', 'my', 'answer')
    AND json_extract(payload, '$.message_id') IS NULL"""
# What was to say, or be made, that it is the overview no longer, and could not.
_STAYS = """
    SELECT count(*) FROM outbox WHERE bot_id = ? AND chat_id = ? AND kind IN ('overview', 'my', 'delete', 'pin')
    AND state IN ('dead', 'uncertain') AND outcome <> 'nothing_to_send'"""
# Those that were shown once to somebody who had switched it off.
_ONCE = "SELECT result_id FROM outbox WHERE bot_id = ? AND chat_id = ? AND kind = 'answer' AND result_id IS NOT NULL"


def _is_overview(one: Any) -> bool:
    """Whether a message of the bot's looks like an overview."""
    text, buttons = one.json.get("text", ""), button_data(one.json)
    has_lines = text.startswith(("🔴", "🟢", "😴", "❗")) and all(data.startswith(("card:", "my:")) for data in buttons)
    return one.request_id is not None and (text == "✅ Nothing is open." or (bool(buttons) and has_lines))


def _overviews_are_one(history: "History") -> None:
    """I42: a chat has one overview that is kept, and no other message is pinned that looks like it."""
    if history.forgotten:
        return
    kept = {(bot_id, chat_id): message_id for bot_id, chat_id, message_id in history.ask(_OVERVIEWS)}
    for bot_id, account in itertools.product(BOT_IDS, OPERATOR_ACCOUNTS):
        chat, place = history.world.dialogue(bot_id, account), (bot_id, account)
        once = {row[0] for row in history.ask(_ONCE, *place)}
        shown = [one.id for one in chat.messages.values() if _is_overview(one) and one.id not in once]
        [[doubled]], [[stays]] = history.ask(_DOUBLED, *place), history.ask(_STAYS, *place)
        others = [one for one in shown if one != kept.get(place)]
        if len(others) > doubled + stays:
            raise Violation("two overviews in a chat", f"{place}: {shown}, of which {kept.get(place)} is kept")
        if not stays and not set(others).isdisjoint(chat.pinned):
            raise Violation("another overview is pinned", f"{place}: {chat.pinned}, not {kept.get(place)}")


def _last_changed(history: "History") -> dict[tuple[int, int, int], float]:
    """When each message became what it is: (bot, chat, message) → seconds of the history."""
    return {
        (entry.bot_id, entry.chat_id, entry.message["message_id"]): entry.time - BEGINS.timestamp()
        for entry in history.world.transcript.entries
        if entry.event in (NEW, EDITED) and entry.bot_id is not None and entry.request_id is not None
    }


def _told(history: "History") -> Told:
    people = (*history.clients, *OPERATOR_ACCOUNTS)
    return {(bot_id, person): _told_to(history, bot_id, person) for bot_id in BOT_IDS for person in people}


def _told_to(history: "History", bot_id: int, person: int) -> set[int]:
    """The messages of a person that were answered at the very message, or would be if that person could be reached."""
    chat = history.world.dialogue(bot_id, person)
    answers = {
        one.json.get("reply_to_message", {}).get("message_id") for one in chat.messages.values() if one.request_id
    }
    given_up = history.ask(
        "SELECT payload FROM outbox WHERE bot_id = ? AND chat_id = ? AND state IN ('dead', 'uncertain')", bot_id, person
    )
    return answers | {json.loads(row[0]).get("reply_to") for row in given_up}


def _tried(history: "History") -> Tried:
    return {(ref, chat): (allowed, dead) for ref, chat, allowed, dead in history.ask(_TRIED)}


def _copies(history: "History", taken_out: set[int]) -> Copies:
    """Without what the bot took out again since it came once more: parts of an album that did not arrive whole."""
    found: Copies = defaultdict(list)
    gone: Copies = defaultdict(list)
    for entry in history.world.transcript.entries:
        if entry.event == NEW and entry.copied_from is not None and entry.bot_id is not None:
            kept = gone if entry.seq in taken_out else found
            kept[entry.bot_id, entry.chat_id, *entry.copied_from].append(entry.seq)
    return defaultdict(list, {**gone, **found})


def _taken_out(history: "History") -> set[int]:
    """Places of what the bot wrote and deleted again itself."""
    entries = history.world.transcript.entries
    deleted = {
        (one.bot_id, one.chat_id, one.message["message_id"])
        for one in entries
        if one.event == DELETED and one.seq not in history.deleted_by_readers
    }
    return {
        one.seq
        for one in entries
        if one.event == NEW and (one.bot_id, one.chat_id, one.message["message_id"]) in deleted
    }


def _is_doubled(history: "History", seen: Sequence[int], allowed: int) -> bool:
    """Whether there are more copies than attempts whose record no power cut has taken away.

    Each cut may have taken one more: it came in time, and what was stored of it did not.

    Args:
        seen: places of the copies in the transcript.
    """
    if len(seen) <= allowed:
        return False
    came = [one.time - BEGINS.timestamp() for one in history.world.transcript.entries if one.seq in seen]
    return sum(not history.is_forgotten(at) for at in came) > allowed + len(history.forgotten)


def _cards(history: "History") -> Counter[tuple[Any, ...]]:
    """Cards that were seen: (bot, account, contact)."""
    found: Counter[tuple[Any, ...]] = Counter()
    for entry in history.world.transcript.entries:
        text = entry.message.get("text", "")
        if entry.event == NEW and entry.request_id is not None and text.startswith("#"):
            found[entry.bot_id, entry.chat_id, int(text[1:].split(" ")[0])] += 1
    return found


def _quoted(history: "History") -> dict[int, list[range]]:
    """What operators who took over were shown of earlier talks: by account, stored messages from one to another."""
    found: dict[int, list[range]] = defaultdict(list)
    rows = history.ask("SELECT chat_id, payload FROM outbox WHERE kind = 'talk' AND state = 'sent'")
    for account, payload in rows:
        talk = json.loads(payload)
        found[account].append(range(talk["first"], talk["last"] + 1))
    return found


def _excused(history: "History", kind: str, contact_id: int, account: int) -> bool:
    """Whether what was for them was given up for a reason that stands with it."""
    rows = history.ask(
        "SELECT 1 FROM outbox WHERE kind = ? AND contact_id = ? AND chat_id = ? "
        "AND state IN ('dead', 'uncertain') AND outcome IS NOT NULL",
        kind,
        contact_id,
        account,
    )
    return bool(rows)


def _has_no_number(history: "History", contact_id: int, account: int) -> bool:
    """Whether a card was sent to them, and the answer did not say which message it is."""
    rows = history.ask(
        "SELECT 1 FROM outbox WHERE kind = 'card' AND contact_id = ? AND chat_id = ? "
        "AND state = 'sent' AND result_id IS NULL",
        contact_id,
        account,
    )
    return bool(rows)
