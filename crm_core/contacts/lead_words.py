"""Words of leads' names, by whose beginnings leads are found; both databases look them up in the same index.

Whoever writes a lead's name stores its words in the same transaction.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any
from unicodedata import category, normalize

from sqlalchemy import ColumnElement, Select, String, and_, bindparam, delete, func, insert, literal, select
from sqlalchemy.orm import Session

from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import LeadWord

WORD_LONGEST = 32
"""Characters of a word that are stored and compared; the rest of a longer one is not looked at."""

WORDS_MOST = 16
"""Different words of a name that are stored; further ones are not found."""

LOOKED_AT = 20_000
"""Leads with its rarest word that a search looks at: half a million would keep a database busy for a second."""

_AFTER_ALL = "\U0010ffff"  # no letter is or will be this; both databases compare by code points
_PLAIN = re.compile(r"[\w -/:-@\[-`{-~]*")
"""A name of letters, digits and ASCII's other printable characters alone: no mark and no invisible sign among them."""
_PLAIN_WORDS = re.compile(r"[^\W_]+")
_word = LeadWord.__table__


def words(text: str | None) -> tuple[str, ...]:
    """The different words of a name in the form in which they are compared, in their order.

    A word is letters and digits. Compatibility forms (full width, ligatures) and upper and lower case are alike, and so
    are ß and ss, ё and е, and all kinds of i.
    """
    if not text:
        return ()
    folded = normalize("NFKC", normalize("NFKC", text).casefold())
    folded = folded.replace("i\u0307", "i").replace("ı", "i").replace("ё", "е")
    # Looking at each character takes ten times as long, and hardly any name needs it.
    apart = _PLAIN_WORDS.findall(folded) if _PLAIN.fullmatch(folded) else "".join(_letters(folded)).split()
    return tuple(dict.fromkeys(word[:WORD_LONGEST] for word in apart))[:WORDS_MOST]


def _letters(folded: str) -> Iterator[str]:
    """The characters of words, a space for any other; invisible ones (joiners, soft hyphens) are left out."""
    is_inside = False
    for character in folded:
        kind = category(character)
        if kind == "Cf" and character != "\u200b":  # that one separates words
            continue
        is_inside = character.isalnum() or (is_inside and kind.startswith("M"))  # marks belong to the letter before
        yield character if is_inside else " "


def beginnings(text: str) -> tuple[str, ...]:
    """What words must begin with to be found by a text, longest first; one that another includes is left out."""
    found = words(text)
    needed = [one for one in found if not any(other != one and other.startswith(one) for other in found)]
    return tuple(sorted(needed, key=len, reverse=True))


# --- storing ---------------------------------------------------------------------------------------------------------


_INSERT = Prepared(insert(_word))
_DELETE = Prepared(delete(_word).where(_word.c.lead_id == bindparam("of_lead")))


def store(s: Session, *, lead_id: int, name: str | None) -> None:
    """Stores the words of a new lead's name."""
    rows = [{"lead_id": lead_id, "word": word} for word in words(name)]
    if rows:
        execute(s, _INSERT, rows)


def replace(s: Session, *, lead_id: int, name: str | None) -> None:
    """Stores the words of a lead's new name instead of those of the old one.

    The lead's row must have been updated before in this transaction: that keeps apart who renames it at the same time.
    """
    execute(s, _DELETE, {"of_lead": lead_id})
    store(s, lead_id=lead_id, name=name)


# --- searching -------------------------------------------------------------------------------------------------------


def _begins(beginning: str) -> ColumnElement[bool]:
    first, last = (
        literal(one, String()) for one in (beginning, beginning + _AFTER_ALL)
    )  # the column says how to compare
    return and_(_word.c.word >= first, _word.c.word <= last)


def _first(beginning: str, most: int) -> Any:
    """The first words that begin so, by alphabet; the order makes any planner read them from the index and stop."""
    return (
        select(_word.c.lead_id).where(_begins(beginning)).order_by(_word.c.word, _word.c.lead_id).limit(most).subquery()
    )


def has(lead_id: ColumnElement[int], beginning: str) -> ColumnElement[bool]:
    """Whether a lead has a word that begins so, asked for each lead alone.

    PostgreSQL would turn an EXISTS into a join, and read every word that begins so.
    """
    one = select(_word.c.word).where(_word.c.lead_id == lead_id, _begins(beginning)).limit(1)
    return one.scalar_subquery().is_not(None)


def counting(wanted: Sequence[str]) -> Select[*tuple[Any, ...]]:
    """The statement that counts how many words begin in each way, up to one more than `LOOKED_AT`."""
    counts = (select(func.count()).select_from(_first(one, LOOKED_AT + 1)).scalar_subquery() for one in wanted)
    return select(*(count.label(f"count_{place}") for place, count in enumerate(counts)))


def matching(wanted: Sequence[str]) -> Select[int]:
    """The statement that finds the ids of leads that have words which begin in all of these ways, the rarest first."""
    rarest, *others = wanted
    first = _first(rarest, LOOKED_AT)
    return select(first.c.lead_id).distinct().where(*(has(first.c.lead_id, one) for one in others))
