"""Operators: they take what comes, answer, close, go away and come back, all by what they see in their chats."""

import asyncio
import contextlib
import re
from collections import defaultdict
from random import Random
from typing import Any

from bot.demo.arrivals import read_card
from bot.sandbox import BotHandle, CallbackPress, Person, SandboxError, SeenMessage
from bot.sandbox.world.content import Content
from bot.texts import translator
from bot.texts.refusals import refusal
from crm_core.errors import LateUnseen
from tests.soak.audit import Audit, Question
from tests.soak.setting import Setting
from tests.soak.watching import Watcher
from tests.soak.words import operators_content

Json = dict[str, Any]
Key = tuple[int, int]  # bot, contact

PATIENCE = 12.0  # seconds until somebody looks for a card that answers a press
PATIENCE_LEAST = 5.0  # a chat takes one message a second, however much in a hurry people are
_LINE = re.compile(r"(?P<closed>✔️ )?#(?P<number>\d+) ")
TRIES = 12  # presses after which an operator leaves a contact alone: something is wrong, and the result will say so


class Desk:
    """What an operator knows of a contact: where its cards are, what they say now, and what may be replied to."""

    def __init__(self, key: Key, client: str) -> None:
        self.bot_id, self.contact_id = key
        self.client = client
        self.cards: dict[int, list[str]] = {}  # message: what its buttons say when they are pressed
        self.copies: list[int] = []
        self.is_closed = False
        self.is_deciding = False  # what to do with words that came after closing
        self.changed = asyncio.Event()

    def press(self, action: str) -> tuple[int, str] | None:
        """The newest button of an action: the message that it stands on, and what pressing it says."""
        found = [
            (int(data.split(":")[-1]), message_id, data)
            for message_id, presses in self.cards.items()
            for data in presses
            if data.startswith(f"{action}:")
        ]
        return max(found)[1:] if found else None

    def decided(self, message_id: int) -> None:
        """There is nothing to decide at a card, whatever it may still show: its number may have been lost."""
        presses = self.cards.get(message_id, [])
        self.cards[message_id] = [data for data in presses if not data.startswith("late_no:")]

    def forget(self, message_id: int) -> None:
        """A message is gone from the chat."""
        self.cards.pop(message_id, None)
        if message_id in self.copies:
            self.copies.remove(message_id)


