"""Contacts over HTTP: they come in, are looked at, given, taken, answered and closed."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session

from crm_core.access.actors import access_contact
from crm_core.api.call import Reading, RequestContext, Writing
from crm_core.api.etags import IfMatch, Matching, tag_of_version
from crm_core.api.fields import Body, Email, ExternalId, FullName, Id, Message, Moment, Phone, Said, Shown, example
from crm_core.api.idempotent import run_idempotent
from crm_core.api.leads import RegisteredContact, register_and_answer
from crm_core.api.paging import Page, show_place
from crm_core.api.periods import When, moment
from crm_core.api.schema import TAGGED, TOTAL, refusals
from crm_core.contacts import details, lifecycle, lists, transfer
from crm_core.contacts.leads import LeadFacts
from crm_core.contacts.lists import Filter, Status
from crm_core.conversation import operator_messages
from crm_core.errors import CrmError, Outdated
from crm_core.storage.paging import RowCount

router = APIRouter(tags=["contacts"])
T = TypeVar("T")


class NewContact(Body):
    """A request of a lead who is known by what another system calls him."""

    model_config = example(
        lead_external_id="crm-1024", source_id=1, message="Здравствуйте!", email="client@example.com"
    )

    lead_external_id: ExternalId
    source_id: Id
    message: Message | None = None
    email: Email | None = None
    phone: Phone | None = None
    full_name: FullName | None = None


class ContactShown(RegisteredContact):
    """A contact with the names of all that it belongs to, and when what happened to it first.

    `version` grows with every change of status or operator; it is the contact's `ETag`.
    """

    model_config = example(
        id=1,
        lead_id=1,
        source_id=1,
        operator_id=2,
        message="Здравствуйте, хочу узнать о ваших услугах",
        status="in_progress",
        created_at="2026-01-15T10:30:00.000Z",
        email="client@example.com",
        phone="+79991234567",
        full_name="Алексей Иванов",
        version=2,
        in_telegram=True,
        source_name="Telegram Бот",
        operator_name="Иван Петров",
        lead_external_id="tg:123456789",
        queued_at=None,
        assigned_at="2026-01-15T10:30:00.000Z",
        taken_at="2026-01-15T10:31:12.000Z",
        replied_at=None,
        closed_at=None,
    )

    version: int
    in_telegram: Annotated[bool, Field(description="Whether an answer reaches the client in Telegram.")]
    source_name: str
    operator_name: str | None
    lead_external_id: str | None
    queued_at: Annotated[Moment | None, Field(description="Since when it waits; null while somebody holds it.")]
    assigned_at: Moment | None
    taken_at: Moment | None
    replied_at: Moment | None
    closed_at: Moment | None


class MessageShown(Shown):
    """What somebody said in a contact.

    `delivery` is about an operator's words to a client in Telegram: `pending`, `sent`, `failed` (`reason` says why), or
    `uncertain` where Telegram never answered. It is null for other words.
    """

    model_config = example(
        id=7,
        author="operator",
        operator_id=2,
        kind="text",
        text="Добрый день!",
        created_at="2026-01-15T10:32:00.000Z",
        delivery="sent",
        reason=None,
    )

    id: int
    author: Annotated[str, Field(description="client or operator")]
    operator_id: int | None
    kind: Annotated[str, Field(description="text, photo, voice, … as Telegram calls them")]
    text: str | None
    created_at: Moment
    delivery: str | None
    reason: str | None


class EventShown(Shown):
    """Something that happened to a contact.

    `actor` is `client`, `system`, `tg:<account>` or `api:<key>`.
    """

    model_config = example(
        id=12, at="2026-01-15T10:30:00.000Z", kind="contact_assigned", actor="system", operator_id=2, reason="random"
    )

    id: int
    at: Moment
    kind: str
    actor: str
    operator_id: int | None
    reason: str | None


class ContactDetails(ContactShown):
    """A contact with the last hundred of its messages and events, oldest first."""

    messages: list[MessageShown]
    messages_count: int
    events: list[EventShown]
    events_count: int


class ContactSearch(Page):
    """Which contacts; without a filter all of them."""

    status: Annotated[
        Status | None,
        Field(description="A status; `active`: open and with an operator; `unassigned`: open and without one."),
    ] = None
    source_id: Id | None = None
    operator_id: Id | None = None
    lead_id: Id | None = None
    from_: Annotated[
        When | None, Field(alias="from", description="Opened then or later; a day: from its beginning.")
    ] = None
    to: Annotated[When | None, Field(description="Opened before then; a day: before its beginning.")] = None
    order: Annotated[Literal["newest", "oldest"], Field(description="Which come first.")] = "newest"


class Giving(Body):
    """To whom a contact is given by hand."""

    model_config = example(operator_id=2)

    operator_id: Id
    force: Annotated[bool, Field(description="Also if he is full, absent or switched off.")] = False


class Reply(Body):
    """What the operator who holds the contact says to the client, by the hand of another system."""

    model_config = example(text="Добрый день! Ваш заказ уже в пути.")

    text: Said
    operator_id: Annotated[Id | None, Field(description="Refused unless he holds it. Left out: whoever does.")] = None


@router.get("/contacts/", response_model=list[ContactShown], summary="List and find contacts", responses=TOTAL)
async def list_contacts(
    search: Annotated[ContactSearch, Query()], request: Request, response: Response, call: Reading
) -> Any:
    """Newest first. What a filter finds is counted to 100 000, where pages end; days lead further back."""
    zone = call.desk.timezone
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
    """Finds the lead by the external id, else by the e-mail, or makes him; then as `POST /leads/register_contact/`."""
    facts = LeadFacts(body.lead_external_id, body.email, body.phone, body.full_name)
    return await register_and_answer(call, source_id=body.source_id, facts=facts, message=body.message)


@router.get(
    "/contacts/{contact_id}",
    response_model=ContactDetails,
    summary="Show a contact",
    responses={**refusals(404), **TAGGED},
)
async def show_contact(contact_id: Id, call: Reading) -> Response:
    """With what was said in it, what became of the words, and who did what."""
    found = await call.db.read(details.details, contact_id=contact_id)
    shown = {name: getattr(found.contact, name) for name in ContactShown.model_fields}
    rest = {name: getattr(found, name) for name in ("messages", "messages_count", "events", "events_count")}
    return ContactDetails.answer({**shown, **rest}, headers=_tagged(found.contact))


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


@router.post(
    "/contacts/{contact_id}/assign",
    response_model=ContactShown,
    summary="Give a contact by hand",
    responses={**refusals(404, 409, 412), **TAGGED},
)
async def assign_contact(contact_id: Id, body: Giving, if_match: Matching, call: Writing) -> Response:
    """From the queue or from another operator, also to one without a weight at the source.

    One who is full, absent or switched off is refused with the code `needs_confirmation`, unless `force` is true.
    """
    return await _change(
        call,
        contact_id,
        if_match,
        transfer.assign_by_hand,
        operator_id=body.operator_id,
        confirmed=body.force,
        rng=call.rng,
    )


@router.post(
    "/contacts/{contact_id}/take",
    response_model=ContactShown,
    summary="Take a contact",
    responses={**refusals(404, 409, 412), **TAGGED},
)
async def take_contact(contact_id: Id, if_match: Matching, call: Writing) -> Response:
    """For the operator who holds it: `new` becomes `in_progress`, and a client in Telegram learns who is with him."""
    return await _change(call, contact_id, if_match, lifecycle.take)


@router.post(
    "/contacts/{contact_id}/close",
    response_model=ContactShown,
    summary="Close a contact",
    responses={**refusals(404, 409, 412), **TAGGED},
)
async def close_contact(contact_id: Id, if_match: Matching, call: Writing) -> Response:
    """For the operator who holds it. The place that becomes free goes at once to the oldest contact that waits."""
    return await _change(call, contact_id, if_match, lifecycle.close, rng=call.rng)


@router.post(
    "/contacts/{contact_id}/messages",
    status_code=201,
    response_model=MessageShown,
    summary="Answer the client",
    responses=refusals(404, 409, 412),
)
async def add_message(contact_id: Id, body: Reply, if_match: Matching, call: Writing) -> Response:
    """In the name of whoever holds the contact; the first words take it. He sees them in his chat.

    A client in Telegram gets them there; `delivery` of the message says later what became of them. For any other they
    are kept with the contact.
    """
    return await run_idempotent(
        call,
        _reply,
        lambda said: MessageShown.answer(said, 201),
        contact_id=contact_id,
        body=body,
        if_match=if_match,
        call=call,
    )


def _reply(s: Session, *, contact_id: int, body: Reply, if_match: IfMatch | None, call: RequestContext) -> Any:
    def write(s: Session, **inputs: Any) -> int:
        return operator_messages.reply_via_api(
            s, text=body.text, operator_id=body.operator_id, actor=call.actor, now=call.now, **inputs
        )

    message_id = _if_known(s, action=write, contact_id=contact_id, if_match=if_match, inputs={})
    return details.message(s, contact_id=contact_id, message_id=message_id)


async def _change(
    call: RequestContext, contact_id: int, if_match: IfMatch | None, action: Callable[..., Any], **inputs: Any
) -> Response:
    """Does something to a contact and answers with it as it is then."""
    return await run_idempotent(
        call,
        _changed,
        lambda row: ContactShown.answer(row, headers=_tagged(row)),
        action=action,
        contact_id=contact_id,
        if_match=if_match,
        inputs={**inputs, "actor": call.actor, "now": call.now},
    )


def _changed(
    s: Session, *, action: Callable[..., Any], contact_id: int, if_match: IfMatch | None, inputs: dict[str, Any]
) -> Any:
    _if_known(s, action=action, contact_id=contact_id, if_match=if_match, inputs=inputs)
    return lists.one(s, contact_id=contact_id)


def _if_known(
    s: Session, *, action: Callable[..., T], contact_id: int, if_match: IfMatch | None, inputs: dict[str, Any]
) -> T:
    """An action upon a contact, unless the caller knows it at a version that is no longer. Raises Outdated."""
    version = None
    if if_match is not None:
        version = if_match.check_version(access_contact(s, contact_id).version)
    try:
        return action(s, contact_id=contact_id, version=version, **inputs)
    except CrmError:
        if version is not None and access_contact(s, contact_id).version != version:  # somebody was quicker
            raise Outdated() from None
        raise


def _tagged(contact: Any) -> dict[str, str]:
    return {"ETag": tag_of_version(contact.version)}
