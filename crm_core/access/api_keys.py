"""Keys of the HTTP API: shown once, kept as a digest, known by their public beginning."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import SYSTEM, Actor, access_admin
from crm_core.errors import KeyNotFound, NameTaken, SourceNotFound
from crm_core.events import NewEvent
from crm_core.names import check_name
from crm_core.storage.database import on_commit
from crm_core.storage.execute import execute_count
from crm_core.storage.tables import ApiKey, Source

READ, WRITE, ADMIN, FORM = "read", "write", "admin", "form"
SCOPES = (READ, WRITE, ADMIN, FORM)
_INCLUDES = {READ: (READ,), WRITE: (READ, WRITE), ADMIN: (READ, WRITE, ADMIN), FORM: (FORM,)}

MARK = "mck_"  # so that a key is recognised where it should not be: in logs, in a public repository
PREFIX_LENGTH = len(MARK) + 8
RANDOM_LENGTH = 8 + 32  # characters of the random part: 240 bits

_key = ApiKey.__table__


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key as it is kept and listed."""

    id: int
    name: str
    prefix: str
    digest: str
    scope: str
    source_id: int | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    def is_valid(self, now: datetime) -> bool:
        """Whether it opens anything at this moment."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class KeysChanged:
    """Announced with every change: whoever remembers keys forgets them."""


def includes(held: str, wanted: str) -> bool:
    """Whether a key of one scope may do what needs another."""
    return wanted in _INCLUDES[held]


def digest_of(key: str) -> str:
    """What is kept of a key. It has 240 random bits, so that one round of SHA-256 gives nothing to guess."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def prefix_of(key: str) -> str:
    """The public beginning, by which a key is found and listed."""
    return key[:PREFIX_LENGTH]


def opens(facts: KeyFacts, key: str, *, now: datetime) -> bool:
    """Whether what was given is this key, in a time that does not tell how far it agrees."""
    is_same = hmac.compare_digest(digest_of(key), facts.digest)
    return is_same and facts.is_valid(now)


def create(
    s: Session,
    *,
    key: str,
    name: str,
    scope: str,
    actor: Actor,
    now: datetime,
    expires_at: datetime | None = None,
    source_id: int | None = None,
) -> KeyFacts:
    """Keeps a new key.

    Args:
        key: `MARK` and `RANDOM_LENGTH` random letters and digits.
        scope: one of `SCOPES`; a `form` needs the source that it brings contacts to, the others have none.

    Raises NotAllowed, BadName, NameTaken, SourceNotFound.
    """
    access_admin(s, actor)
    checked = check_name(name)
    if s.execute(select(_key.c.id).where(_key.c.name == checked)).first():
        raise NameTaken(name=checked)
    if (scope == FORM) != (source_id is not None) or (
        source_id is not None and s.execute(select(Source.id).where(Source.id == source_id)).first() is None
    ):
        raise SourceNotFound(name=str(source_id), close=[])
    values = {
        "name": checked,
        "prefix": prefix_of(key),
        "digest": digest_of(key),
        "scope": scope,
        "source_id": source_id,
        "created_at": now,
        "expires_at": expires_at,
    }
    key_id = s.execute(insert(_key).returning(_key.c.id), values).scalar_one()
    _record(s, key_id, "created", actor, now)
    return one(s, key_id=key_id)


def create_first(s: Session, *, key: str, name: str, now: datetime) -> bool:
    """Stores a key of scope `admin` if there never was a key. Returns whether it did.

    Args:
        key, name: as for `create`.
    """
    if exist(s):
        return False
    create(s, key=key, name=name, scope=ADMIN, actor=SYSTEM, now=now)
    return True


def revoke(s: Session, *, key_id: int, actor: Actor, now: datetime) -> KeyFacts:
    """Ends a key for good, at once. A second time changes nothing. Raises NotAllowed, KeyNotFound."""
    access_admin(s, actor)
    facts = one(s, key_id=key_id)
    if execute_count(s, update(_key).where(_key.c.id == key_id, _key.c.revoked_at.is_(None)).values(revoked_at=now)):
        _record(s, key_id, "revoked", actor, now)
    return one(s, key_id=facts.id)


def listing(s: Session) -> list[KeyFacts]:
    """Every key there ever was, in the order of making."""
    columns = (_key.c[name] for name in KeyFacts.__dataclass_fields__)
    return [KeyFacts(*row) for row in s.execute(select(*columns).order_by(_key.c.id))]


def one(s: Session, *, key_id: int) -> KeyFacts:
    """One key. Raises KeyNotFound."""
    for facts in listing(s):
        if facts.id == key_id:
            return facts
    raise KeyNotFound(key=key_id)


def find(s: Session, *, name: str) -> KeyFacts:
    """The key of a name, of a public beginning or of a number. Raises KeyNotFound."""
    for facts in listing(s):
        if name.strip() in (facts.name, facts.prefix, str(facts.id)):
            return facts
    raise KeyNotFound(key=name)


def note_use(s: Session, *, used: dict[int, datetime]) -> None:
    """Writes down when keys were last used.

    Args:
        used: the moment for each key id.
    """
    for key_id, at in used.items():
        s.execute(update(_key).where(_key.c.id == key_id).values(last_used_at=at))


def any_valid(s: Session, *, now: datetime) -> bool:
    """Whether there is a key that opens anything."""
    return any(one.is_valid(now) for one in listing(s))


def exist(s: Session) -> bool:
    """Whether there ever was a key: from the first one on, nothing is done without."""
    return bool(s.execute(select(func.count()).select_from(_key)).scalar_one())


def _record(s: Session, key_id: int, reason: str, actor: Actor, now: datetime) -> None:
    events.record(s, [NewEvent(events.KEY_CHANGED, now, actor.label, reason=reason, data={"key": key_id})])
    on_commit(s, KeysChanged())
