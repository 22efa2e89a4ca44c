"""A quarter of an hour in the shop, as the pictures of the documentation show it: the same in both languages."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from bot.demo.world import TYPING, World
from bot.sandbox import Person, SeenMessage
from bot.sandbox.page.samples import picture
from bot.sandbox.world.content import photo

SAID: dict[str, dict[str, str]] = {
    "en": {
        "hello": "Good morning! Is the green desk lamp still in stock?",
        "answer": "Good morning! Yes, three of them. Shall we put one aside for you?",
        "please": "Please do. I'll come by after twelve.",
        "done": "It'll be at the counter for you until tonight 🙂",
        "crack": "It arrived with a crack, please have a look",
    },
    "ru": {
        "hello": "Доброе утро! Зелёная настольная лампа ещё есть?",
        "answer": "Доброе утро! Да, три штуки. Отложить для вас?",
        "please": "Да, пожалуйста. Зайду после двенадцати.",
        "done": "Будет ждать вас на кассе до вечера 🙂",
        "crack": "Пришла с трещиной, посмотрите, пожалуйста",
    },
}
PICTURES = ("admin", "client", "operator", "my", "stats")
PHONES = {"admin": "admin", "client": "client", "operator": "operator", "my": "operator", "stats": "admin"}
"""The telephone of each picture."""

BEGINS = datetime(2026, 11, 30, 7, 5, tzinfo=UTC)
"""When such a day begins: at whatever time it is drawn or tried, no hour and no day ends in it."""
ZONE = "Europe/Moscow"

FROM_THE_START = frozenset({"admin"})
"""Pictures of how a chat begins; the others show how it goes on."""

Take = Callable[[str], Awaitable[None]]


async def play(world: World, take: Take) -> None:
    """Plays it.

    Args:
        take: called when a chat shows what a picture is to show, with the name of that picture.
    """
    said, bot = SAID[world.language], world.bot
    ivan, marina = world.clients
    anna, boris = world.operators

    async def exchange(card: SeenMessage, text: str) -> None:
        world.forward(TYPING)
        await anna.replies(card, text)
        await ivan.sees(text)

    await _answered(boris, "/offline", world)  # so that everything goes to Anna
    await _answered(anna, "/overview", world)  # off: it comes within seconds, and so would be in some pictures only
    await take("admin")  # as it stood when the shop was opened
    await ivan.starts(bot)
    await ivan.sees(bot=bot)
    await ivan.says(said["hello"])
    card = await anna.sees(said["hello"], bot=bot)
    await anna.presses(card, callback_data=_press(card, "take"))
    await anna.sees(lambda seen: seen.id == card.id and "take" not in str(seen.raw), bot=bot)
    await exchange(card, said["answer"])
    world.forward(TYPING)
    await ivan.says(said["please"])
    asked = await anna.sees(said["please"], bot=bot)
    await exchange(asked, said["done"])
    await take("client")
    world.forward(TYPING)
    await marina.starts(bot)
    await marina.sends(photo(picture("box"), caption=said["crack"]))
    await anna.sees(said["crack"], bot=bot, kind="photo")
    await take("operator")
    await _answered(anna, "/my", world)
    await take("my")
    world.forward(TYPING)
    sent = await world.admin.says("/stats", to=bot)
    await world.admin.sees(bot=bot, kind="photo", after=sent)
    await take("stats")


async def _answered(person: Person, command: str, world: World) -> None:
    world.forward(TYPING)
    sent = await person.says(command, to=world.bot)
    await person.sees(bot=world.bot, after=sent)


def _press(card: SeenMessage, action: str) -> str:
    buttons = [one for row in card.raw["reply_markup"]["inline_keyboard"] for one in row]
    return str(next(one["callback_data"] for one in buttons if one["callback_data"].startswith(action)))


_CHANGING = (
    (re.compile(r"\b\d{1,2}:\d{2}\b"), "00:00"),
    (re.compile(r"start=\S+|/start \S+"), "start=…"),
    (re.compile(r"\b\d+ (?:s|min|с|мин)\b"), "a moment"),
)


def words(person: Person, world: World) -> str:
    """What a person's chat says, without times and codes: a line for each message, with the labels of its buttons."""
    lines = [
        f"{seen.kind}: {' '.join(seen.text.split())} {seen.labels or ''}".strip() for seen in person.chat(world.bot)
    ]
    text = "\n".join(lines)
    for pattern, instead in _CHANGING:
        text = pattern.sub(instead, text)
    return text
