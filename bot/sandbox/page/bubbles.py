"""Messages as the bubbles of a chat: who says what, how it looks, and what may be pressed."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from bot.sandbox.page.captions import Captions
from bot.sandbox.page.dates import Dates
from bot.sandbox.page.formatting import as_html, link

Json = dict[str, Any]

SHOWN = 60  # messages of a chat; older ones stay in the world and are not drawn
_MEDIA = ("photo", "video", "animation", "video_note", "voice", "audio", "document", "sticker")
_SERVICE = "service"
_START = re.compile(r"/start \S+")
# Parts of a message that are no content.
_ENVELOPE = frozenset({
    "message_id", "from", "chat", "date", "edit_date", "reply_to_message", "reply_markup", "quote", "entities",
    "caption_entities", "media_group_id", "has_protected_content", "forward_origin", "message_thread_id",
    "is_topic_message", "link_preview_options", "show_caption_above_media", "has_media_spoiler", "effect_id",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Medium:
    """A file, a place or another thing that is not text.

    Attributes:
        kind: as the Bot API names it.
        title, note: the words beside its picture.
        address: where its bytes are; None if there are none to show.
    """

    kind: str
    title: str = ""
    note: str = ""
    address: str | None = None
    width: int = 0
    height: int = 0
    spoiler: bool = False
    options: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Button:
    """An inline button. `values` is what pressing it sends, as JSON; `href` where it leads; `copies` what it copies."""

    text: str
    style: str = ""
    values: str | None = None
    href: Markup | None = None
    copies: str | None = None
    say: str | None = None
    disabled: bool = False


@dataclass(slots=True)
class Bubble:
    """One bubble; an album is one."""

    id: int
    own: bool
    kind: str
    time: str
    day: date
    text: Markup = field(default_factory=Markup)
    media: list[Medium] = field(default_factory=list)
    reply: tuple[str, str, int] | None = None  # whose message, what it says, its id
    forwarded: str | None = None
    edited: bool = False
    protected: bool = False
    buttons: list[list[Button]] = field(default_factory=list)
    reactions: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    plain: str = ""
    new_day: str | None = None
    last_of_group: bool = True


class ChatView:
    """Draws the chats of one person.

    Args:
        person: their Telegram id.
        zone: of the times that stand in the bubbles.
        now: Unix time.
    """

    def __init__(self, person: int, captions: Captions, zone: ZoneInfo, now: float) -> None:
        self._person, self._captions, self._zone = person, captions, zone
        self._today = datetime.fromtimestamp(now, zone).date()
        self._dates = Dates(captions.language, zone, now)

    def bubbles(self, messages: Sequence[Json]) -> list[Bubble]:
        """The bubbles of the newest messages, oldest first; `messages` are those of the action `view`."""
        found = list(self._joined(messages[-SHOWN:]))
        for before, after in pairwise(found):
            before.last_of_group = before.own != after.own or after.kind == _SERVICE or after.day != before.day
        day: date | None = None
        for one in found:
            if one.day != day:
                one.new_day, day = self._captions.day(one.day, self._today), one.day
        return found

    def _joined(self, messages: Sequence[Json]) -> Iterator[Bubble]:
        """Bubbles, those of one album in one."""
        album: str | None = None
        current: Bubble | None = None
        for wire in messages:
            group = wire["message"].get("media_group_id")
            bubble = self._bubble(wire)
            if current is not None and group is not None and group == album:
                current.media += bubble.media
                current.ids += bubble.ids
                current.text = current.text or bubble.text
                current.plain = current.plain or bubble.plain
                current.edited = current.edited or bubble.edited
                current.reactions += bubble.reactions
                continue
            if current is not None:
                yield current
            current, album = bubble, group
        if current is not None:
            yield current

    def _bubble(self, wire: Json) -> Bubble:
        message, kind = wire["message"], wire["kind"]
        when = datetime.fromtimestamp(message["date"], self._zone)
        own = message.get("from", {}).get("id") == self._person
        text = message.get("text", message.get("caption", ""))
        entities = message.get("entities") or message.get("caption_entities") or ()
        if own and _START.fullmatch(text):
            text, entities = "/start", entities[:1]  # the apps do not show what a link adds to it
        bubble = Bubble(
            id=message["message_id"],
            own=own,
            kind=kind,
            time=f"{when:%H:%M}",
            day=when.date(),
            text=as_html(text, entities, dates=self._dates),
            media=self._media(message, kind),
            reply=self._reply(message),
            forwarded=self._origin(message.get("forward_origin")),
            edited="edit_date" in message,
            protected=bool(message.get("has_protected_content")),
            buttons=[[_button(one, message) for one in row] for row in _rows(message)],
            reactions=[one.get("emoji", "⭐") for one in wire["reactions"]],
            ids=[message["message_id"]],
            plain=text,
        )
        if kind == _SERVICE or (not text and not bubble.media):
            bubble.kind, bubble.text = _SERVICE, escape(self._service(message))
        return bubble

    # --- what is not text ------------------------------------------------------------------------------------------

    def _media(self, message: Json, kind: str) -> list[Medium]:
        say = self._captions
        for name in ("animation", *_MEDIA):
            if name in message:
                return [self._file(name, message[name], bool(message.get("has_media_spoiler")))]
        if "venue" in message:
            venue = message["venue"]
            return [Medium("location", venue["title"], venue["address"])]
        if "location" in message:
            point = message["location"]
            live = say["live_location"] if point.get("live_period") else say["location"]
            return [Medium("location", live, f"{point['latitude']:.4f}, {point['longitude']:.4f}")]
        if "contact" in message:
            found = message["contact"]
            name = " ".join(filter(None, (found.get("first_name"), found.get("last_name"))))
            return [Medium("contact", name, found["phone_number"])]
        if "poll" in message:
            poll = message["poll"]
            options = tuple((one["text"], one["voter_count"]) for one in poll["options"])
            return [Medium("poll", poll["question"], say["poll"], options=options)]
        if "dice" in message:
            return [Medium("dice", message["dice"]["emoji"], str(message["dice"]["value"]))]
        if kind not in ("text", _SERVICE) and not message.get("text"):
            return [Medium("other", say.kind(kind))]
        return []

    def _file(self, kind: str, found: Any, spoiler: bool) -> Medium:
        say = self._captions
        if kind == "photo":
            largest = found[-1]
            return Medium(
                kind, say["photo"], "", _address(largest), largest["width"], largest["height"], spoiler=spoiler
            )
        length = _length(found["duration"]) if "duration" in found else ""
        size = say.size(found.get("file_size", 0))
        match kind:
            case "sticker":
                return Medium(kind, found.get("emoji", "🙂"), "", _address(found))
            case "voice" | "video_note":
                return Medium(kind, say[kind], length)
            case "video" | "animation":
                badge = "GIF" if kind == "animation" else length
                return Medium(kind, say[kind], badge, None, found.get("width", 0), found.get("height", 0), spoiler)
            case "audio":
                return Medium(kind, found.get("title") or found.get("file_name") or say["audio"], length)
        return Medium(kind, found.get("file_name") or say["document"], size, _address(found))

    # --- what stands above the text --------------------------------------------------------------------------------

    def _reply(self, message: Json) -> tuple[str, str, int] | None:
        replied = message.get("reply_to_message")
        if replied is None:
            return None
        sender, quoted = replied.get("from", {}), message.get("quote")
        # A quotation has a text and entities of its own, as a message has.
        return sender.get("first_name", "?"), self.summary(quoted or replied), replied["message_id"]

    def summary(self, message: Json) -> str:
        """A message in a line, as replies and chat lists show it."""
        text = str(message.get("text", message.get("caption", "")))
        if text:
            text = self._dates.in_place(text, message.get("entities") or message.get("caption_entities") or ())
            return " ".join(text.split())[:120]
        return next((self._captions.kind(name) for name in message if name not in _ENVELOPE), "…")

    def _origin(self, origin: Json | None) -> str | None:
        if origin is None:
            return None
        user = origin.get("sender_user") or origin.get("sender_chat") or origin.get("chat") or {}
        return str(user.get("first_name") or user.get("title") or origin.get("sender_user_name") or "?")

    def _service(self, message: Json) -> str:
        say = self._captions
        if "pinned_message" in message:
            name = message.get("from", {}).get("first_name", "?")
            return say["pinned"].format(name=name, what=self.summary(message["pinned_message"]))
        kind = next((name for name in message if name not in _ENVELOPE), "unknown")
        return say.kind(kind)


def _rows(message: Json) -> list[list[Json]]:
    rows: list[list[Json]] = (message.get("reply_markup") or {}).get("inline_keyboard", [])
    return rows


def _button(button: Json, message: Json) -> Button:
    text, style, disabled = button["text"], button.get("style", ""), bool(button.get("disabled"))
    if disabled:
        return Button(text, style, disabled=True)
    if "callback_data" in button:
        values = {"message": message["message_id"], "data": button["callback_data"]}
        return Button(text, style, values=json.dumps(values, ensure_ascii=False))
    if "copy_text" in button:
        return Button(text, style, copies=button["copy_text"]["text"])
    address = button.get("url") or button.get("web_app", {}).get("url") or button.get("login_url", {}).get("url")
    if address:
        return Button(text, style, href=link(address, escape(text)))
    # Sharing a query with another chat and payments need more of Telegram than there is here.
    return Button(text, style, disabled=True)


def _address(found: Json) -> str:
    return f"/files/{found['file_id']}"


def _length(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02}"
