"""Everything but text: files, places, contacts, polls, dice, albums."""

from typing import Any

from bot.sandbox.errors import ApiError, bad_request
from bot.sandbox.methods.call import Call, Handler, method
from bot.sandbox.methods.files import resolve_file
from bot.sandbox.methods.messages import replace
from bot.sandbox.methods.sending import caption_content, send
from bot.sandbox.methods.targets import own_message, writable_chat
from bot.sandbox.world.chats import Chat, StoredMessage
from bot.sandbox.world.content import as_document, build_dice, build_poll
from bot.sandbox.world.files import describe
from bot.sandbox.world.state import MEDIA, Violation

Json = dict[str, Any]

MAX_ALBUM = 10
FOR_EVER = 0x7FFFFFFF  # the live_period of a location without end
DICE = ("🎲", "🎯", "🏀", "⚽", "🎳", "🎰")
_DETAILS = ("width", "height", "duration", "length", "title", "performer")
EDITABLE = frozenset({"photo", "video", "animation", "document", "audio"})  # what takes an InputMedia
_UNCAPTIONED = ("video_note", "sticker")


def _file_method(name: str, kind: str) -> None:
    def handler(call: Call) -> Json:
        chat = writable_chat(call)
        details: Json = {field: call.integer(field) for field in ("width", "height", "duration", "length")}
        details |= {field: call.text(field) for field in ("title", "performer")}
        content = file_content(call, kind, call.fields.get(kind), kind, details)
        if kind not in _UNCAPTIONED:
            content |= caption_content(call)
        return send(call, chat, kind, content).json

    handler.__doc__ = f"https://core.telegram.org/bots/api#{name.lower()}"
    registered: Handler = handler
    method(name, counted=True)(registered)


for _name, _kind in (
    ("sendPhoto", "photo"),
    ("sendVideo", "video"),
    ("sendVideoNote", "video_note"),
    ("sendVoice", "voice"),
    ("sendAudio", "audio"),
    ("sendDocument", "document"),
    ("sendAnimation", "animation"),
    ("sendSticker", "sticker"),
):
    _file_method(_name, _kind)


def file_content(call: Call, kind: str, value: Any, name: str, details: Json) -> Json:
    """The fields of a message with a file."""
    described = describe(resolve_file(call, kind, value, name), call.bot.id, details)
    return {"animation": described, "document": as_document(described)} if kind == "animation" else {kind: described}


@method("sendMediaGroup", counted=True)
def send_media_group(call: Call) -> list[Json]:
    """https://core.telegram.org/bots/api#sendmediagroup"""
    chat = writable_chat(call)
    media = call.json("media")
    if not isinstance(media, list) or not media:
        raise bad_request("there are no messages to send")
    if len(media) > MAX_ALBUM:
        raise bad_request("too many messages to send as an album")
    if len(media) == 1:
        # The documentation requires 2-10; the server accepts one. Recorded for tests of bots that rely on it.
        call.world.violations.append(Violation(call.bot.id, call.method, "an album of one"))
    _check_mixture([item["type"] for item in media])
    group = {"media_group_id": call.world.long_id()}
    contents = [(item["type"], item_content(call, item) | group, _original(call, item)) for item in media]
    if call.partial:
        _send_items(call, chat, contents[:-1])
        raise bad_request(f'failed to send message #{len(media)} with the error message "INTERNAL"')
    return _send_items(call, chat, contents)


def _send_items(call: Call, chat: Chat, contents: list[tuple[str, Json, tuple[int, int] | None]]) -> list[Json]:
    return [send(call, chat, kind, content, copied_from=original).json for kind, content, original in contents]


def _original(call: Call, item: Json) -> tuple[int, int] | None:
    """The message in which a person sent the file of an InputMedia object."""
    stored = call.world.files.behind(str(item.get("media")))
    return None if stored is None else stored.posted


def _check_mixture(kinds: list[str]) -> None:
    for kind in kinds:
        if kind not in ("photo", "video", "document", "audio"):
            raise bad_request(f"can't parse InputMedia: type {kind!r} must not be used in an album")
    for kind in ("document", "audio"):
        if kind in kinds and set(kinds) != {kind}:
            raise bad_request(f"{kind} can't be mixed with other media types")


def item_content(call: Call, item: Json) -> Json:
    """File and caption of one InputMedia object."""
    kind = item["type"]
    details = {name: item.get(name) for name in _DETAILS}
    content = file_content(call, kind, item.get("media"), "", details)
    return content | caption_content(call.with_fields(item))


@method("editMessageMedia", counted=True)
def edit_media(call: Call) -> Json:
    """https://core.telegram.org/bots/api#editmessagemedia"""
    chat = writable_chat(call)
    message = own_message(call, chat)
    item = call.json("media")
    if not isinstance(item, dict) or item.get("type") not in EDITABLE:
        raise bad_request("can't parse InputMedia: Object expected")
    if message.kind not in EDITABLE | {"text"}:
        raise bad_request("message can't be edited")
    content = item_content(call, item)
    replaced = (*MEDIA, "text", "entities", "caption", "caption_entities")
    kind, message.kind = message.kind, item["type"]
    try:
        return replace(call, chat, message, content, without=replaced)
    except ApiError:
        message.kind = kind
        raise


