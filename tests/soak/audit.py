"""What people said and what the other side saw of it: gathered from the transcript, as it grows."""

import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from bot.demo.arrivals import read_card

Json = dict[str, Any]
Key = tuple[int, int, int]  # bot, chat, message


@dataclass(slots=True)
class Said:
    """A message of a client or an operator. `text` is the newest; `arrivals` are where it stands, oldest first.

    Attributes:
        edits: when it was edited.
        comes_anew: whether a line counted it, and only its correction was shown; it waits from then on, in no order.
        asked_at: the message at which its author is asked or told about it: itself, or the first item of its album.
    """

    key: Key
    asked_at: Key
    time: float
    kind: str
    text: str
    edits: list[float] = field(default_factory=list)
    comes_anew: bool = False
    arrivals: list[tuple[float, Key]] = field(default_factory=list)

    @property
    def is_edited(self) -> bool:
        """Whether it was corrected."""
        return bool(self.edits)

    @property
    def waits_from(self) -> float:
        """When that was said which came first."""
        before = [at for at in self.edits if self.arrivals and at <= self.arrivals[0][0]]
        return max(before) if self.comes_anew and before else self.time


@dataclass(slots=True)
class Shown:
    """A message of a bot as it stands now; `time` is when that was said.

    Attributes:
        is_card: whether it is a card, or was one.
        asks: whether it asks, or has asked, whom an operator's words are for.
    """

    time: float
    text: str
    is_card: bool
    asks: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A question whom an operator's words are for: about a message, and about those before it that wait as well."""

    about: int
    count: int

    @classmethod
    def read(cls, entry: Json) -> "Question":
        """The question that an entry of the transcript asks. It names the number of messages unless it is one."""
        number = re.search(r"\d+", entry["text"])
        return cls(entry["reply_to"], int(number[0]) if number is not None else 1)


