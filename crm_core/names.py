"""Names that people type: checked when they are given, and matched with known names, near misses included."""

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from crm_core.errors import BadName, BadSlug, BadValue, NameTaken, NotFound

NAME_LONGEST = 64
DESCRIPTION_LONGEST = 500
T = TypeVar("T")

_SLUG = re.compile(
    r"[a-z0-9_-]{1,32}"
)  # with "src_" before it stays within Telegram's 64 characters of a start payload


_NONE = frozenset({"off", "no", "none", "null", "-", "–", "—", "нет", "выкл", "выключить"})


def means_off(text: str) -> bool:
    """Whether a typed value means: off, or none, in either language."""
    return text.strip().casefold() in _NONE


def normalise(name: str | None) -> str | None:
    """A name in the form in which it is compared and searched: case-folded, ё as е, ’ as ', single spaces.

    Format characters are left out: names copied from a chat have them, and `check_name` lets none in.
    """
    if name is None:
        return None
    visible = name if name.isascii() else "".join(sign for sign in name if unicodedata.category(sign) != "Cf")
    return " ".join(visible.casefold().translate(_ALIKE).split())


_ALIKE = str.maketrans("ё’ʼ`", "е'''")  # phones write ’ where a keyboard has '


def without_invisible(text: str) -> str:
    """A text without the signs that show nothing: copied from a chat or a contact book, nobody knows they are there."""
    if text.isascii() and text.isprintable():  # nearly every one
        return text
    return "".join(sign for sign in text if not is_invisible(sign))


def is_invisible(sign: str) -> bool:
    """Whether a character shows nothing by itself: a joiner, a direction mark, a filler; a space does not count."""
    return unicodedata.category(sign) == "Cf" or sign in _INVISIBLE


def shows_something(text: str) -> bool:
    """Whether anything of a text is seen: people have names of invisible signs alone."""
    return (text.isascii() and text.isalpha()) or not all(sign.isspace() or is_invisible(sign) for sign in text)


# Unicode's property Default_Ignorable_Code_Point has these besides the format characters; of BRAILLE PATTERN BLANK
# nothing is seen either.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0") | frozenset(
    map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)


