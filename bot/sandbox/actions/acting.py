"""What people do, as plain functions on the state: each changes what people see and queues updates for the bots.

Arguments and results are plain values, because the same functions are called in this process and over HTTP. A `place`
identifies a chat of a person: a bot's id for the private chat with it, a negative group id for a group.
"""

from typing import Any

from bot.sandbox.errors import SandboxError
from bot.sandbox.methods.copying import PLACE, forwardable, origin
from bot.sandbox.methods.sending import plain
from bot.sandbox.world.chats import Chat, Group, PrivateChat, StoredMessage, take_out
from bot.sandbox.world.content import build
from bot.sandbox.world.state import Callback, World
from bot.sandbox.world.transcript import DELETED, EDITED, REACTION

Json = dict[str, Any]


def wire(chat: Chat, message: StoredMessage) -> Json:
    """A message as plain values, for the clients of people."""
    return {
        "message": message.json,
        "chat": chat.id,
        "place": chat.bot_id if isinstance(chat, PrivateChat) else chat.id,
        "kind": message.kind,
        "copied_from": message.copied_from,
        "request_id": message.request_id,
        "reactions": [reaction for several in message.reactions.values() for reaction in several],
        "seq": message.seq,
    }


def send(
    world: World,
    *,
    person: int,
    place: int,
    content: Json,
    reply_to: int | None = None,
    thread: int | None = None,
    protected: bool = False,
    forward_origin: Json | None = None,
    parts: Json | None = None,
    album: str | None = None,
) -> list[Json]:
    """A person sends a message, or the several messages of an album. Writing to a bot also starts and unblocks it.

    Args:
        album: the `media_group_id` of an album that this is a further part of, or the first one
        parts: further parts of the message, or others in place of its own, in the update alone; None leaves one out.
    """
    chat = _entered(world, person, place)
    if content["kind"] != "album":
        extra: Json = {"forward_origin": forward_origin} if forward_origin else {}
        extra |= {"media_group_id": album} if album else {}
        return [wire(chat, _post(world, chat, person, content, reply_to, thread, protected, extra, parts))]
    group: Json = {"media_group_id": album or world.long_id()}
    group |= {"forward_origin": forward_origin} if forward_origin else {}
    return [
        wire(chat, _post(world, chat, person, item, reply_to, thread, protected, group)) for item in content["items"]
    ]


def _entered(world: World, person_id: int, place: int) -> Chat:
    chat = world.place(person_id, place)
    if world.person(person_id).deactivated:
        raise SandboxError("a deactivated account cannot act")
    if isinstance(chat, PrivateChat):
        if chat.blocked:
            unblock(world, person=person_id, place=place)
        chat.started = True
    elif isinstance(chat, Group):
        if chat.migrated_to is not None:
            return _entered(world, person_id, chat.migrated_to)
        if not chat.has(person_id):
            raise SandboxError("only members of the group can write there")
    return chat


def _post(
    world: World,
    chat: Chat,
    person_id: int,
    content: Json,
    reply_to: int | None,
    thread: int | None,
    protected: bool,
    extra: Json,
    parts: Json | None = None,
) -> StoredMessage:
    kind, fields = build(world, content, chat.bot_id if isinstance(chat, PrivateChat) else 0)
    now = world.now()
    message: Json = {
        "message_id": chat.next_id(),
        "from": world.person(person_id).user,
        "chat": chat.json,
        "date": int(now),
        **_reply(chat, reply_to),
        **extra,
        **fields,
    }
    thread = thread or message.get("reply_to_message", {}).get("message_thread_id")
    if thread:
        message |= {"message_thread_id": thread, "is_topic_message": True}
    if protected:
        message["has_protected_content"] = True
    chat.force_reply = None
    stored = world.keep(chat, StoredMessage(message, kind))
    if kind == "poll":
        world.polls[message["poll"]["id"]] = (chat, stored.id)
    world.files.note_posted(fields, chat.id, stored.id)
    told = {name: value for name, value in {**message, **(parts or {})}.items() if value is not None}
    world.notify(chat, "message", told, lane=("chat", chat.id), date=now)
    return stored


