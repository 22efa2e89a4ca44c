"""Everything that Telegram shows, in four chats without the product: the bot speaks over the Bot API."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from bot.sandbox import Person, Sandbox
from bot.sandbox.page.routes import Page
from bot.sandbox.page.samples import picture
from bot.sandbox.page.scene import Phone, Scene
from bot.sandbox.people.control_client import InProcessControlClient
from bot.sandbox.world import content
from crm_core.api.server import HttpServer

Json = dict[str, Any]
TOKEN = "42:secret"  # noqa: S105
KEYS = ("text", "media", "keyboards", "own")
WORDS = "bold italic both <b>underlined struck secret code mono 💡 link @shop_bot /my #lamp +79990000001"
LONG = "A long quotation, of which only the beginning is shown until somebody presses it. " * 4
BUTTONS: list[list[Json]] = [
    [{"text": "✋ Take", "callback_data": "take:1", "style": "success"}, {"text": "Close", "callback_data": "close:1"}],
    [{"text": "A", "callback_data": "a", "style": "primary"}, {"text": "B", "callback_data": "b", "style": "danger"}],
    [{"text": "Not now", "callback_data": "c", "disabled": True}, {"text": "Copy", "copy_text": {"text": "4711"}}],
    [{"text": "Our site", "url": "https://example.com/"}],
]


def entities() -> list[Json]:
    """Entities of `WORDS`, nested and overlapping ones among them."""
    kinds = {
        "bold": ("bold", "both"), "italic": ("italic", "both"), "underline": ("underlined",), "code": ("code",),
        "strikethrough": ("struck",), "spoiler": ("secret",), "pre": ("mono",), "custom_emoji": ("💡",),
        "text_link": ("link",), "mention": ("@shop_bot",), "bot_command": ("/my",), "hashtag": ("#lamp",),
        "phone_number": ("+79990000001",),
    }  # fmt: skip
    details: dict[str, Json] = {"custom_emoji": {"custom_emoji_id": "1"}, "text_link": {"url": "https://example.com"}}

    def units(text: str) -> int:
        return len(text.encode("utf-16-le")) // 2

    return [
        {"type": kind, "offset": units(WORDS[: WORDS.index(word)]), "length": units(word), **details.get(kind, {})}
        for kind, words in kinds.items()
        for word in words
    ]


class Gallery:
    """The chats.

    Attributes:
        people: by the key of their telephone, see `KEYS`.
        address: of the page.
    """

    people: dict[str, Person]
    address: str

    def __init__(self, sandbox: Sandbox, client: aiohttp.ClientSession) -> None:
        self.sandbox, self._client = sandbox, client
        self.bot = sandbox.add_bot(TOKEN, "shop_bot", "Lumen, the shop")

    async def call(self, method: str, who: str, **arguments: Any) -> Any:
        """Calls a method of the Bot API for somebody's chat. Returns its result."""
        body = {"chat_id": self.people[who].id, **arguments}
        async with self._client.post(f"{self.sandbox.url}/bot{TOKEN}/{method}", json=body) as answer:
            found = await answer.json()
        assert found["ok"], found
        return found["result"]

    async def say(self, who: str, text: str, **more: Any) -> int:
        """The bot says a text. Returns the id of the message."""
        return int((await self.call("sendMessage", who, text=text, **more))["message_id"])

    async def alerts(self, text: str) -> None:
        """The bot answers the next press of a button by an alert."""
        after = 0
        while True:
            for update in await self.call("getUpdates", "text", offset=after, timeout=10):
                after = update["update_id"] + 1
                if "callback_query" in update:
                    answer = {"callback_query_id": update["callback_query"]["id"], "text": text, "show_alert": True}
                    await self.call("answerCallbackQuery", "text", **answer)
                    return

    async def fill(self, now: datetime) -> None:
        """Everybody says everything."""
        for person in self.people.values():
            await person.starts(self.bot)
        await self._text(now)
        await self._media()
        await self._keyboards()
        await self._own()

    async def _text(self, now: datetime) -> None:
        first = await self.say("text", WORDS, entities=entities())
        quote = [{"type": "blockquote", "offset": 0, "length": 17}]
        await self.say("text", "A short quotation\nand what it is about", entities=quote)
        await self.say("text", LONG, entities=[{"type": "expandable_blockquote", "offset": 0, "length": len(LONG)}])
        at = {"type": "date_time", "offset": 8, "length": 8, "unix_time": int(now.timestamp()) + 7500}
        await self.say("text", "We open tomorrow", entities=[at | {"date_time_format": "r"}])
        await self.say("text", "An answer", reply_parameters={"message_id": first, "quote": "italic both"})
        changed = await self.say("text", "Before")
        await self.call("editMessageText", "text", message_id=changed, text="After")
        reaction = [{"type": "emoji", "emoji": "👍"}]
        await self.call("setMessageReaction", "text", message_id=changed, reaction=reaction)
        await self.call("pinChatMessage", "text", message_id=changed)

    async def _media(self) -> None:
        person = self.people["media"]
        three = [content.photo(picture(name)) for name in ("lamp", "shelf", "box")]
        await person.sends_all(content.album(content.photo(picture(), caption="Three lamps"), *three[1:]), to=self.bot)
        for one in (
            content.voice(duration=65), content.document(name="invoice.pdf"), content.audio(title="A song"),
            content.video(), content.video_note(), content.animation(), content.sticker(emoji="👍"),
            content.dice(value=4), content.location(), content.venue("The shop"),
            content.contact("+79990000001", "Ivan"),
            content.poll("Which one?", "red", "green"), content.story(), content.giveaway(), content.paid_media(),
            content.service(),
        ):  # fmt: skip
            await person.sends(one, to=self.bot)

    async def _keyboards(self) -> None:
        await self.call("setMyCommands", "keyboards", commands=[{"command": "my", "description": "your requests"}])
        await self.say("keyboards", "A card with buttons", reply_markup={"inline_keyboard": BUTTONS})
        keys = [[{"text": "Share my phone", "request_contact": True}], [{"text": "Yes"}, "No"]]
        await self.say("keyboards", "Keys below", reply_markup={"keyboard": keys, "resize_keyboard": True})
        await self.say("keyboards", "How much?", reply_markup={"force_reply": True, "input_field_placeholder": "1-100"})

    async def _own(self) -> None:
        person = self.people["own"]
        said = await person.sends(content.text(WORDS, entities=entities()), to=self.bot)
        await person.edits(said, "Changed by me")
        await person.replies(said, "A reply of mine")
        await person.sends(content.photo(picture("box"), caption="It is broken"), to=self.bot)
        await person.sends(content.voice(duration=7), to=self.bot)
        await person.reacts(said, "🔥")


@asynccontextmanager
async def gallery() -> AsyncIterator[Gallery]:
    """The chats, and a page that shows them."""
    async with await Sandbox.start(strict=False) as sandbox, aiohttp.ClientSession(json_serialize=json.dumps) as client:
        shown = Gallery(sandbox, client)
        shown.people = {key: sandbox.person(key.capitalize(), language_code="en") for key in KEYS}
        await shown.fill(datetime.now(ZoneInfo("UTC")))
        phones = [Phone(key, person.id, person.first_name, "") for key, person in shown.people.items()]
        scene = Scene(InProcessControlClient(sandbox.world), shown.bot, phones, "en", ZoneInfo("UTC"))
        page = Page(scene)
        http = HttpServer(page.app, host="127.0.0.1", port=0)
        await http.start()
        shown.address = http.address
        try:
            yield shown
        finally:
            page.close()
            await http.stop()
