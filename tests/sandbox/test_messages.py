"""Sending, editing, copying, deleting: what people see, and Telegram's words when it refuses."""

from collections.abc import Callable

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError, TelegramNotFound, TelegramUnauthorizedError
from aiogram.methods import SendMessage
from aiogram.types import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    KeyboardButton,
    MessageOriginHiddenUser,
    MessageOriginUser,
    ReactionTypeEmoji,
    ReplyKeyboardMarkup,
    ReplyParameters,
)

from bot.sandbox import BotHandle, Person, Sandbox, SandboxError
from bot.sandbox.world import content
from tests.support.telegram_kit import FrozenClock

Connect = Callable[[BotHandle], Bot]

LONG_BUTTON = InlineKeyboardButton(text="x", callback_data="я" * 33)
TAKE = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="Take", callback_data="take:15:3")]])


async def test_get_me_returns_the_bot(bot: Bot) -> None:
    me = await bot.get_me()
    assert (me.id, me.is_bot, me.username, me.first_name) == (42, True, "shop_bot", "Shop")


async def test_message_is_seen_with_its_buttons(bot: Bot, ivan: Person) -> None:
    sent = await bot.send_message(ivan.id, "Hello, <b>Ivan</b>", parse_mode="HTML", reply_markup=TAKE)
    seen = await ivan.sees("Hello, Ivan")
    assert (seen.id, seen.buttons, seen.kind) == (sent.message_id, [["Take"]], "text")
    assert seen.entities == [{"type": "bold", "offset": 7, "length": 4}]
    assert sent.html_text == "Hello, <b>Ivan</b>"


async def test_chats_of_two_bots_are_separate(
    sandbox: Sandbox, shop: BotHandle, bot: Bot, connect: Connect, ivan: Person
) -> None:
    desk = sandbox.add_bot("43:other", username="desk_bot", name="Desk")
    await ivan.starts(desk)
    await bot.send_message(ivan.id, "from the shop")
    await connect(desk).send_message(ivan.id, "from the desk")
    assert [seen.text for seen in ivan.chat(shop)] == ["/start", "from the shop"]
    assert [seen.text for seen in ivan.chat(desk)] == ["/start", "from the desk"]


async def test_reply_refers_to_an_existing_message(bot: Bot, ivan: Person) -> None:
    question = await ivan.says("How much?")
    await bot.send_message(ivan.id, "Ten", reply_parameters=ReplyParameters(message_id=question.id))
    answer = await ivan.sees("Ten")
    assert answer.reply_to == question.id
    with pytest.raises(TelegramBadRequest, match="message to be replied not found"):
        await bot.send_message(ivan.id, "Ten", reply_parameters=ReplyParameters(message_id=999))
    lonely = ReplyParameters(message_id=999, allow_sending_without_reply=True)
    assert (await bot.send_message(ivan.id, "Ten", reply_parameters=lonely)).reply_to_message is None


async def test_edit_replaces_text_and_buttons_in_place(bot: Bot, ivan: Person, shop: BotHandle) -> None:
    sent = await bot.send_message(ivan.id, "one", reply_markup=TAKE)
    edited = await bot.edit_message_text("two", chat_id=ivan.id, message_id=sent.message_id)
    assert not isinstance(edited, bool)
    assert edited.edit_date is not None
    seen = await ivan.sees("two")
    assert (seen.id, seen.buttons) == (sent.message_id, [])
    assert [entry["event"] for entry in ivan.history(shop)] == ["new", "new", "edited"]


async def test_reply_markup_and_caption_can_be_edited(bot: Bot, ivan: Person) -> None:
    sent = await bot.send_message(ivan.id, "card")
    await bot.edit_message_reply_markup(chat_id=ivan.id, message_id=sent.message_id, reply_markup=TAKE)
    assert (await ivan.sees("card")).labels == ["Take"]
    voice = await ivan.sends(content.voice(caption="listen"))
    copy = await bot.copy_message(ivan.id, ivan.id, voice.id)
    await bot.edit_message_caption(chat_id=ivan.id, message_id=copy.message_id, caption="heard")
    assert (await ivan.sees("heard")).kind == "voice"
    with pytest.raises(TelegramBadRequest, match="there is no text in the message to edit"):
        await bot.edit_message_text("text", chat_id=ivan.id, message_id=copy.message_id)
    with pytest.raises(TelegramBadRequest, match="there is no caption in the message to edit"):
        await bot.edit_message_caption(chat_id=ivan.id, message_id=sent.message_id, caption="text")


