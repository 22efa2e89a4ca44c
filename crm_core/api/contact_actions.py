"""What changes a contact over HTTP: it is assigned manually, taken, answered and closed, opened again."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from crm_core.access.actors import access_contact
from crm_core.api.call import RequestContext, Writing
from crm_core.api.contact_models import (
    ContactShown,
    Declining,
    ManualAssignment,
    MessageShown,
    Reply,
    Returning,
    Snoozing,
    Transferring,
)
from crm_core.api.contacts import tag_header
from crm_core.api.etags import IfMatch, Matching, guarded_by_version
from crm_core.api.fields import Id
from crm_core.api.idempotent import run_idempotent
from crm_core.api.schema import TAGGED, refusals
from crm_core.contacts import (
    details,
    giving_back,
    handing_on,
    lifecycle,
    lists,
    moving,
    offering,
    reopening,
    snoozing,
    transfer,
)
from crm_core.conversation import sending_to_client

router = APIRouter(tags=["contacts"])


@router.post(
    "/contacts/{contact_id}/assign",
    response_model=ContactShown,
    summary="Assign a contact manually",
    responses={**refusals(404, 409, 412), **TAGGED},
)
async def assign_contact(contact_id: Id, body: ManualAssignment, if_match: Matching, call: Writing) -> Response:
    """From the queue or from another operator, also to an operator without a weight at the source.

    If the operator is full, offline or switched off, it is refused with the code `needs_confirmation`, unless `force`
    is true.
    """
    inputs = {"operator_id": body.operator_id, "confirmed": body.force, "rng": call.rng}
    return await _change(call, contact_id, if_match, transfer.assign_by_hand, **inputs)


@router.post(
    "/contacts/{contact_id}/take",
    response_model=ContactShown,
    summary="Take a contact",
    responses={**refusals(404, 409, 412), **TAGGED},
)
async def take_contact(contact_id: Id, if_match: Matching, call: Writing) -> Response:
    """On behalf of the operator who holds it: `new` becomes `in_progress`, and a client in Telegram is told who."""
    return await _change(call, contact_id, if_match, lifecycle.take, rng=call.rng)


@router.post(
    "/contacts/{contact_id}/decline",
    response_model=ContactShown,
    summary="Decline an offered contact",
    responses={**refusals(404, 409, 412), **TAGGED},
)
async def decline_contact(contact_id: Id, body: Declining, if_match: Matching, call: Writing) -> Response:
    """On behalf of the operator to whom it is offered; the next one gets it by the rules of its source."""
    return await _change(call, contact_id, if_match, offering.decline, reason=body.reason, rng=call.rng)


@router.post(
    "/contacts/{contact_id}/return",
    response_model=ContactShown,
    summary="Return a contact to the queue",
    responses={**refusals(404, 409, 412), **TAGGED},
)
async def return_contact(contact_id: Id, body: Returning, if_match: Matching, call: Writing) -> Response:
    """On behalf of the operator who holds it. It comes to them again only where nobody else is there for it."""
    return await _change(call, contact_id, if_match, giving_back.give_back, note=body.note, rng=call.rng)


@router.post(
    "/contacts/{contact_id}/transfer",
    response_model=ContactShown,
    summary="Transfer a contact",
    responses={**refusals(404, 409, 412), **TAGGED},
)
async def transfer_contact(contact_id: Id, body: Transferring, if_match: Matching, call: Writing) -> Response:
    """Moves it to another operator, or to the queue of another source, by whose rules it is then given out.

    If the operator is full, offline or switched off, it is refused with the code `needs_confirmation`, unless
    `confirmed` is true.
    """
    if body.operator_id is not None:
        chosen = {"operator_id": body.operator_id, "confirmed": body.confirmed, "note": body.note}
        return await _change(call, contact_id, if_match, handing_on.to_operator, **chosen, rng=call.rng)
    moved = {"source_id": body.source_id, "note": body.note}
    return await _change(call, contact_id, if_match, moving.to_source, **moved, rng=call.rng)


@router.post(
    "/contacts/{contact_id}/snooze",
    response_model=ContactShown,
    summary="Let a contact sleep until a moment",
    responses={**refusals(404, 409, 412), **TAGGED},
)
async def snooze_contact(contact_id: Id, body: Snoozing, if_match: Matching, call: Writing) -> Response:
    """On behalf of the operator who holds it, whose place is free at once. The client's next message wakes it earlier.

    It wakes with its operator if they are there, else it goes to the queue.
    """
    return await _change(call, contact_id, if_match, snoozing.snooze, until=body.until, rng=call.rng)


@router.post(
    "/contacts/{contact_id}/wake",
    response_model=ContactShown,
    summary="Wake a contact",
    responses={**refusals(404, 409, 412), **TAGGED},
)
async def wake_contact(contact_id: Id, if_match: Matching, call: Writing) -> Response:
    """On behalf of the operator who holds it, before its time."""
    return await _change(call, contact_id, if_match, snoozing.wake)


@router.post(
    "/contacts/{contact_id}/close",
    response_model=ContactShown,
    summary="Close a contact",
    responses={**refusals(404, 409, 412), **TAGGED},
)
async def close_contact(contact_id: Id, if_match: Matching, call: Writing) -> Response:
    """On behalf of the operator who holds it. The oldest waiting contact is then assigned, if there is one."""
    return await _change(call, contact_id, if_match, lifecycle.close, rng=call.rng)


@router.post(
    "/contacts/{contact_id}/reopen",
    response_model=ContactShown,
    summary="Open a closed contact again",
    responses={**refusals(404, 409, 412), **TAGGED},
)
async def reopen_contact(contact_id: Id, if_match: Matching, call: Writing) -> Response:
    """On behalf of the operator who had it when it was closed, who gets it back in progress, over their limit too.

    It is refused with the code `client_has_open` while a client in Telegram has another open contact at its source.
    """
    return await _change(call, contact_id, if_match, reopening.reopen)


@router.post(
    "/contacts/{contact_id}/messages",
    status_code=201,
    response_model=MessageShown,
    summary="Reply to the client",
    responses=refusals(404, 409, 412),
)
async def add_message(contact_id: Id, body: Reply, if_match: Matching, call: Writing) -> Response:
    """In the name of the operator who holds the contact, who sees the message in their chat; the first one takes it.

    A client in Telegram receives it there; `delivery` of the message shows whether it arrived. For any other client it
    is only stored with the contact.
    """
    return await run_idempotent(
        call,
        _reply,
        lambda message: MessageShown.answer(message, 201),
        contact_id=contact_id,
        if_match=if_match,
        inputs={
            "text": body.text,
            "operator_id": body.operator_id,
            "actor": call.actor,
            "now": call.now,
            "rng": call.rng,
        },
    )


def _reply(s: Session, *, contact_id: int, if_match: IfMatch | None, inputs: dict[str, Any]) -> Any:
    message_id = _guarded(s, contact_id, if_match, sending_to_client.reply_via_api, inputs)
    return details.message(s, contact_id=contact_id, message_id=message_id)


async def _change(
    call: RequestContext, contact_id: int, if_match: IfMatch | None, action: Callable[..., Any], **inputs: Any
) -> Response:
    """Runs an action upon a contact and responds with its new state."""
    return await run_idempotent(
        call,
        _changed,
        lambda row: ContactShown.answer(row, headers=tag_header(row)),
        contact_id=contact_id,
        if_match=if_match,
        action=action,
        inputs={**inputs, "actor": call.actor, "now": call.now},
    )


def _changed(
    s: Session, *, contact_id: int, if_match: IfMatch | None, action: Callable[..., Any], inputs: dict[str, Any]
) -> Any:
    _guarded(s, contact_id, if_match, action, inputs)
    return lists.one(s, contact_id=contact_id)


def _guarded(
    s: Session, contact_id: int, if_match: IfMatch | None, action: Callable[..., Any], inputs: dict[str, Any]
) -> Any:
    def version_of(s: Session) -> int:
        version: int = access_contact(s, contact_id).version
        return version

    return guarded_by_version(s, if_match, version_of, action, contact_id=contact_id, **inputs)
