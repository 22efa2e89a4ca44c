"""Cuts of texts: what people see as one character is shown whole or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.graphemes import LOOKED_BACK, beginning
from crm_core.messaging.messages import fits_units, utf16_units
from crm_core.pictures.font import fitting

WHOLE = {
    "family": "👨‍👩‍👧‍👦",
    "skin tone": "👍🏽",
    "skin tones joined": "🧑🏻‍🤝‍🧑🏿",
    "flag": "🇩🇪",
    "flag with tags": "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "rainbow": "🏳️‍🌈",
    "keycap": "1️⃣",
    "heart": "❤️",
    "accent": "e\u0301",
    "й of a Mac": "и\u0306",
    "several marks": "ạ\u0302\u0309",
    "Thai": "น้ำ",
    "vowel sign": "कि",
    "jamo": "\u1112\u1161\u11ab",
    "syllable and jamo": "하\u11ab",
}


@pytest.mark.fault("F168")
@pytest.mark.parametrize("sign", WHOLE.values(), ids=WHOLE)
def test_no_cut_falls_inside_a_character(sign: str) -> None:
    said = f"ab{sign}{sign}c"
    allowed = {said[: 2 + times * len(sign)] for times in range(3)} | {"", "a", said}
    for length in range(len(said) + 1):
        assert beginning(said, length) in allowed
    for units in range(utf16_units(said) + 1):
        assert fits_units(said, units) in allowed
    if sign == "й of a Mac":
        assert fitting(said, 30, 12).removesuffix("…") in allowed


def test_flags_in_a_row_are_cut_between_two_of_them() -> None:
    flags = "🇩🇪🇫🇷🇮🇹🇯🇵"
    assert [beginning(flags, length) for length in range(9)] == [flags[: length // 2 * 2] for length in range(9)]
    assert beginning("🇩" + "a🇫🇷", 3) == "🇩a"


def test_cuts_keep_as_much_as_fits() -> None:
    assert beginning("abc", 2) == "ab"
    assert beginning("abc", 9) == "abc"
    assert beginning("abc", 0) == ""
    assert fits_units("🚲🚲", 3) == "🚲"


def test_text_of_nothing_but_marks_does_not_vanish() -> None:
    marks = "a" + "\u0301" * 5_000
    assert beginning(marks, 3_000) == marks[:3_000]
    assert beginning(marks, LOOKED_BACK) == ""
    joined = "👩‍" * 3_000
    assert utf16_units(fits_units(joined, 3_000)) > 2_900


@pytest.mark.fault("F168")
@given(st.text(), st.integers(0, 60))
def test_cut_is_a_beginning_that_fits(text: str, length: int) -> None:
    cut = beginning(text, length)
    assert text.startswith(cut)
    assert length - LOOKED_BACK <= len(cut) <= length or cut == text or length < LOOKED_BACK
    assert utf16_units(fits_units(text, length)) <= length or not text.isprintable()
