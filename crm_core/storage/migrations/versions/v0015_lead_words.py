"""Words of leads' names, which a search finds by an index, in place of names that it had to walk through."""

import unicodedata
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import RowId, Word

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SLICE = 5_000  # leads that are read at once; a million names need not fit into memory
MOST, LONGEST = 16, 32

_leads = sa.table("leads", sa.column("id", RowId), sa.column("full_name", sa.String()))


def upgrade() -> None:
    op.drop_index("ix_leads_name_folded", table_name="leads")
    op.drop_column("leads", "name_folded")
    words = op.create_table(
        "lead_words",
        sa.Column("lead_id", RowId, autoincrement=False, nullable=False),
        sa.Column("word", Word, nullable=False),
        sa.ForeignKeyConstraint(
            ["lead_id"], ["leads.id"], name=op.f("fk_lead_words_lead_id_leads"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("lead_id", "word", name=op.f("pk_lead_words")),
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    after = 0
    while rows := connection.execute(_slice(after)).all():
        found = [{"lead_id": row.id, "word": word} for row in rows for word in _words(row.full_name)]
        if found:
            connection.execute(words.insert(), found)
        after = rows[-1].id
    op.create_index(op.f("ix_lead_words_word_lead_id"), "lead_words", ["word", "lead_id"])


def _slice(after: int) -> sa.Select[Any]:
    named = _leads.c.id > after, _leads.c.full_name.is_not(None)
    return sa.select(_leads.c.id, _leads.c.full_name).where(*named).order_by(_leads.c.id).limit(SLICE)


def _words(name: str) -> tuple[str, ...]:
    """As `crm_core.contacts.lead_words.words` at this revision."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    folded = folded.replace("i\u0307", "i").replace("ı", "i").replace("ё", "е")
    return tuple(dict.fromkeys(word[:LONGEST] for word in "".join(_letters(folded)).split()))[:MOST]


def _letters(folded: str) -> Iterator[str]:
    is_inside = False
    for character in folded:
        kind = unicodedata.category(character)
        if kind == "Cf" and character != "\u200b":  # that one separates words
            continue
        is_inside = character.isalnum() or (is_inside and kind.startswith("M"))
        yield character if is_inside else " "
