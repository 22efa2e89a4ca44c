"""A plain message is read without validation, and exactly as validation would read it."""

from typing import Any

from aiogram import Bot
from aiogram.types import Message
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.receiving.plain_messages import read_plain
from bot.receiving.reading import read_event
from tests.support.people import TOKEN

BOT = Bot(TOKEN)
IVAN = {
    "id": 7,
    "is_bot": False,
    "first_name": "Ivan",
    "last_name": "Petrov",
    "username": "ivan",
    "language_code": "ru",
}
CHAT = {"id": 7, "type": "private", "first_name": "Ivan", "last_name": "Petrov", "username": "ivan"}
PLAIN: dict[str, Any] = {"message_id": 15, "from": IVAN, "chat": CHAT, "date": 1_764_500_000, "text": "Hello"}

words = st.text(st.characters(codec="utf-8"))
odd = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), words, st.just({}), st.just([]))


def validated(raw: dict[str, Any]) -> Message:
    return Message.model_validate(raw, context={"bot": BOT})


def test_usual_message_is_plain_and_equals_validated_one() -> None:
    read = read_plain(PLAIN, bot=BOT)
    assert read == validated(PLAIN)
    assert read is not None
    assert read.bot is BOT
    assert read.chat.bot is BOT
    assert read.model_dump() == validated(PLAIN).model_dump()
    assert read_event({"update_id": 1, "message": PLAIN}, bot=BOT) == read


@given(st.data())
def test_whatever_is_taken_for_plain_equals_validated_message(data: st.DataObject) -> None:
    raw = {**PLAIN, "from": dict(IVAN), "chat": dict(CHAT)}
    raw.update(text=data.draw(words), date=data.draw(st.integers(-1, 2**40)), message_id=data.draw(st.integers()))
    place = data.draw(st.sampled_from([raw, raw["from"], raw["chat"]]))
    match data.draw(st.sampled_from(["as it is", "without", "odd", "more"])):
        case "without":
            place.pop(data.draw(st.sampled_from(sorted(place))))
        case "odd":
            place[data.draw(st.sampled_from(sorted(place)))] = data.draw(odd)
        case "more":
            place[data.draw(st.sampled_from(["is_premium", "entities", "type", "via_bot"]))] = data.draw(odd)
    read = read_plain(raw, bot=BOT)
    try:
        expected = validated(raw)
    except ValidationError:
        assert read is None
    else:
        assert read in (None, expected)


def test_message_of_a_group_or_with_more_than_words_is_not_plain() -> None:
    for other in (
        {**PLAIN, "chat": {**CHAT, "type": "group"}},
        {**PLAIN, "entities": []},
        {**PLAIN, "edit_date": 1_764_500_001},
        {name: value for name, value in PLAIN.items() if name != "text"} | {"photo": []},
        {**PLAIN, "date": 2**31},
        {**PLAIN, "message_id": True},
    ):
        assert read_plain(other, bot=BOT) is None