async def test_copy_keeps_content_and_formatting(bot: Bot, sandbox: Sandbox, shop: BotHandle, ivan: Person) -> None:
    anna = sandbox.person("Anna")
    await anna.starts(shop)
    said = await ivan.says("It is <i>urgent</i>", parse_mode="HTML")
    await bot.copy_message(anna.id, ivan.id, said.id, reply_markup=TAKE)
    seen = await anna.sees("urgent", bot=shop)
    assert seen.entities == said.entities
    assert (seen.copied_from, seen.labels) == ((ivan.id, said.id), ["Take"])
    picture = await ivan.sends(content.photo(), caption="the receipt")
    await bot.copy_message(anna.id, ivan.id, picture.id)
    assert (await anna.sees("the receipt")).kind == "photo"
    await bot.copy_message(anna.id, ivan.id, picture.id, caption="another")
    assert (await anna.sees("another")).kind == "photo"


@pytest.mark.parametrize(
    "item",
    [content.service(), content.paid_media(), content.giveaway(), content.quiz("2*2?", "4", "5")],
    ids=lambda item: item.kind,
)
async def test_copy_of_uncopyable_content_is_refused(bot: Bot, ivan: Person, item: content.Content) -> None:
    sent = await ivan.sends(item)
    with pytest.raises(TelegramBadRequest, match="message can't be copied"):
        await bot.copy_message(ivan.id, ivan.id, sent.id)


async def test_protected_message_cannot_be_copied_or_forwarded(bot: Bot, ivan: Person) -> None:
    secret = await ivan.says("secret", protected=True)
    with pytest.raises(TelegramBadRequest, match="message can't be copied"):
        await bot.copy_message(ivan.id, ivan.id, secret.id)
    with pytest.raises(TelegramBadRequest, match="the message can't be forwarded"):
        await bot.forward_message(ivan.id, ivan.id, secret.id)


async def test_person_forwards_no_message_that_a_bot_has_protected(
    sandbox: Sandbox, bot: Bot, ivan: Person, shop: BotHandle
) -> None:
    helper = sandbox.add_bot("43:other", username="help_bot", name="Help")
    for is_protected in (False, True):
        await bot.send_message(ivan.id, f"protected: {is_protected}", protect_content=is_protected)
    forwarded = await ivan.forwards(await ivan.sees("protected: False", bot=shop), helper)
    assert (forwarded.text, forwarded.raw["forward_origin"]["sender_user"]["id"]) == ("protected: False", shop.id)
    with pytest.raises(SandboxError, match="cannot be forwarded"):
        await ivan.forwards(await ivan.sees("protected: True", bot=shop), helper)


async def test_quiz_with_known_answer_is_copied(bot: Bot, ivan: Person) -> None:
    quiz = await ivan.sends(content.quiz("2*2?", "4", "5", known=True))
    await bot.copy_message(ivan.id, ivan.id, quiz.id)
    assert (await ivan.sees(kind="poll")).kind == "poll"


async def test_copy_of_several_messages_skips_uncopyable_ones(bot: Bot, ivan: Person, shop: BotHandle) -> None:
    album = await ivan.sends_all(content.album(content.photo(caption="one"), content.video()))
    service = await ivan.sends(content.service())
    copies = await bot.copy_messages(ivan.id, ivan.id, [*(seen.id for seen in album), service.id])
    assert len(copies) == 2
    last = ivan.chat(shop)[-2:]
    assert last[0].raw["media_group_id"] == last[1].raw["media_group_id"] != album[0].raw["media_group_id"]


async def test_ids_of_copied_messages_must_rise(bot: Bot, ivan: Person) -> None:
    album = await ivan.sends_all(content.album(content.photo(), content.video()))
    with pytest.raises(TelegramBadRequest, match="not in a strictly increasing order"):
        await bot.copy_messages(ivan.id, ivan.id, [album[1].id, album[0].id])


async def test_parts_of_an_album_may_be_sent_one_by_one(bot: Bot, ivan: Person, shop: BotHandle) -> None:
    parts = [await ivan.sends(content.photo(), album="7") for _ in range(2)]
    assert {part.raw["media_group_id"] for part in parts} == {"7"}
    await bot.copy_messages(ivan.id, ivan.id, [part.id for part in parts])
    copies = ivan.chat(shop)[-2:]
    assert copies[0].raw["media_group_id"] == copies[1].raw["media_group_id"] != "7"


