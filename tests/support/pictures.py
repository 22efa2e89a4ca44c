"""Looking at pictures: what somebody was sent, and where two pictures differ."""

from io import BytesIO

from PIL import Image, ImageChops

from bot.sandbox import SeenMessage
from tests.support.people import RunningApp

Box = tuple[int, int, int, int]  # left, top, right, bottom


def opened(png: bytes) -> Image.Image:
    """A picture's pixels."""
    return Image.open(BytesIO(png)).convert("RGB")


def difference(one: bytes, other: bytes) -> Box | None:
    """The smallest box outside which two pictures of one size are the same; None for the same pixels."""
    return ImageChops.difference(opened(one), opened(other)).getbbox()


def file_id(seen: SeenMessage) -> str:
    """Telegram's id of the photo in a message."""
    assert seen.kind == "photo", seen
    return str(seen.raw["photo"][-1]["file_id"])


def sent_picture(crm: RunningApp, seen: SeenMessage) -> bytes:
    """The photo in a message, as Telegram got it."""
    return crm.sandbox.world.files.find(file_id(seen), seen.place).data
