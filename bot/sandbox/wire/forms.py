"""Request bodies: urlencoded, multipart and JSON, parsed with little work.

The Bot API accepts all three (https://core.telegram.org/bots/api#making-requests). aiogram sends urlencoded forms, and
multipart ones as soon as there is a file.
"""

import binascii
import re
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from pydantic_core import from_json

from bot.sandbox.errors import bad_request

_NAME = re.compile(rb'[ ;]name="([^"]*)"')
_FILENAME = re.compile(rb'filename="([^"]*)"')
_FILENAME_EXTENDED = re.compile(rb"filename\*=utf-8''([^;\r\n]*)", re.IGNORECASE)
_TYPE = re.compile(rb"content-type: *([^\r\n]+)", re.IGNORECASE)
_BOUNDARY = re.compile(rb'boundary="?([^";]+)"?', re.IGNORECASE)


class Upload(NamedTuple):
    """A file inside a multipart body."""

    name: str
    mime: str
    data: bytes


Fields = dict[str, Any]
Uploads = dict[str, Upload]


def read(content_type: bytes, body: bytes, query: bytes) -> tuple[Fields, Uploads]:
    """Fields and files of a request.

    Args:
        content_type: the header's value, lower or upper case
        body: the whole body
        query: the query string without "?"; fields of the body take precedence

    Raises ApiError: 400 if the body does not match the header.
    """
    fields: Fields = _urlencoded(query) if query else {}
    uploads: Uploads = {}
    if not body:
        return fields, uploads
    if content_type.startswith(b"application/x-www-form-urlencoded"):
        fields.update(_urlencoded(body))
    elif content_type.startswith(b"multipart/form-data"):
        _multipart(content_type, body, fields, uploads)
    elif content_type.startswith(b"application/json"):
        try:
            found = from_json(body)
        except ValueError:
            raise bad_request("can't parse JSON object") from None
        if not isinstance(found, dict):
            raise bad_request("object expected as request")
        fields.update(found)
    return fields, uploads


def _urlencoded(body: bytes) -> Fields:
    fields: Fields = {}
    for pair in body.split(b"&"):
        name, _, value = pair.partition(b"=")
        fields[_unescape(name)] = _unescape(value)
    return fields


def _unescape(value: bytes) -> str:
    if b"%" not in value:
        return value.replace(b"+", b" ").decode("utf-8", "replace")
    if b"=" in value or b"\n" in value or b"\r" in value:
        return unquote_plus(value.decode("utf-8", "replace"))
    # Percent-escapes are quoted-printable with another sign, and that decoder is written in C: a long Cyrillic text
    # costs 2 microseconds instead of 50. The signs special to quoted-printable are excluded above.
    return binascii.a2b_qp(value.replace(b"+", b" ").replace(b"%", b"=")).decode("utf-8", "replace")


def _multipart(content_type: bytes, body: bytes, fields: Fields, uploads: Uploads) -> None:
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise bad_request("boundary not found")
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary[1])
    for part in parts[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        found = _NAME.search(head)
        if found is None:
            raise bad_request("can't parse multipart form data")
        name = found[1].decode("utf-8", "replace")
        filename = _file_name(head)
        if filename is None:
            fields[name] = value.decode("utf-8", "replace")
        else:
            mime = _TYPE.search(head)
            uploads[name] = Upload(filename, mime[1].decode("latin-1") if mime else "application/octet-stream", value)


def _file_name(head: bytes) -> str | None:
    found = _FILENAME.search(head)
    if found is not None:
        return found[1].decode("utf-8", "replace")
    found = _FILENAME_EXTENDED.search(head)
    return unquote_plus(found[1].decode("latin-1").replace("+", "%2B")) if found is not None else None
