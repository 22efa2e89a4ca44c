"""Further parts of an album are read as if alone, and handled with the first one if they are for the same handler."""

from typing import Any

import pytest
from aiogram import Bot
from aiogram.types import Message

from bot.handling.incoming import content_of
from bot.receiving.reading import read_event, read_further

TOKEN = "42:" + "x" * 35
IVAN = {"id": 7, "is_bot": False, "first_name": "Ivan"}
BOLD = [{"type": "bold", "offset": 0, "length": 3}]


def photo(number: int, **more: Any) -> dict[str, Any]:
    """The update of a part of an album."""
    sizes = [
        {"file_id": f"{number}{size}", "file_unique_id": f"u{number}{size}", "width": 9, "height": 9} for size in "sx"
    ]
    chat = {"id": 7, "type": "private", "first_name": "Ivan"}
    message = {"message_id": number, "from": IVAN, "chat": chat, "date": 1_763_700_000, "media_group_id": "5"}
    return {"update_id": number, "message": {**message, "photo": sizes, **more}}


def video(number: int, **more: Any) -> dict[str, Any]:
    """The same for a video."""
    update = photo(number, **more)
    del update["message"]["photo"]
    file = {"file_id": f"{number}v", "file_unique_id": f"u{number}v", "width": 9, "height": 9, "duration": 5}
    update["message"]["video"] = file
    return update


def replying(number: int, **more: Any) -> dict[str, Any]:
    """The same for a photo that replies to a message."""
    answered = {"message_id": number, "date": 1, "chat": {"id": 7, "type": "private"}}
    return photo(9, reply_to_message=answered, **more)


def read(update: dict[str, Any], bot: Bot) -> Message:
    message = read_event(update, bot=bot)
    assert isinstance(message, Message)
    return message


WITH_THE_FIRST = {
    "another photo": (photo(1), photo(2)),
    "a moment later": (photo(1), photo(2, date=1_763_700_001)),
    "a video": (photo(1), video(2)),
    "a video after a video": (video(1), video(2)),
    "words under the first alone": (photo(1, caption="two", caption_entities=BOLD), photo(2)),
    "words under the second alone": (photo(1), photo(2, caption="two", caption_entities=BOLD)),
    "the same words under both": (photo(1, caption="two"), photo(2, caption="two")),
    "replies alike": (replying(3), replying(3, message_id=10)),
    "only the first replies": (replying(3), photo(10)),
    "forwarded": (
        photo(1, forward_origin={"type": "hidden_user", "date": 1, "sender_user_name": "Olga"}),
        photo(2, forward_origin={"type": "hidden_user", "date": 2, "sender_user_name": "Vera"}),
    ),
    "protected": (photo(1), photo(2, has_protected_content=True)),
    "protected alike": (photo(1, has_protected_content=True), photo(2, has_protected_content=True)),
    "a file that cannot be read": (photo(1), photo(2, photo=7)),
    "files that cannot be read": (photo(1, photo=7), photo(2, photo=8)),
    "something new of Telegram's": (photo(1), photo(2, glitter={"colour": "gold"})),
}


@pytest.mark.parametrize("case", WITH_THE_FIRST)
async def test_further_part_says_what_it_says_by_itself(case: str) -> None:
    first, part = WITH_THE_FIRST[case]
    bot = Bot(TOKEN)
    together = read_further(part, first, read(first, bot), bot=bot)
    assert together is not None
    raw = part["message"]
    assert content_of(together, bot_id=42, raw=raw) == content_of(read(part, bot), bot_id=42, raw=raw)


APART = {
    "a command under it": photo(2, caption="/start"),
    "somebody else's": photo(2, **{"from": {**IVAN, "id": 8}}),
    "of another topic": photo(2, message_thread_id=5),
    "a reply": replying(3),
    "a text": photo(2, text="hello"),
    "a contact": photo(2, contact={"phone_number": "+1", "first_name": "Ivan", "user_id": 7}),
    "no photo": {"message": {name: one for name, one in photo(2)["message"].items() if name != "photo"}},
}


@pytest.mark.parametrize("case", APART)
async def test_further_part_that_may_be_for_another_handler_is_handled_by_itself(case: str) -> None:
    first, bot = photo(1), Bot(TOKEN)
    assert read_further(APART[case], first, read(first, bot), bot=bot) is None
