"""What admins type: words, quotes, numbers; and suggestions for what was almost right."""

import pytest

from crm_core.errors import BadName, BadSlug, BadValue
from crm_core.names import TypedLine, check_name, check_slug, normalise, read_number, suggestions


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("shop Anna 30", ["shop", "Anna", "30"]),
        ('shop "Anna Maria" 30', ["shop", "Anna Maria", "30"]),
        ("'VK ads' «Анна Мария»  30", ["VK ads", "Анна Мария", "30"]),
        ("“VK ads” „Anna Maria“ „Anna Maria” 30", ["VK ads", "Anna Maria", "Anna Maria", "30"]),
        ("O'Brien don't", ["O'Brien", "don't"]),
        ("'t Hooft 5", ["'t", "Hooft", "5"]),
        ('Anna "Boss" 5', ["Anna", "Boss", "5"]),
        ('"unclosed Anna', ['"unclosed', "Anna"]),
        ('"" Anna', ['""', "Anna"]),
        ("", []),
        ("  \n ", []),
    ],
)
def test_typed_line_is_split_at_spaces_outside_quotes(typed: str, words: list[str]) -> None:
    assert [word.text for word in TypedLine.of(typed).words] == words


def test_name_may_contain_quotes() -> None:
    assert TypedLine.of('Anna "Boss" 5').from_word(0, 2).readings == ('Anna "Boss"',)
    assert TypedLine.of('"Anna Maria"').readings == ("Anna Maria", '"Anna Maria"')


@pytest.mark.parametrize("typed", ["Anna\u200b", "\u2060anna", "\u202aAnna\u202c", "O’Brien\u200e"])
def test_name_copied_with_invisible_signs_is_found(typed: str) -> None:
    assert normalise(typed) in ("anna", "o'brien")


def test_only_unquoted_integer_at_line_end_is_a_number() -> None:
    assert TypedLine.of("Anna 10").number == "10"
    assert TypedLine.of("Anna -3").number == "-3"
    assert TypedLine.of('Anna "10"').number is None
    assert TypedLine.of("Anna 1.5").number is None
    assert TypedLine.of("Anna ١٠").number == TypedLine.of("Anna 10%").number == "10"
    assert TypedLine.of("Anna 10 %").number == TypedLine.of("Anna 10\N{NO-BREAK SPACE}%").number == "10"
    assert [word.text for word in TypedLine.of("Anna % 10 %s").words] == ["Anna", "%", "10", "%s"]
    assert TypedLine.of("").number is None


def test_number_outside_its_range_or_malformed_is_refused() -> None:
    assert read_number("0", field="limit", minimum=0, maximum=1000) == 0
    assert read_number("18%", field="weight", minimum=0, maximum=1000) == 18
    assert read_number("٢٦", field="weight", minimum=0, maximum=1000) == 26
    for text in ("-1", "1001", "ten", "1.5", "", "9" * 40):
        with pytest.raises(BadValue):
            read_number(text, field="limit", minimum=0, maximum=1000)


def test_similar_names_are_suggested() -> None:
    known = ["Anna", "Boris", "Anna Maria", "Семён"]
    assert suggestions("Ana", known)[0] == "Anna"
    assert suggestions("семен", known) == ["Семён"]
    assert suggestions("Maria", known) == ["Anna Maria"]
    assert suggestions("Xyz", known) == []


def test_names_and_slugs_are_normalised_and_validated() -> None:
    assert check_name("  Anna \n Maria ") == "Anna Maria"
    for text in ("", "   ", "x" * 65, "/start", "#15", "a\x00b"):
        with pytest.raises(BadName):
            check_name(text)
    assert check_slug(" VK-Ads_1 ") == "vk-ads_1"
    for text in ("", "вк", "a b", "x" * 33):
        with pytest.raises(BadSlug):
            check_slug(text)