def _reply(chat: Chat, reply_to: int | None) -> Json:
    if reply_to is None:
        return {}
    replied = chat.messages.get(reply_to)
    if replied is None:
        raise SandboxError(f"there is no message {reply_to} to reply to")
    return {"reply_to_message": plain(replied.json)}


def forward(world: World, *, person: int, place: int, message_id: int, to: int) -> Json:
    """A person forwards a message to another chat of theirs.

    Raises SandboxError for protected messages, as the apps do not offer it there.
    """
    source = world.place(person, place).messages.get(message_id)
    if source is None or not forwardable(source):
        raise SandboxError(f"message {message_id} is not there, or cannot be forwarded")
    chat = _entered(world, person, to)
    fields = {name: value for name, value in source.json.items() if name not in PLACE}
    author = {"message_id": chat.next_id(), "from": world.person(person).user, "chat": chat.json}
    now = world.now()
    message: Json = {**author, "date": int(now), "forward_origin": origin(world, source), **fields}
    stored = world.keep(chat, StoredMessage(message, source.kind))
    world.notify(chat, "message", message, lane=("chat", chat.id), date=now)
    return wire(chat, stored)


# What people may put in place of a text or a file, and what they may replace by it.
EDITABLE = frozenset({"photo", "video", "animation", "document", "audio"})


def edit(world: World, *, person: int, place: int, message_id: int, content: Json, removes_media: bool = False) -> Json:
    """A person edits their own message: its words, or its file, which may be put in place of a text.

    Args:
        removes_media: a text takes the place of a file; no app lets people do that so far.

    Raises SandboxError for what Telegram does not let people edit.
    """
    chat, message = _own(world, person, place, message_id)
    kind, fields = build(world, content, chat.bot_id if isinstance(chat, PrivateChat) else 0)
    now = world.now()
    replaced: tuple[str, ...] = ("text", "entities", "caption", "caption_entities")
    if kind == "location":
        if "live_period" not in message.json.get("location", {}):
            raise SandboxError("only a live location moves")
    elif kind == "text" and message.kind != "text" and not removes_media:  # the text of a photo or file is its caption
        fields = {"caption": fields["text"], "caption_entities": fields.get("entities", [])} if fields["text"] else {}
    elif kind != "text" or removes_media:
        if (kind not in EDITABLE and not removes_media) or message.kind not in EDITABLE | {"text"}:
            raise SandboxError(f"a {message.kind} cannot be replaced by a {kind}")
        replaced += tuple(EDITABLE)
        message.kind = kind
    message.json = {name: value for name, value in message.json.items() if name not in replaced} | fields
    message.json["edit_date"] = int(now)
    world.record(chat, message, EDITED, None)
    world.notify(chat, "edited_message", message.json, lane=("chat", chat.id), date=now)
    return wire(chat, message)


def delete(world: World, *, person: int, place: int, message_id: int) -> None:
    """A person deletes a message, in a private chat also the bot's; bots get no update (research note R9)."""
    chat = world.place(person, place)
    message = chat.messages.pop(message_id, None)
    if message is None:
        raise SandboxError(f"there is no message {message_id}")
    world.record(chat, message, DELETED, None)


def delete_topic(world: World, *, person: int, place: int, topic: int) -> None:
    """A person deletes a topic of a private chat with all that is in it; bots get no update."""
    chat = world.place(person, place)
    if topic not in chat.topics:
        raise SandboxError(f"there is no topic {topic}")
    for message in take_out(chat, topic):
        world.record(chat, message, DELETED, None)


def _own(world: World, person: int, place: int, message_id: int) -> tuple[Chat, StoredMessage]:
    chat = world.place(person, place)
    message = chat.messages.get(message_id)
    if message is None or message.json.get("from", {}).get("id") != person:
        raise SandboxError(f"message {message_id} does not exist or belongs to somebody else")
    return chat, message


