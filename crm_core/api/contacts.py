"""Contacts over HTTP: registering, listing and reading them. `contact_actions` has what changes them."""

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from crm_core.api.call import Reading, RequestContext, Writing
from crm_core.api.contact_models import (
    ContactDetails,
    ContactSearch,
    ContactShown,
    EventShown,
    MessageShown,
    NewContact,
    RegisteredContact,
)
from crm_core.api.etags import tag_of_version
from crm_core.api.fields import Id, written
from crm_core.api.idempotent import run_idempotent
from crm_core.api.paging import Page, show_place
from crm_core.api.periods import moment
from crm_core.api.schema import TAGGED, TOTAL, refusals
from crm_core.contacts import details, lifecycle, lists
from crm_core.contacts.leads import LeadFacts
from crm_core.contacts.lifecycle import Registered
from crm_core.contacts.lists import Filter
from crm_core.messaging.messages import MessageContent
from crm_core.routing.skills import Required
from crm_core.storage.paging import RowCount

router = APIRouter(tags=["contacts"])


async def register_and_respond(
    call: RequestContext,
    *,
    source_id: int,
    lead: LeadFacts,
    message: str | None,
    required: Required | None = None,
    head_start: int = 0,
) -> Response:
    """Registers a contact and responds with it.

    Args:
        lead: what the caller knows of the lead.
        message: the text of the request; a blank one counts as none.
        required: skills of the operator, beside those that the source requires.
        head_start: minutes in the queue, beside those of the lead and the source.
    """
    content = None if message is None or not message.strip() else MessageContent("text", text=message)
    return await run_idempotent(
        call,
        lifecycle.register,
        lambda made: _registered(made, None if content is None else message, call.now),
        source_id=source_id,
        lead=lead,
        content=content,
        now=call.now,
        rng=call.rng,
        required=required,
        head_start=head_start,
    )


def _registered(made: Registered, message: str | None, now: datetime) -> Response:
    """The response, without a pydantic model: this call is made more often than all others together."""
    lead = made.lead
    shown = {
        "id": made.id,
        "lead_id": made.lead_id,
        "source_id": made.source_id,
        "operator_id": made.operator_id,
        "message": message,
        "status": made.status,
        "created_at": written(now),
        "email": lead.email,
        "phone": lead.phone,
        "full_name": lead.full_name,
    }
    return Response(json.dumps(shown, ensure_ascii=False, separators=(",", ":")), 201, media_type="application/json")


def tag_header(contact: Any) -> dict[str, str]:
    """The `ETag` header of a contact."""
    return {"ETag": tag_of_version(contact.version)}


@router.get("/contacts/", response_model=list[ContactShown], summary="List and find contacts", responses=TOTAL)
async def list_contacts(
    search: Annotated[ContactSearch, Query()], request: Request, response: Response, call: Reading
) -> Any:
    """Newest first. Results are counted and paged up to 100 000; use `from` and `to` to reach further back."""
    zone = call.context.timezone
    wanted = Filter(
        search.status,
        search.source_id,
        search.operator_id,
        search.lead_id,
        moment(search.from_, zone),
        moment(search.to, zone),
    )
    newest_first = search.order == "newest"
    total: RowCount = request.app.state.contact_total
    found = await call.db.read(
        lists.listing,
        wanted=wanted,
        skip=search.skip,
        limit=search.limit,
        newest_first=newest_first,
        everything=lambda s: total.count(s, now=call.now),
    )
    show_place(request, response, search, found.total)
    return found.rows


@router.post(
    "/contacts/",
    status_code=201,
    response_model=RegisteredContact,
    summary="Register a contact by an external id",
    responses=refusals(404, 409),
)
async def add_contact(body: NewContact, call: Writing) -> Response:
    """Like `POST /leads/register_contact/`, but the lead is found by the external id first, then by e-mail."""
    lead = LeadFacts(body.lead_external_id, body.email, call.phone(body.phone), body.full_name)
    return await register_and_respond(
        call,
        source_id=body.source_id,
        lead=lead,
        message=body.message,
        required=body.skills or None,
        head_start=body.priority_minutes,
    )


@router.get(
    "/contacts/{contact_id}",
    response_model=ContactDetails,
    summary="Show a contact",
    responses={**refusals(404), **TAGGED},
)
async def show_contact(contact_id: Id, call: Reading) -> Response:
    """With its messages, how each was delivered, and its events."""
    found = await call.db.read(details.details, contact_id=contact_id)
    shown = {name: getattr(found.contact, name) for name in ContactShown.model_fields}
    rest = {name: getattr(found, name) for name in ("messages", "messages_count", "events", "events_count")}
    why, until = (None, None) if found.waits is None else (found.waits.reason, found.waits.until)
    waits = {"waits_for": why, "waits_until": until}
    return ContactDetails.answer({**shown, **rest, **waits}, headers=tag_header(found.contact))


@router.get(
    "/contacts/{contact_id}/messages",
    response_model=list[MessageShown],
    summary="List the messages of a contact",
    responses={**refusals(404), **TOTAL},
)
async def list_messages(
    contact_id: Id, page: Annotated[Page, Query()], request: Request, response: Response, call: Reading
) -> Any:
    """Oldest first."""
    found = await call.db.read(details.messages, contact_id=contact_id, skip=page.skip, limit=page.limit)
    show_place(request, response, page, found.total)
    return found.rows


@router.get(
    "/contacts/{contact_id}/events",
    response_model=list[EventShown],
    summary="List the events of a contact",
    responses={**refusals(404), **TOTAL},
)
async def list_events(
    contact_id: Id, page: Annotated[Page, Query()], request: Request, response: Response, call: Reading
) -> Any:
    """Oldest first."""
    found = await call.db.read(details.history, contact_id=contact_id, skip=page.skip, limit=page.limit)
    show_place(request, response, page, found.total)
    return found.rows
