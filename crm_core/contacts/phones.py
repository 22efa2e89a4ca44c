"""Phone numbers as people write them, compared in E.164: never by their last digits, which different people share."""

import re
from dataclasses import dataclass
from unicodedata import decimal, normalize

from phonenumbers import (
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    format_number,
    is_possible_number,
    is_valid_number,
    parse,
)

from crm_core.errors import BadPhone
from crm_core.names import without_invisible
from crm_core.storage.region import DEFAULT_REGION

KEY_LONGEST = 40
_SCHEME = re.compile(r"(?:tel|callto|phone):(?://)?", re.IGNORECASE)
_INTERNATIONAL = re.compile(r"[(\s]*\+[\d\s().\-/]*")
_DIGITS_OF_ONE = range(7, 16)  # ITU-T E.164: at most fifteen; shorter ones than seven reach nobody from abroad


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone number.

    Attributes:
        text: as it was given, without invisible signs and in digits that can be dialled.
        key: by which it is compared, usually E.164; None if there are no digits.
        extension: of a number that many people share.
    """

    text: str
    key: str | None
    extension: str | None = None

    @property
    def identity(self) -> str:
        """Whose number it is: at one number, people with different extensions are different people."""
        return f"phone:{self.key}" + (f";ext={self.extension}" if self.extension else "")


def cleaned(text: str) -> str:
    """A number as it is stored: without invisible signs and `tel:`, with single spaces and the digits 0 to 9."""
    shown = _SCHEME.sub("", " ".join(without_invisible(normalize("NFC", text)).split()), count=1)
    return "".join(_dialled(sign) for sign in shown).strip()


def _dialled(sign: str) -> str:
    if sign == "＋":
        return "+"
    digit = decimal(sign, None)
    return sign if digit is None else str(digit)


def check_phone(text: str, *, region: str = DEFAULT_REGION) -> Phone:
    """A phone number that somebody gave.

    Args:
        region: where it belongs if it has no country code: two letters, ISO 3166-1.

    Raises BadPhone for what cannot be one.
    """
    phone, is_readable = _read(cleaned(text), region)
    if not is_readable:
        raise BadPhone(field="phone")
    return phone


def phone_of(text: str, *, region: str = DEFAULT_REGION) -> Phone:
    """A phone number from a source that is believed, such as Telegram: one that no list knows is kept all the same."""
    return _read(cleaned(text), region)[0]


def phone_key(text: str, *, region: str = DEFAULT_REGION) -> str | None:
    """What to look for to find a number in any notation; None for a text without digits."""
    return phone_of(text, region=region).key


def _read(text: str, region: str) -> tuple[Phone, bool]:
    number = _number(text, region)
    if number is not None:
        return Phone(text, format_number(number, PhoneNumberFormat.E164), number.extension), True
    digits = "".join(sign for sign in text if sign.isdecimal())[:KEY_LONGEST]
    # Lists of numbering plans are never complete; the country code says whose number it is.
    if _INTERNATIONAL.fullmatch(text) and len(digits) in _DIGITS_OF_ONE:
        return Phone(text, f"+{digits}"), True
    return Phone(text, digits or None), False


def _number(text: str, region: str) -> PhoneNumber | None:
    """The number that a text is: as it is written, or else with the plus that people leave out."""
    as_written = _parsed(text, region)
    if as_written is not None and is_valid_number(as_written):
        return as_written
    if not text.startswith("+"):
        completed = _parsed(f"+{text.removeprefix('00')}", region)
        if completed is not None and is_valid_number(completed):
            return completed
    return as_written if as_written is not None and is_possible_number(as_written) else None


def _parsed(text: str, region: str) -> PhoneNumber | None:
    try:
        return parse(text, region)
    except NumberParseException:
        return None
