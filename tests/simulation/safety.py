"""What must hold after every step, whatever has happened so far (the invariants' numbers are docs/reliability.md's)."""

from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from bot.sandbox.world.transcript import Entry
from tests.domain import invariants
from tests.simulation.card_buttons import pressable
from tests.simulation.forum_words import misdirected
from tests.simulation.prepared import BEGINS, OPERATOR_ACCOUNTS
from tests.simulation.storage import SimulatedDatabase
from tests.simulation.telegram import Line, fields

if TYPE_CHECKING:
    from tests.simulation.history import History

_LOADS = """
    SELECT id, max_leads, current_leads,
           (SELECT count(*) FROM contacts WHERE operator_id = operators.id AND status <> 'closed' AND wakes_at IS NULL)
    FROM operators"""
_LOADS_HERE = """
    SELECT w.operator_id, w.source_id, w."limit", (SELECT count(*) FROM contacts c
        WHERE c.operator_id = w.operator_id AND c.source_id = w.source_id AND c.status <> 'closed'
        AND c.wakes_at IS NULL)
    FROM weights w WHERE w."limit" IS NOT NULL"""
_RATES = "SELECT id, rate, given_lately FROM operators WHERE rate IS NOT NULL"
_WAITS = """
    SELECT id, source_id, chat_id IS NULL, bot_id, needs FROM contacts
    WHERE operator_id IS NULL AND status = 'new' AND wakes_at IS NULL AND NOT is_asked ORDER BY id"""
_GIVEN = """
    SELECT e.contact_id, e.operator_id, e.source_id, c.chat_id IS NULL, c.bot_id FROM events e
    JOIN contacts c ON c.id = e.contact_id
    WHERE e.id > ? AND e.kind = 'contact_assigned' AND e.reason NOT IN ('by_hand', 'duty') AND NOT c.goes_first"""
_HELD = """
    SELECT o.id, coalesce(o.max_held, 3 * max(o.max_leads, 1)), count(c.id) FROM operators o
    LEFT JOIN contacts c ON c.operator_id = o.id AND c.status <> 'closed' GROUP BY o.id"""
_WHOSE = """
    SELECT c.id, s.telegram_id FROM messages m JOIN contacts c ON c.id = m.contact_id
    LEFT JOIN staff s ON s.operator_id = c.operator_id
    WHERE m.bot_id = ? AND m.chat_id = ? AND m.message_id = ?"""
_HOLDER = "SELECT s.telegram_id FROM contacts c LEFT JOIN staff s ON s.operator_id = c.operator_id WHERE c.id = ?"
_ELIGIBLE = """
    SELECT w.operator_id, w.source_id FROM weights w JOIN operators o ON o.id = w.operator_id
    JOIN sources s ON s.id = w.source_id
    WHERE w.weight > 0 AND s.is_open AND o.is_active AND o.is_online AND o.on_shift AND o.removed_at IS NULL"""
# What had waited before an operator came, or the source opened, of which they get only some in a minute.
_HELD_BACK = """
    SELECT c.id FROM contacts c JOIN sources s ON s.id = c.source_id JOIN operators o ON o.id = ?
    WHERE s.id = ? AND s.ramp IS NOT NULL AND c.operator_id IS NULL AND c.status = 'new'
    AND coalesce(c.waits_since, c.created_at) < max(coalesce(o.receives_since, 0), coalesce(s.opened_at, 0))"""
_PACES = """
    SELECT operator_id, (SELECT CASE WHEN count(*) = count(ramp) THEN max(ramp) ELSE 999 END FROM sources), count(*)
    FROM given WHERE had_waited GROUP BY operator_id"""
_BY_THEMSELVES = """
    SELECT m.id, m.contact_id, m.operator_id, m.bot_id, m.created_at FROM messages m
    WHERE m.id > ? AND m.author = 'operator' AND EXISTS (
        SELECT 1 FROM outbox o WHERE o.kind = 'staff_notice' AND o.contact_id = m.contact_id AND o.chat_id = m.chat_id
        AND json_extract(o.payload, '$.code') = 'went_to' AND json_extract(o.payload, '$.reply_to') = m.message_id)"""
# Of who was with an operator all the time: the contacts, and whether the last that was said there before some words is
# the client's. One with words that were taken back is left out.
_OTHERS = """
    SELECT c.id, (SELECT author FROM messages WHERE contact_id = c.id AND id < ? ORDER BY id DESC LIMIT 1) = 'client'
    FROM contacts c WHERE c.operator_id = ? AND c.bot_id = ? AND c.chat_id IS NOT NULL AND c.status <> 'closed'
    AND c.current_assigned_at < ?
    AND NOT EXISTS (SELECT 1 FROM messages WHERE contact_id = c.id AND withdrawn_at IS NOT NULL)"""
