"""Methods that are made without validation are what aiogram's own validation would make of the same fields."""

from typing import Any

import pytest
from pydantic.main import BaseModel

from bot.telegram.methods import CopyAlbum, CopyContent, SendAlbum, SendText, in_topic, protected
from bot.telegram.session import PlainAlbumMethod, PlainMethod

FIELDS: list[tuple[type[PlainMethod | PlainAlbumMethod], dict[str, Any]]] = [
    (SendText, {"chat_id": 7, "text": "Hello"}),
    (SendText, {"chat_id": 7, "text": "Hello", "entities": [{"type": "bold", "offset": 0, "length": 5}]}),
    (CopyContent, {"chat_id": 7, "from_chat_id": 8, "message_id": 9, "caption": "Words"}),
    (CopyAlbum, {"chat_id": 7, "from_chat_id": 8, "message_ids": [9, 10]}),
    (SendAlbum, {"chat_id": 7, "media": [{"type": "photo", "media": "file"}], "disable_notification": True}),
]


@pytest.mark.parametrize(("method", "fields"), FIELDS)
def test_method_made_without_validation_equals_validated_one(
    method: type[PlainMethod | PlainAlbumMethod], fields: dict[str, Any]
) -> None:
    made, validated = method(**fields), method.model_construct()
    BaseModel.__init__(validated, **fields)
    assert made == validated
    assert made.model_dump(exclude_none=True) == validated.model_dump(exclude_none=True) == fields
    assert method.model_validate(fields) == made
    assert protected(in_topic(made, 5)) == protected(in_topic(validated, 5))


def test_methods_share_no_default_with_each_other() -> None:
    first, second = SendText(chat_id=7, text="Hello"), SendText(chat_id=8, text="Bye")
    first.entities = []
    assert second.entities is None
    assert SendText(chat_id=9, text="").entities is None
