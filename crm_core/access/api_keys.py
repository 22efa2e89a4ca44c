"""Keys of the HTTP API: shown once, stored as a digest, identified by their public prefix."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import SYSTEM, Actor, access_admin
from crm_core.access.scopes import ADMIN, FORM
from crm_core.errors import KeyNotFound, NameTaken, SourceNotFound
from crm_core.names import check_name
from crm_core.storage.database import on_commit
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import ApiKey, Source

MARK = "mck_"  # so that a leaked key is recognised: in logs, in a public repository
PREFIX_LENGTH = len(MARK) + 8
RANDOM_LENGTH = 8 + 32  # characters of the random part: 240 bits

_key = ApiKey.__table__


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key as it is stored and listed."""

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
        """Whether it may be used at this moment: neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class KeysChanged:
    """Handed to listeners after the commit of every change: caches of keys are outdated."""


def digest_of(key: str) -> str:
    """What is stored of a key. With 240 random bits, one round of SHA-256 leaves nothing to guess."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def prefix_of(key: str) -> str:
    """The public prefix, by which a key is found and listed."""
    return key[:PREFIX_LENGTH]


def opens(facts: KeyFacts, key: str, *, now: datetime) -> bool:
    """Whether a text is this key, valid now; compared in constant time."""
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
    """Stores a new key.

    Args:
        key: `MARK` and `RANDOM_LENGTH` random letters and digits.
        scope: one of `scopes.SCOPES`; `form` needs the source that it registers contacts at, the others have none.
        expires_at: from when it is invalid; None for never.

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
    """All keys, revoked ones too, in the order of creation."""
    columns = (_key.c[name] for name in KeyFacts.__dataclass_fields__)
    return [KeyFacts(*row) for row in s.execute(select(*columns).order_by(_key.c.id))]


def one(s: Session, *, key_id: int) -> KeyFacts:
    """One key. Raises KeyNotFound."""
    for facts in listing(s):
        if facts.id == key_id:
            return facts
    raise KeyNotFound(key=key_id)


def find(s: Session, *, name: str) -> KeyFacts:
    """The key of a name, a public prefix or a number. Raises KeyNotFound."""
    for facts in listing(s):
        if name.strip() in (facts.name, facts.prefix, str(facts.id)):
            return facts
    raise KeyNotFound(key=name)


def note_use(s: Session, *, used: dict[int, datetime]) -> None:
    """Stores when keys were last used.

    Args:
        used: the moment for each key id.
    """
    for key_id, at in used.items():
        s.execute(update(_key).where(_key.c.id == key_id).values(last_used_at=at))


def any_valid(s: Session, *, now: datetime) -> bool:
    """Whether there is a key that may be used now."""
    return any(one.is_valid(now) for one in listing(s))


def exist(s: Session) -> bool:
    """Whether a key was ever created: from the first one on, the API asks everybody for a key."""
    return bool(execute(s, _COUNT).scalar_one())


_COUNT = Prepared(select(func.count()).select_from(_key))


def _record(s: Session, key_id: int, reason: str, actor: Actor, now: datetime) -> None:
    events.record_one(s, events.KEY_CHANGED, actor=actor.label, now=now, reason=reason, data={"key": key_id})
    on_commit(s, KeysChanged())
