"""Phones are compared in E.164, e-mails by a key of their own. No lead is merged with another, none loses anything."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import idna
import phonenumbers
import sqlalchemy as sa
from alembic import context, op

from crm_core.storage.types import RowId

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SLICE = 5_000  # leads that are read at once; a million need not fit into memory
KEY_LONGEST = 40
OLD_DIGITS = 10

_leads = sa.table(
    "leads",
    sa.column("id", RowId),
    sa.column("external_id", sa.String()),
    sa.column("email", sa.String()),
    sa.column("email_key", sa.String()),
    sa.column("phone", sa.String()),
    sa.column("phone_key", sa.String()),
)


def upgrade() -> None:
    # The column that was unique stays so under its new name: SQLite would have to copy the table otherwise.
    op.alter_column("leads", "email", new_column_name="email_key") if _is_postgres() else op.execute(
        "ALTER TABLE leads RENAME COLUMN email TO email_key"
    )
    op.add_column("leads", sa.Column("email", sa.String(), nullable=True))
    op.execute("UPDATE leads SET email = email_key WHERE email_key IS NOT NULL")
    if _is_postgres():
        op.alter_column("leads", "phone_key", type_=sa.String(length=KEY_LONGEST))
    else:
        _widen_on_sqlite()
    _change_each(_leads.c.email_key, _new_email_key, where=_leads.c.email.is_not(None))
    _change_each(_leads.c.phone_key, _new_phone_key, where=_leads.c.phone.is_not(None))
    _change_each(_leads.c.external_id, _new_identity, where=_leads.c.external_id.like("phone:%"))


def _is_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _widen_on_sqlite() -> None:
    """SQLite looks at no length, so only what it says of the column changes, with the index that is on it."""
    condition = sa.text("phone_key IS NOT NULL")
    op.drop_index("ix_leads_phone_key", table_name="leads")
    op.execute("ALTER TABLE leads RENAME COLUMN phone_key TO phone_key_of_ten")
    op.add_column("leads", sa.Column("phone_key", sa.String(length=KEY_LONGEST), nullable=True))
    op.execute("UPDATE leads SET phone_key = phone_key_of_ten WHERE phone_key_of_ten IS NOT NULL")
    op.drop_column("leads", "phone_key_of_ten")
    op.create_index("ix_leads_phone_key", "leads", ["phone_key"], sqlite_where=condition)


def _change_each(to: sa.ColumnClause[Any], change: Callable[[Any], str | None], *, where: Any) -> None:
    """Changes a column of leads in slices, in the order of their ids; what is None stays, or what another one has.

    Phones may be the same; e-mails and identities are unique.
    """
    connection, after = op.get_bind(), 0
    write = sa.update(_leads).where(_leads.c.id == sa.bindparam("of")).values({to: sa.bindparam("new")})
    while rows := connection.execute(
        sa.select(*_leads.c).where(where, _leads.c.id > after).order_by(_leads.c.id).limit(SLICE)
    ).all():
        changed: dict[int, str] = {}
        for row in rows:
            new = change(row)
            if new is not None and (to is _leads.c.phone_key or (new not in changed.values() and _is_free(to, new))):
                changed[row.id] = new
        if changed:
            connection.execute(write, [{"of": lead_id, "new": new} for lead_id, new in changed.items()])
        after = rows[-1].id


def _is_free(column: sa.ColumnClause[Any], value: str) -> bool:
    return op.get_bind().execute(sa.select(_leads.c.id).where(column == value)).first() is None


# --- e-mail: as `crm_core.contacts.emails` at this revision ----------------------------------------------------------


def _new_email_key(row: Any) -> str | None:
    """A lead's new key. If another lead has it already, they keep the old one, which no address is compared by now."""
    key = _email_key(row.email)
    return key if key != row.email_key else None


_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?!\d+$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


def _email_key(email: str) -> str:
    plain = "".join(_visible(unicodedata.normalize("NFC", email))).strip().replace("＠", "@")
    if plain.casefold().startswith("mailto:"):
        plain = plain[len("mailto:") :].partition("?")[0].strip()
    local, at, domain = plain.rpartition("@")
    return unicodedata.normalize("NFC", local.lower()) + at + (_domain(domain) or domain.lower())


def _domain(text: str) -> str | None:
    try:
        name = text.lower() if text.isascii() else idna.encode(text, uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        return None
    return name if _DOMAIN.fullmatch(name) else None


_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0") | frozenset(
    map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)


def _visible(text: str) -> Iterator[str]:
    return (sign for sign in text if unicodedata.category(sign) != "Cf" and sign not in _INVISIBLE)


# --- phone: as `crm_core.contacts.phones` at this revision -----------------------------------------------------------


def _new_phone_key(row: Any) -> str | None:
    key, _ = _phone_key(row.phone)
    return key


def _new_identity(row: Any) -> str | None:
    """The identity of a lead who is known by a phone alone. If another lead has it already, they keep the old one."""
    if row.phone is None or row.external_id != "phone:" + "".join(filter(str.isdecimal, row.phone))[-OLD_DIGITS:]:
        return None  # named so by another system
    key, extension = _phone_key(row.phone)
    identity = f"phone:{key}" + (f";ext={extension}" if extension else "")
    return identity if identity != row.external_id else None


def _phone_key(phone: str) -> tuple[str | None, str | None]:
    text = " ".join("".join(_visible(unicodedata.normalize("NFC", phone))).split())
    text = re.sub(r"^(?:tel|callto|phone):(?://)?", "", text, flags=re.IGNORECASE)
    text = "".join("+" if sign == "＋" else str(unicodedata.decimal(sign, sign)) for sign in text).strip()
    number = _number(text, context.config.attributes["default_region"])
    if number is not None:
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), number.extension
    digits = "".join(sign for sign in text if sign.isdecimal())[:KEY_LONGEST]
    if re.fullmatch(r"[(\s]*\+[\d\s().\-/]*", text) and 7 <= len(digits) <= 15:
        return f"+{digits}", None
    return digits or None, None


def _number(text: str, region: str) -> phonenumbers.PhoneNumber | None:
    as_written = _parsed(text, region)
    if as_written is not None and phonenumbers.is_valid_number(as_written):
        return as_written
    if not text.startswith("+"):
        completed = _parsed(f"+{text.removeprefix('00')}", region)
        if completed is not None and phonenumbers.is_valid_number(completed):
            return completed
    return as_written if as_written is not None and phonenumbers.is_possible_number(as_written) else None


def _parsed(text: str, region: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
