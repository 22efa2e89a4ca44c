"""Narrates the demo: what people see, from the sandbox's transcript, and why, from the events of the core."""

from dataclasses import dataclass
from typing import Any

from bot.demo.arrivals import number_in, read_card
from bot.demo.screen import Screen
from bot.sandbox.world.transcript import EDITED, NEW, Entry
from bot.texts import Translator
from bot.texts.phrases import kind_name, percent
from crm_core import events
from crm_core.events import Logged

CLIENT_TONE, OPERATOR_TONE, QUEUE_TONE = "cyan", "green", "yellow"
ICONS = {"photo": "📷", "voice": "🎤", "video_note": "🎥", "document": "📎", "location": "📍", "sticker": ""}


@dataclass
class Colleague:
    """An operator as the narrator keeps track of them; `load` and `is_online` follow the events."""

    name: str
    limit: int
    load: int = 0
    is_online: bool = True


@dataclass
class Channel:
    """A source: how it chooses, and its weights by operator."""

    strategy: str
    weights: dict[int, int]


class Narrator:
    """Writes rows for what happens; `is_brief` while too much happens to be read."""

    def __init__(self, screen: Screen, captions: dict[str, str], _: Translator) -> None:
        self.screen, self.captions, self._ = screen, captions, _
        self.people: dict[int, str] = {}
        self.clients: set[int] = set()
        self.admin = 0
        self.operators: dict[int, Colleague] = {}
        self.channels: dict[int, Channel] = {}
        self.is_brief = False
        self.waiting: set[int] = set()
        self.longest = self.closed = 0
        self._why: dict[int, str] = {}
        self._numbers: dict[tuple[int | None, int], int] = {}  # (bot, client) -> the client's open contact
        self._writing: set[tuple[int | None, int]] = set()  # whose first message is on its way
        self._clients_of: dict[int, tuple[int | None, int]] = {}
        self._cards: dict[tuple[int | None, int, int], int] = {}  # card -> contact
        self._albums: set[str] = set()  # those told of
        self._replies: dict[tuple[int | None, int, int], int] = {}  # an operator's message -> contact

    # --- what people see -------------------------------------------------------------------------------------------

    def notice(self, entry: Entry) -> None:
        """Narrates an entry of the transcript: what somebody sees."""
        if entry.event == EDITED and entry.copied_from is not None:
            self._copy_changes(entry)
        if entry.event != NEW or self._is_further_part(entry):
            return
        sender = entry.message.get("from", {}).get("id")
        if sender == entry.chat_id:
            self._person_writes(entry)
        elif entry.copied_from is not None:
            self._copy_arrives(entry)
        else:
            self._bot_writes(entry)

    def _is_further_part(self, entry: Entry) -> bool:
        """Whether an album was told of already."""
        album = entry.message.get("media_group_id")
        if album is None or album in self._albums:
            return album is not None
        self._albums.add(album)
        return False

    def _person_writes(self, entry: Entry) -> None:
        key = (entry.bot_id, entry.chat_id)
        if entry.chat_id not in self.clients:
            replied = entry.message.get("reply_to_message", {}).get("message_id", 0)
            number = self._cards.get((*key, replied))
            if number is not None:
                self._replies[(*key, entry.message["message_id"])] = number
        elif key not in self._numbers and key not in self._writing:
            self._writing.add(key)
            bot = self.people.get(entry.bot_id or 0, "")
            self._row(None, f"{self._first(entry.chat_id)} → {bot}", self.describe(entry), tone=CLIENT_TONE)
        elif self._numbers.get(key) in self.waiting:
            who = self.captions["while_waiting"].format(client=self._first(entry.chat_id))
            self._row(self._numbers[key], who, self.describe(entry), tone=CLIENT_TONE)

    def _copy_arrives(self, entry: Entry) -> None:
        assert entry.copied_from is not None
        chat_id, message_id = entry.copied_from
        if entry.chat_id in self.clients:
            number = self._replies.get((entry.bot_id, chat_id, message_id))
            self._row(number, self._pair(chat_id, entry.chat_id), self.describe(entry), tone=OPERATOR_TONE)
        else:
            replied = entry.message.get("reply_to_message", {}).get("message_id", 0)
            of_client = self._numbers.get((entry.bot_id, chat_id))  # an album does not hang on its card
            number = self._cards.get((entry.bot_id, entry.chat_id, replied), of_client)
            self._row(number, self._pair(chat_id, entry.chat_id), self.describe(entry), tone=CLIENT_TONE)

    def _copy_changes(self, entry: Entry) -> None:
        assert entry.copied_from is not None
        writer = entry.copied_from[0]
        number = self._numbers.get((entry.bot_id, entry.chat_id if entry.chat_id in self.clients else writer))
        self._row(number, self._pair(writer, entry.chat_id), f"✏️ {self.describe(entry)}", tone=OPERATOR_TONE)

    def _bot_writes(self, entry: Entry) -> None:
        text = entry.message.get("text", "")
        if entry.chat_id in self.clients:
            number, key = number_in(text), (entry.bot_id, entry.chat_id)
            if number is not None and number not in self._clients_of:
                self._clients_of[number] = key
                self._numbers[key] = number
                self._writing.discard(key)
                self._row(number, self.captions["bot_to"].format(client=self._first(entry.chat_id)), text, quiet=True)
            return
        card = read_card(text)
        if card is None and entry.chat_id == self.admin:
            self._row(
                number_in(text), self.captions["bot_to"].format(client=self._first(entry.chat_id)), text, quiet=True
            )
        if card is not None:
            self._cards[entry.bot_id, entry.chat_id, entry.message["message_id"]] = card.number
            who = self.captions["card"].format(operator=self._first(entry.chat_id))
            self._row(card.number, who, self._why.pop(card.number, ""), quiet=True)

    def _pair(self, sender: int, reader: int) -> str:
        return f"{self._first(sender)} → {self._first(reader)}"

    def _first(self, person: int) -> str:
        return self.people.get(person, "?").split(" ")[0]

    def describe(self, entry: Entry) -> str:
        """What somebody sent, in a line."""
        message = entry.message
        content = message.get("text") or message.get("caption") or ""
        if entry.kind == "text":
            quoted = message.get("quote", {}).get("text")
            return self.captions["quoting"].format(words=content, quoted=quoted) if quoted else str(content)
        what = message.get("sticker", {}).get("emoji") or message.get("document", {}).get("file_name")
        if "media_group_id" in message:
            what = self.captions["album"]
        shown = f"{ICONS.get(entry.kind, '')} {what or kind_name(entry.kind, self._)}".strip()
        return f"{shown} · {content}" if content else shown

    # --- why ---------------------------------------------------------------------------------------------------------

    def note_events(self, announcements: list[Any]) -> None:
        """Notes events that were just committed."""
        for one in announcements:
            if isinstance(one, Logged):
                self._note_event(one.fields)

    def _note_event(self, event: dict[str, Any]) -> None:
        number, operator_id = event["contact_id"], event["operator_id"]
        match event["kind"]:
            case events.CONTACT_ASSIGNED:
                channel = self.channels[event["source_id"]]
                self._why[number] = self._reason(channel, operator_id, waited=number in self.waiting)
                self.waiting.discard(number)
                self.operators[operator_id].load += 1
            case events.CONTACT_QUEUED:
                self.waiting.add(number)
                self.longest = max(self.longest, len(self.waiting))
                self._row(
                    number, self.captions["queued"], self._loads(self.channels[event["source_id"]]), tone=QUEUE_TONE
                )
            case events.OPERATOR_CHANGED if event["reason"] in ("online", "offline"):
                self.operators[operator_id].is_online = event["reason"] == "online"
            case events.OPERATOR_CHANGED if event["reason"] == "limit":
                self.operators[operator_id].limit = event["data"]["limit"]
            case events.CONTACT_TAKEN:
                name = self.operators[operator_id].name
                self._row(number, self.captions["takes"].format(operator=name), "", tone=OPERATOR_TONE)
            case events.CONTACT_REOPENED:
                self.operators[operator_id].load += 1
                self.closed -= 1
            case events.CONTACT_CLOSED:
                self.operators[operator_id].load -= 1
                self.closed += 1
                self._numbers.pop(self._clients_of.get(number, (None, 0)), None)
                name = self.operators[operator_id].name
                self._row(number, self.captions["closes"].format(operator=name), "", tone=OPERATOR_TONE)

    def _reason(self, channel: Channel, chosen: int, *, waited: bool) -> str:
        """Why this operator: their weight among those who were free, and every load at that moment."""
        free = {one: weight for one, weight in channel.weights.items() if self._has_room(one)}
        total = sum(free.values()) or channel.weights[chosen]
        parts = [self.captions["from_queue"]] if waited else []
        if channel.strategy == "exact" and len(free) > 1:
            planned = channel.weights[chosen] / sum(channel.weights.values())
            parts.append(self.captions["level"].format(planned=percent(planned, self._)))
        else:
            parts.append(self.captions["weight_of"].format(weight=channel.weights[chosen], total=total))
        return " · ".join([*parts, self._loads(channel)])

    def _loads(self, channel: Channel) -> str:
        those = [self.operators[operator_id] for operator_id in channel.weights]
        return " · ".join(f"{one.name} {one.load}/{one.limit}" for one in those)

    def _has_room(self, operator_id: int) -> bool:
        one = self.operators[operator_id]
        return one.is_online and one.load < one.limit

    def _row(self, number: int | None, who: str, what: str, *, tone: str | None = None, quiet: bool = False) -> None:
        if not self.is_brief:
            self.screen.row(number, who, what, tone=tone, quiet=quiet)
