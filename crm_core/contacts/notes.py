"""The note on a contact for whoever gets it next: written by whoever gives it back or hands it on."""

from sqlalchemy import bindparam, update
from sqlalchemy.orm import Session

from crm_core.names import check_description
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact

_contact = Contact.__table__
_STORE = (
    update(_contact)
    .where(_contact.c.id == bindparam("contact_id"))
    .values(note=bindparam("text"), note_operator_id=bindparam("author"))
)


def check(note: str | None) -> str | None:
    """A note as it is stored, of at most 500 characters; None for none. Raises BadValue."""
    return check_description(note or "", field="note")


def store(s: Session, *, contact_id: int, note: str | None, author: int | None) -> None:
    """Puts a note on a contact in place of an earlier one; without one, that stays.

    Args:
        note: as `check` returned it.
        author: the operator who wrote it; None for an admin or a system that is none.
    """
    if note is not None:
        execute(s, _STORE, {"contact_id": contact_id, "text": note, "author": author})