async def test_album_sent_by_file_ids_knows_where_its_files_came_from(bot: Bot, ivan: Person, shop: BotHandle) -> None:
    parts = await ivan.sends_all(content.album(content.photo(), content.photo()))
    media = [InputMediaPhoto(media=part.raw["photo"][-1]["file_id"]) for part in parts]
    await bot.send_media_group(ivan.id, list(media))
    assert [seen.copied_from for seen in ivan.chat(shop)[-2:]] == [(ivan.id, part.id) for part in parts]


async def test_forwarded_message_names_its_author_unless_hidden(
    bot: Bot, sandbox: Sandbox, shop: BotHandle, ivan: Person
) -> None:
    said = await ivan.says("words")
    forwarded = await bot.forward_message(ivan.id, ivan.id, said.id)
    assert isinstance(forwarded.forward_origin, MessageOriginUser)
    assert forwarded.forward_origin.sender_user.id == ivan.id
    hidden = sandbox.person("Nobody", hidden_forwards=True)
    said = await hidden.says("words", to=shop)
    forwarded = await bot.forward_message(hidden.id, hidden.id, said.id)
    assert isinstance(forwarded.forward_origin, MessageOriginHiddenUser)
    assert len(await bot.forward_messages(hidden.id, hidden.id, [said.id])) == 1


async def test_messages_can_be_deleted_for_48_hours(
    bot: Bot, ivan: Person, shop: BotHandle, clock: FrozenClock
) -> None:
    ids = [(await bot.send_message(ivan.id, f"message {number}")).message_id for number in range(3)]
    seen = await ivan.sees("message 0")
    assert await bot.delete_message(ivan.id, ids[0])
    await ivan.sees_gone(seen)
    assert await bot.delete_messages(ivan.id, [ids[1], 999])
    with pytest.raises(TelegramBadRequest, match="message to delete not found"):
        await bot.delete_message(ivan.id, ids[0])
    clock.forward(48 * 3600 + 1)
    with pytest.raises(TelegramBadRequest, match="message can't be deleted for everyone"):
        await bot.delete_message(ivan.id, ids[2])


async def test_reactions_and_chat_actions_are_shown(bot: Bot, ivan: Person, sandbox: Sandbox, shop: BotHandle) -> None:
    said = await ivan.says("thanks")
    await bot.set_message_reaction(ivan.id, said.id, [ReactionTypeEmoji(emoji="👍")])
    assert ivan.chat(shop)[-1].reactions == ["👍"]
    assert await bot.send_chat_action(ivan.id, "typing")
    assert sandbox.world.dialogue(shop.id, ivan.id).actions == ["typing"]


async def test_reply_keyboard_button_sends_its_text_or_contact(bot: Bot, ivan: Person) -> None:
    rows = [[KeyboardButton(text="My number", request_contact=True), KeyboardButton(text="Prices")]]
    await bot.send_message(ivan.id, "Your number?", reply_markup=ReplyKeyboardMarkup(keyboard=rows))
    shared = await ivan.taps("My number")
    assert shared.raw["contact"]["user_id"] == ivan.id
    assert (await ivan.taps("Prices")).text == "Prices"
    with pytest.raises(AssertionError, match="no button 'Nothing'"):
        await ivan.taps("Nothing")


