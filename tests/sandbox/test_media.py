"""Files and the other kinds of content, both ways."""

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramEntityTooLarge
from aiogram.types import BufferedInputFile, InputMediaDocument, InputMediaPhoto, InputMediaVideo, InputPollOption

from bot.sandbox import BotHandle, Person, Sandbox
from bot.sandbox.world import content

Connect = Callable[[BotHandle], Bot]

FILE = BufferedInputFile(b"\x00\r\n--bytes\xff" * 100, 'чек "1".bin')
KINDS = ["photo", "video", "video_note", "voice", "audio", "document", "animation", "sticker"]
CAPTIONED = [kind for kind in KINDS if kind not in ("video_note", "sticker")]


def sender(bot: Bot, kind: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(bot, f"send_{kind}")
    return found


def sent_file_id(message: Any, kind: str) -> str:
    part = getattr(message, kind)
    found: str = part[-1].file_id if isinstance(part, list) else part.file_id
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_file_is_uploaded_downloaded_and_sent_by_id(bot: Bot, ivan: Person, kind: str) -> None:
    more = {"caption": "<i>see</i>", "parse_mode": "HTML"} if kind in CAPTIONED else {}
    message = await sender(bot, kind)(ivan.id, FILE, **more)
    assert (await ivan.sees("see" if more else None, kind=kind)).id == message.message_id
    file = await bot.get_file(sent_file_id(message, kind))
    assert file.file_path is not None
    downloaded = await bot.download_file(file.file_path)
    assert downloaded is not None
    assert downloaded.read() == FILE.data
    again = await sender(bot, kind)(ivan.id, sent_file_id(message, kind))
    assert sent_file_id(again, kind) == sent_file_id(message, kind)


async def test_file_id_is_valid_for_its_own_bot_only(
    bot: Bot, connect: Connect, sandbox: Sandbox, shop: BotHandle, ivan: Person
) -> None:
    desk = sandbox.add_bot("43:other", username="desk_bot")
    other = connect(desk)
    await ivan.starts(desk)
    picture = await ivan.sends(content.photo(b"bytes"), to=shop)
    file_id = picture.raw["photo"][0]["file_id"]
    await bot.send_photo(ivan.id, file_id)
    for refused in (other.send_photo(ivan.id, file_id), other.get_file(file_id), bot.send_photo(ivan.id, "nonsense")):
        with pytest.raises(TelegramBadRequest, match="wrong file identifier"):
            await refused
    with pytest.raises(TelegramBadRequest, match="can't use file of type Photo as Document"):
        await bot.send_document(ivan.id, file_id)


async def test_group_file_has_own_id_for_each_bot(
    bot: Bot, connect: Connect, sandbox: Sandbox, shop: BotHandle, ivan: Person
) -> None:
    desk = sandbox.add_bot("43:other", username="desk_bot")
    group = sandbox.group("Desk", [ivan, shop, desk])
    await ivan.sends(content.voice(b"words"), to=group)
    for client in (bot, connect(desk)):
        message = (await client.get_updates())[-1].message
        assert message is not None
        assert message.voice is not None
        assert (await client.get_file(message.voice.file_id)).file_size == 5


async def test_oversized_or_empty_files_and_long_captions_are_refused(bot: Bot, ivan: Person) -> None:
    large = await ivan.sends(content.document(size=21 * 1024 * 1024))
    with pytest.raises(TelegramBadRequest, match="file is too big"):
        await bot.get_file(large.raw["document"]["file_id"])
    with pytest.raises(TelegramEntityTooLarge):
        await bot.send_photo(ivan.id, BufferedInputFile(b"x" * (10 * 1024 * 1024 + 1), "photo.jpg"))
    with pytest.raises(TelegramBadRequest, match="file must be non-empty"):
        await bot.send_document(ivan.id, BufferedInputFile(b"", "empty.txt"))
    with pytest.raises(TelegramBadRequest, match="message caption is too long"):
        await bot.send_photo(ivan.id, FILE, caption="x" * 1025)
    with pytest.raises(TelegramBadRequest, match="failed to get HTTP URL content"):
        await bot.send_photo(ivan.id, "https://a.example/x.jpg")


def png(width: int, height: int) -> BufferedInputFile:
    head = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + width.to_bytes(4) + height.to_bytes(4)
    return BufferedInputFile(head + b"\x08\x02\x00\x00\x00", "picture.png")


async def test_photo_with_invalid_dimensions_is_refused(bot: Bot, ivan: Person) -> None:
    for width, height in ((9_000, 1_001), (2_001, 100), (10, 201)):
        with pytest.raises(TelegramBadRequest, match="PHOTO_INVALID_DIMENSIONS"):
            await bot.send_photo(ivan.id, png(width, height))
    sent = await bot.send_photo(ivan.id, png(1280, 2000))
    assert sent.photo is not None
    assert [(one.width, one.height) for one in sent.photo] == [(57, 90), (819, 1280)]
    tall = await bot.send_photo(ivan.id, png(500, 9_500))
    changed = bot.edit_message_media(
        InputMediaPhoto(media=png(5_000, 5_001)), chat_id=ivan.id, message_id=tall.message_id
    )
    with pytest.raises(TelegramBadRequest, match="PHOTO_INVALID_DIMENSIONS"):
        await changed


async def test_text_message_can_be_edited_into_media(bot: Bot, ivan: Person) -> None:
    text = await bot.send_message(ivan.id, "in words")
    await bot.edit_message_media(
        InputMediaPhoto(media=FILE, caption="in a picture"), chat_id=ivan.id, message_id=text.message_id
    )
    seen = await ivan.sees("in a picture")
    assert (seen.id, seen.kind) == (text.message_id, "photo")
    with pytest.raises(TelegramBadRequest, match="there is no text in the message to edit"):
        await bot.edit_message_text("in words", chat_id=ivan.id, message_id=text.message_id)


async def test_album_is_sent_and_invalid_albums_are_refused(
    bot: Bot, ivan: Person, shop: BotHandle, sandbox: Sandbox
) -> None:
    picture, video = InputMediaPhoto(media=FILE, caption="<b>two</b>", parse_mode="HTML"), InputMediaVideo(media=FILE)
    sent = await bot.send_media_group(ivan.id, [picture, video])
    assert sent[0].media_group_id == sent[1].media_group_id
    assert sent[0].html_text == "<b>two</b>"
    assert [seen.kind for seen in ivan.chat(shop)[-2:]] == ["photo", "video"]
    with pytest.raises(TelegramBadRequest, match="document can't be mixed with other media types"):
        await bot.send_media_group(ivan.id, [picture, InputMediaDocument(media=FILE)])
    with pytest.raises(TelegramBadRequest, match="too many messages to send as an album"):
        await bot.send_media_group(ivan.id, [video] * 11)
    await bot.send_media_group(ivan.id, [video])
    assert [violation.problem for violation in sandbox.strictness_violations] == ["an album of one"]


async def test_content_without_file_is_sent_and_copied(bot: Bot, ivan: Person, shop: BotHandle) -> None:
    await bot.send_location(ivan.id, 55.75, 37.62)
    await bot.send_venue(ivan.id, 55.75, 37.62, "Office", "1, Main street")
    await bot.send_contact(ivan.id, "+79990000001", "Ann", last_name="Lee")
    await bot.send_poll(ivan.id, "Well?", [InputPollOption(text="yes"), InputPollOption(text="no")], is_anonymous=False)
    await bot.send_dice(ivan.id, emoji="🎯")
    seen = ivan.chat(shop)
    assert [message.kind for message in seen[1:]] == ["location", "venue", "contact", "poll", "dice"]
    await ivan.votes(seen[4], 1)
    answer = (await bot.get_updates())[-1].poll_answer
    assert answer is not None
    assert answer.option_ids == [1]
    for message in seen[1:]:
        await bot.copy_message(ivan.id, ivan.id, message.id)


async def test_media_of_a_message_is_replaced(bot: Bot, ivan: Person) -> None:
    sent = await bot.send_photo(ivan.id, FILE)
    await bot.edit_message_media(
        InputMediaVideo(media=FILE, caption="now"), chat_id=ivan.id, message_id=sent.message_id
    )
    assert (await ivan.sees("now")).kind == "video"


@pytest.mark.parametrize(
    "item",
    [
        content.photo(),
        content.video(),
        content.video_note(),
        content.voice(),
        content.audio(),
        content.document(),
        content.animation(),
        content.sticker(),
        content.location(),
        content.venue(),
        content.contact("+7999", "Ann"),
        content.poll("Well?", "yes", "no"),
        content.quiz("2*2", "4", "5"),
        content.dice(),
        content.giveaway(),
        content.paid_media(),
        content.service(),
        content.story(),
    ],
    ids=lambda item: item.kind,
)
async def test_person_can_send_every_kind_of_content(bot: Bot, ivan: Person, item: content.Content) -> None:
    sent = await ivan.sends(item)
    message = (await bot.get_updates())[-1].message
    assert message is not None
    assert message.message_id == sent.id


async def test_download_requires_the_bots_token(sandbox: Sandbox, shop: BotHandle, ivan: Person) -> None:
    await ivan.sends(content.document(name="a.pdf"))
    async with aiohttp.ClientSession() as client:
        for path, status in (
            (f"{shop.token}/documents/file_0.pdf", 200),
            ("1:x/documents/file_0.pdf", 401),
            (f"{shop.token}/documents/file_9.pdf", 404),
            (f"{shop.token}/x/file_0.exe", 404),
        ):
            async with client.get(f"{sandbox.url}/file/bot{path}") as answer:
                assert answer.status == status
