"""What people do, and what happens to the process, by the names that a plan uses.

People act on what stands before them: an operator presses a button of a card that they see, whatever it says by now.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bot.sandbox.actions import acting
from bot.sandbox.methods.call import METHODS
from bot.sandbox.world import content
from bot.sandbox.world.chats import PrivateChat, StoredMessage
from bot.sandbox.world.faults import Fault
from bot.sandbox.world.transcript import button_data
from bot.screens.contact_buttons import ReopenContact, SendTo
from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle, moving, snoozing, transfer, vip
from crm_core.contacts.leads import LeadFacts
from crm_core.errors import CrmError
from crm_core.hours.reading import read_hours
from crm_core.messaging.messages import MessageContent
from crm_core.routing import absence, keyword_settings, offer_settings, opening_hours, source_settings, weight_settings
from crm_core.routing.keywords import read_rule
from crm_core.routing.source_settings import StickyMode
from crm_core.service import setting
from crm_core.service.targets import Targets
from crm_core.storage.database import DATABASE_UNAVAILABLE
from crm_core.team import ceilings, operators, rates, shifts
from tests.simulation.card_buttons import pressable
from tests.simulation.in_forums import InForums
from tests.simulation.loop import PROCESS
from tests.simulation.outcome import PART, check_outage, delivery
from tests.simulation.prepared import BOT_IDS, OPERATOR_ACCOUNTS
from tests.simulation.talking import Talking

if TYPE_CHECKING:
    from tests.simulation.history import History

Json = dict[str, Any]

LONG_OUTAGE = 3600.0  # seconds
ALBUM_FAULTS = {0: "skip", 1: "partial"}  # what happens to albums of clients, by a quarter of their number
AN_ALBUM = 5  # of the eight things that an operator may answer to: their answer is an album
UNDER_WAY = 150.0  # seconds after which whatever was sent before an outage has been answered, or nobody waits for it
SENDING = [method.name for method in METHODS.values() if not re.match("get|answer|.*Webhook", method.name)]


def _album(words: str, number: int) -> content.Content:
    """An album of two to five photos, the first with a caption."""
    return content.album(content.photo(caption=words), *(content.photo() for _ in range(1 + number % 4)))


class Actions(Talking, InForums):
    """Acts upon one history."""

    def __init__(self, history: "History") -> None:
        self.history, self.world = history, history.world
        self._said = 0
        self.deleted_cards: set[int] = set()  # accounts of operators who deleted cards
        self.poisoned = 0

    # --- clients -------------------------------------------------------------------------------------------------

    def say(self, client: int, bot: int, kind: str, times: int) -> None:
        """A client writes, perhaps several times in a row."""
        for _ in range(times):
            self._say(client, bot, kind)

    def _say(self, client: int, bot: int, kind: str = "text", reply_to: int | None = None) -> None:
        person = self.history.clients[client]
        self._said += 1
        word, album = f"word {self._said} of {person}", None
        match kind:
            case "photo":
                said = content.photo(caption=word)
            case "location":
                said = content.location(1.0, float(self._said))
            case "album":
                said = _album(word, self._said)
                if (kind_of_fault := ALBUM_FAULTS.get(self._said % 4)) is not None:
                    self.world.faults.add(Fault(kind_of_fault, method="copyMessages"))
            case "part":
                said, album = content.photo(caption=word), f"{PART}{client}-{self._said // 5}"
            case _:
                said = content.text(word)
        acting.send(self.world, person=person, place=BOT_IDS[bot], content=said.wire(), reply_to=reply_to, album=album)

    def flood_of_words(self, client: int, bot: int, times: int) -> None:
        """A client writes without end."""
        self.say(client, bot, "text", times)

    def start(self, client: int, bot: int) -> None:
        """A client presses Start."""
        person = self.history.clients[client]
        acting.send(self.world, person=person, place=BOT_IDS[bot], content=content.text("/start").wire())

    def edit(self, client: int, bot: int) -> None:
        """A client changes the last text that they wrote."""
        person = self.history.clients[client]
        own = [
            one
            for one in self._chat(person, bot).messages.values()
            if one.json.get("from", {}).get("id") == person and one.kind == "text"
        ]
        if own:
            words = own[-1].json["text"].removesuffix(" (edited)") + " (edited)"
            acting.edit(
                self.world, person=person, place=BOT_IDS[bot], message_id=own[-1].id, content=content.text(words).wire()
            )

    def say_in_reply(self, client: int, bot: int) -> None:
        """A client replies to the last thing that the bot said to them."""
        theirs = [one for one in self._chat(self.history.clients[client], bot).messages.values() if one.request_id]
        if theirs:
            self._say(client, bot, reply_to=theirs[-1].id)

    def block(self, client: int, bot: int) -> None:
        """A client blocks the bot; their next message takes that back."""
        acting.block(self.world, person=self.history.clients[client], place=BOT_IDS[bot])

    # --- operators -----------------------------------------------------------------------------------------------

    def take(self, operator: int, bot: int, which: int) -> None:
        """An operator presses Take on one of their cards that has it."""
        self._press(operator, bot, which, "take:")

    def close(self, operator: int, bot: int, which: int, times: int) -> None:
        """An operator presses Close on one of their cards that has it, or Close it where the card asks; some twice."""
        self._press(operator, bot, which, "close", times=times)

    def decline(self, operator: int, bot: int, which: int) -> None:
        """An operator presses Decline on one of their cards that has it, or a reason where the card asks for one."""
        self._press(operator, bot, which, ("because:", "decline:"))

    def give_back(self, operator: int, bot: int, which: int) -> None:
        """An operator presses Give back, or the button that leads to it."""
        self._press(operator, bot, which, ("return:", "more:"))

    def hand_on(self, operator: int, bot: int, which: int) -> None:
        """An operator hands on a contact of theirs to a colleague, or to the source of the second bot."""
        ids = [
            row[0]
            for row in self.history.ask(
                "SELECT id FROM contacts WHERE operator_id = ? AND status <> 'closed' ORDER BY id", operator + 1
            )
        ]
        if ids:
            to = (operator + 1) % len(OPERATOR_ACCOUNTS)
            whom = self.history.ask("SELECT name FROM operators WHERE id = ?", to + 1)[0][0]
            self.history.safety.may_exceed.add(to + 1)
            where = self.history.ask("SELECT name FROM sources ORDER BY id DESC LIMIT 1")[0][0]
            words = f"to {where}" if which % 2 else whom
            self._writes(operator, bot, f"/transfer #{ids[which % len(ids)]} {words} Please look at this")

    def snooze(self, operator: int, which: int, seconds: int) -> None:
        """An operator snoozes a request of theirs, which may wake above their limit."""
        theirs = "SELECT id FROM contacts WHERE operator_id = ? AND status <> 'closed' ORDER BY id"
        ids = [row[0] for row in self.history.ask(theirs, operator + 1)]
        if ids:
            self.history.safety.may_exceed.add(operator + 1)
            now = self.history.clock()
            self._administer(
                snoozing.snooze,
                contact_id=ids[which % len(ids)],
                version=None,
                until=now + timedelta(seconds=seconds),
                actor=telegram(OPERATOR_ACCOUNTS[operator]),
                now=now,
                rng=self.history.rolls.random,
            )

    def age_card(self, operator: int, bot: int, which: int) -> None:
        """A card has become so old that Telegram lets nobody edit it any more."""
        shown = self._cards(operator, bot)
        if shown:
            shown[which % len(shown)].is_old = True

    def delete_card(self, operator: int, bot: int, which: int) -> None:
        """An operator deletes a card in their chat."""
        shown = self._cards(operator, bot)
        if shown:
            account, message_id = OPERATOR_ACCOUNTS[operator], shown[which % len(shown)].id
            acting.delete(self.world, person=account, place=BOT_IDS[bot], message_id=message_id)
            self.deleted_cards.add(account)

    def _cards(self, operator: int, bot: int) -> list[StoredMessage]:
        """What has the buttons of a card in an operator's chat."""
        chat = self._chat(OPERATOR_ACCOUNTS[operator], bot)
        return [one for one in chat.messages.values() if pressable(one.json)]

    def reopen(self, operator: int, bot: int, which: int) -> None:
        """An operator presses Reopen on one of their cards that has it."""
        self.history.safety.may_exceed.add(operator + 1)
        self._press(operator, bot, which, "reopen:")

    def dismiss(self, operator: int, bot: int, which: int) -> None:
        """An operator says that what a client wrote after closing needs nothing."""
        self._press(operator, bot, which, "late_no:")

    def press_old(self, operator: int, bot: int, which: int) -> None:
        """An operator presses what a card showed some time ago: the screen is slow."""
        account = OPERATOR_ACCOUNTS[operator]
        shown = [
            (entry.message, data)
            for entry in self.world.transcript.entries
            if entry.chat_id == account and entry.bot_id == BOT_IDS[bot]
            for data in button_data(entry.message)
        ]
        if shown:
            message, data = shown[which % len(shown)]
            if data.startswith(f"{SendTo.__prefix__}:"):
                for said in self._waiting_words(account, bot):
                    self.history.choices[said] = SendTo.unpack(data).contact_id
            if data.startswith(f"{ReopenContact.__prefix__}:"):
                self.history.safety.may_exceed.add(operator + 1)
            acting.press(self.world, person=account, place=BOT_IDS[bot], data=data, message_id=message["message_id"])

    def _waiting_words(self, account: int, bot: int) -> list[str]:
        """What waits for an operator's choice in a chat: one press answers for all of it."""
        rows = self.history.ask(
            "SELECT messages FROM pending_replies WHERE bot_id = ? AND chat_id = ? AND contact_id IS NULL",
            BOT_IDS[bot],
            account,
        )
        return [one["text"] for row in rows for one in json.loads(row[0]) if one.get("text")]

    def _press(self, operator: int, bot: int, which: int, action: str | tuple[str, ...], *, times: int = 1) -> None:
        account = OPERATOR_ACCOUNTS[operator]
        found = [
            (one.id, data)
            for one in self._chat(account, bot).messages.values()
            for data in button_data(one.json)
            if data.startswith(action)
        ]
        if found:
            message_id, data = found[which % len(found)]
            for _ in range(times):
                acting.press(self.world, person=account, place=BOT_IDS[bot], data=data, message_id=message_id)

    def answer(self, operator: int, bot: int, which: int) -> None:
        """An operator replies to a card, or to a copy, naming whom they mean; or to the overview, which is nobody."""
        account = OPERATOR_ACCOUNTS[operator]
        seen = [
            (one, client)
            for one in self._chat(account, bot).messages.values()
            if (client := self.history.client_shown(one)) is not None
        ]
        if seen:
            message, client = seen[-1 - which % len(seen)]
            self._said += 1
            is_for_one = message.id not in self._overviews(account, bot)
            words = f"answer {self._said} for {client if is_for_one else 'whoever it is'}"
            said = _album(words, self._said) if which == AN_ALBUM else content.text(words)
            acting.send(self.world, person=account, place=BOT_IDS[bot], content=said.wire(), reply_to=message.id)

    def _overviews(self, account: int, bot: int) -> set[int]:
        shown = "SELECT message_id FROM overviews WHERE chat_id = ? AND bot_id = ?"
        return {row[0] for row in self.history.ask(shown, account, BOT_IDS[bot])}

    def answer_plainly(self, operator: int, bot: int) -> None:
        """An operator writes without replying to anything."""
        self._said += 1
        self._writes(operator, bot, f"answer {self._said} for whoever it is")

    def leave(self, operator: int, bot: int) -> None:
        """An operator goes offline."""
        self._writes(operator, bot, "/offline")

    def come(self, operator: int, bot: int) -> None:
        """An operator is here again; writing to a bot that they have blocked lets it write to them again."""
        self._writes(operator, bot, "/online")

    def bring_overview(self, operator: int, bot: int) -> None:
        """An operator asks what they have open."""
        self._writes(operator, bot, "/my")

    def switch_overview(self, operator: int, bot: int) -> None:
        """An operator does not want to see it, or does again."""
        self._writes(operator, bot, "/overview")

    def operator_blocks(self, operator: int, bot: int) -> None:
        """An operator blocks the bot."""
        acting.block(self.world, person=OPERATOR_ACCOUNTS[operator], place=BOT_IDS[bot])

    def _writes(self, operator: int, bot: int, words: str) -> None:
        said = content.text(words).wire()
        acting.send(self.world, person=OPERATOR_ACCOUNTS[operator], place=BOT_IDS[bot], content=said)

    def _chat(self, account: int, bot: int) -> PrivateChat:
        return self.world.dialogue(BOT_IDS[bot], account)

    # --- admins, and other systems -------------------------------------------------------------------------------

    def weight(self, operator: int, bot: int, weight: int) -> None:
        """An admin sets a weight."""
        self._administer(
            weight_settings.set_weight,
            source_id=self._source(bot),
            operator_id=operator + 1,
            weight=weight,
            actor=SYSTEM,
            **self._moment_and_chance(),
        )

    def strategy(self, bot: int, strategy: str) -> None:
        """An admin sets how a source chooses."""
        self._administer(
            source_settings.set_strategy,
            source_id=self._source(bot),
            strategy=strategy,
            actor=SYSTEM,
            now=self.history.clock(),
        )

    def sticky(self, bot: int, days: int, mode: StickyMode) -> None:
        """An admin sets for how long clients go to the operator they had."""
        self._administer(
            source_settings.set_sticky,
            source_id=self._source(bot),
            sticky_days=days,
            sticky_mode=mode,
            actor=SYSTEM,
            now=self.history.clock(),
        )

    def ramp(self, bot: int, ramp: int | None) -> None:
        """An admin sets how much of what had waited somebody gets in a minute who comes."""
        self._administer(
            source_settings.set_ramp, source_id=self._source(bot), ramp=ramp, actor=SYSTEM, **self._moment_and_chance()
        )

    def catch_up(self, bot: int, most: int) -> None:
        """An admin sets how much of a leave is credited."""
        now = self.history.clock()
        self._administer(
            source_settings.set_catch_up, source_id=self._source(bot), catch_up=most, actor=SYSTEM, now=now
        )

    def priority(self, bot: int, minutes: int) -> None:
        """An admin sets the head start of a source."""
        self._administer(
            source_settings.set_priority,
            source_id=self._source(bot),
            minutes=minutes,
            actor=SYSTEM,
            **self._moment_and_chance(),
        )

    def keywords(self, bot: int, rules: Sequence[str]) -> None:
        """An admin replaces the keyword rules of a source."""
        self._administer(
            keyword_settings.set_rules,
            source_id=self._source(bot),
            rules=[read_rule(rule) for rule in rules],
            actor=SYSTEM,
            now=self.history.clock(),
        )

    def vip(self, which: int, minutes: int) -> None:
        """An admin sets the head start of the client of an open contact."""
        ids = [row[0] for row in self.history.ask("SELECT id FROM contacts WHERE status <> 'closed' ORDER BY id")]
        if ids:
            contact_id = ids[which % len(ids)]
            self._administer(vip.mark, contact_id=contact_id, minutes=minutes, actor=SYSTEM, now=self.history.clock())

    def offers(self, bot: int, seconds: int, rounds: int, misses: int, duty: int | None) -> None:
        """An admin sets whether a source offers its contacts, and what follows when nobody takes one."""
        if duty is not None:
            self.history.safety.may_exceed.add(duty + 1)
        self._administer(
            offer_settings.set_offers,
            source_id=self._source(bot),
            values={
                "offer_seconds": seconds,
                "offer_rounds": rounds,
                "miss_limit": misses,
                "duty_operator_id": None if duty is None else duty + 1,
            },
            actor=SYSTEM,
            now=self.history.clock(),
        )

    def handover(self, bot: int, mode: str, minutes: int) -> None:
        """An admin sets what becomes of what absent operators leave unanswered."""
        self._administer(
            absence.set_handover,
            source_id=self._source(bot),
            values={"handover": mode, "away_minutes": minutes},
            actor=SYSTEM,
            now=self.history.clock(),
        )

    def opening(self, bot: int, typed: str | None) -> None:
        """An admin sets the working hours of a source, or takes them away."""
        today = self.history.clock().date()
        self._administer(
            opening_hours.set_hours,
            source_id=self._source(bot),
            hours=None if typed is None else read_hours(typed, zone="UTC", today=today),
            actor=SYSTEM,
            **self._moment_and_chance(),
        )

    def targets(self, bot: int, first: int | None) -> None:
        """An admin sets in how many minutes clients are to be answered first, or takes that away."""
        self._administer(
            setting.set_targets,
            source_id=self._source(bot),
            targets=Targets(first_reply=first, next_reply=first),
            actor=SYSTEM,
            now=self.history.clock(),
        )

    def hours(self, operator: int, typed: str | None) -> None:
        """An admin sets working hours, or takes them away."""
        today = self.history.clock().date()
        self._administer(
            shifts.set_hours,
            operator_id=operator + 1,
            hours=None if typed is None else read_hours(typed, zone="UTC", today=today),
            actor=SYSTEM,
            **self._moment_and_chance(),
        )

    def limit(self, operator: int, limit: int) -> None:
        """An admin sets a limit."""
        self._administer(
            operators.set_limit, operator_id=operator + 1, max_leads=limit, actor=SYSTEM, **self._moment_and_chance()
        )

    def limit_here(self, operator: int, bot: int, limit: int | None) -> None:
        """An admin sets a limit at a source, or takes it away."""
        self._administer(
            weight_settings.set_limit,
            source_id=self._source(bot),
            operator_id=operator + 1,
            limit=limit,
            actor=SYSTEM,
            **self._moment_and_chance(),
        )

    def skills(self, operator: int, bot: int, tags: Sequence[str], required: Mapping[str, int | None]) -> None:
        """An admin says what an operator can do, and what a source requires."""
        who = {"actor": SYSTEM, **self._moment_and_chance()}
        self._administer(operators.set_skills, operator_id=operator + 1, tags=tags, **who)
        self._administer(source_settings.set_skills, source_id=self._source(bot), required=required, **who)

    def rate(self, operator: int, rate: int | None) -> None:
        """An admin sets an hourly limit, or takes it away."""
        self._administer(rates.set_rate, operator_id=operator + 1, rate=rate, actor=SYSTEM, **self._moment_and_chance())

    def ceiling(self, operator: int, ceiling: int | None) -> None:
        """An admin sets how much can be an operator's altogether."""
        self._administer(
            ceilings.set_ceiling,
            operator_id=operator + 1,
            max_held=ceiling,
            actor=SYSTEM,
            **self._moment_and_chance(),
        )

    def waiting(self, bot: int, waiting_load: int) -> None:
        """An admin sets what counts that waits for its client, whose word may then bring anybody above a limit."""
        self.history.safety.may_exceed |= set(range(1, len(OPERATOR_ACCOUNTS) + 1))
        self._administer(
            source_settings.set_waiting_load,
            source_id=self._source(bot),
            waiting_load=waiting_load,
            actor=SYSTEM,
            **self._moment_and_chance(),
        )

    def activity(self, operator: int, is_active: bool) -> None:
        """An admin switches an operator on or off."""
        self._administer(
            operators.set_active,
            operator_id=operator + 1,
            is_active=is_active,
            actor=SYSTEM,
            **self._moment_and_chance(),
        )

    def source(self, bot: int, is_active: bool) -> None:
        """An admin switches a source on or off."""
        self._administer(
            source_settings.set_active,
            source_id=self._source(bot),
            is_active=is_active,
            actor=SYSTEM,
            **self._moment_and_chance(),
        )

    def give(self, operator: int, which: int) -> None:
        """An admin gives a contact to an operator, over their limit too."""
        ids = [row[0] for row in self.history.ask("SELECT id FROM contacts WHERE status <> 'closed' ORDER BY id")]
        if ids:
            self.history.safety.may_exceed.add(operator + 1)
            self._administer(
                transfer.assign_by_hand,
                contact_id=ids[which % len(ids)],
                operator_id=operator + 1,
                actor=SYSTEM,
                confirmed=True,
                **self._moment_and_chance(),
            )

    def move(self, bot: int, which: int) -> None:
        """An admin moves a contact to the source of a bot."""
        ids = [row[0] for row in self.history.ask("SELECT id FROM contacts WHERE status <> 'closed' ORDER BY id")]
        if ids:
            self._administer(
                moving.to_source,
                contact_id=ids[which % len(ids)],
                source_id=self._source(bot),
                actor=SYSTEM,
                **self._moment_and_chance(),
            )

    def register(self, number: int, bot: int) -> None:
        """Another system registers a contact."""
        self._said += 1
        words = MessageContent("text", text=f"word {self._said} of the site")
        self._administer(
            lifecycle.register,
            source_id=self._source(bot),
            lead=LeadFacts(external_id=f"crm-{number}"),
            content=words,
            **self._moment_and_chance(),
        )

    def _source(self, bot: int) -> int:
        found = self.history.ask("SELECT id FROM sources WHERE bot_id = ? AND slug IS NULL", BOT_IDS[bot])
        return int(found[0][0])

    def _moment_and_chance(self) -> Json:
        return {"now": self.history.clock(), "rng": self.history.rolls.random}

    def _administer(self, action: Callable[..., Any], **inputs: Any) -> None:
        """A call of the API: it ends with the process, and its caller hears of every refusal."""
        app = self.history.app

        async def call() -> None:
            try:
                await app.db.write(action, **inputs)
            except (CrmError, *DATABASE_UNAVAILABLE, RuntimeError):
                return
            except Exception as error:
                self.history.loop.troubles.append({"message": f"{action.__name__}: {error!r}"})

        with self.history.loop.owned_by(PROCESS):
            self.history.loop.create_task(call())

    # --- accidents -----------------------------------------------------------------------------------------------

    def crash(self, callbacks: int) -> None:
        """The process is killed, in the middle of whatever it does."""
        self.history.kill(callbacks, power_cut=False)

    def power_cut(self, callbacks: int) -> None:
        """The machine loses its power: what the disk was not asked to keep is gone."""
        self.history.kill(callbacks, power_cut=True)

    def stop(self) -> None:
        """The process is told to end."""
        self.history.stop()

    def fault(self, fault: Json, method: str | None, times: int) -> None:
        """Telegram, or something before it, fails."""
        self.world.faults.add(Fault(**fault, method=method, times=times))
        if fault.get("applied") is False:
            self.history.may_linger = True

    def late(self, delay: float, method: str | None, times: int) -> None:
        """Telegram applies a call, and answers when nobody may be waiting any more."""
        self.world.faults.add(Fault("slow", method=method, times=times, delay=delay))

    def odd(self, code: int, body: str, *, is_applied: bool, method: str | None, times: int) -> None:
        """Telegram, or something before it, answers what no document describes."""
        self.world.faults.add(Fault("reply", method=method, times=times, code=code, text=body, applied=is_applied))

    def flood(self, seconds: float | None, times: int) -> None:
        """Telegram says to wait."""
        self.world.faults.add(Fault("flood", method="sendMessage", times=times, retry_after=seconds))

    def poison(self, bot: int, client: int, is_of_client: bool) -> None:
        """Telegram hands over something that nobody can read, alone or in the middle of a client's words."""
        self.poisoned += 1
        chat = {"id": self.history.clients[client], "type": "private"} if is_of_client else {}
        update = {"message": {"message_id": "not a number", "chat": chat, "number": self.poisoned}}
        self.world.bot(BOT_IDS[bot]).queue.push_raw(update)

    def renumber(self, bot: int, to: int | None) -> None:
        """Telegram's numbers of updates go on elsewhere, perhaps lower, as they do after a week of silence."""
        queue = self.world.bot(BOT_IDS[bot]).queue
        if not queue.items:
            queue.jump(to)

    def outage(self, seconds: float) -> None:
        """For some time no connection to Telegram comes about."""
        self.history.wire.is_down = True

        def mend() -> None:
            self.history.wire.is_down = False

        self.history.loop.call_later(seconds, mend)

    def long_outage(
        self, fault: Json, is_of_sending: bool, callbacks: int, clients: Sequence[int], operator: int, which: int
    ) -> None:
        """For an hour Telegram, or something before it, fails; meanwhile people write, and the process is killed.

        Args:
            is_of_sending: whether Telegram goes on answering whatever sends and changes nothing.
        """
        self.world.faults.remove()  # what answers otherwise would end the outage
        for method in SENDING if is_of_sending else (None,):
            self.world.faults.add(Fault(**fault, method=method, probability=1.0))
        self.history.pass_time(UNDER_WAY)
        before = delivery(self.history)
        first, second = clients
        self.say(first, 0, "text", 2)
        self.answer(operator, 0, which)
        self.history.pass_time(LONG_OUTAGE / 2)
        self.history.kill(callbacks, power_cut=False)
        self.say(second, 0, "text", 1)
        self.history.pass_time(LONG_OUTAGE / 2)
        check_outage(before, delivery(self.history))
        self.world.faults.remove()

    def trouble(self, fault: Json, methods: Sequence[str] | None, seconds: float) -> None:
        """For some time Telegram, or something before it, fails at every call of these methods (None: of any)."""
        faults = [Fault(**fault, method=method, probability=1.0) for method in methods or (None,)]
        for one in faults:
            self.world.faults.add(one)

        def mend() -> None:
            for one in faults:
                self.world.faults.remove(one.id)

        self.history.loop.call_later(seconds, mend)
        if fault.get("applied") is False:
            self.history.may_linger = True

    def disk(self, statements: int, ends_all: bool) -> None:
        """A statement fails, some time soon."""
        self.history.file.accidents.arm(statements, ends_all=ends_all)

    def clock(self, seconds: float) -> None:
        """Somebody sets the clock; Telegram's own is not touched."""
        self.history.skew += timedelta(seconds=seconds)
        self.history.safety.may_be_disordered = True
        if seconds > 0:
            self.history.safety.may_be_early = True  # nobody can know how long an hour is, with the clock wrong

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.history.pass_time(seconds)