class Audit:
    """Hears every entry of the transcript."""

    def __init__(self, *, clients: Collection[int], operators: Collection[int]) -> None:
        self._clients, self._operators = set(clients), set(operators)
        self.said: dict[Key, Said] = {}
        self.shown: dict[Key, Shown] = {}
        self.told: defaultdict[Key, list[Key]] = defaultdict(list)  # what a bot said in reply to a message
        self.cards: defaultdict[Key, int] = defaultdict(int)  # (bot, operator's chat, contact): how many came
        # By (bot, operator's chat): the questions whose press was answered, perhaps by a refusal
        self._answered: defaultdict[tuple[int, int], list[Question]] = defaultdict(list)
        self.gone: set[Key] = set()  # deleted: parts of an album that did not arrive whole, and came again
        self.own_phones: set[Key] = set()  # clients' own contacts complete the lead, and are passed on to nobody
        self._albums: dict[tuple[int, int, str], Key] = {}  # the first item of each
        self._unread: dict[tuple[int, str], Key] = {}  # (bot, text): for what arrives in other words than a copy

    def hear(self, entry: Json) -> None:
        """Something happened before somebody's eyes."""
        key = (entry["bot"], entry["chat"], entry["message_id"])
        if entry["event"] == "deleted":
            self.gone.add(key)
        if entry["event"] not in ("new", "edited"):
            return
        if entry["sender"] == entry["chat"]:
            self._hear_person(entry, key)
        else:
            self._hear_bot(entry, key)

    def _hear_person(self, entry: Json, key: Key) -> None:
        if entry["chat"] not in self._clients | self._operators or entry["text"].startswith("/"):
            return
        if entry["event"] == "edited":
            said = self.said[key]
            said.text = entry["text"]
            said.edits.append(entry["time"])
        else:
            album = (entry["bot"], entry["chat"], entry["album"])
            asked_at = self._albums.setdefault(album, key) if entry["album"] else key
            self.said[key] = Said(key, asked_at, entry["time"], entry["kind"], entry["text"])
        if entry["text"]:
            self._unread[entry["bot"], entry["text"]] = key

    def _hear_bot(self, entry: Json, key: Key) -> None:
        text = entry["text"]
        card = read_card(text) if entry["chat"] in self._operators and not entry["copied_from"] else None
        before = self.shown.get(key)  # a card may have become a line that says that there is a newer one
        self.shown[key] = Shown(
            entry["time"],
            text,
            is_card=card is not None or (before is not None and before.is_card),
            asks="send:" in " ".join(entry["presses"]) or (before is not None and before.asks),
        )
        if entry["event"] != "new":
            return
        if entry["reply_to"] is not None:
            self.told[entry["bot"], entry["chat"], entry["reply_to"]].append(key)
        if entry["copied_from"]:
            self._arrived((entry["bot"], *entry["copied_from"]), entry, key)
        elif entry["chat"] in self._operators:
            if card is not None:
                self.cards[entry["bot"], entry["chat"], card.number] += 1
            # What stands on a card, and what is passed on because it cannot be copied, arrives as words.
            words = card.text if card is not None else text
            whose = self._unread.get((entry["bot"], words)) or self._unread.get((entry["bot"], words.split("\n")[-1]))
            if whose is not None:
                self._arrived(whose, entry, key)

    def _arrived(self, whose: Key, entry: Json, key: Key) -> None:
        if whose in self.said:
            self.said[whose].arrivals.append((entry["time"], key))

    def of_clients(self) -> list[Said]:
        """What clients said."""
        return [one for one in self.said.values() if one.key[1] in self._clients and one.key not in self.own_phones]

    def of_operators(self) -> list[Said]:
        """What operators said to clients."""
        return [one for one in self.said.values() if one.key[1] in self._operators]

    def is_told(self, said: Said) -> bool:
        """Whether somebody was told, at that very message, what became of it; being asked is not being told."""
        answers = [self.shown[key] for key in self.told[said.key] + self.told[said.asked_at]]
        return any(not one.asks for one in answers) or said in self._refused(said.key[0], said.key[1])

    def note_answered(self, bot: int, chat: int, question: Question) -> None:
        """A press on a question was answered: nothing that it is about is lost, though it may be refused."""
        self._answered[bot, chat].append(question)

    def _refused(self, bot: int, chat: int) -> list[Said]:
        """What questions of this chat were about that were answered, and yet arrived nowhere."""
        silent = [one for one in self.said.values() if one.key[:2] == (bot, chat) and not one.arrivals]
        found = []
        for question in self._answered[bot, chat]:
            found += [one for one in silent if one.asked_at[2] <= question.about][-question.count :]
            # The question named fewer when it came: the other parts of an album joined it, and shared its answer.
            album = [one for one in self.said.values() if one.asked_at == (bot, chat, question.about)]
            if not any(one.arrivals for one in album):
                found += album
        return found

    def is_asked(self, said: Said) -> bool:
        """Whether an operator was asked whom a message is for: then it may come later than the next ones."""
        return any(self.shown[key].asks for key in self.told[said.asked_at])

    def is_copy(self, key: Key) -> bool:
        """Whether a message is a bot's and no card. What Telegram took without saying where counts as read where it was
        said.
        """
        return key in self.shown and not self.shown[key].is_card

    def misplaced(self, side: list[Said]) -> list[Key]:
        """Messages of this side that first came after a later one of the same conversation and chat."""
        seen: defaultdict[tuple[int, int, int], list[tuple[int, float]]] = defaultdict(list)
        for one in side:
            if self.is_asked(one) or one.waits_from > one.time:
                continue
            first: dict[int, float] = {}
            for time, (_, chat, _message) in one.arrivals:
                first.setdefault(chat, time)
            for chat, time in first.items():
                seen[one.key[0], one.key[1], chat].append((one.key[2], time))
        found = []
        for (bot, whose, _), arrivals in seen.items():
            newest = 0.0
            for message, time in sorted(arrivals):
                if time < newest:
                    found.append((bot, whose, message))
                newest = max(newest, time)
        return found

    def not_shown(self, side: list[Said]) -> list[Said]:
        """What arrived and was corrected, though its newest words stand nowhere on the other side.

        A card may have become a line that points to a newer one: then the words stand there.
        """
        there: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
        for (bot, chat, _), one in self.shown.items():
            there[bot, chat].append(one.text)

        def stands(said: Said) -> bool:
            if any(key not in self.shown for _, key in said.arrivals):
                return True  # Telegram took it without saying where
            chats = {(bot, chat) for _, (bot, chat, _) in said.arrivals}
            return any(said.text in text for chat in chats for text in there[chat])

        return [one for one in side if one.is_edited and one.arrivals and not stands(one)]


def waits(side: list[Said]) -> list[float]:
    """Seconds from when something was said until it was first seen, sorted."""
    return sorted(one.arrivals[0][0] - one.waits_from for one in side if one.arrivals)
