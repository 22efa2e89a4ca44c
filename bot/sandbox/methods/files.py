"""Files of a call: uploads, attach:// references, file ids; and getFile."""

from typing import Any

from bot.sandbox.errors import ApiError, bad_request
from bot.sandbox.methods.call import Call, method
from bot.sandbox.world.files import (
    MAX_DOWNLOAD,
    MAX_PHOTO,
    MAX_RATIO,
    MAX_SIDES,
    MAX_UPLOAD,
    TITLES,
    StoredFile,
    file_id,
    png_size,
)

Json = dict[str, Any]


def resolve_file(call: Call, kind: str, value: Any, name: str) -> StoredFile:
    """The file that is meant: an upload, "attach://…", or a file id of this bot.

    Args:
        kind: what it is to be sent as
        value: what the field says
        name: the upload that stands for an absent value

    Raises ApiError: 400 for no file, an empty one, a foreign or unknown id, a file of another kind, or an Internet
    address, which a local server does not fetch; 413 for one too large.
    """
    upload = call.upload(name)
    if isinstance(value, str) and value.startswith("attach://"):
        upload = call.upload(value.removeprefix("attach://"))
        if upload is None:
            raise bad_request("wrong file identifier/HTTP URL specified")
    if upload is not None:
        if not upload.data:
            raise bad_request("file must be non-empty")
        if len(upload.data) > (MAX_PHOTO if kind == "photo" else MAX_UPLOAD):
            raise ApiError(413, "Request Entity Too Large")
        if kind == "photo":
            _check_sides(upload.data)
        return call.world.files.add(kind, upload.data, name=upload.name, mime=upload.mime, size=None)
    if not value:
        raise bad_request(f"there is no {kind.replace('_', ' ')} in the request")
    if str(value).startswith(("http://", "https://")):
        raise bad_request("failed to get HTTP URL content")
    stored = call.world.files.find(str(value), call.bot.id)
    if stored.kind != kind:
        raise bad_request(f"can't use file of type {TITLES[stored.kind]} as {TITLES[kind]}")
    return stored


def _check_sides(data: bytes) -> None:
    """https://core.telegram.org/bots/api#sendphoto, for PNG; what is no picture at all is let through here."""
    width, height = png_size(data) or (1, 1)
    if width + height > MAX_SIDES or max(width, height) > MAX_RATIO * min(width, height):
        raise bad_request("PHOTO_INVALID_DIMENSIONS")


@method("getFile")
def get_file(call: Call) -> Json:
    """https://core.telegram.org/bots/api#getfile: up to 20 MB."""
    given = call.text("file_id")
    if given is None:
        raise bad_request("file_id is empty")
    stored = call.world.files.find(given, call.bot.id)
    if stored.size > MAX_DOWNLOAD:
        raise bad_request("file is too big")
    return {
        "file_id": file_id(stored, call.bot.id),
        "file_unique_id": f"AQAD{stored.id}",
        "file_size": stored.size,
        "file_path": stored.path,
    }
