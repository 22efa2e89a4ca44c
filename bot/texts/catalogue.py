"""Keeping the catalogue in step with the code: `python -m bot.texts.catalogue` adds new texts to `ru.po`, empty."""

import io
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from bot.texts.translator import CATALOGUES

PACKAGE = Path(__file__).parents[1]
# Two functions make a text: `_("…")` and `_.plural("one", "many", n)`.
KEYWORDS = {"_": None, "plural": (1, 2)}
# Babel's own header has dates and addresses: it would differ at each run for no reason.
HEADER = """\
# The texts of Mini-CRM. `python -m bot.texts.catalogue` adds new ones, empty, and drops unused ones.
msgid ""
msgstr ""
"Project-Id-Version: Mini-CRM\\n"
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plural_forms}\\n"

"""


def extracted() -> Catalog:
    """Every text in the code."""
    found = Catalog(charset="utf-8")
    texts = extract_from_dir(PACKAGE, method_map=[("sandbox/**", "ignore"), ("**.py", "python")], keywords=KEYWORDS)
    for _path, _line, text, _comments, _context in texts:
        found.add(text)
    return found


def read(language: str) -> Catalog:
    """The catalogue of a language as it is in the repository."""
    with (CATALOGUES / f"{language}.po").open("rb") as source:
        return read_po(source, locale=language)


def updated(language: str) -> Catalog:
    """The catalogue with new texts, empty, and without those that the code no longer uses."""
    catalogue = read(language)
    catalogue.update(extracted(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    return catalogue


def as_file(catalogue: Catalog) -> bytes:
    """A catalogue as it is kept: sorted and without dates or places, so that it changes only with its texts."""
    body = io.BytesIO()
    write_po(body, catalogue, width=120, omit_header=True, sort_output=True, no_location=True)
    head = HEADER.format(language=catalogue.locale_identifier, plural_forms=catalogue.plural_forms)
    return head.encode() + body.getvalue()


def save(catalogue: Catalog) -> None:
    """Writes a catalogue to its place."""
    (CATALOGUES / f"{catalogue.locale_identifier}.po").write_bytes(as_file(catalogue))


def forms(message: Message) -> tuple[str, ...]:
    """The translations of a text: one, or one for each form that agrees with a number."""
    string = message.string or ""
    return (string,) if isinstance(string, str) else tuple(string)


def untranslated(catalogue: Catalog) -> list[Message]:
    """The texts that are still to be translated."""
    return [message for message in catalogue if message.id and not all(forms(message))]


if __name__ == "__main__":
    newest = updated("ru")
    save(newest)
    print(f"{len(untranslated(newest))} texts without a translation")
