"""Phone numbers as people write them: what is the same number, what is not, and what is none."""

import pytest

from crm_core.contacts.phones import check_phone, phone_key, phone_of
from crm_core.errors import BadPhone


@pytest.mark.fault("F128")
@pytest.mark.parametrize(
    "written",
    [
        "+7 999 123-45-67", "8 (999) 123-45-67", "89991234567", "79991234567", "999 123 45 67", "0079991234567",
        "tel:+7-999-123-45-67", "TEL:89991234567", "+7\u00a0999\u00a0123–45–67",
        "\u202a+79991234567\u202c", "+7999\u200b1234567",
        "＋７９９９１２３４５６７", "+٧٩٩٩١٢٣٤٥٦٧", "۸۹۹۹۱۲۳۴۵۶۷", "+7 (999) 123-45-67 доб. 5", "+79991234567 ext 12",
    ],
)  # fmt: skip
def test_one_number_has_one_key_in_every_notation(written: str) -> None:
    assert check_phone(written, region="RU").key == "+79991234567"


@pytest.mark.fault("F128")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+55 11 98765-4321", "+55 21 98765-4321"),  # São Paulo and Rio: the last nine digits are the same
        ("+7 916 555-01-23", "+1 (916) 555-0123"),
        ("+380 44 123 45 67", "+49 44 1234567"),
        ("12345", "99912345"),
    ],
)
def test_different_numbers_with_the_same_last_digits_have_different_keys(one: str, other: str) -> None:
    assert phone_key(one) != phone_key(other)


@pytest.mark.parametrize(
    ("written", "region", "key"),
    [
        ("030 1234567", "DE", "+49301234567"),
        ("+49 (0)30 1234567", "RU", "+49301234567"),
        ("(212) 555-0123", "US", "+12125550123"),
        ("11 98765-4321", "BR", "+5511987654321"),
        ("02 1234 5678", "IT", "+390212345678"),  # there the leading zero belongs to the number
        ("+888 0123 4567", "RU", "+88801234567"),  # Telegram's anonymous numbers: of no country
    ],
)
def test_national_numbers_belong_to_the_region(written: str, region: str, key: str) -> None:
    assert check_phone(written, region=region).key == key


def test_extensions_tell_people_at_one_number_apart_but_not_the_number() -> None:
    first, second = (check_phone(f"+7 495 123-45-67 доб. {extension}") for extension in (5, 6))
    assert first.key == second.key == "+74951234567"
    assert first.identity != second.identity


def test_number_is_stored_as_given_in_digits_that_can_be_dialled() -> None:
    assert check_phone(" tel:8\u00a0(999)  ١٢٣-45-67\u200b ").text == "8 (999) 123-45-67"


@pytest.mark.parametrize("words", ["", " ", "call me", "5", "112", "\u200b", "+", "12 34", "my number is secret"])
def test_words_are_no_phone(words: str) -> None:
    with pytest.raises(BadPhone):
        check_phone(words)


def test_phone_of_telegram_is_kept_whatever_it_is() -> None:
    assert (phone_of("+12").text, phone_of("+12").key) == ("+12", "12")
    assert phone_of("+").key is None
