"""People, chats and the messages in them, as the server keeps them."""

from typing import Any

Json = dict[str, Any]


class PersonRecord:
    """An account of a person."""

    __slots__ = ("deactivated", "forbids_voice", "hidden_forwards", "id", "user")

    def __init__(self, user: Json, *, hidden_forwards: bool = False, forbids_voice: bool = False) -> None:
        self.id: int = user["id"]
        self.user = user
        self.deactivated = False
        self.hidden_forwards = hidden_forwards
        self.forbids_voice = forbids_voice


class StoredMessage:
    """A message as it stands now; `json` is replaced, never changed, so that older views of it stay true."""

    __slots__ = ("copied_from", "id", "is_old", "json", "kind", "reactions", "request_id", "seq")

    def __init__(
        self, json: Json, kind: str, copied_from: tuple[int, int] | None = None, request_id: int | None = None
    ) -> None:
        self.id: int = json["message_id"]
        self.json = json
        self.kind = kind
        self.copied_from = copied_from
        self.request_id = request_id
        self.seq = 0
        self.is_old = False  # Telegram lets its author edit it no more
        self.reactions: dict[int, list[Json]] = {}


class Topic:
    """A topic of a forum or a private chat; its id is the id of the service message that opened it."""

    __slots__ = ("closed", "icon_color", "icon_custom_emoji_id", "id", "name")

    def __init__(self, topic_id: int, name: str, icon_color: int, icon_custom_emoji_id: str | None) -> None:
        self.id = topic_id
        self.name = name
        self.icon_color = icon_color
        self.icon_custom_emoji_id = icon_custom_emoji_id
        self.closed = False


class Chat:
    """What private chats and groups share: messages by id, the counter of ids, the keyboard under the input field."""

    def __init__(self, chat_id: int, json: Json) -> None:
        self.id = chat_id
        self.json = json
        self.messages: dict[int, StoredMessage] = {}
        self.last_id = 0
        self.keyboard: Json | None = None
        self.force_reply: Json | None = None  # what the app asks to reply to: message_id, and a placeholder if any
        self.actions: list[str] = []
        self.pinned: list[int] = []  # message ids, the one pinned last at the end
        self.acted_at = 0.0  # Unix time of the last action, which is shown for five seconds
        self.topics: dict[int, Topic] = {}
        self.seq = 0  # the transcript's number of the last thing that happened here

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id


class PrivateChat(Chat):
    """The dialogue of one person with one bot."""

    def __init__(self, bot_id: int, person: PersonRecord) -> None:
        user = person.user
        json: Json = {"id": person.id, "type": "private", "first_name": user["first_name"]}
        json.update({name: user[name] for name in ("last_name", "username") if name in user})
        super().__init__(person.id, json)
        self.bot_id = bot_id
        self.person = person
        self.started = False
        self.blocked = False


class Group(Chat):
    """A group or a supergroup; `members` gives the status of people and bots by user id."""

    def __init__(self, chat_id: int, title: str, *, supergroup: bool, forum: bool) -> None:
        json: Json = {"id": chat_id, "type": "supergroup" if supergroup else "group", "title": title}
        if forum:
            json["is_forum"] = True
        super().__init__(chat_id, json)
        self.title = title
        self.forum = forum
        self.members: dict[int, str] = {}
        self.migrated_to: int | None = None
        self.deleted = False

    def has(self, user_id: int) -> bool:
        return self.members.get(user_id, "left") not in ("left", "kicked")

    def is_admin(self, user_id: int) -> bool:
        return self.members.get(user_id) in ("creator", "administrator")


def take_out(chat: Chat, topic_id: int) -> list[StoredMessage]:
    """Removes a topic with its messages, and returns these."""
    del chat.topics[topic_id]
    gone = [message for message in chat.messages.values() if message.json.get("message_thread_id") == topic_id]
    for message in gone:
        del chat.messages[message.id]
    return gone
