"""What people and bots may edit of files and places, and what Telegram refuses."""

from typing import Any

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import BufferedInputFile, InputMediaPhoto

from bot.sandbox import BotHandle, Person
from bot.sandbox.errors import SandboxError
from bot.sandbox.world import content


async def test_person_replaces_a_text_by_a_photo_and_a_photo_by_a_file(ivan: Person, shop: BotHandle) -> None:
    said = await ivan.says("in words", to=shop)
    seen = await ivan.edits(said, content.photo(caption="in a picture"))
    assert (seen.kind, seen.text, "text" in seen.raw) == ("photo", "in a picture", False)
    seen = await ivan.edits(said, content.document())
    assert (seen.kind, seen.text, "photo" in seen.raw) == ("document", "", False)
    assert (await ivan.edits(said, "a caption")).raw["caption"] == "a caption"


@pytest.mark.parametrize("new", [content.voice(), content.sticker(), content.location(), content.dice()])
async def test_nothing_else_takes_the_place_of_a_photo(ivan: Person, shop: BotHandle, new: content.Content) -> None:
    said = await ivan.sends(content.photo(), to=shop)
    with pytest.raises(SandboxError):
        await ivan.edits(said, new)


async def test_sticker_is_not_replaced(ivan: Person, shop: BotHandle) -> None:
    said = await ivan.sends(content.sticker(), to=shop)
    with pytest.raises(SandboxError):
        await ivan.edits(said, content.photo())


async def test_bot_cannot_replace_a_sticker_nor_put_a_voice_message_anywhere(bot: Bot, ivan: Person) -> None:
    sticker = await bot.send_sticker(ivan.id, content_file())
    with pytest.raises(TelegramBadRequest, match="message can't be edited"):
        await bot.edit_message_media(
            InputMediaPhoto(media=content_file()), chat_id=ivan.id, message_id=sticker.message_id
        )


async def test_live_location_moves_until_it_ends_and_its_copy_stands_still(
    bot: Bot, ivan: Person, shop: BotHandle
) -> None:
    sent = await bot.send_location(ivan.id, 55.0, 37.0, live_period=60)
    place: Any = {"chat_id": ivan.id, "message_id": sent.message_id}
    await bot.edit_message_live_location(latitude=56.0, longitude=37.0, **place)
    seen = await ivan.sees(kind="location")
    assert (seen.raw["location"]["latitude"], seen.raw["location"]["live_period"]) == (56.0, 60)
    here = await ivan.sends(content.location(live_period=900), to=shop)
    copy = await bot.copy_message(ivan.id, ivan.id, here.id)
    with pytest.raises(TelegramBadRequest, match="message can't be edited"):
        await bot.edit_message_live_location(latitude=1.0, longitude=1.0, chat_id=ivan.id, message_id=copy.message_id)
    await bot.stop_message_live_location(**place)
    with pytest.raises(TelegramBadRequest, match="message can't be edited"):
        await bot.edit_message_live_location(latitude=57.0, longitude=37.0, **place)
    with pytest.raises(TelegramBadRequest, match="wrong live location period"):
        await bot.send_location(ivan.id, 55.0, 37.0, live_period=5)


def content_file() -> BufferedInputFile:
    return BufferedInputFile(b"bytes", "file.bin")
