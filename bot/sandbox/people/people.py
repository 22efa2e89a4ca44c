"""People who use Telegram: `await ivan.says("Hello", to=shop)`, `await anna.presses(card, "Take")`."""

# ruff: noqa: ASYNC109 - these timeouts end with a failure that says what was expected

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from re import Pattern
from typing import Any

from bot.sandbox.errors import SandboxError
from bot.sandbox.people.control_client import ControlClient
from bot.sandbox.people.seen import CallbackPress, SeenMessage
from bot.sandbox.world.content import Content, contact, text

Json = dict[str, Any]
Wanted = str | Pattern[str] | Callable[[SeenMessage], bool] | None


@dataclass(frozen=True)
class BotHandle:
    """A bot of the sandbox, as a place where people write."""

    id: int
    token: str
    username: str
    name: str

    @property
    def place(self) -> int:
        return self.id


class GroupHandle:
    """A group of the sandbox, as a place where people write."""

    def __init__(self, control: ControlClient, chat: Json) -> None:
        self._control = control
        self.id: int = chat["id"]
        self.title: str = chat["title"]

    @property
    def place(self) -> int:
        return self.id

    def upgrade(self) -> None:
        """Become a supergroup: `id` changes, calls with the old one get 400 and `migrate_to_chat_id`."""
        self.id = self._control.ask("upgrade", group=self.id)["id"]

    def set_member(self, who: "Person | BotHandle", status: str) -> None:
        """Make somebody "member", "administrator", "left" or "kicked"."""
        self._control.ask("set_member", group=self.id, user=who.id, status=status)


Place = BotHandle | GroupHandle


