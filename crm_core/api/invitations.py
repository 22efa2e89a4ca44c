"""Invitations over HTTP, for `mini-crm invite` beside a running process that alone may write (SQLite)."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from crm_core.api.call import Owning
from crm_core.api.fields import Body, Id, example
from crm_core.team import invitations

router = APIRouter(tags=["invitations"], include_in_schema=False)


class NewInvitation(Body):
    """A one-time code that the caller has made; without an operator it makes an admin."""

    model_config = example(code="Hq3vZkX0w9bT1mYc", operator_id=1)

    code: Annotated[str, Field(min_length=16, max_length=64)]
    operator_id: Id | None = None


@router.post("/invitations/", status_code=204, summary="Store an invitation")
async def add_invitation(body: NewInvitation, call: Owning) -> Response:
    """An operator's earlier links stop working."""
    await call.db.write(
        invitations.invite,
        code=body.code,
        role="admin" if body.operator_id is None else "operator",
        operator_id=body.operator_id,
        actor=call.actor,
        now=call.now,
    )
    return Response(status_code=204)
