"""Bodies in the three forms that the Bot API takes."""

from urllib.parse import parse_qsl, urlencode

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox import BotHandle, Person, Sandbox
from bot.sandbox.errors import ApiError
from bot.sandbox.wire.forms import read

URLENCODED = b"application/x-www-form-urlencoded"


@given(st.dictionaries(st.text("abc_", min_size=1), st.text(st.characters(codec="utf-8"), min_size=1), min_size=1))
def test_urlencoded_body_is_read_like_the_standard_library(fields: dict[str, str]) -> None:
    body = urlencode(fields).encode()
    assert read(URLENCODED, body, b"")[0] == dict(parse_qsl(body.decode())) == fields


def test_loosely_escaped_urlencoded_values_are_accepted() -> None:
    assert read(URLENCODED, b"text=a=b%20c&x", b"chat_id=1")[0] == {"chat_id": "1", "text": "a=b c", "x": ""}


@given(st.binary())
def test_multipart_body_keeps_file_bytes(data: bytes) -> None:
    body = b"".join(
        [
            b'--limit\r\nContent-Disposition: form-data; name="chat_id"\r\n\r\n5\r\n',
            b'--limit\r\nContent-Type: image/png\r\nContent-Disposition: form-data; name="x"; filename="a.png"\r\n\r\n',
            data,
            b"\r\n--limit--\r\n",
        ]
    )
    if b"--limit" in data:
        return
    fields, uploads = read(b"multipart/form-data; boundary=limit", body, b"")
    assert fields == {"chat_id": "5"}
    assert uploads["x"] == ("a.png", "image/png", data)


@pytest.mark.parametrize("body", [b"{", b"[]"])
def test_invalid_json_body_is_refused(body: bytes) -> None:
    with pytest.raises(ApiError):
        read(b"application/json", body, b"")


async def test_json_body_and_query_string_are_accepted(sandbox: Sandbox, shop: BotHandle, ivan: Person) -> None:
    url = f"{sandbox.url}/bot{shop.token}/SENDMESSAGE"
    async with aiohttp.ClientSession() as client:
        async with client.post(url, json={"chat_id": ivan.id, "text": "from JSON"}) as answer:
            assert answer.status == 200
        async with client.get(url, params={"chat_id": ivan.id, "text": "from the address"}) as answer:
            assert answer.status == 200
    assert [seen.text for seen in ivan.chat(shop)[-2:]] == ["from JSON", "from the address"]