@method("sendLocation", counted=True)
def send_location(call: Call) -> Json:
    """https://core.telegram.org/bots/api#sendlocation"""
    chat = writable_chat(call)
    point = _point(call)
    period = call.integer("live_period")
    if period:
        if not 60 <= period <= 86_400 and period != FOR_EVER:
            raise bad_request("wrong live location period specified")
        point["live_period"] = period
    return send(call, chat, "location", {"location": point}).json


@method("editMessageLiveLocation", counted=True)
def edit_live_location(call: Call) -> Json:
    """https://core.telegram.org/bots/api#editmessagelivelocation"""
    chat = writable_chat(call)
    message = own_message(call, chat)
    period = _live_period(call, message)
    return replace(call, chat, message, {"location": {**_point(call), "live_period": period}}, without=("location",))


@method("stopMessageLiveLocation", counted=True)
def stop_live_location(call: Call) -> Json:
    """https://core.telegram.org/bots/api#stopmessagelivelocation"""
    chat = writable_chat(call)
    message = own_message(call, chat)
    _live_period(call, message)
    point = {name: value for name, value in message.json["location"].items() if name != "live_period"}
    return replace(call, chat, message, {"location": point}, without=("location",))


def _live_period(call: Call, message: StoredMessage) -> int:
    """For how long a live location may be moved.

    Raises ApiError: 400 "message can't be edited" when it may not (any more).
    """
    period = int(message.json.get("location", {}).get("live_period", 0))
    if not period or (period != FOR_EVER and call.world.now() > message.json["date"] + period):
        raise bad_request("message can't be edited")
    return period


@method("sendVenue", counted=True)
def send_venue(call: Call) -> Json:
    """https://core.telegram.org/bots/api#sendvenue"""
    chat = writable_chat(call)
    title, address = call.text("title"), call.text("address")
    if title is None or address is None:
        raise bad_request("title and address must be non-empty")
    where = _point(call)
    venue = {"location": where, "title": title, "address": address}
    return send(call, chat, "venue", {"venue": venue, "location": where}).json


def _point(call: Call) -> Json:
    try:
        latitude, longitude = float(call.fields["latitude"]), float(call.fields["longitude"])
    except (KeyError, TypeError, ValueError):
        raise bad_request("latitude is empty") from None
    if abs(latitude) > 90 or abs(longitude) > 180:
        raise bad_request("wrong location specified")
    return {"latitude": latitude, "longitude": longitude}


@method("sendContact", counted=True)
def send_contact(call: Call) -> Json:
    """https://core.telegram.org/bots/api#sendcontact"""
    chat = writable_chat(call)
    phone, first_name = call.text("phone_number"), call.text("first_name")
    if phone is None:
        raise bad_request("phone number is empty")
    if first_name is None:
        raise bad_request("contact first name is empty")
    contact = {"phone_number": phone, "first_name": first_name}
    contact |= {name: value for name in ("last_name", "vcard") if (value := call.text(name)) is not None}
    return send(call, chat, "contact", {"contact": contact}).json


@method("sendPoll", counted=True)
def send_poll(call: Call) -> Json:
    """https://core.telegram.org/bots/api#sendpoll"""
    chat = writable_chat(call)
    question, options = call.text("question"), call.json("options")
    if question is None:
        raise bad_request("poll question must be non-empty")
    if len(question) > 300:
        raise bad_request("poll question length must not exceed 300")
    if not isinstance(options, list) or not options:
        raise bad_request("poll must have at least 1 option")
    texts = [option if isinstance(option, str) else str(option.get("text", "")) for option in options]
    if not all(1 <= len(text) <= 100 for text in texts):
        raise bad_request("poll options length must not exceed 100")
    correct = call.json("correct_option_ids")
    if correct is None and call.integer("correct_option_id") is not None:
        correct = [call.integer("correct_option_id")]
    poll = build_poll(
        call.world,
        {
            "question": question,
            "options": texts,
            "type": call.text("type") or "regular",
            "is_anonymous": "is_anonymous" not in call.fields or call.flag("is_anonymous"),
            "allows_multiple_answers": call.flag("allows_multiple_answers"),
            "correct_option_ids": correct,
        },
    )
    if poll["type"] == "quiz" and not correct:
        raise bad_request("wrong quiz correct option identifier specified")
    sent = send(call, chat, "poll", {"poll": poll})
    call.world.polls[poll["id"]] = (chat, sent.id)
    return sent.json


@method("sendDice", counted=True)
def send_dice(call: Call) -> Json:
    """https://core.telegram.org/bots/api#senddice"""
    chat = writable_chat(call)
    emoji = call.text("emoji") or DICE[0]
    if emoji not in DICE:
        raise bad_request("invalid dice emoji")
    return send(call, chat, "dice", {"dice": build_dice(call.world, emoji, None)}).json
