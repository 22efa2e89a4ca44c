"""API keys over HTTP: an admin's key creates and revokes others. `mini-crm api-key create` creates the first one."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import Field
from sqlalchemy.orm import Session

from crm_core.access import api_keys
from crm_core.access.actors import access_admin
from crm_core.access.api_keys import KeyFacts
from crm_core.api.call import Administering, RequestContext
from crm_core.api.fields import WHOLE, Body, Id, Moment, Name, Shown, example
from crm_core.api.idempotent import run_idempotent
from crm_core.api.schema import refusals

router = APIRouter(tags=["keys"])

DAYS_LONGEST = 3_650


class NewKey(Body):
    """A new key."""

    model_config = example(name="site", scope="write", expires_in_days=365)

    name: Name
    scope: Literal["read", "write", "admin", "form"]
    expires_in_days: Annotated[int, Field(ge=1, le=DAYS_LONGEST), WHOLE] | None = None
    source_id: Annotated[
        Id | None, Field(description="With scope `form`: the source of the contacts that it creates.")
    ] = None


class KeyShown(Shown):
    """A key without its secret: `prefix` is how it begins."""

    model_config = example(
        id=1,
        name="site",
        prefix="mck_Ab3dE6gH",
        scope="write",
        source_id=None,
        created_at="2026-01-15T10:30:00.000Z",
        expires_at=None,
        last_used_at=None,
        revoked_at=None,
    )

    id: int
    name: str
    prefix: str
    scope: str
    source_id: int | None
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Moment | None
    revoked_at: Moment | None


class KeyMade(KeyShown):
    """A new key. `key` is shown only once."""

    key: str | None


@router.get("/keys/", response_model=list[KeyShown], summary="List keys")
async def list_keys(call: Administering) -> Any:
    """All keys, including expired and revoked ones."""
    return await call.db.read(_listing, call=call)


def _listing(s: Session, *, call: RequestContext) -> list[KeyFacts]:
    access_admin(s, call.actor)
    return api_keys.listing(s)


@router.post("/keys/", status_code=201, response_model=KeyMade, summary="Create a key", responses=refusals(404, 409))
async def add_key(body: NewKey, call: Administering) -> Response:
    """The response is the only place where the key is shown. Once there is a key, every call needs one.

    A call that is repeated with its `Idempotency-Key` creates no second key, but cannot show the first: `key` is null.
    """
    key = call.context.new_key()
    expires_at = None if body.expires_in_days is None else call.now + timedelta(days=body.expires_in_days)
    return await run_idempotent(
        call,
        api_keys.create,
        lambda made: _made(made, key),
        store_as=lambda made: _made(made, None),
        key=key,
        name=body.name,
        scope=body.scope,
        source_id=body.source_id,
        expires_at=expires_at,
        actor=call.actor,
        now=call.now,
    )


def _made(made: KeyFacts, key: str | None) -> Response:
    return KeyMade.answer({**{name: getattr(made, name) for name in KeyFacts.__dataclass_fields__}, "key": key}, 201)


@router.delete("/keys/{key_id}", status_code=204, summary="Revoke a key", responses=refusals(404))
async def revoke_key(key_id: Id, call: Administering) -> None:
    """Immediately and permanently."""
    await call.db.write(api_keys.revoke, key_id=key_id, actor=call.actor, now=call.now)