def react(world: World, *, person: int, place: int, message_id: int, emoji: str | None) -> None:
    """A person sets or removes a reaction; bots that asked for `message_reaction` get an update, in a group its admins.

    https://core.telegram.org/bots/api#update
    """
    chat = world.place(person, place)
    message = chat.messages[message_id]
    old = message.reactions.get(person, [])
    new = [{"type": "emoji", "emoji": emoji}] if emoji else []
    message.reactions[person] = new
    now = world.now()
    world.record(chat, message, REACTION, None, {"reaction": new})
    update = {
        "chat": chat.json, "message_id": message_id, "user": world.person(person).user, "date": int(now),
        "old_reaction": old, "new_reaction": new,
    }  # fmt: skip
    world.notify(chat, "message_reaction", update, lane=("reaction", chat.id), date=now)


def block(world: World, *, person: int, place: int) -> None:
    """A person blocks a bot."""
    chat = world.dialogue(place, person)
    if not chat.blocked:
        chat.blocked = True
        _membership(world, chat, "member", "kicked")


def unblock(world: World, *, person: int, place: int) -> None:
    """A person unblocks a bot."""
    chat = world.dialogue(place, person)
    if chat.blocked:
        chat.blocked = False
        _membership(world, chat, "kicked", "member")


def _membership(world: World, chat: PrivateChat, old: str, new: str) -> None:
    bot = world.bot(chat.bot_id).user
    states = {"member": {"status": "member", "user": bot}, "kicked": {"status": "kicked", "user": bot, "until_date": 0}}
    now = world.now()
    update = {
        "chat": chat.json,
        "from": chat.person.user,
        "date": int(now),
        "old_chat_member": states[old],
        "new_chat_member": states[new],
    }
    world.notify(chat, "my_chat_member", update, lane=("member", chat.id), date=now)
    world.transcript.wake(chat.bot_id, chat.id)


def deactivate(world: World, *, person: int) -> None:
    """A person deletes their account."""
    world.person(person).deactivated = True


def press(
    world: World, *, person: int, place: int, data: str, message_id: int | None, inaccessible: bool = False
) -> str:
    """A person sends a callback query with `data`, which need not belong to any button. Returns its id.

    Args:
        message_id: None leaves `message` out of the update
        inaccessible: the message arrives as an InaccessibleMessage of date 0 (research note L14)
    """
    chat = world.place(person, place)
    message = chat.messages.get(message_id) if message_id is not None else None
    content: Json
    if message is not None and not inaccessible:
        bot_id = message.json.get("from", {}).get("id", 0)
        content = {"message": world.seen_by(bot_id, chat, message.json)}
    elif message_id is not None:
        bot_id = 0
        content = {"message": {"chat": chat.json, "message_id": message_id, "date": 0}}
    else:
        bot_id = 0
        content = {"inline_message_id": world.long_id()}
    bot_id = chat.bot_id if isinstance(chat, PrivateChat) else bot_id
    bot = world.bot(bot_id)
    callback = Callback(world.long_id(), bot.id, person, chat.id, world.now())
    world.callbacks[callback.id] = callback
    update = {
        "id": callback.id,
        "from": world.person(person).user,
        **content,
        "chat_instance": str(abs(hash((bot.id, chat.id))) + 10**15),
        "data": data,
    }
    bot.queue.push("callback_query", update, ("user", person))
    return callback.id


def vote(world: World, *, person: int, place: int, message_id: int, options: list[int]) -> None:
    """A person votes in a poll; its bot gets an update, with the vote unless the poll is anonymous."""
    chat = world.place(person, place)
    message = chat.messages[message_id]
    poll = message.json["poll"]
    counted = [
        {**option, "voter_count": option["voter_count"] + (index in options)}
        for index, option in enumerate(poll["options"])
    ]
    poll = {**poll, "options": counted, "total_voter_count": poll["total_voter_count"] + 1}
    message.json = {**message.json, "poll": poll}
    world.record(chat, message, EDITED, None)
    sender = world.bots_by_id.get(message.json["from"]["id"])
    if sender is None:
        return
    sender.queue.push("poll", poll, ("poll", int(poll["id"])))
    if not poll["is_anonymous"]:
        answer = {
            "poll_id": poll["id"],
            "user": world.person(person).user,
            "option_ids": options,
            "option_persistent_ids": [str(option) for option in options],
        }
        sender.queue.push("poll_answer", answer, ("user", person))
