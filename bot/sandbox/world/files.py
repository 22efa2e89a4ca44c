"""Files: bytes once, identifiers per bot.

A file id belongs to the bot that was given it (https://core.telegram.org/bots/api#sending-files): here it carries the
bot's id, so that a foreign one can be refused.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from bot.sandbox.errors import ApiError, bad_request

Json = dict[str, Any]

MAX_UPLOAD = 50 * 1024 * 1024  # bytes; 10 MB for photos
MAX_PHOTO = 10 * 1024 * 1024
MAX_DOWNLOAD = 20 * 1024 * 1024
MAX_SIDES, MAX_RATIO = 10_000, 20  # of a photo: width and height together, and one to the other
SHOWN = 1280  # pixels of the longer side of the largest size that is kept

TITLES = {
    "photo": "Photo",
    "video": "Video",
    "video_note": "VideoNote",
    "voice": "VoiceNote",
    "audio": "Audio",
    "document": "Document",
    "animation": "Animation",
    "sticker": "Sticker",
}
FOLDERS = {"photo": "photos", "voice": "voice", "video_note": "video_notes", "audio": "music", "sticker": "stickers"}
EXTENSIONS = {"photo": "jpg", "video": "mp4", "video_note": "mp4", "voice": "oga", "audio": "mp3", "animation": "mp4"}
MIMES = {
    "video": "video/mp4",
    "voice": "audio/ogg",
    "audio": "audio/mpeg",
    "animation": "video/mp4",
    "document": "application/octet-stream",
}


class StoredFile:
    """The bytes of one file and what is known about them.

    Attributes:
        posted: (chat id, message id) of the message in which a person sent it
    """

    __slots__ = ("data", "id", "kind", "mime", "name", "posted", "size")

    def __init__(self, file_id: int, kind: str, data: bytes, name: str | None, mime: str | None, size: int) -> None:
        self.id = file_id
        self.kind = kind
        self.data = data
        self.name = name
        self.mime = mime
        self.size = size
        self.posted: tuple[int, int] | None = None

    @property
    def path(self) -> str:
        extension = (self.name or "").rpartition(".")[2] if "." in (self.name or "") else EXTENSIONS.get(self.kind)
        return f"{FOLDERS.get(self.kind, self.kind + 's')}/file_{self.id}" + (f".{extension}" if extension else "")


class Files:
    """All files of the sandbox."""

    def __init__(self) -> None:
        self._files: list[StoredFile] = []

    def add(self, kind: str, data: bytes, *, name: str | None, mime: str | None, size: int | None) -> StoredFile:
        """Keep a file.

        Args:
            size: bytes, if the file should appear larger than `data`
        """
        stored = StoredFile(len(self._files), kind, data, name, mime, len(data) if size is None else size)
        self._files.append(stored)
        return stored

    def find(self, file_id: str, bot_id: int) -> StoredFile:
        """The file behind an id that this bot was given.

        Raises ApiError: 400 for an unknown id and for one of another bot.
        """
        owner, number = _decode(file_id)
        if owner != bot_id or not 0 <= number < len(self._files):
            raise bad_request("wrong file identifier/HTTP URL specified")
        return self._files[number]

    def behind(self, file_id: str) -> StoredFile | None:
        """The file behind an id of any bot; None for an unknown id."""
        try:
            _, number = _decode(file_id)
        except ApiError:
            return None
        return self._files[number] if 0 <= number < len(self._files) else None

    def note_posted(self, value: Any, chat_id: int, message_id: int) -> None:
        """Remember in which message a person sent the files whose ids are in its fields."""
        for one in value.values() if isinstance(value, dict) else value:
            if isinstance(one, dict | list):
                self.note_posted(one, chat_id, message_id)
        stored = self.behind(str(value["file_id"])) if isinstance(value, dict) and "file_id" in value else None
        if stored is not None and stored.posted is None:
            stored.posted = (chat_id, message_id)

    def by_path(self, path: str) -> StoredFile | None:
        """The file behind a `file_path` of getFile."""
        digits = path.rpartition("file_")[2].partition(".")[0]
        found = self._files[int(digits)] if digits.isdigit() and int(digits) < len(self._files) else None
        return found if found is not None and found.path == path else None


def file_id(stored: StoredFile, bot_id: int, suffix: str = "") -> str:
    """The id of a file for one bot; `suffix` distinguishes the sizes of a photo."""
    return urlsafe_b64encode(f"AgAC{stored.kind}:{bot_id}:{stored.id}:{suffix}".encode()).decode().rstrip("=")


def _decode(value: str) -> tuple[int, int]:
    try:
        kind, bot_id, number, _ = urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode().split(":")
        if not kind.startswith("AgAC"):
            raise ValueError(kind)
        return int(bot_id), int(number)
    except ValueError:
        raise bad_request("wrong file identifier/HTTP URL specified") from None


def png_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels of a PNG picture; None for anything else."""
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        return None
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


def _sizes(stored: StoredFile) -> list[tuple[int, int]]:
    width, height = png_size(stored.data) or (800, 600)
    longer = max(width, height)
    return [(max(1, width * most // longer), max(1, height * most // longer)) for most in (90, min(longer, SHOWN))]


def describe(stored: StoredFile, bot_id: int, details: Json) -> Any:
    """The Bot API object of a file (Video, Document, list of PhotoSize, …).

    Args:
        details: width, height, duration, title, … that override the made-up ones
    """
    known = {name: value for name, value in details.items() if value is not None}
    if stored.kind == "photo":
        return [_photo_size(stored, bot_id, width, height) for width, height in _sizes(stored)]
    result: Json = {"file_id": file_id(stored, bot_id), "file_unique_id": f"AQAD{stored.id}", "file_size": stored.size}
    if stored.kind in ("video", "animation"):
        result |= {"width": 640, "height": 360, "duration": 5}
    elif stored.kind in ("voice", "audio"):
        result |= {"duration": 5}
    elif stored.kind == "video_note":
        result |= {"length": 240, "duration": 5}
    elif stored.kind == "sticker":
        result |= {
            "type": "regular",
            "width": 512,
            "height": 512,
            "is_animated": False,
            "is_video": False,
            "emoji": "🙂",
        }
    if stored.kind in MIMES:
        result["mime_type"] = stored.mime or MIMES[stored.kind]
    if stored.kind in ("video", "audio", "document", "animation") and stored.name:
        result["file_name"] = stored.name
    return result | known


def _photo_size(stored: StoredFile, bot_id: int, width: int, height: int) -> Json:
    letter = "s" if max(width, height) <= 90 else "x"
    return {
        "file_id": file_id(stored, bot_id, letter),
        "file_unique_id": f"AQAD{stored.id}{letter}",
        "file_size": stored.size if letter == "x" else min(stored.size, 1500),
        "width": width,
        "height": height,
    }


def localise(value: Any, bot_id: int) -> Any:
    """A copy of a message in which every file id is the one of `bot_id`: several bots see one group message."""
    if isinstance(value, dict):
        return {
            name: _for_bot(item, bot_id) if name == "file_id" else localise(item, bot_id)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [localise(item, bot_id) for item in value]
    return value


def _for_bot(value: str, bot_id: int) -> str:
    kind, _, number, suffix = urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode().split(":")
    return urlsafe_b64encode(f"{kind}:{bot_id}:{number}:{suffix}".encode()).decode().rstrip("=")
