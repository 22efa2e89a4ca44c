"""Where a text may be cut: never inside of what people see as one character.

A family emoji is seven code points, a flag two, a letter with an accent may be two. A cut between them shows half of
it, or something else. The rules are those of grapheme clusters (https://unicode.org/reports/tr29/), as far as the
standard library knows the properties that they need: marks, joiners, modifiers, tags, flags, Hangul.
"""

import unicodedata

LOOKED_BACK = 32  # code points; a longer cluster is no character of any language, and is cut like anything else

_JOINER, _NON_JOINER = "\u200d", "\u200c"
_MARKS = frozenset({"Mn", "Mc", "Me"})  # variation selectors and the frame of a keycap are among them
_SPACING = frozenset("\u0e33\u0eb3")  # vowels of Thai and Lao that stand beside their letter, and count as letters


def beginning(text: str, length: int) -> str:
    """The first code points of a text, at most so many; what is one character is there whole or not at all."""
    return text[: cut_at(text, length)]


def cut_at(text: str, end: int) -> int:
    """The last place up to `end` at which a text may be cut."""
    if end >= len(text):
        return len(text)
    place = max(end, 0)
    while place > max(end - LOOKED_BACK, 0) and _is_inside(text, place):
        place -= 1
    return place if place == 0 or not _is_inside(text, place) else end


def _is_inside(text: str, place: int) -> bool:
    """Whether the code points before and at a place are of one character."""
    before, after = text[place - 1], text[place]
    if after.isascii():
        return before == _JOINER
    if before == _JOINER or _continues(after):
        return True
    if _is_flag_letter(before) and _is_flag_letter(after):
        return _flag_letters_before(text, place) % 2 == 1
    return _is_hangul(before) and _is_later_jamo(after)


def _continues(sign: str) -> bool:
    """Whether a code point never begins a character."""
    return (
        unicodedata.category(sign) in _MARKS
        or sign in (_JOINER, _NON_JOINER)
        or sign in _SPACING
        or "\U0001f3fb" <= sign <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= sign <= "\U000e007f"  # the tags of a flag such as Scotland's
    )


def _is_flag_letter(sign: str) -> bool:
    return "\U0001f1e6" <= sign <= "\U0001f1ff"


def _flag_letters_before(text: str, place: int) -> int:
    """How many in a row; two make a flag."""
    first = place
    while first > 0 and _is_flag_letter(text[first - 1]):
        first -= 1
    return place - first


def _is_hangul(sign: str) -> bool:
    return "\u1100" <= sign <= "\u11ff" or "\ua960" <= sign <= "\ua97c" or "\uac00" <= sign <= "\ud7fb"


def _is_later_jamo(sign: str) -> bool:
    """A vowel, or a consonant at the end of a syllable."""
    return "\u1160" <= sign <= "\u11ff" or "\ud7b0" <= sign <= "\ud7fb"
