"""Leads over HTTP, and registering a contact of a lead: the call that other systems make all day."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor
from crm_core.api.call import Reading, Writing
from crm_core.api.contact_models import ContactOfLead, RegisteredContact
from crm_core.api.contacts import register_and_respond
from crm_core.api.etags import Matching, Tagged, guarded, tag
from crm_core.api.fields import NO_NUL, WHOLE, Email, FilledIn, FullName, Id, Message, Moment, Phone, Shown, example
from crm_core.api.paging import Page, show_place
from crm_core.api.schema import SEARCHED, TAGGED, TOTAL, refusals
from crm_core.contacts import lead_lists, leads, vip
from crm_core.contacts.lead_lists import LeadFilter
from crm_core.contacts.leads import LeadFacts
from crm_core.routing import priority
from crm_core.storage.locks import lock_row
from crm_core.storage.tables import Lead

router = APIRouter(tags=["leads"])
HEAD_START = "Head start of their contacts in the queue, in minutes; 0: none."


class NewRequest(FilledIn):
    """A request from a lead who is identified by e-mail."""

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


class LeadShown(Shown):
    """A lead: a person who sent requests, with the number of their contacts."""

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
    """A lead with their id in another system; `tg:<number>` is a Telegram account."""

    external_id: str | None
    priority_minutes: Annotated[int, Field(description=HEAD_START)]


class LeadSearch(Page):
    """Which leads; all of them without a filter."""

    email: Annotated[
        str | None,
        Field(max_length=254, pattern=NO_NUL, description="The whole address, in any spelling of it."),
    ] = None
    phone: Annotated[
        str | None, Field(max_length=40, pattern=NO_NUL, description="The whole number, in any notation.")
    ] = None
    name: Annotated[
        str | None,
        Field(
            max_length=200,
            pattern=NO_NUL,
            description="Beginnings of words of the name, in any order; upper and lower case are the same.",
        ),
    ] = None
    external_id: Annotated[str | None, Field(max_length=200, pattern=NO_NUL)] = None


class LeadChange(FilledIn):
    """What to change. A field that is left out stays as it is; null removes the value."""

    model_config = example(phone="+79991234567", full_name="Алексей Иванов")

    email: Email | None = None
    phone: Phone | None = None
    full_name: FullName | None = None
    priority_minutes: Annotated[int, Field(ge=0, le=priority.LONGEST, description=HEAD_START), WHOLE] = Field(
        default_factory=int
    )


@router.post(
    "/leads/register_contact/",
    status_code=201,
    response_model=RegisteredContact,
    summary="Register a contact",
    responses=refusals(404, 409),
)
async def register_contact(body: NewRequest, call: Writing) -> Response:
    """Finds or creates the lead by e-mail, creates a contact and assigns it to an operator. Each call creates one.

    Values that were unknown of the lead are added; known ones are not overwritten. If no operator is available,
    `operator_id` is null and the contact waits for the next one.
    """
    lead = LeadFacts(email=body.email, phone=call.phone(body.phone), full_name=body.full_name)
    return await register_and_respond(call, source_id=body.source_id, lead=lead, message=body.message)


@router.get("/leads/", response_model=list[LeadShown], summary="List and find leads", responses=SEARCHED)
async def list_leads(
    search: Annotated[LeadSearch, Query()], request: Request, response: Response, call: Reading
) -> Any:
    """In order of creation. With several filters, a lead must match all of them.

    A search by name alone looks at 20,000 leads that have its rarest word, the first by alphabet. If there are more,
    the header `X-Incomplete-Results` says so: name more of the name.
    """
    found = await call.db.read(
        lead_lists.leads,
        skip=search.skip,
        limit=search.limit,
        total=request.app.state.lead_total,
        now=call.now,
        wanted=LeadFilter(search.external_id, search.email, search.phone, search.name, call.context.region),
    )
    show_place(request, response, search, found.total)
    if not found.is_complete:
        response.headers["X-Incomplete-Results"] = "true"
    return found.rows


@router.get(
    "/leads/{lead_id}", response_model=LeadDetails, summary="Show a lead", responses={**refusals(404), **TAGGED}
)
async def show_lead(lead_id: Id, call: Reading) -> Response:
    """With the number of their contacts."""
    return _respond(await call.db.read(lead_lists.lead, lead_id=lead_id))


@router.patch(
    "/leads/{lead_id}",
    response_model=LeadDetails,
    summary="Correct a lead",
    responses={**refusals(404, 409, 412), **TAGGED},
)
async def change_lead(lead_id: Id, body: LeadChange, if_match: Matching, call: Writing) -> Response:
    """An e-mail address of another lead is refused: leads are never merged automatically."""
    values = body.model_dump(exclude_unset=True)
    if "phone" in values:
        values["phone"] = call.phone(values["phone"])
    inputs = {"values": values, "actor": call.actor, "now": call.now}
    return _respond(await call.db.write(guarded, LEAD, lead_id, if_match, _change, **inputs))


def _lock(s: Session, *, lead_id: int) -> None:
    lock_row(s, Lead.__table__, lead_id)


def _change(s: Session, *, lead_id: int, values: dict[str, Any], actor: Actor, now: datetime) -> Any:
    values = dict(values)  # a deadlocked transaction is run again with the same inputs
    minutes = values.pop("priority_minutes", None)
    leads.change(s, lead_id=lead_id, values=values, actor=actor, now=now)
    if minutes is not None:
        vip.set_head_start(s, lead_id=lead_id, minutes=minutes, actor=actor, now=now)
    return lead_lists.lead(s, lead_id=lead_id)


LEAD: Tagged[Any] = Tagged(
    "lead_id",
    _lock,
    lead_lists.lead,
    lambda lead: tag(lead.email, lead.phone, lead.full_name, lead.priority_minutes),
)


def _respond(lead: Any) -> Response:
    return LeadDetails.answer(lead, headers=LEAD.headers(lead))


@router.get(
    "/leads/{lead_id}/contacts",
    response_model=list[ContactOfLead],
    summary="List the contacts of a lead",
    responses={**refusals(404), **TOTAL},
)
async def list_lead_contacts(
    lead_id: Id, page: Annotated[Page, Query()], request: Request, response: Response, call: Reading
) -> Any:
    """Oldest first, from all sources."""
    found = await call.db.read(lead_lists.lead_contacts, lead_id=lead_id, skip=page.skip, limit=page.limit)
    show_place(request, response, page, found.total)
    return found.rows
