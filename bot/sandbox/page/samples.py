"""What people can send from the page without a file of their own."""

from collections.abc import Callable
from pathlib import Path

from bot.sandbox.world.content import Content, album, location, photo, voice

PICTURES = Path(__file__).parent / "static"


def picture(name: str = "lamp") -> bytes:
    """A sample photo: "lamp", "shelf" or "box"."""
    return (PICTURES / f"{name}.jpg").read_bytes()


SAMPLES: dict[str, Callable[[], Content]] = {
    "photo": lambda: photo(picture()),
    "album": lambda: album(photo(picture()), photo(picture("shelf")), photo(picture("box"))),
    "voice": lambda: voice(duration=7),
    "location": location,
}
