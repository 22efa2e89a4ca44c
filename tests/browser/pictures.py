"""The pictures of the documentation: what they are called, and the words that each of them shows, kept inside it."""

from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.browser.shop_day import PICTURES

FOLDER = Path(__file__).parents[2] / "docs/images/chats"
LANGUAGES, THEMES = ("en", "ru"), ("light", "dark")
WORDS = "Shows"  # the name of a text chunk of a PNG
COLOURS = 256  # enough for flat colours and a soft background, at a third of the bytes


def path(name: str, language: str, theme: str) -> Path:
    """Where a picture is."""
    return FOLDER / f"{name}.{language}.{theme}.png"


def paths() -> list[Path]:
    """All pictures."""
    return [path(name, language, theme) for name in PICTURES for language in LANGUAGES for theme in THEMES]


def keep(file: Path, shown: str) -> None:
    """Makes a screenshot small and puts into it the words that it shows."""
    info = PngInfo()
    info.add_itxt(WORDS, shown, zip=True)
    with Image.open(file) as image:
        small = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.FLOYDSTEINBERG)
    small.save(file, pnginfo=info, optimize=True)


def words_in(file: Path) -> str:
    """The words that a picture shows."""
    with Image.open(file) as image:
        image.load()
        return str(image.text[WORDS])  # type: ignore[attr-defined]