class Person:
    """A person with a Telegram account.

    Actions take effect immediately and queue updates for the bots; `sees` waits for what bots do.
    """

    def __init__(self, control: ControlClient, user: Json, settle: Callable[[float], Awaitable[None]]) -> None:
        self._control = control
        self._settle = settle
        self._looked: dict[int, int] = {}
        self._last_place: Place | None = None
        self.user = user
        self.id: int = user["id"]
        self.first_name: str = user["first_name"]

    def __repr__(self) -> str:
        return f"{self.first_name}({self.id})"

    def _place(self, place: Place | SeenMessage | None) -> int:
        if isinstance(place, SeenMessage):
            return place.place
        if place is None:
            if self._last_place is None:
                raise SandboxError(f"name a bot: {self.first_name} has not written to any yet")
            return self._last_place.place
        self._last_place = place
        return place.place

    def is_at(self, place: Place) -> None:
        """Has this chat open: what they say and see from now on is there, if no other place is named."""
        self._last_place = place

    # Writing

    async def says(
        self,
        message: str,
        *,
        to: Place | None = None,
        reply_to: SeenMessage | int | None = None,
        entities: list[Json] | None = None,
        parse_mode: str | None = None,
        thread: int | None = None,
        protected: bool = False,
    ) -> SeenMessage:
        """Send a text.

        Args:
            to: by default the bot or group of the last action
            reply_to: a message of the same chat
            thread: forum topic
        """
        content = text(message, entities=entities, parse_mode=parse_mode)
        return await self.sends(content, to=to, reply_to=reply_to, thread=thread, protected=protected)

    async def starts(self, bot: BotHandle, payload: str = "") -> SeenMessage:
        """Press Start, through a deep link if there is a `payload`; also unblocks the bot."""
        return await self.says(f"/start {payload}".rstrip(), to=bot)

    async def sends(
        self,
        content: Content,
        *,
        to: Place | None = None,
        caption: str | None = None,
        reply_to: SeenMessage | int | None = None,
        thread: int | None = None,
        protected: bool = False,
        forward_origin: Json | None = None,
        parts: Json | None = None,
        album: str | None = None,
    ) -> SeenMessage:
        """Send any content of `bot.sandbox.world.content`. Returns the message, of an album the first one.

        Args:
            parts: further parts of the message in its update, such as `quote`; None leaves one out.
            album: the `media_group_id` of the album that it is a part of, to send the parts one by one.
        """
        sent = await self.sends_all(
            content,
            to=to,
            caption=caption,
            reply_to=reply_to,
            thread=thread,
            protected=protected,
            forward_origin=forward_origin,
            parts=parts,
            album=album,
        )
        return sent[0]

    async def sends_all(
        self,
        content: Content,
        *,
        to: Place | None = None,
        caption: str | None = None,
        reply_to: SeenMessage | int | None = None,
        thread: int | None = None,
        protected: bool = False,
        forward_origin: Json | None = None,
        parts: Json | None = None,
        album: str | None = None,
    ) -> list[SeenMessage]:
        """Like `sends`, but returns all messages of an album."""
        reply_id = reply_to.id if isinstance(reply_to, SeenMessage) else reply_to
        place = self._place(to)
        sent = await self._control.act(
            "send",
            person=self.id,
            place=place,
            content=content.wire(caption=caption),
            reply_to=reply_id,
            thread=thread,
            protected=protected,
            forward_origin=forward_origin,
            parts=parts,
            album=album,
        )
        self._looked[place] = max(self._looked.get(place, 0), sent[-1]["seq"])
        return [SeenMessage.from_wire(wire) for wire in sent]

    async def replies(self, message: SeenMessage, content: str | Content, *, caption: str | None = None) -> SeenMessage:
        """Reply to a message with a text or other content, in its chat and topic."""
        content = text(content) if isinstance(content, str) else content
        sent = await self._control.act(
            "send", person=self.id, place=message.place, content=content.wire(caption=caption), reply_to=message.id
        )
        return SeenMessage.from_wire(sent[0])

    async def shares_phone(self, to: Place | None = None, *, phone: str = "+79990000001") -> SeenMessage:
        """Press the contact button: sends their own number, with their own user id."""
        own = contact(phone, self.first_name, last_name=self.user.get("last_name"), user_id=self.id)
        return await self.sends(own, to=to)

    async def forwards(self, message: SeenMessage, to: Place) -> SeenMessage:
        """Forward a message to another chat. Raises SandboxError where the message is protected."""
        found = await self._control.act(
            "forward", person=self.id, place=message.place, message_id=message.id, to=self._place(to)
        )
        return SeenMessage.from_wire(found)

    async def edits(self, message: SeenMessage, new: str | Content, *, removes_media: bool = False) -> SeenMessage:
        """Change the text or caption of their own message, its file, or where a live location is.

        Args:
            removes_media: the text takes the place of a file, instead of being its caption
        """
        content = text(new) if isinstance(new, str) else new
        found = await self._control.act(
            "edit",
            person=self.id,
            place=message.place,
            message_id=message.id,
            content=content.wire(),
            removes_media=removes_media,
        )
        return SeenMessage.from_wire(found)

    async def deletes(self, message: SeenMessage) -> None:
        """Delete a message; bots get no update."""
        await self._control.act("delete", person=self.id, place=message.place, message_id=message.id)

    async def deletes_topic(self, topic: int, *, at: Place | None = None) -> None:
        """Delete a topic of a chat with a bot, and all that is in it."""
        await self._control.act("delete_topic", person=self.id, place=self._place(at), topic=topic)

    async def reacts(self, message: SeenMessage, emoji: str | None) -> None:
        """Set a reaction; None removes it."""
        await self._control.act("react", person=self.id, place=message.place, message_id=message.id, emoji=emoji)

    async def votes(self, message: SeenMessage, *options: int) -> None:
        """Vote in a poll."""
        await self._control.act(
            "vote", person=self.id, place=message.place, message_id=message.id, options=list(options)
        )

    async def blocks(self, bot: BotHandle) -> None:
        """Block a bot: it gets 403 from now on."""
        await self._control.act("block", person=self.id, place=bot.id)

    async def unblocks(self, bot: BotHandle) -> None:
        """Unblock a bot."""
        await self._control.act("unblock", person=self.id, place=bot.id)

    def deactivates(self) -> None:
        """Delete the account: every bot gets 403 "user is deactivated"."""
        self._control.ask("deactivate", person=self.id)

    # Buttons

    async def presses(
        self, message: SeenMessage, label: str | None = None, *, callback_data: str | None = None, stale: bool = False
    ) -> CallbackPress:
        """Press an inline button, named by its label (exactly, or a part of it) or by its data.

        Args:
            stale: press the button as it was when `message` was read, even if it no longer exists

        Raises AssertionError if there is no such button, with what there is.
        """
        current = message if stale else self._current(message)
        button = current.button(label, callback_data) if current is not None else None
        wanted = label if label is not None else callback_data
        if button is None:
            raise AssertionError(f"{self.first_name} finds no button {wanted!r} on {current or 'a deleted message'}")
        if "callback_data" not in button or button.get("disabled"):
            raise AssertionError(f"the button {wanted!r} sends nothing to the bot: {button}")
        return await self._press(message.place, button["callback_data"], message.id)

    async def presses_forged(
        self, bot: BotHandle, data: str, *, message: SeenMessage | int | None = None, inaccessible: bool = False
    ) -> CallbackPress:
        """Send a callback query that belongs to no button.

        Args:
            message: the message that it claims to come from; None for none
            inaccessible: the bot gets the message as inaccessible, date 0
        """
        message_id = message.id if isinstance(message, SeenMessage) else message
        return await self._press(bot.id, data, message_id, inaccessible=inaccessible)

    async def _press(
        self, place: int, data: str, message_id: int | None, *, inaccessible: bool = False
    ) -> CallbackPress:
        found = await self._control.act(
            "press", person=self.id, place=place, data=data, message_id=message_id, inaccessible=inaccessible
        )
        return CallbackPress(self._control, found, data)

    def _current(self, message: SeenMessage) -> SeenMessage | None:
        return next((seen for seen in self._view(message.place)[0] if seen.id == message.id), None)

    async def taps(self, label: str, *, at: Place | None = None) -> SeenMessage:
        """Press a button of the keyboard under the input field: it sends its label, or the requested contact."""
        keyboard = self.keyboard(at) or {"keyboard": []}
        buttons = [button for row in keyboard["keyboard"] for button in row]
        button = next((button for button in buttons if label in button["text"]), None)
        if button is None:
            raise AssertionError(f"no button {label!r} under the input field of {self.first_name}: {buttons}")
        if button.get("request_contact"):
            return await self.shares_phone(at)
        return await self.says(button["text"], to=at)

    def keyboard(self, at: Place | None = None) -> Json | None:
        """The keyboard under the input field, as ReplyKeyboardMarkup."""
        found: Json | None = self._control.ask("keyboard", person=self.id, place=self._place(at))
        return found

    # Reading

    def _view(self, place: int) -> tuple[list[SeenMessage], int]:
        view = self._control.ask("view", person=self.id, place=place)
        return [SeenMessage.from_wire(wire) for wire in view["messages"]], view["seq"]

    def pinned(self, at: Place | None = None) -> list[SeenMessage]:
        """The messages that are pinned in a chat now, the one pinned last at the end."""
        view = self._control.ask("view", person=self.id, place=self._place(at))
        seen = {wire["message"]["message_id"]: SeenMessage.from_wire(wire) for wire in view["messages"]}
        return [seen[number] for number in view["pinned"]]

    def topics(self, at: Place | None = None) -> dict[int, str]:
        """The names of a chat's topics now, by id."""
        view = self._control.ask("view", person=self.id, place=self._place(at))
        return {int(number): name for number, name in view["topics"].items()}

    def chat(self, at: Place | None = None) -> list[SeenMessage]:
        """All messages of a chat now, oldest first."""
        place = self._place(at)
        messages, self._looked[place] = self._view(place)
        return messages

    def history(self, at: Place | None = None) -> list[Json]:
        """Everything that happened in a chat, edits and deletions included: entries of the transcript."""
        place = self._place(at)
        chat_id, bot_id = (place, None) if place < 0 else (self.id, place)
        entries: list[Json] = self._control.ask("transcript")
        return [entry for entry in entries if entry["chat"] == chat_id and bot_id in (None, entry["bot"])]

    def looks(self, wanted: Wanted = None, *, bot: Place | None = None) -> SeenMessage | None:
        """The newest message of others in the chat that matches; None if there is none."""
        messages = self.chat(bot)
        return next((seen for seen in reversed(messages) if seen.sender != self.id and seen.matches(wanted)), None)

    async def sees(
        self,
        wanted: Wanted = None,
        *,
        bot: Place | None = None,
        kind: str | None = None,
        timeout: float = 20,
        after: SeenMessage | None = None,
    ) -> SeenMessage:
        """Wait for a message of somebody else that matches. Returns the newest one.

        Args:
            wanted: a part of its text, a pattern, or a function of the message
            bot: bot or group; by default that of the last action
            timeout: seconds
            after: only messages later than this one

        Raises AssertionError with everything that is in the chat.
        """
        place = self._place(bot)
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while True:
            messages, seq = self._view(place)
            for seen in reversed(messages):
                if after is not None and seen.id <= after.id:
                    break
                if seen.sender != self.id and kind in (None, seen.kind) and seen.matches(wanted):
                    self._looked[place] = seq
                    return seen
            left = end - loop.time()
            if left <= 0:
                raise AssertionError(self._dump(wanted, messages, timeout))
            await self._control.wait("changed", person=self.id, place=place, after=seq, timeout=left)

    def _dump(self, wanted: Wanted, messages: list[SeenMessage], timeout: float) -> str:
        lines = "\n".join(f"  {seen}" for seen in messages) or "  nothing"
        return f"{self.first_name} did not see {wanted!r} within {timeout} s, but\n{lines}"

    async def sees_gone(self, message: SeenMessage, *, timeout: float = 20) -> None:
        """Wait until a message is deleted.

        Raises AssertionError if it still exists after `timeout` seconds.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while True:
            messages, seq = self._view(message.place)
            if all(seen.id != message.id for seen in messages):
                return
            if (left := end - loop.time()) <= 0:
                raise AssertionError(f"{self.first_name} still sees {message} after {timeout} s")
            await self._control.wait("changed", person=self.id, place=message.place, after=seq, timeout=left)

    async def sees_nothing_new(
        self, *, bot: Place | None = None, settled: Callable[[], Awaitable[Any]] | None = None, timeout: float = 20
    ) -> None:
        """Wait until everything has settled, and check that nothing new came from others since the last look.

        Args:
            settled: awaited until the bots have finished their work; by default the hooks of `settles_when`

        Raises AssertionError with what is new, or when nothing settles in `timeout` seconds.
        """
        place = self._place(bot)
        before = self._looked.get(place, 0)
        await self._settle(timeout)
        if settled is not None:
            await settled()
        new = [
            entry
            for entry in self.history(bot)
            if entry["seq"] > before and entry["sender"] != self.id and entry["event"] in ("new", "edited")
        ]
        if new:
            raise AssertionError(
                f"{self.first_name} sees something new: {[entry['text'] or entry['kind'] for entry in new]}"
            )
