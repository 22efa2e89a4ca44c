"""Keeping the catalogue in step with the code: `python -m bot.texts.catalogue` adds new texts to `ru.po`, empty."""

from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from bot.texts.translator import CATALOGUES

PACKAGE = Path(__file__).parents[1]
# Two functions make a text: `_("…")` and `_.plural("one", "many", n)`.
KEYWORDS = {"_": None, "plural": (1, 2)}


def extracted() -> Catalog:
    """Every text that the code says, with the places where it does."""
    found = Catalog(charset="utf-8")
    texts = extract_from_dir(PACKAGE, method_map=[("sandbox/**", "ignore"), ("**.py", "python")], keywords=KEYWORDS)
    for path, _, text, _, _ in texts:
        found.add(text, locations=[(str(path), 1)])
    return found


def read(language: str) -> Catalog:
    """The catalogue of a language as it is in the repository."""
    with (CATALOGUES / f"{language}.po").open("rb") as source:
        return read_po(source, locale=language)


def update(language: str) -> int:
    """Adds new texts, empty, and drops those that nobody says any more. Returns how many are still to be translated."""
    catalogue = read(language)
    catalogue.update(extracted(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    with (CATALOGUES / f"{language}.po").open("wb") as target:
        write_po(target, catalogue, width=120, omit_header=False, sort_output=True, no_location=True)
    return sum(1 for message in catalogue if message.id and not all(forms(message)))


def forms(message: Message) -> tuple[str, ...]:
    """The translations of a text: one, or one for each form that agrees with a number."""
    string = message.string or ""
    return (string,) if isinstance(string, str) else tuple(string)


if __name__ == "__main__":
    print(f"{update('ru')} texts without a translation")
