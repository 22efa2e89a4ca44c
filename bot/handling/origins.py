"""Where a message comes from, and what it is about, read from what Telegram sent as far as that can be read.

aiogram's models are too strict for it: old forwards of hidden authors, for one, have no name.
"""

from typing import Any

from aiogram.enums import ContentType

from crm_core.messaging.messages import utf16_units

Json = dict[str, Any]
QUOTE_LONGEST = 1024  # UTF-16 units of a quote that Telegram takes back (ReplyParameters)
_KINDS = frozenset(ContentType)
_POINT = ("latitude", "longitude", "horizontal_accuracy", "heading", "proximity_alert_radius", "live_period")


def forwarded_from(raw: Json) -> str | None:
    """Whose words a forwarded message has: a name, empty where Telegram tells none; None if it is no forward."""
    origin = raw.get("forward_origin")
    if origin is None:
        return "" if isinstance(raw.get("forward_date"), int) else None
    return _author(origin)


def about(raw: Json) -> Json | None:
    """What a message replies to outside its chat, and which words of it are quoted; None for neither.

    Returns `quote` (text, entities) and, for a message of another chat, `kind`, `from`, `link` and `elsewhere`.
    """
    found: Json = {}
    quote = raw.get("quote")
    if isinstance(quote, dict) and isinstance(quote.get("text"), str) and quote["text"].strip():
        found["quote"] = {"text": quote["text"]}
        if isinstance(quote.get("entities"), list) and utf16_units(quote["text"]) <= QUOTE_LONGEST:
            found["quote"]["entities"] = quote["entities"]
    for name, read in (("external_reply", _external), ("reply_to_story", _story)):
        if isinstance(raw.get(name), dict):
            found |= {"elsewhere": True, **read(raw[name])}
    return found or None


def _external(reply: Json) -> Json:
    chat = reply.get("chat")
    kind = next((name for name in reply if name in _KINDS), ContentType.TEXT.value)
    return _known(kind, _author(reply.get("origin")) or _name(chat), _link(chat, reply.get("message_id")))


def _story(story: Json) -> Json:
    chat = story.get("chat")
    return _known(ContentType.STORY.value, _name(chat), _link(chat, story.get("id"), "s/"))


def _known(kind: str, author: str, link: str | None) -> Json:
    return {name: value for name, value in (("kind", kind), ("from", author), ("link", link)) if value}


def _author(origin: Any) -> str:
    """The name of who wrote a message first; of a channel's post also who signed it."""
    if not isinstance(origin, dict):
        return ""
    hidden, signed = origin.get("sender_user_name"), origin.get("author_signature")
    names = [_name(origin.get(name)) for name in ("sender_user", "sender_chat", "chat")]
    known = [hidden if isinstance(hidden, str) else "", *names, signed if isinstance(signed, str) else ""]
    return ", ".join(name for name in known if name.strip())


def _name(who: Any) -> str:
    """The name of a person, a bot or a chat."""
    if not isinstance(who, dict):
        return ""
    title = [who.get("title")] if isinstance(who.get("title"), str) else [who.get("first_name"), who.get("last_name")]
    name = " ".join(part for part in title if isinstance(part, str))
    handle = who.get("username")
    handle = f"@{handle}" if isinstance(handle, str) and handle else ""
    return " ".join(filter(None, (name, handle)))


def _link(chat: Any, number: Any, before: str = "") -> str | None:
    """The address of a message of a public chat."""
    handle = chat.get("username") if isinstance(chat, dict) else None
    if not isinstance(handle, str) or not handle.isascii() or type(number) is not int:
        return None
    return f"https://t.me/{handle}/{before}{number}"


def media(raw: Json) -> Json | None:
    """The file of a message: its kind, how Telegram finds it, and what is the same wherever it is sent; or its place.

    Returns None for a message without one.
    """
    for kind in (
        "live_photo", "animation", "photo", "video", "document", "audio", "voice", "video_note", "sticker",
    ):  # fmt: skip
        file = raw.get(kind)
        if kind == "photo" and isinstance(file, list) and file:
            file = file[-1]  # the largest
        if isinstance(file, dict) and isinstance(file.get("file_unique_id"), str):
            return {"kind": kind, "id": file["file_unique_id"], "file": file.get("file_id")}
    point = raw.get("location")
    if isinstance(point, dict) and "venue" not in raw:
        known = {name: point[name] for name in _POINT if isinstance(point.get(name), int | float)}
        return {"kind": "location", "id": ",".join(map(str, known.values())), "point": known}
    return None
