"""One cell of the matrix: a request of its own, in which somebody says something, and something becomes of it."""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from bot.sandbox import Person, SeenMessage
from bot.sandbox.world import content as kinds
from crm_core.storage.tables import Contact
from tests.stories.conversation.columns import Direction
from tests.stories.conversation.seeing import TALK, line
from tests.support.people import RunningApp

if TYPE_CHECKING:
    from tests.stories.conversation.rows import Row

# What the bot says to clients about every request: not what this is about.
NOTICES = re.compile(r"Your request is #|is now taking care|will answer you|Request #\d+ is closed")
_WHOSE_ALBUM = re.compile(r"^☝️")
_TIME = re.compile(r"\b\d\d:\d\d ")


@dataclass
class Cell:
    """A request between a client and Anna, who may hand it on to Boris.

    Attributes:
        holder: who has it now.
        said: what the writer said, in its order.
        read: for each person, the last message of their chat when it began.
        handed_on: how long the transcript was when Boris got it.
    """

    row: "Row"
    direction: Direction
    client: Person
    anna: Person
    holder: Person
    number: int = 0
    said: list[SeenMessage] = field(default_factory=list)
    read: dict[int, int] = field(default_factory=dict)
    handed_on: int = 0

    @property
    def writer(self) -> Person:
        """Who says what the row says."""
        return self.client if self.direction is Direction.TO_OPERATOR else self.anna

    @property
    def reader(self) -> Person:
        """Who should see it."""
        return self.holder if self.direction is Direction.TO_OPERATOR else self.client

    async def find_number(self, crm: RunningApp) -> None:
        """Looks up which request it is."""
        query = select(Contact.id).where(Contact.chat_id == self.client.id)
        self.number = await crm.db.read(lambda s: s.execute(query).scalar_one())

    # --- what is said ------------------------------------------------------------------------------------------------

    async def begin(self, crm: RunningApp) -> None:
        """The request is opened, and whoever speaks first has spoken."""
        if self.row.opens:
            return
        await self.client.says("Hello", to=crm.shop)
        await crm.settled()
        await self.find_number(crm)
        if self.row.first:
            is_of_anna = self.direction is Direction.TO_OPERATOR
            other, card = (self.anna, self.card(self.anna, crm)) if is_of_anna else (self.client, None)
            await other.sends(kinds.text(self.row.first), to=crm.shop, reply_to=card)
            await crm.settled()

    async def say(self, crm: RunningApp) -> None:
        """The writer says what the row says; an operator in reply to the card."""
        if self.row.says is not None:
            card = self.card(self.anna, crm) if self.direction is Direction.TO_CLIENT else None
            options = {"reply_to": card, **self.row.options}
            self.said += await self.writer.sends_all(self.row.says, to=crm.shop, **options)

    async def close(self, crm: RunningApp) -> None:
        """The operator closes the request, by buttons that may be those of a moment ago."""
        card = self.card(self.holder, crm)
        for label in ("Take", "Close"):
            if label == "Close" or card.button(label) is not None:
                await self.holder.presses(card, label, stale=True)

    def theirs(self, person: Person, crm: RunningApp) -> SeenMessage:
        """What the other side said first, as somebody sees it."""
        chat = self._about_it(person, crm)
        return next(one for one in reversed(chat) if one.text == self.row.first and one.sender != person.id)

    # --- what is seen ------------------------------------------------------------------------------------------------

    def card(self, person: Person, crm: RunningApp) -> SeenMessage:
        """The newest card of the request in an operator's chat."""
        return self._cards(person.chat(crm.shop), person)[-1]

    def _cards(self, chat: list[SeenMessage], person: Person) -> list[SeenMessage]:
        if person is self.client:
            return []
        begins = re.compile(rf"(\S+ )?#{self.number} (·|{self.client.first_name}\b)")
        return [one for one in chat if one.sender != person.id and begins.match(one.text)]

    def _about_it(self, person: Person, crm: RunningApp) -> list[SeenMessage]:
        """All of the request in somebody's chat; that of an operator has others, too."""
        chat = person.chat(crm.shop)
        known = {one.id for one in self._cards(chat, person)}
        named = re.compile(rf"#{self.number}\b")
        found = []
        for one in chat:
            is_copy = one.copied_from is not None and one.copied_from[0] == self.client.id
            names_it = one.sender != person.id and named.search(one.text) is not None
            if person is self.client or is_copy or names_it or one.reply_to in known:
                known.add(one.id)
                found.append(one)
        return found

    def note_read(self, crm: RunningApp) -> None:
        """From now on, what Anna and the client get counts as new."""
        for person in (self.anna, self.client):
            self.read[person.id] = max((one.id for one in person.chat(crm.shop)), default=0)

    def lines(self, crm: RunningApp) -> list[str]:
        """What the reader sees, after `»` what the writer is told, after `!` what nobody should have seen."""
        found = [*self._seen(crm), *(f"» {one.text}" for one in self._told(crm)), *self._leaks(crm)]
        return [re.sub(rf"#{self.number}\b", "#n", one.replace(self.client.first_name, "Ivan")) for one in found]

    def _seen(self, crm: RunningApp) -> list[str]:
        reader, about = self.reader, self._about_it(self.reader, crm)
        chat = reader.chat(crm.shop)
        cards = [one.id for one in self._cards(chat, reader)]
        found = []
        for one in about:
            is_own = one.sender == reader.id
            if one.id in cards:
                found += [f"card: {shown}" for shown in one.text.split("\n\n")[1:2] if self.row.opens]
            elif TALK in one.text:
                found += [f"talk: {words}" for words in _TIME.sub("", one.text).splitlines()[1:]]
            elif any(one.reactions) if is_own else self._is_new(one, reader):
                chats = {each.id: each for each in chat}
                found.append(line(one, chats, crm.sandbox, cards=cards, is_own=is_own))
        return found

    def _told(self, crm: RunningApp) -> list[SeenMessage]:
        cards = [one.id for one in self._cards(self.writer.chat(crm.shop), self.writer)]
        about = [one for one in self._about_it(self.writer, crm) if one.id not in cards and one.copied_from is None]
        return [one for one in about if self._is_new(one, self.writer)]

    def _is_new(self, one: SeenMessage, person: Person) -> bool:
        # Whose an album is, is said where other requests stand in between: that is chance here.
        notices = NOTICES if person is self.client else _WHOSE_ALBUM
        is_notice = notices.search(one.text) is not None
        return one.sender != person.id and one.id > self.read.get(person.id, 0) and not is_notice

    def _leaks(self, crm: RunningApp) -> list[str]:
        """What came to Anna, or changed at hers, after the request was handed on; her cards aside."""
        if self.holder is self.anna or self.direction is Direction.TO_CLIENT:
            return []
        cards = {one.id for one in self._cards(self.anna.chat(crm.shop), self.anna)}
        mine = {one.id for one in self._about_it(self.anna, crm)} - cards
        after: list[dict[str, Any]] = [one for one in self.anna.history(crm.shop) if one["seq"] > self.handed_on]
        return [
            f"! {one['event']} at who had it before: {one['text'] or one['kind']}"
            for one in after
            if one["message_id"] in mine and one["sender"] != self.anna.id
        ]
