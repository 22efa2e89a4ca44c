"""What people send besides text, one function per kind, and the Bot API fields that it becomes.

`await ivan.sends(photo(caption="the receipt"), to=shop)`. Files may be given as bytes, or only as a `size` in bytes
when their content does not matter.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

from bot.sandbox.markup.entities import format_text
from bot.sandbox.world.files import describe
from bot.sandbox.world.state import World

Json = dict[str, Any]
FILES = frozenset({"photo", "video", "video_note", "voice", "audio", "document", "animation", "sticker"})


@dataclass(frozen=True, slots=True)
class Content:
    """Something to send; `fields` are plain values, so that they travel over HTTP."""

    kind: str
    fields: Json

    def wire(self, **more: Any) -> Json:
        """As one JSON object."""
        return {"kind": self.kind, **self.fields, **{name: value for name, value in more.items() if value is not None}}


def _file(kind: str, data: bytes | None, size: int | None, caption: str | None, details: Json) -> Content:
    fields: Json = {"data": b64encode(data or kind.encode()).decode(), "details": details}
    if size is not None:
        fields["size"] = size
    if caption is not None:
        fields["caption"] = caption
    return Content(kind, fields)


def photo(data: bytes | None = None, *, caption: str | None = None, size: int | None = None) -> Content:
    """A photo."""
    return _file("photo", data, size, caption, {})


def video(
    data: bytes | None = None, *, caption: str | None = None, size: int | None = None, name: str | None = "video.mp4"
) -> Content:
    """A video."""
    return _file("video", data, size, caption, {"file_name": name})


def video_note(data: bytes | None = None, *, size: int | None = None) -> Content:
    """A round video message."""
    return _file("video_note", data, size, None, {})


def voice(
    data: bytes | None = None, *, caption: str | None = None, size: int | None = None, duration: int = 5
) -> Content:
    """A voice message; `duration` in seconds."""
    return _file("voice", data, size, caption, {"duration": duration})


def audio(
    data: bytes | None = None, *, caption: str | None = None, size: int | None = None, title: str | None = None
) -> Content:
    """A piece of music."""
    return _file("audio", data, size, caption, {"title": title})


def document(
    data: bytes | None = None,
    *,
    caption: str | None = None,
    size: int | None = None,
    name: str = "document.pdf",
    mime: str = "application/pdf",
) -> Content:
    """Any file."""
    return _file("document", data, size, caption, {"file_name": name, "mime_type": mime})


def animation(data: bytes | None = None, *, caption: str | None = None, size: int | None = None) -> Content:
    """A GIF; its message has a document as well, as Telegram's have."""
    return _file("animation", data, size, caption, {"file_name": "animation.mp4"})


def sticker(data: bytes | None = None, *, emoji: str = "🙂") -> Content:
    """A sticker."""
    return _file("sticker", data, None, None, {"emoji": emoji})


def location(latitude: float = 55.75, longitude: float = 37.62, *, live_period: int | None = None) -> Content:
    """A point on the map, degrees; it can be moved for `live_period` seconds."""
    point: Json = {"latitude": latitude, "longitude": longitude}
    return Content("location", {"location": point | ({"live_period": live_period} if live_period else {})})


def venue(
    title: str = "Office", address: str = "1, Main street", latitude: float = 55.75, longitude: float = 37.62
) -> Content:
    """A place with a name; its message has a location as well."""
    where = {"latitude": latitude, "longitude": longitude}
    return Content("venue", {"venue": {"location": where, "title": title, "address": address}, "location": where})


def contact(phone: str, first_name: str, *, last_name: str | None = None, user_id: int | None = None) -> Content:
    """An entry of the address book; `user_id` when that person is in Telegram."""
    fields = {"phone_number": phone, "first_name": first_name, "last_name": last_name, "user_id": user_id}
    return Content("contact", {"contact": {name: value for name, value in fields.items() if value is not None}})


def poll(question: str, *options: str) -> Content:
    """A poll."""
    return Content("poll", {"question": question, "options": list(options), "type": "regular"})


def quiz(question: str, *options: str, correct: int = 0, known: bool = False) -> Content:
    """A quiz; the bot is shown the answer only when `known`, and cannot copy the quiz otherwise."""
    fields: Json = {"question": question, "options": list(options), "type": "quiz"}
    return Content("poll", fields | {"correct_option_ids": [correct]} if known else fields)


def dice(emoji: str = "🎲", value: int | None = None) -> Content:
    """A die; its value is thrown when it is not given."""
    return Content("dice", {"emoji": emoji, "value": value})


def album(*items: Content) -> Content:
    """2-10 photos, videos, documents or audios that arrive as separate messages with one `media_group_id`."""
    return Content("album", {"items": [item.wire() for item in items]})