class Choice:
    """The bot asks whom messages are for."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.is_over = asyncio.Event()


def _has(entry: Json, *beginnings: str) -> bool:
    """Whether a message has a button of one of these kinds."""
    return any(data.startswith(beginnings) for data in entry["presses"])


class Operator:
    """One operator at all bots."""

    def __init__(self, setting: Setting, watcher: Watcher, audit: Audit, number: int, person: Person) -> None:
        self._setting, self._audit, self._number, self._person = setting, audit, number, person
        self._patience = max(PATIENCE_LEAST, PATIENCE / setting.plan.hurry)
        self._bots = {bot.id: bot for bot in setting.bots}
        self._names = {one.id: f"{one.first_name} {one.user['last_name']}" for one in setting.clients}
        self._chance: Random = setting.rng("operator", number)
        self._desks: dict[Key, Desk] = {}
        self._open: list[Desk] = []
        self._meant: dict[Key, Key] = {}  # (bot, own message): the contact that it is for
        self._asked: dict[str, Desk] = {}  # by the press that asked for a contact's card
        self._choices: dict[Key, Choice] = {}
        self._chosen: dict[str, Choice] = {}  # by the press that made it
        self._dismissed: dict[str, tuple[Desk, int]] = {}  # by the press that said so: where, and at which card
        self._said: defaultdict[int, int] = defaultdict(int)
        self._working: set[asyncio.Task[None]] = set()
        self.failures: list[BaseException] = []
        for bot in setting.bots:
            watcher.chats[bot.id, person.id] = self._notice

    @property
    def is_idle(self) -> bool:
        """Whether they have nothing to do."""
        return not self._working

    async def starts(self) -> None:
        """Presses Start everywhere."""
        for bot in self._setting.bots:
            await self._person.starts(bot)

    # --- what they see ----------------------------------------------------------------------------------------------

    def _notice(self, entry: Json) -> None:
        if entry["event"] == "callback_answer":
            self._notice_toast(entry)
        if entry["event"] == "deleted":
            self._notice_deletion(entry)
        if entry["request_id"] is None or entry["event"] not in ("new", "edited"):
            return
        choice = self._choices.get((entry["bot"], entry["message_id"]))
        if choice is not None and not _has(entry, "send:"):  # it says now where the message went
            choice.is_over.set()
        elif _has(entry, "send:") and entry["event"] == "new":
            self._do(self._choose(entry))
        elif entry["copied_from"]:
            self._notice_copy(entry)
        else:
            self._notice_card(entry)

    def _notice_toast(self, entry: Json) -> None:
        """What a press was answered."""
        pressed = entry["data"]["callback"]
        desk, choice = self._asked.get(pressed), self._chosen.get(pressed)
        if desk is not None and entry["text"]:  # who asks for a card and is answered in words gets none: it is closed
            desk.is_closed = True
            desk.changed.set()
        elif choice is not None:
            self._audit.note_answered(entry["bot"], entry["chat"], choice.question)
            choice.is_over.set()
        elif pressed in self._dismissed and entry["text"]:
            self._notice_dismissed(*self._dismissed[pressed], entry["text"])

    def _notice_dismissed(self, desk: Desk, message_id: int, answer: str) -> None:
        """It was decided, now or before, unless more of it is still on its way to them."""
        unseen = LateUnseen(contact=desk.contact_id)
        if answer != refusal(unseen, translator(self._person.user["language_code"])):
            desk.decided(message_id)
            desk.changed.set()

    def _notice_deletion(self, entry: Json) -> None:
        """A message is gone, and nobody can reply to it any more."""
        for desk in self._desks.values():
            if desk.bot_id == entry["bot"]:
                desk.forget(entry["message_id"])

    def _notice_copy(self, entry: Json) -> None:
        """A client's words, which they may reply to as to the card."""
        client = self._names.get(entry["copied_from"][0])
        for desk in self._open:
            if (desk.bot_id, desk.client) == (entry["bot"], client) and entry["event"] == "new":
                desk.copies.append(entry["message_id"])

    def _notice_card(self, entry: Json) -> None:
        desk = self._desk_of(entry)
        if desk is None:
            return
        desk.cards[entry["message_id"]] = entry["presses"]
        # On what nobody has taken the card asks first; the one that was shown before may be a line without buttons.
        is_live = _has(entry, "take:", "close:", "close_new:")
        is_newest = entry["message_id"] == max(desk.cards)
        desk.is_closed = (desk.is_closed and not is_live) or (is_newest and not is_live)
        desk.changed.set()
        if desk not in self._open and not desk.is_closed:  # new, or open again
            self._open.append(desk)
            self._do(self._serve(desk))
        elif _has(entry, "late_no:") and not desk.is_deciding:
            self._do(self._decide(desk))

    def _desk_of(self, entry: Json) -> Desk | None:
        """Whose card a message is; None if it is none. A closed contact's card is one line, and one folded, too."""
        card, line = read_card(entry["text"]), _LINE.match(entry["text"])
        if card is not None:
            key = (entry["bot"], card.number)
            return self._desks.setdefault(key, Desk(key, card.client))
        desk = self._desks.get((entry["bot"], int(line["number"]))) if line is not None else None
        if desk is None or line is None:
            return None
        return desk if line["closed"] or entry["message_id"] in desk.cards else None

    def _do(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._working.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self.failures.append(failure)

    async def leave(self) -> None:
        """Ends whatever they are still doing."""
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)

    # --- what they do ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Comes and goes until cancelled."""
        while True:
            await self._pause(40, 160)
            bot = self._chance.choice(self._setting.bots)
            await self._person.says("/offline", to=bot)
            try:
                await self._pause(4, 15)
            finally:
                await self._person.says("/online", to=bot)

    async def _pause(self, least: float, most: float) -> None:
        await asyncio.sleep(self._chance.uniform(least, most) / self._setting.plan.hurry)

    async def _serve(self, desk: Desk) -> None:
        """A contact from its card to its end."""
        try:
            await self._talk(desk)
            await self._close(desk)
        finally:
            self._open.remove(desk)

    async def _talk(self, desk: Desk) -> None:
        await self._pause(0.5, 5)
        take = desk.press("take")
        if take is not None and self._chance.random() < 0.6:
            await self._press(desk, *take)
        for _ in range(self._chance.randint(0, 3)):
            await self._pause(1, 6)
            await self._answer(desk)

    async def _decide(self, desk: Desk) -> None:
        """Says what became of words that came after closing: they open the contact again, or are not needed."""
        desk.is_deciding = True
        try:
            for _ in range(TRIES):
                await self._pause(0.5, 5)
                dismissal = desk.press("late_no")
                if dismissal is None:
                    return
                reopening = desk.press("reopen") if self._chance.random() < 0.3 else None
                desk.changed.clear()
                press = await self._press(desk, *(reopening or dismissal))
                if reopening is None:
                    self._dismissed[press.id] = (desk, dismissal[0])
                await self._sees_change(desk)
        finally:
            desk.is_deciding = False

    async def _close(self, desk: Desk) -> None:
        await self._pause(1, 8)
        for _ in range(TRIES):
            close = desk.press("close_new") or desk.press("close")
            if desk.is_closed:
                return
            desk.changed.clear()
            if close is not None:
                await self._press(desk, *close)
            if not await self._sees_change(desk):
                # Its number may have been lost with an answer of Telegram's: /my puts a fresh card at the end.
                press = await self._person.presses_forged(self._bots[desk.bot_id], f"card:{desk.contact_id}")
                self._asked[press.id] = desk
                desk.changed.clear()
                await self._sees_change(desk)

    async def _sees_change(self, desk: Desk) -> bool:
        try:
            await asyncio.wait_for(desk.changed.wait(), self._patience)
        except TimeoutError:
            return False
        return True

    async def _press(self, desk: Desk, message_id: int, data: str) -> CallbackPress:
        return await self._person.presses_forged(self._bots[desk.bot_id], data, message=message_id)

    async def _answer(self, desk: Desk) -> None:
        if desk.is_closed:
            return
        bot: BotHandle = self._bots[desk.bot_id]
        self._said[bot.id] += 1
        what = operators_content(f"o{self._number}.{bot.id}.{self._said[bot.id]}", self._chance)
        sent = await self._reply(desk, what)
        for message in sent:
            self._meant[bot.id, message.id] = (bot.id, desk.contact_id)
        if sent and what.kind == "text" and self._chance.random() < 0.1:
            await self._pause(0, 3)
            await self._person.edits(sent[0], f"{sent[0].text} (corrected)")

    async def _reply(self, desk: Desk, what: Content) -> list[SeenMessage]:
        """Replies to one of its messages; to another if that has just been deleted, and to none if all are gone."""
        while there := [*desk.cards, *desk.copies]:
            at = self._chance.choice(there)
            try:
                return await self._person.sends_all(what, to=self._bots[desk.bot_id], reply_to=at)
            except SandboxError as error:
                if str(error) != f"there is no message {at} to reply to":
                    raise
                desk.forget(at)
        return []

    async def _choose(self, entry: Json) -> None:
        """The bot asks whom a message is for."""
        await self._pause(0.5, 3)
        meant = self._meant.get((entry["bot"], entry["reply_to"]))
        offered = [data for data in entry["presses"] if data.startswith("send:")]
        wanted = f"send:{meant[1]}:" if meant else "send:"
        chosen = next((data for data in offered if data.startswith(wanted)), offered[0])
        choice = self._choices[entry["bot"], entry["message_id"]] = Choice(Question.read(entry))
        for _ in range(TRIES):
            press = await self._person.presses_forged(self._bots[entry["bot"]], chosen, message=entry["message_id"])
            self._chosen[press.id] = choice
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(choice.is_over.wait(), self._patience)
                return