def check_name(text: str) -> str:
    """A name with single spaces, 1 to 64 characters, no control characters. Raises BadName."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= NAME_LONGEST or not name.isprintable() or name.startswith(("/", "#")):
        raise BadName(field="name", maximum=NAME_LONGEST)
    return name


def check_free_name(text: str, taken: Iterable[str]) -> str:
    """A name as `check_name` returns it that equals none of these in normalised form. Raises BadName, NameTaken."""
    name = check_name(text)
    if normalise(name) in map(normalise, taken):
        raise NameTaken(name=name)
    return name


def check_description(text: str, *, field: str = "description") -> str | None:
    """A description, or another text of at most 500 characters; an empty one is none. Raises BadValue for the field."""
    description = text.strip()
    if len(description) > DESCRIPTION_LONGEST:
        raise BadValue(field=field, minimum=0, maximum=DESCRIPTION_LONGEST)
    return description or None


def check_slug(text: str) -> str:
    """The part of a link that names a source: small Latin letters, digits, - and _. Raises BadSlug."""
    slug = text.strip().casefold()
    if not _SLUG.fullmatch(slug):
        raise BadSlug(field="slug", maximum=32)
    return slug


def check_number(value: int, *, field: str, minimum: int, maximum: int) -> int:
    """A whole number within its range. Raises BadValue with the range."""
    if not minimum <= value <= maximum:
        raise BadValue(field=field, minimum=minimum, maximum=maximum)
    return value


def suggestions(name: str, known: Iterable[str]) -> list[str]:
    """Up to three known names that somebody may have meant, best first."""
    by_fold = {normalise(one) or "": one for one in known}
    wanted = normalise(name) or ""
    inside = [by_fold[one] for one in by_fold if wanted and (wanted in one or one in wanted)]
    alike = [by_fold[one] for one in difflib.get_close_matches(wanted, by_fold, n=3, cutoff=0.6)]
    return list(dict.fromkeys([*alike, *inside]))[:3]


def read_number(text: str, *, field: str, minimum: int, maximum: int, off: int | None = None) -> int:
    """A whole number that somebody typed. Raises BadValue with the range, also for what is no number.

    Args:
        off: what `off`, or a dash, means; None: nothing.
    """
    if off is not None and means_off(text):
        return off
    number = typed_number(text)
    if number is None:
        raise BadValue(field=field, minimum=minimum, maximum=maximum)
    return check_number(int(number), field=field, minimum=minimum, maximum=maximum)


_NUMBER = re.compile(r"[-+]?\d{1,9}")  # in the digits of any script, as `int` reads them
_PERCENT = re.compile(r"\s*[%٪](?!\S)")  # `18%`, or `18 %` as Russian has it
_TYPED_NUMBER = re.compile(rf"({_NUMBER.pattern})(?:{_PERCENT.pattern})?")


def typed_number(text: str) -> str | None:
    """The number that a text is, in the digits 0 to 9 and without `%`; None if it is none."""
    found = _TYPED_NUMBER.fullmatch(text.strip())
    return None if found is None else str(int(found[1]))


_CLOSING = {'"': '"', "'": "'", "«": "»", "“": "”", "„": "”“", "‘": "’", "”": "”"}  # „ closes in two ways


@dataclass(frozen=True, slots=True)
class TypedWord:
    """One word of a typed line, or several in quotes: where it stands, and what it says without them."""

    start: int
    end: int
    text: str
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class TypedLine:
    """What somebody typed after a command, split into words; quotes keep words together.

    A quote opens only where a word begins and closes only where one ends, so that O'Brien stays one word. A quote that
    is never closed is an ordinary character.
    """

    raw: str
    words: tuple[TypedWord, ...]

    @classmethod
    def of(cls, raw: str) -> "TypedLine":
        """Splits a line."""
        return cls(raw, tuple(_split(raw)))

    def __len__(self) -> int:
        return len(self.words)

    def from_word(self, start: int, stop: int | None = None) -> "TypedLine":
        """A part of the line: the words from one number up to another."""
        words = self.words[start:stop]
        if not words:
            return TypedLine("", ())
        first = words[0].start
        raw = self.raw[first : words[-1].end]
        moved = tuple(TypedWord(one.start - first, one.end - first, one.text, one.is_quoted) for one in words)
        return TypedLine(raw, moved)

    @property
    def readings(self) -> tuple[str, ...]:
        """The names that the whole line can be: one quoted word without its quotes, and any line as it was typed."""
        if len(self.words) == 1 and self.words[0].is_quoted:
            return (self.words[0].text, self.raw)
        bare = self.raw.strip(" ,;")  # `Anna, 30`: a comma behind a name is not a part of it
        return tuple(dict.fromkeys(one for one in (self.raw, bare) if one))

    @property
    def name(self) -> str:
        """The line as one name that is new, so that nothing can be compared with it."""
        return self.readings[0] if self.readings else ""

    @property
    def number(self) -> str | None:
        """The last word, if it is a number outside of quotes."""
        last = self.words[-1] if self.words else None
        return typed_number(last.text) if last and not last.is_quoted else None

    def splits(self) -> Iterator[tuple["TypedLine", "TypedLine"]]:
        """Every way to cut the line in two, with the longest first part first."""
        for cut in range(len(self.words) - 1, 0, -1):
            yield self.from_word(0, cut), self.from_word(cut)


def _split(raw: str) -> Iterator[TypedWord]:
    at = 0
    while at < len(raw):
        if raw[at].isspace():
            at += 1
            continue
        end = _end_of_quoted(raw, at)
        if end is not None:
            yield TypedWord(at, end, " ".join(raw[at + 1 : end - 1].split()), is_quoted=True)
        else:
            end = at
            while end < len(raw) and not raw[end].isspace():
                end += 1
            behind = _PERCENT.match(raw, end)
            if behind is not None and _NUMBER.fullmatch(raw, at, end):
                end = behind.end()
            yield TypedWord(at, end, raw[at:end])
        at = end


def is_quoted(text: str) -> bool:
    """Whether a text as a whole stands in quotes that belong together, whatever is between them."""
    return len(text) > 2 and text[-1] in _CLOSING.get(text[0], "")


def _end_of_quoted(raw: str, at: int) -> int | None:
    """The index behind the quote that closes the one at `at`; None if none opens there or none closes it."""
    closing = _CLOSING.get(raw[at])
    if closing is None:
        return None
    for index in range(at + 2, len(raw)):
        if raw[index] in closing and (index + 1 == len(raw) or raw[index + 1].isspace()):
            return index + 1
    return None


def find_named(
    line: TypedLine, known: Iterable[T], *, name: Callable[[T], str], also: Callable[[T, str], bool]
) -> T | None:
    """The thing that a line names, None if it names none.

    Args:
        name: what each is called.
        also: whether a reading means it in another way (its number, its link); names win over these.
    """
    listed = list(known)
    for reading in line.readings:
        exact, wanted = normalise(reading), normalise(reading.removeprefix("@"))
        for one in listed:
            if exact == normalise(name(one)):
                return one
        for one in listed:
            if wanted in (normalise(name(one)), normalise(name(one).removeprefix("@"))):
                return one
    for reading in line.readings:
        for one in listed:
            if also(one, reading):
                return one
    return None


_NUMBERED = re.compile(r"(?:[#№]|No\.?)?\s*(\d{1,9})", re.IGNORECASE)


def _is_number(text: str, number: int) -> bool:
    """Whether a text is this number: `1`, `#1`, `№ 1`."""
    found = _NUMBERED.fullmatch(text)
    return found is not None and int(found[1]) == number


class Named(Protocol):
    """Anything that people find by its name or its number."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


@dataclass(frozen=True, slots=True)
class Lookup(Generic[N]):
    """How things of one kind are found by what an admin types.

    Attributes:
        not_found: what is raised where none is meant.
        also: whether a text means a thing in another way than by its name or number.
    """

    not_found: type[NotFound]
    also: Callable[[N, str], bool] = lambda one, text: False

    def pick(self, known: Sequence[N], line: TypedLine) -> N | None:
        """The one that a typed line names, by its name, or else in another way or by its number."""
        return find_named(
            line,
            known,
            name=lambda one: one.name,
            also=lambda one, text: _is_number(text, one.id) or self.also(one, text),
        )

    def missed(self, known: Sequence[N], line: TypedLine) -> NotFound:
        """What to raise where a line names none of them; it suggests names that come close."""
        return self.not_found(name=line.name, close=suggestions(line.name, [one.name for one in known]))

    def find(self, known: Sequence[N], name: str) -> N:
        """The one that a text names. Raises `not_found` with names that come close."""
        line = TypedLine.of(name)
        found = self.pick(known, line)
        if found is None:
            raise self.missed(known, line)
        return found

    def one(self, known: Sequence[N], number: int) -> N:
        """The one of a number. Raises `not_found`."""
        for each in known:
            if each.id == number:
                return each
        raise self.unknown(number)

    def unknown(self, number: int) -> NotFound:
        """What to raise where there is none of this number."""
        return self.not_found(name=str(number), close=[])