def paid_media(stars: int = 5, *, caption: str | None = None) -> Content:
    """Media behind a price in Stars; cannot be copied."""
    preview = {"type": "preview", "width": 640, "height": 360, "duration": 5}
    raw: Json = {"paid_media": {"star_count": stars, "paid_media": [preview]}}
    return Content("paid_media", {"raw": raw | ({"caption": caption} if caption else {})})


def checklist(title: str, *tasks: str) -> Content:
    """A checklist; cannot be copied."""
    lines = [{"id": number, "text": task} for number, task in enumerate(tasks, 1)]
    return Content("checklist", {"raw": {"checklist": {"title": title, "tasks": lines}}})


def game(title: str, description: str) -> Content:
    """A game, which only bots send: it comes forwarded, or through one of them; cannot be copied by another bot."""
    photo = [{"file_id": "game", "file_unique_id": "game", "width": 640, "height": 360}]
    return Content("game", {"raw": {"game": {"title": title, "description": description, "photo": photo}}})


def giveaway(prize: str | None = None) -> Content:
    """A giveaway, perhaps with a description of its prize; cannot be copied."""
    chat = {"id": -1001000000001, "type": "channel", "title": "Prizes"}
    about: Json = {"chats": [chat], "winners_selection_date": 4102444800, "winner_count": 1}
    raw = {"giveaway": about | ({"prize_description": prize} if prize else {})}
    return Content("giveaway", {"raw": raw})


def service(field: str = "message_auto_delete_timer_changed", value: Json | None = None) -> Content:
    """A service message: `field` of Message with its value; cannot be copied."""
    return Content("service", {"raw": {field: {"message_auto_delete_time": 86400} if value is None else value}})


def story() -> Content:
    """A forwarded story."""
    chat = {"id": -1001000000002, "type": "channel", "title": "News", "username": "news"}
    return Content("story", {"raw": {"story": {"chat": chat, "id": 7}}})


def text(value: str, *, entities: list[Json] | None = None, parse_mode: str | None = None) -> Content:
    """A text, formatted by entities or in HTML or MarkdownV2."""
    return Content("text", {"text": value, "entities": entities, "parse_mode": parse_mode})


def build(world: World, content: Json, bot_id: int) -> tuple[str, Json]:
    """Kind and Bot API fields of one content; file ids are those of `bot_id`."""
    kind = content["kind"]
    if kind == "text":
        found, entities = format_text(content["text"], content.get("parse_mode"), content.get("entities"))
        return kind, {"text": found, "entities": entities} if entities else {"text": found}
    if kind in FILES:
        return kind, _built_file(world, kind, content, bot_id) | _caption(content)
    if kind == "poll":
        return kind, {"poll": build_poll(world, content)}
    if kind == "dice":
        return kind, {"dice": build_dice(world, content["emoji"], content.get("value"))}
    if "raw" in content:
        return kind, dict(content["raw"])
    return kind, {name: content[name] for name in ("venue", "location", "contact") if name in content}


def _built_file(world: World, kind: str, content: Json, bot_id: int) -> Json:
    details = content.get("details", {})
    stored = world.files.add(
        kind,
        b64decode(content["data"]),
        name=details.get("file_name"),
        mime=details.get("mime_type"),
        size=content.get("size"),
    )
    described = describe(stored, bot_id, details)
    return {"animation": described, "document": as_document(described)} if kind == "animation" else {kind: described}


def as_document(animation: Json) -> Json:
    """The document that accompanies an animation, "for backward compatibility" by the documentation of Message."""
    return {
        name: animation[name]
        for name in ("file_id", "file_unique_id", "file_name", "mime_type", "file_size")
        if name in animation
    }


def _caption(content: Json) -> Json:
    if not content.get("caption"):
        return {}
    found, entities = format_text(content["caption"], content.get("parse_mode"), content.get("caption_entities"))
    return {"caption": found, "caption_entities": entities} if entities else {"caption": found}


def build_poll(world: World, content: Json) -> Json:
    """The Poll object of a new poll."""
    options = [
        {"persistent_id": str(index), "text": option, "voter_count": 0}
        for index, option in enumerate(content["options"])
    ]
    result: Json = {
        "id": world.long_id(),
        "question": content["question"],
        "options": options,
        "total_voter_count": 0,
        "is_closed": False,
        "is_anonymous": content.get("is_anonymous", True),
        "type": content["type"],
        "allows_multiple_answers": content.get("allows_multiple_answers", False),
        "allows_revoting": content["type"] != "quiz",
        "members_only": False,
    }
    if content.get("correct_option_ids"):
        result["correct_option_ids"] = content["correct_option_ids"]
    return result


def build_dice(world: World, emoji: str, value: int | None) -> Json:
    """The Dice object of a throw."""
    highest = {"🏀": 5, "⚽": 5, "🎰": 64}.get(emoji, 6)
    return {"emoji": emoji, "value": world.random.randint(1, highest) if value is None else value}
