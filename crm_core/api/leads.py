"""Leads over HTTP, and the call that brings a contact: the one that other systems make all day."""

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor
from crm_core.api.call import Reading, Writing
from crm_core.api.etags import IfMatch, Matching, tag
from crm_core.api.fields import Body, Email, FullName, Id, Message, Moment, Phone, Shown, example, written
from crm_core.api.idempotent import run_idempotent
from crm_core.api.paging import Page, show_place
from crm_core.api.schema import TAGGED, TOTAL, refusals
from crm_core.contacts import leads, lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.contacts.lifecycle import Requested
from crm_core.messaging.messages import MessageContent
from crm_core.storage import paging
from crm_core.storage.locks import lock_row
from crm_core.storage.paging import LeadFilter
from crm_core.storage.tables import Lead

router = APIRouter(tags=["leads"])


class NewRequest(Body):
    """A request of a lead who is known by his e-mail."""

    model_config = example(
        email="client@example.com",
        source_id=1,
        message="Здравствуйте, хочу узнать о ваших услугах",
        phone="+79991234567",
        full_name="Алексей Иванов",
    )

    email: Email
    source_id: Id
    message: Message | None = None
    phone: Phone | None = None
    full_name: FullName | None = None


class ContactOfLead(Shown):
    """A contact: one request of a lead at a source. `operator_id` is null while nobody is available."""

    model_config = example(
        id=1,
        lead_id=1,
        source_id=1,
        operator_id=2,
        message="Здравствуйте, хочу узнать о ваших услугах",
        status="new",
        created_at="2024-01-15T10:30:00.000Z",
    )

    id: int
    lead_id: int
    source_id: int
    operator_id: int | None
    message: str | None
    status: Annotated[str, Field(description="new, in_progress or closed")]
    created_at: Moment


class RegisteredContact(ContactOfLead):
    """A new contact with what is known of its lead."""

    model_config = example(
        id=1,
        lead_id=1,
        source_id=1,
        operator_id=2,
        message="Здравствуйте, хочу узнать о ваших услугах",
        status="new",
        created_at="2024-01-15T10:30:00.000Z",
        email="client@example.com",
        phone="+79991234567",
        full_name="Алексей Иванов",
    )

    email: str | None
    phone: str | None
    full_name: str | None


class LeadShown(Shown):
    """A lead: a person who wrote, with the number of his contacts."""

    model_config = example(
        id=1,
        email="client@example.com",
        phone="+79991234567",
        full_name="Алексей Иванов",
        created_at="2024-01-15T10:30:00.000Z",
        contacts_count=3,
    )

    id: int
    email: str | None
    phone: str | None
    full_name: str | None
    created_at: Moment
    contacts_count: int


class LeadDetails(LeadShown):
    """A lead with the name that another system knows him by; `tg:<number>` is an account of Telegram."""

    external_id: str | None


class LeadSearch(Page):
    """Which leads; without a filter all of them."""

    email: Annotated[str | None, Field(max_length=254, description="The whole address, in any case.")] = None
    phone: Annotated[str | None, Field(max_length=40, description="However it is written.")] = None
    name: Annotated[str | None, Field(max_length=200, description="Any part of the name, in any case.")] = None
    external_id: Annotated[str | None, Field(max_length=200)] = None


class LeadChange(Body):
    """What is to be different; what is left out stays, null takes away."""

    model_config = example(phone="+79991234567", full_name="Алексей Иванов")

    email: Email | None = None
    phone: Phone | None = None
    full_name: FullName | None = None


@router.post(
    "/leads/register_contact/",
    status_code=201,
    response_model=RegisteredContact,
    summary="Register a contact",
    responses=refusals(404, 409),
)
async def register_contact(body: NewRequest, call: Writing) -> Response:
    """Finds the lead by his e-mail or makes him, makes a contact and gives it to an operator, at each call anew.

    What was not known of the lead before is taken over; what was known stays. Where nobody is available `operator_id`
    is null, and the contact waits for the first who is.
    """
    facts = LeadFacts(email=body.email, phone=body.phone, full_name=body.full_name)
    return await register_and_answer(call, source_id=body.source_id, facts=facts, message=body.message)


async def register_and_answer(call: Writing, *, source_id: int, facts: LeadFacts, message: str | None) -> Response:
    """Registers a contact and answers with it."""
    said = None if message is None or not message.strip() else MessageContent("text", text=message)
    return await run_idempotent(
        call,
        lifecycle.register,
        lambda made: _made(made, None if said is None else message, call.now),
        source_id=source_id,
        lead=facts,
        content=said,
        now=call.now,
        rng=call.rng,
    )


def _made(made: Requested, message: str | None, now: datetime) -> Response:
    """The answer, written by hand: this call is made more often than all others together."""
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
    return Response(json.dumps(shown, ensure_ascii=False), 201, media_type="application/json")


@router.get("/leads/", response_model=list[LeadShown], summary="List and find leads", responses=TOTAL)
async def list_leads(
    search: Annotated[LeadSearch, Query()], request: Request, response: Response, call: Reading
) -> Any:
    """In the order of making. Filters narrow it down to leads with that e-mail, phone or name."""
    found = await call.db.read(
        paging.leads,
        skip=search.skip,
        limit=search.limit,
        total=request.app.state.lead_total,
        now=call.now,
        wanted=LeadFilter(email=search.email, phone=search.phone, name=search.name, external_id=search.external_id),
    )
    show_place(request, response, search, found.total)
    return found.rows


@router.get(
    "/leads/{lead_id}", response_model=LeadDetails, summary="Show a lead", responses={**refusals(404), **TAGGED}
)
async def show_lead(lead_id: Id, call: Reading) -> Response:
    """With the number of his contacts."""
    return _answer(await call.db.read(paging.lead, lead_id=lead_id))


@router.patch(
    "/leads/{lead_id}",
    response_model=LeadDetails,
    summary="Correct a lead",
    responses={**refusals(404, 409, 412), **TAGGED},
)
async def change_lead(lead_id: Id, body: LeadChange, if_match: Matching, call: Writing) -> Response:
    """An e-mail that another lead has is refused: leads are never merged by themselves."""
    values = body.model_dump(exclude_unset=True)
    changed = await call.db.write(
        _change, lead_id=lead_id, values=values, if_match=if_match, actor=call.actor, now=call.now
    )
    return _answer(changed)


def _change(
    s: Session, *, lead_id: int, values: dict[str, str | None], if_match: IfMatch | None, actor: Actor, now: datetime
) -> Any:
    if if_match is not None:
        lock_row(s, Lead.__table__, lead_id)
        if_match.check(_tag(paging.lead(s, lead_id=lead_id)))
    leads.change(s, lead_id=lead_id, values=values, actor=actor, now=now)
    return paging.lead(s, lead_id=lead_id)


def _tag(lead: Any) -> str:
    return tag(lead.email, lead.phone, lead.full_name)


def _answer(lead: Any) -> Response:
    return LeadDetails.answer(lead, headers={"ETag": _tag(lead)})


@router.get(
    "/leads/{lead_id}/contacts",
    response_model=list[ContactOfLead],
    summary="List the contacts of a lead",
    responses={**refusals(404), **TOTAL},
)
async def list_lead_contacts(
    lead_id: Id, page: Annotated[Page, Query()], request: Request, response: Response, call: Reading
) -> Any:
    """Oldest first, from whatever source they came."""
    found = await call.db.read(paging.lead_contacts, lead_id=lead_id, skip=page.skip, limit=page.limit)
    show_place(request, response, page, found.total)
    return found.rows
