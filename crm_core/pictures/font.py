"""The bundled font: which characters it can draw, and how wide they are, so that names are cut before they overlap.

If a font is missing, resvg draws nothing and reports nothing; hence a font in this package, and no system fonts.
"""

import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from crm_core.graphemes import beginning

FAMILY = "DejaVu Sans Condensed"
FOLDER = Path(__file__).parent / "fonts"
REGULAR, BOLD = FOLDER / "DejaVuSansCondensed.ttf", FOLDER / "DejaVuSansCondensed-Bold.ttf"


@dataclass(frozen=True, slots=True)
class Face:
    """The widths of a font file's characters, as fractions of the font's size."""

    widths: dict[str, float]


@cache
def face(*, bold: bool) -> Face:
    """Reads a font file (TrueType; the tables are described in the OpenType specification)."""
    data = (BOLD if bold else REGULAR).read_bytes()
    tables = {}
    for number in range(struct.unpack_from(">H", data, 4)[0]):
        tag, _, offset, _ = struct.unpack_from(">4sLLL", data, 12 + 16 * number)
        tables[tag] = offset
    (units,) = struct.unpack_from(">H", data, tables[b"head"] + 18)
    (long_metrics,) = struct.unpack_from(">H", data, tables[b"hhea"] + 34)

    def advance(glyph: int) -> int:
        width: int = struct.unpack_from(">H", data, tables[b"hmtx"] + 4 * min(glyph, long_metrics - 1))[0]
        return width

    glyphs = _glyphs(data, tables[b"cmap"])
    return Face({chr(code): advance(glyph) / units for code, glyph in glyphs.items()})


def _glyphs(data: bytes, cmap: int) -> dict[int, int]:
    """Glyphs by code point, from the subtable for all of Unicode (format 12)."""
    for number in range(struct.unpack_from(">H", data, cmap + 2)[0]):
        offset = cmap + struct.unpack_from(">L", data, cmap + 4 + 8 * number + 4)[0]
        if struct.unpack_from(">H", data, offset)[0] == 12:
            found: dict[int, int] = {}
            for group in range(struct.unpack_from(">L", data, offset + 12)[0]):
                first, last, glyph = struct.unpack_from(">LLL", data, offset + 16 + 12 * group)
                found |= {code: glyph + code - first for code in range(first, last + 1)}
            return found
    raise ValueError("the font has no table for all of Unicode")


def drawable(text: str) -> str:
    """A text without what the font cannot draw (most emoji, many scripts), in one line; it may be empty."""
    known = face(bold=False).widths
    return " ".join("".join(one if one in known else " " if one.isspace() else "" for one in text).split())


def width(text: str, size: float, *, bold: bool = False) -> float:
    """The width of a text, in pixels; kerning makes it a little narrower."""
    widths, regular = face(bold=bold).widths, face(bold=False).widths
    return size * sum(widths.get(one) or regular.get(one, 0.6) for one in text)


def fitting(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """As much of a text as fits into a width, in pixels, with an ellipsis if it was cut."""
    if width(text, size, bold=bold) <= room:
        return text
    while text and width(text + "…", size, bold=bold) > room:
        text = beginning(text, len(text) - 1)
    return text.rstrip(" ,.-–") + "…"
