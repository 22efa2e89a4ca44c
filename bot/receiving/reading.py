"""Reads an update as far as it can be read.

Telegram leaves out what it documents, spells it otherwise, and adds kinds that aiogram's models do not know. None of
that may cost anybody's words: what cannot be read is left out, innermost part first, down to the bare message, which
copyMessage passes on by its number alone.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import Any, cast

from aiogram import Bot
from aiogram.types import CallbackQuery, ChatMemberUpdated, Message, MessageReactionUpdated, TelegramObject
from pydantic import ValidationError

from bot.handling.incoming import LANGUAGE_LONGEST
from bot.receiving.plain_messages import read_plain

LARGEST_ID = 2**63 - 1  # what databases hold; Telegram's ids are smaller by far
TRIES = 12  # each leaves out what the one before could not read; then only the bare message is left

# The kinds of update that are asked for (`ALLOWED_UPDATES`), and the model of each.
EVENTS: dict[str, type[TelegramObject]] = {
    "message": Message,
    "edited_message": Message,
    "callback_query": CallbackQuery,
    "my_chat_member": ChatMemberUpdated,
    "message_reaction": MessageReactionUpdated,
}
MESSAGES = frozenset({"message", "edited_message"})
KEPT = frozenset({"from", "message", "chat", "date", "message_id", "user", "old_reaction", "new_reaction"})
ALBUM_MEDIA = frozenset({"photo", "video", "document", "audio", "live_photo"})
# What is each part's own where an album has no other words than its first part's; their files are not read from models.
OF_EACH_PART = ALBUM_MEDIA | {"message_id"}
# By these a handler is chosen, besides the kind of content and what is replied to.
CHOOSING = frozenset({"from", "sender_chat", "chat", "message_thread_id", "text", "contact"})
OTHER_MESSAGES = frozenset({"reply_to_message", "pinned_message"})  # inside a message

Json = dict[str, Any]
Path = tuple[str | int, ...]


def kind_of(raw: Json) -> str | None:
    """The kind of an update; None for one that Telegram added later, and that was not asked for."""
    return next((name for name in EVENTS if raw.get(name) is not None), None)


def read_event(raw: Json, *, bot: Bot) -> TelegramObject | None:
    """The event of an update, without what cannot be read of it; None for a kind that is not known.

    Raises ValidationError where it cannot even be said which message it is, and in which chat.
    """
    kind = kind_of(raw)
    if kind is None:
        return None
    model, context, event = EVENTS[kind], {"bot": bot}, raw[kind]
    is_message = kind in MESSAGES
    if isinstance(event, dict) and is_message:
        if (plain := read_plain(event, bot=bot)) is not None:
            return plain
        if "from" not in event:
            event = copy.deepcopy(event)
            _complete(event, is_message=True)
    try:
        return model.model_validate(event, context=context)
    except ValidationError as error:
        if not isinstance(event, dict):
            raise
        left, unreadable = copy.deepcopy(event), error
    for _ in range(TRIES):
        _leave_out(left, unreadable)
        _complete(left, is_message=is_message)
        try:
            return model.model_validate(left, context=context)
        except ValidationError as error:
            unreadable = error
    return model.model_validate(_bare(left, is_message=is_message), context=context)


def read_further(raw: Json, before: Json, read: Message, *, bot: Bot) -> Message | None:
    """A further part of an album: `read` itself where only what is each part's own differs (`OF_EACH_PART`); None if
    it may be for another handler than the part before it.

    Args:
        before: the update of that part.
        read: the message of that part.
    """
    part, last = raw["message"], before["message"]
    differing = {name for name in part.keys() | last.keys() if part.get(name) != last.get(name)}
    number = whole(part.get("message_id"))
    if number is not None and differing <= OF_EACH_PART and differing <= part.keys() & last.keys():
        return read
    is_command = str(part.get("caption", "")).startswith("/")
    if is_command or ALBUM_MEDIA.isdisjoint(part) or not differing.isdisjoint(CHOOSING):
        return None
    if "reply_to_message" in differing and "reply_to_message" in part:
        return None
    return cast(Message, read_event(raw, bot=bot))


def _leave_out(event: Json, unreadable: ValidationError) -> None:
    """Removes each part that an error is about: the innermost that is there, of a list only its item."""
    paths = {_found(event, one["loc"]) for one in unreadable.errors(include_url=False, include_input=False)}
    remove(event, [path for path in paths if path and not _shrunk(event, path)])


def _shrunk(event: Json, path: Path) -> bool:
    """Of a message that is replied to keeps which one it is. Returns whether that is news."""
    if len(path) > 1 or path[0] not in OTHER_MESSAGES:
        return False
    stub = _stub(event[path[0]], event.get("chat") or {})
    if stub is None or stub == event[path[0]]:
        return False
    event[path[0]] = stub
    return True


def _found(value: Any, loc: Sequence[str | int]) -> Path:
    """The way to what an error is about, as far as it exists: a loc also names the models that were tried."""
    path: list[str | int] = []
    for step in loc:
        if (isinstance(value, dict) and step in value) or (isinstance(value, list) and step in range(len(value))):
            value = value[step]  # type: ignore[index]
            path.append(step)
    return tuple(path)


def remove(event: Json, paths: Sequence[Path]) -> None:
    """Removes what stands at these places of a JSON object; later items of a list first, so that the places hold."""
    for path in sorted(paths, key=_order, reverse=True):
        place: Any = event
        for step in path[:-1]:
            place = place[step]
        if isinstance(place, dict):
            place.pop(path[-1], None)
        else:
            del place[path[-1]]


def _order(path: Path) -> tuple[Any, ...]:
    return tuple((isinstance(step, int), step) for step in path)


# --- what must be there -----------------------------------------------------------------------------------------------


def _complete(event: Json, *, is_message: bool) -> None:
    """Puts in place of required parts that are missing what is known of them, so that a number is enough."""
    if is_message:
        _complete_message(event)
        return
    for name in ("from", "user"):
        person = _person(event.get(name))
        if person is not None:
            event[name] = person
    pressed = event.get("message")
    if isinstance(pressed, dict):
        event["message"] = pressed = _stub(pressed, {})
    if pressed is None:
        event.pop("message", None)


def _complete_message(message: Json) -> None:
    chat = message["chat"] = _chat(message.get("chat"))
    writer = _person(message.get("from"))
    if writer is None and chat.get("type") == "private":
        writer = _person(chat)
    if writer is not None:
        message["from"] = writer
    message["date"] = whole(message.get("date")) or 0


def _chat(chat: Any) -> Json:
    """A chat that can be read; without a number there is no message."""
    given: Json = chat if isinstance(chat, dict) else {}
    kind = given.get("type")
    return {**given, "type": kind if isinstance(kind, str) else "private"}


def _person(user: Any) -> Json | None:
    """A person that can be read, from what is given of them; None where there is no number."""
    if not isinstance(user, dict) or whole(user.get("id")) is None:
        return None
    names = {name: user[name] for name in ("first_name", "last_name", "username") if isinstance(user.get(name), str)}
    person: Json = {"id": user["id"], "is_bot": user.get("is_bot") is True, "first_name": "", **names}
    language = user.get("language_code")
    if isinstance(language, str) and len(language) <= LANGUAGE_LONGEST:
        person["language_code"] = language
    return person


def _stub(message: Any, chat: Json) -> Json | None:
    """Of another message only which one it is."""
    number = whole(message.get("message_id")) if isinstance(message, dict) else None
    if number is None:
        return None
    there = message.get("chat")
    known = isinstance(there, dict) and whole(there.get("id")) is not None
    return {"message_id": number, "date": 0, "chat": _bare_chat(there if known else chat)}


def _bare_chat(chat: Any) -> Json:
    chat = _chat(chat)
    return {"id": chat.get("id"), "type": chat["type"]}


def _bare(event: Json, *, is_message: bool) -> Json:
    """What is needed to pass a message on, or to answer a press."""
    if not is_message:
        kept = {name: event[name] for name in ("id", "chat_instance", "data") if isinstance(event.get(name), str)}
        chosen = {name: value for name, value in event.items() if name in KEPT}
        states = {name: value for name, value in event.items() if name.endswith("_chat_member")}
        return {"chat_instance": "", **kept, **chosen, **states}
    _complete_message(event)
    kept = {name: event[name] for name in ("message_id", "from", "date", "edit_date") if name in event}
    return {**kept, "chat": _bare_chat(event["chat"])}


# --- what is read of a raw update before its model is made ------------------------------------------------------------


def whole(value: Any) -> int | None:
    """A whole number that a database holds; None for anything else."""
    return value if type(value) is int and abs(value) <= LARGEST_ID else None


def topic_of(raw: Json) -> int | None:
    """The topic of the message that an update is about, or whose button was pressed."""
    query = raw.get("callback_query")
    message = query.get("message") if isinstance(query, dict) else raw.get("message") or raw.get("edited_message")
    if not isinstance(message, dict) or not message.get("is_topic_message"):
        return None
    return whole(message.get("message_thread_id"))


def writer_of(raw: Json) -> Json | None:
    """Who caused an update, as far as it can be read. In a private chat it is the other side, if nobody is named."""
    for event in raw.values():
        if isinstance(event, dict):
            found = _person(event.get("from") or event.get("user"))  # of a reaction
            if found is None and _is_private(event.get("chat")):
                found = _person(event["chat"])
            if found is not None:
                return found
    return None


def _is_private(chat: Any) -> bool:
    return isinstance(chat, dict) and chat.get("type", "private") == "private"


def chat_of(raw: Json) -> Json | None:
    """The chat where an update happened, None where it names none."""
    for event in raw.values():
        if isinstance(event, dict):
            message = event.get("message") if "chat_instance" in event else event
            chat = message.get("chat") if isinstance(message, dict) else None
            if isinstance(chat, dict) and type(chat.get("id")) is int:
                return chat
    return None


def has_number(raw: Json) -> bool:
    """Whether an update says which message of which chat it is about, in numbers that a database holds."""
    event = raw.get(kind_of(raw) or "")
    message = event.get("message") if isinstance(event, dict) and "chat_instance" in event else event
    if not isinstance(message, dict):
        return False
    chat = message.get("chat")
    return (
        isinstance(chat, dict)
        and whole(chat.get("id")) is not None
        and (whole(message.get("message_id")) is not None or "old_chat_member" in message)
    )


def without_impossible_numbers(value: Any) -> Any:
    """The same without whole numbers that no database holds, wherever they stand; Telegram sends none such."""
    if isinstance(value, dict):
        return {name: without_impossible_numbers(one) for name, one in value.items() if not _is_impossible(one)}
    if isinstance(value, list):
        return [without_impossible_numbers(one) for one in value if not _is_impossible(one)]
    return value


def has_impossible_number(value: Any) -> bool:
    """Whether a raw update has a whole number, anywhere in it, that no database holds."""
    return any(map(_is_impossible, _numbers(value)))


def _numbers(value: Any) -> Iterator[int]:
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _numbers(one)
    elif isinstance(value, int):
        yield value


def _is_impossible(value: Any) -> bool:
    return isinstance(value, int) and abs(value) > LARGEST_ID
