"""Translators for each language. Catalogues are read from `.po` when first needed, so nothing has to be compiled."""

import gettext
import io
from functools import cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES = ("ru", "en")
CATALOGUES = Path(__file__).parent


class Translator:
    """The texts of one language; handlers get it as `_`.

    `_("Hello")` gives a text, `_.plural("{n} contact", "{n} contacts", n)` one that agrees with a number. Values are
    put in afterwards with `format`, never into the key.
    """

    def __init__(self, language: str, catalogue: gettext.NullTranslations) -> None:
        self.language = language
        self._catalogue = catalogue

    def __call__(self, text: str) -> str:
        return self._catalogue.gettext(text)

    def plural(self, one: str, many: str, n: int) -> str:
        """The form that agrees with `n`; the text still has its `{n}`."""
        return self._catalogue.ngettext(one, many, n)


@cache
def translator(language: str) -> Translator:
    """The texts of `ru` or `en`; the keys themselves are English."""
    if language == "en":
        return Translator("en", gettext.NullTranslations())
    with (CATALOGUES / f"{language}.po").open("rb") as source:
        catalogue = read_po(source, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translator(language, gettext.GNUTranslations(compiled))


def pick_language(code: str | None, default: str) -> str:
    """The language to use with somebody.

    Args:
        code: Telegram's `language_code`, such as `ru` or `en-GB`; None if unknown.
        default: the setting DEFAULT_LANGUAGE, for every other language.
    """
    short = (code or "").split("-")[0].casefold()
    return short if short in LANGUAGES else default