BAD: dict[str, tuple[Callable[[Bot, int], object], str]] = {
    "empty": (lambda bot, chat: bot.send_message(chat, " "), "Bad Request: message text is empty"),
    "long": (lambda bot, chat: bot.send_message(chat, "я" * 4097), "Bad Request: message is too long"),
    "long in UTF-16": (lambda bot, chat: bot.send_message(chat, "🙂" * 2049), "Bad Request: message is too long"),
    "entities": (
        lambda bot, chat: bot.send_message(chat, "<b>x", parse_mode="HTML"),
        "Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\"",
    ),
    "unknown chat": (lambda bot, chat: bot.send_message(1, "x"), "Bad Request: chat not found"),
    "unknown group": (lambda bot, chat: bot.send_message(-1, "x"), "Bad Request: chat not found"),
    "unknown name": (lambda bot, chat: bot.send_message("@nobody", "x"), "Bad Request: chat not found"),
    "copy": (lambda bot, chat: bot.copy_message(chat, chat, 99), "Bad Request: message to copy not found"),
    "forward": (lambda bot, chat: bot.forward_message(chat, chat, 99), "Bad Request: message to forward not found"),
    "edit": (
        lambda bot, chat: bot.edit_message_text("x", chat_id=chat, message_id=99),
        "Bad Request: message to edit not found",
    ),
    "foreign edit": (
        lambda bot, chat: bot.edit_message_text("x", chat_id=chat, message_id=1),
        "Bad Request: message can't be edited",
    ),
    "data": (
        lambda bot, chat: bot.send_message(
            chat, "x", reply_markup=TAKE.model_copy(update={"inline_keyboard": [[LONG_BUTTON]]})
        ),
        "Bad Request: BUTTON_DATA_INVALID",
    ),
    "thread": (
        lambda bot, chat: bot.send_message(chat, "x", message_thread_id=5),
        "Bad Request: message thread not found",
    ),
    "action": (
        lambda bot, chat: bot.send_chat_action(chat, "dancing"),
        "Bad Request: wrong parameter action in request",
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_invalid_calls_are_refused_with_telegrams_description(bot: Bot, ivan: Person, name: str) -> None:
    call, words = BAD[name]
    with pytest.raises(TelegramBadRequest) as caught:
        await call(bot, ivan.id)  # type: ignore[misc]
    assert caught.value.message == words


async def test_longest_allowed_text_and_button_data_are_accepted(bot: Bot, ivan: Person) -> None:
    await bot.send_message(ivan.id, "🙂" * 2048)
    await bot.send_message(ivan.id, f"<b>{'x' * 4096}</b>", parse_mode="HTML")
    await bot.send_message(
        ivan.id,
        "x",
        reply_markup=InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="x", callback_data="я" * 32)]]),
    )


async def test_edit_without_change_is_refused(bot: Bot, ivan: Person) -> None:
    sent = await bot.send_message(ivan.id, "same", reply_markup=TAKE)
    with pytest.raises(TelegramBadRequest, match="message is not modified: specified new message content and reply"):
        await bot.edit_message_text("same", chat_id=ivan.id, message_id=sent.message_id, reply_markup=TAKE)
    with pytest.raises(TelegramBadRequest, match="exactly the same as a current content and reply markup"):
        await bot.edit_message_reply_markup(chat_id=ivan.id, message_id=sent.message_id, reply_markup=TAKE)


async def test_sending_to_unreachable_chats_is_forbidden(
    bot: Bot, sandbox: Sandbox, shop: BotHandle, ivan: Person
) -> None:
    stranger = sandbox.person("Stranger")
    with pytest.raises(TelegramForbiddenError, match="Forbidden: bot can't initiate conversation with a user"):
        await bot.send_message(stranger.id, "x")
    with pytest.raises(TelegramForbiddenError, match="bot can't send messages to bots"):
        await bot.send_message(shop.id, "x")
    await ivan.blocks(shop)
    with pytest.raises(TelegramForbiddenError, match="Forbidden: bot was blocked by the user"):
        await bot.send_message(ivan.id, "x")
    await ivan.unblocks(shop)
    await bot.send_message(ivan.id, "x")
    ivan.deactivates()
    with pytest.raises(TelegramForbiddenError, match="Forbidden: user is deactivated"):
        await bot.send_message(ivan.id, "x")


async def test_unknown_token_and_method_are_refused(
    sandbox: Sandbox, connect: Connect, shop: BotHandle, bot: Bot
) -> None:
    with pytest.raises(TelegramUnauthorizedError, match="Unauthorized"):
        await connect(BotHandle(id=77, token="77:nobody", username="x", name="x")).get_me()  # noqa: S106

    class Dance(SendMessage):
        __api_method__ = "dance"

    with pytest.raises(TelegramNotFound, match="Not Found"):
        await bot(Dance.model_validate({"chat_id": 1, "text": "x"}))


async def test_unknown_parameter_is_recorded_as_violation(bot: Bot, sandbox: Sandbox, ivan: Person) -> None:
    await bot(SendMessage(chat_id=ivan.id, text="x", colour="green"))
    assert [violation.problem for violation in sandbox.strictness_violations] == ["unknown field 'colour'"]