ABOUT_TOPICS = ("createForumTopic", "editForumTopic")
ON_ITS_WAY = 2.0  # seconds in which what was being sent to an operator still comes to them
STORED_WITHIN = 1.0  # seconds in which a gate reaches a disk that works, in a process that is let live


class Violation(Exception):
    """Something that must never be: `rule` is short and the same for every history that shows it."""

    def __init__(self, rule: str, details: object) -> None:
        super().__init__(f"{rule}: {details}")
        self.rule, self.details = rule, details


class Safety:
    """Looks on."""

    def __init__(self, history: "History") -> None:
        self.history = history
        self.may_exceed: set[int] = set()
        """Operators to whom an admin gave something by hand, or who opened a contact again."""
        self.may_be_early = False
        """Whether nobody could know when Telegram would have us send: a clock ran ahead, or a request lingers."""
        self.may_be_disordered = False
        """Whether moments do not tell what came first: somebody has set the clock."""
        self._loads: dict[int, tuple[int, int]] = {}
        self._held: dict[int, tuple[int, int]] = {}
        self._narrower: dict[tuple[int, int | None], tuple[int, int]] = {}
        self._eligible: set[tuple[int, int]] = set()
        self._holders: dict[int, int | None] = {}
        self._closed: set[int] = set()
        self._waiting: set[int] = set()
        self._moved: dict[int, float] = {}
        self._event = self._given = self._reopened = self._said = self._in_forums = 0
        self._commits = self._confirmed = self._refusals = self._entries = 0
        self._told: dict[tuple[int, int], float] = {}
        self._told_at: dict[tuple[int, int], float] = {}
        self._db: SimulatedDatabase
        history.wire.on_request, history.wire.on_answer = self._on_request, self._on_answer

    def begin_life(self, db: SimulatedDatabase) -> None:
        """A process begins; what was committed is looked at anew."""
        self._db, self._commits = db, -1

    def end_life(self, *, power_cut: bool) -> None:
        """What only the process knew is forgotten: it is not told off for a gate that it had no time to note."""
        if power_cut:
            self._narrower, self._held = {}, {}
            self._loads, self._holders, self._closed, self._event, self._reopened = {}, {}, set(), 0, 0
            self._said = self._in_forums = 0
            self._eligible, self._given = self._who_is_eligible(), self._newest_event()
            self._waiting = set()
        stored = self.history.ask("SELECT bot_id, chat_id, not_before FROM gates")
        known = {(bot, chat): _seconds(until) for bot, chat, until in stored}
        # Rows carry the process's clock, our moments are Telegram's.
        skew = self.history.skew.total_seconds()
        noted = {key: min(until, known[key] - skew) for key, until in self._told.items() if key in known}
        due, quick_since = self.history.loop.now - STORED_WITHIN, self.history.loop.disk_quick_since
        self._told = {
            key: until for key, until in self._told.items() if max(self._told_at[key], quick_since) < due
        } | noted

    def after_step(self) -> None:
        """Cheap as long as nothing has changed."""
        if self._db._commits != self._commits:
            self._commits = self._db._commits
            self._look_at_books()
        confirmed = sum(len(bot.queue.confirmed_ids) for bot in self.history.world.bots.values())
        if confirmed != self._confirmed:
            self._confirmed = confirmed
            self._look_at_confirmed()
        entries = self.history.world.transcript.entries
        while self._entries < len(entries):
            self._look_at_entry(entries[self._entries])
            self._entries += 1
        refusals = self.history.world.limits.refusals
        while self._refusals < len(refusals):
            one = refusals[self._refusals]
            self._refusals += 1
            # Whoever asks again during a wait that they had heard of is told off by `_on_request`.
            if not one.ordered and not one.during_wait and not self.may_be_early:
                raise Violation("provoked a flood wait", one)

    def _look_at_books(self) -> None:
        """I6, I7, I8, I9, I10, I14."""
        ask = self.history.ask
        waits = [tuple(row) for row in ask(_WAITS)]  # without those whom operators had before, and may not get again
        if ask("SELECT 1 FROM contacts WHERE operator_id IS NULL AND status = 'new' AND wakes_at IS NULL LIMIT 1"):
            self._look_at_queue()
        # Who requires less may go past who requires more.
        waits = [tuple(where) for *where, needs in waits if needs is None]
        eligible = self._who_is_eligible()
        for contact, operator, source, has_no_chat, bot in ask(_GIVEN, self._given):
            # One commit may hold both: what went to them, and after it that they get nothing more.
            if (operator, source) not in eligible | self._eligible:
                raise Violation("given to who was not eligible", f"#{contact} of source {source} to {operator}")
            behind = {row[0] for row in ask(_HELD_BACK, operator, source)}
            for older in [one for one, *where in waits if one < contact and where == [source, has_no_chat, bot]]:
                if older in self._waiting - behind:
                    raise Violation("somebody else has waited longer", f"#{contact} of source {source}, #{older} waits")
        self._eligible, self._given = eligible, self._newest_event()
        self._waiting = {one for one, *_ in waits}
        for operator, most, load, held in ask(_LOADS):
            if load != held:
                raise Violation("load is not the count", f"operator {operator}: {load}, open {held}")
            load_before, most_before = self._loads.get(operator, (load, most))
            # One commit may hold both: the contact that reached the limit, and after it the lower limit.
            if load > load_before and load > max(most, most_before) and operator not in self.may_exceed:
                raise Violation("over the limit", f"operator {operator}: {load} of {most}")
            self._loads[operator] = (load, most)
        self._look_at_narrower_limits()
        self._look_at_ceilings()
        holders = dict(ask("SELECT id, operator_id FROM contacts"))
        had = {*self._holders.items(), *holders.items()}
        changed = {one for one, holder in holders.items() if holder != self._holders.get(one)}
        told: set[int] = set()
        if self._given != self._event:
            moves = ask(
                "SELECT contact_id, operator_id FROM events"
                " WHERE id > ? AND kind IN ('contact_assigned', 'contact_queued')",
                self._event,
            )
            had |= {tuple(move) for move in moves}
            told = {contact for contact, _ in moves}
        if not changed <= told:
            raise Violation("a change of holder without an event", changed - told)
        self._holders = holders
        # One commit may hold both: the contact that was given, and that its operator went away.
        self._moved |= dict.fromkeys(told, self.history.loop.now)
        self._event = self._given
        closed = {row[0] for row in ask("SELECT id FROM contacts WHERE status = 'closed'")}
        opened_again = self._closed - closed
        if opened_again:
            said = ask(
                "SELECT DISTINCT contact_id FROM events WHERE id > ? AND kind = 'contact_reopened'", self._reopened
            )
            if not opened_again <= {row[0] for row in said}:
                raise Violation("a closed contact is open again", opened_again)
        self._closed, self._reopened = closed, self._newest_event()
        self._look_at_words_without_recipient()
        if self.history.forums:
            self._in_forums, wrong = misdirected(self.history, self._in_forums, had)
            if wrong is not None:
                raise Violation("words of a reader of a forum", wrong)

    def _look_at_words_without_recipient(self) -> None:
        """I22: such words go by themselves to the only open contact, or to the only client who waits."""
        for message, contact, operator, bot, at in self.history.ask(_BY_THEMSELVES, self._said):
            self._said = message
            if self.may_be_disordered:
                continue
            others = dict(self.history.ask(_OTHERS, message, operator, bot, at))
            waits = others.pop(contact, None)
            if any(others.values()) or (others and waits is not None and not waits):
                raise Violation("words went by guess", f"to #{contact} of operator {operator}, beside {others}")

    def _look_at_ceilings(self) -> None:
        """I39: whatever wakes, is opened again or given by hand, nobody comes to have more than their ceiling."""
        for operator, most, held in self.history.ask(_HELD):
            most_before, held_before = self._held.get(operator, (most, held))
            if held > max(held_before, most, most_before):
                raise Violation("above the ceiling", f"operator {operator}: {held} of {most}")
            self._held[operator] = (most, held)

    def _look_at_narrower_limits(self) -> None:
        """A limit at a source, a rate and a ramp hold; what was more than a new one says only becomes less."""
        found = {(operator, source): (most, held) for operator, source, most, held in self.history.ask(_LOADS_HERE)}
        found |= {(operator, None): (most, given) for operator, most, given in self.history.ask(_RATES)}
        found |= {(operator, -1): (most, given) for operator, most, given in self.history.ask(_PACES)}
        for where, (most, number) in found.items():
            # One that was set in this commit may be below what was there.
            most_before, number_before = self._narrower.get(where, (number, number))
            if number > max(most, most_before, number_before) and where[0] not in self.may_exceed:
                raise Violation("over a narrower limit", f"operator, source {where}: {number} of {most}")
        self._narrower = found
        with self.history.file.look() as s:
            try:
                invariants.check_loads(s)
                invariants.check_relief(s)
                invariants.check_given(s)
                invariants.check_needs(s)
                invariants.check_line(s)
            except AssertionError as error:
                raise Violation("given is not the count, or needs are not required", error) from None

    def _who_is_eligible(self) -> set[tuple[int, int]]:
        return {tuple(row) for row in self.history.ask(_ELIGIBLE)}

    def _newest_event(self) -> int:
        newest: int = self.history.ask("SELECT coalesce(max(id), 0) FROM events")[0][0]
        return newest

    def _look_at_queue(self) -> None:
        """I9: where somebody waits, nobody who is eligible has room; the sweeper is only a net."""
        with self.history.file.look() as s:
            try:
                invariants.check_nobody_waits_in_vain(s)
            except AssertionError as error:
                raise Violation("waits while somebody is free", error) from None

    def _look_at_confirmed(self) -> None:
        """I1: what is confirmed is stored."""
        stored = {tuple(row) for row in self.history.ask("SELECT bot_id, update_id FROM inbox")}
        for bot in self.history.world.bots.values():
            missing = [one for one in bot.queue.confirmed_ids if (bot.id, one) not in stored]
            if missing:
                raise Violation("confirmed before it was stored", f"bot {bot.id}: {missing}")

    def _look_at_entry(self, entry: Entry) -> None:
        """I21, I22: nobody sees what is for somebody else."""
        clients = self.history.clients
        if entry.request_id is None or entry.chat_id not in clients:
            return
        text = entry.message.get("text", "")
        others = [one for one in clients if one != entry.chat_id and (f"of {one}" in text or f"for {one}" in text)]
        if others and self._chosen_reader(text) != entry.chat_id:
            raise Violation("words in a stranger's chat", f"{entry.chat_id} reads {text!r}")

    def _chosen_reader(self, text: str) -> int | None:
        """The client whom an operator chose for these words when the bot asked, perhaps not the one whom they name."""
        contact = next((contact for said, contact in self.history.choices.items() if said and said in text), None)
        found = self.history.ask("SELECT chat_id FROM contacts WHERE id = ?", contact)
        return found[0][0] if found else None

    def _on_request(self, line: Line) -> None:
        if line.name in ("copyMessage", "copyMessages"):
            asked = fields(line)
            for message_id in asked.get("message_ids") or [asked.get("message_id")]:
                self._look_at_reader(_bot_id(line), {**asked, "message_id": message_id})
        elif line.name in ("sendMessage", "editMessageText"):
            self._look_at_card(fields(line))
        self._look_at_gates(line)

    def _look_at_reader(self, bot_id: int, asked: dict[str, Any]) -> None:
        """I21: a client's words go to whoever holds their contact, and to nobody who held it before."""
        chat_id = asked["chat_id"]
        if chat_id not in OPERATOR_ACCOUNTS:
            return
        found = self.history.ask(_WHOSE, bot_id, asked["from_chat_id"], asked["message_id"])
        for contact, holder in found:
            if holder != chat_id and self.history.loop.now - self._moved.get(contact, 0.0) > ON_ITS_WAY:
                raise Violation("words to a former operator", f"of #{contact} to {chat_id}, it is {holder}'s")

    def _look_at_card(self, asked: dict[str, Any]) -> None:
        """I43, while nothing is at rest: what is sent to who has lost a contact has none of its card's buttons."""
        for contact in set(pressable(asked) if asked["chat_id"] in OPERATOR_ACCOUNTS else ()):
            is_new = self.history.loop.now - self._moved.get(contact, 0.0) <= ON_ITS_WAY
            for (holder,) in self.history.ask(_HOLDER, contact):  # none if a power cut has taken the contact away
                if holder != asked["chat_id"] and not is_new:
                    raise Violation("a live card at a former operator", f"#{contact} for {asked['chat_id']}")

    def _look_at_gates(self, line: Line) -> None:
        """I20: while Telegram says wait, nothing is sent."""
        if self.may_be_early or line.name in ("getUpdates", "getMe", "answerCallbackQuery"):
            return
        chat_id = fields(line).get("chat_id")
        until = self._told.get((_bot_id(line), chat_id)) if chat_id is not None else None
        if until is not None and self.history.loop.now < until - 0.1:
            raise Violation(
                "sent while told to wait", f"{line.name} to {chat_id}, {until - self.history.loop.now:.1f} s early"
            )

    def _on_answer(self, line: Line, status: int, body: bytes) -> None:
        if status != 429:
            return
        chat_id = fields(line).get("chat_id")
        if line.name in ABOUT_TOPICS and chat_id is not None and chat_id > 0:
            return  # F234: of a private chat, only further topics wait
        wait = from_json(body).get("parameters", {}).get("retry_after") or 5
        if chat_id is not None:
            key = (_bot_id(line), chat_id)
            self._told[key] = max(self._told.get(key, 0.0), self.history.loop.now + wait)
            self._told_at[key] = self.history.loop.now


def _bot_id(line: Line) -> int:
    return int(line.path.removeprefix("/bot").partition(":")[0])


def _seconds(stored: Any) -> float:
    return int(stored) / 1000 - BEGINS.timestamp()
