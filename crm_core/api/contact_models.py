"""Contacts as JSON: what callers send and get."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from crm_core.api.fields import (
    WHOLE,
    Body,
    Description,
    Email,
    ExternalId,
    FilledIn,
    FullName,
    Id,
    Message,
    Moment,
    Phone,
    Required,
    Said,
    Shown,
    example,
)
from crm_core.api.paging import Page
from crm_core.api.periods import Given, When
from crm_core.contacts.lists import Status
from crm_core.routing import priority


class NewContact(FilledIn):
    """A request from a lead who is identified by an id of another system."""

    model_config = example(
        lead_external_id="crm-1024", source_id=1, message="Здравствуйте!", email="client@example.com"
    )

    lead_external_id: ExternalId
    source_id: Id
    message: Message | None = None
    email: Email | None = None
    phone: Phone | None = None
    full_name: FullName | None = None
    skills: Required = Field(
        default_factory=dict,
        description="Skills that it requires of its operator beside those of its source, each with the minutes of "
        "waiting after which it is dropped, or null.",
    )
    priority_minutes: Annotated[
        int,
        Field(
            ge=0,
            le=priority.LONGEST,
            description="Head start in the queue, in minutes, beside those of its lead and its source.",
        ),
        WHOLE,
    ] = 0


class ContactOfLead(Shown):
    """A contact: one request of a lead at a source. `operator_id` is null while no operator is available."""

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


class ContactShown(RegisteredContact):
    """A contact with the names of its source, operator and lead, and the times of its first changes.

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
        wakes_at=None,
        offered_at=None,
        offer_ends_at=None,
    )

    version: int
    in_telegram: Annotated[bool, Field(description="Whether a reply reaches the client in Telegram.")]
    source_name: str
    operator_name: str | None
    lead_external_id: str | None
    queued_at: Annotated[
        Moment | None, Field(description="Since when it has been waiting; null while an operator holds it.")
    ]
    assigned_at: Moment | None
    taken_at: Moment | None
    replied_at: Moment | None
    closed_at: Moment | None
    wakes_at: Annotated[Moment | None, Field(description="Until when it sleeps; null if it does not.")]
    offered_at: Annotated[
        Moment | None, Field(description="Since when it is offered to its operator; null once it is theirs.")
    ]
    offer_ends_at: Annotated[
        Moment | None, Field(description="When that offer is missed; null if it stays until somebody else comes.")
    ]


class MessageShown(Shown):
    """A message of a contact.

    `delivery` is the state of an operator's message to a client in Telegram: `pending`, `sent`, `failed` (`reason` says
    why), or `uncertain` if Telegram never answered. It is null for all other messages.
    """

    model_config = example(
        id=7,
        author="operator",
        operator_id=2,
        kind="text",
        text="Добрый день!",
        forwarded_from=None,
        created_at="2026-01-15T10:32:00.000Z",
        delivery="sent",
        reason=None,
    )

    id: int
    author: Annotated[str, Field(description="client or operator")]
    operator_id: int | None
    kind: Annotated[str, Field(description="text, photo, voice, … as Telegram calls them")]
    text: str | None
    forwarded_from: Annotated[
        str | None,
        Field(description="Whose words a forwarded message has, empty if Telegram does not say; null if it is none."),
    ]
    created_at: Moment
    delivery: str | None
    reason: str | None


class EventShown(Shown):
    """Something that happened to a contact. `docs/api.md` lists the kinds, their reasons and what is in `data`.

    `actor` is `client`, `system`, `tg:<account>` or `api:<key>`.
    """

    model_config = example(
        id=12,
        at="2026-01-15T10:30:00.000Z",
        kind="contact_assigned",
        actor="system",
        source_id=1,
        operator_id=2,
        reason="random",
        data=None,
    )

    id: int
    at: Moment
    kind: str
    actor: str
    source_id: int | None
    operator_id: int | None
    reason: str | None
    data: dict[str, Any] | None


class ContactDetails(ContactShown):
    """A contact with its last hundred messages and events, oldest first."""

    messages: list[MessageShown]
    messages_count: int
    events: list[EventShown]
    events_count: int
    waits_for: Annotated[
        str | None,
        Field(
            description="Why nobody gets it now, as `reason` of `contact_queued` has it (`full+offline`, `ramp`); null "
            "for one that does not wait, or is just being given out."
        ),
    ]
    waits_until: Annotated[
        Moment | None,
        Field(
            description="Where a gentle start (`ramp`) alone holds it back from somebody: when the next contacts go "
            "out, of which it need not be one; else null."
        ),
    ]


class ContactSearch(Page):
    """Which contacts; all of them without a filter."""

    status: Annotated[
        Status | None,
        Field(
            description="A status; `active`: open, with an operator; `unassigned`: open, without an operator; "
            "`offered`: its operator has not taken it yet; `snoozed`: it sleeps."
        ),
    ] = None
    source_id: Id | None = None
    operator_id: Id | None = None
    lead_id: Id | None = None
    from_: Annotated[
        When | None, Field(alias="from", description="Opened at or after this moment, or the beginning of this day.")
    ] = None
    to: Annotated[When | None, Field(description="Opened before this moment, or the beginning of this day.")] = None
    order: Annotated[Literal["newest", "oldest"], Field(description="Which come first.")] = "newest"


class ManualAssignment(Body):
    """The operator to whom a contact is assigned manually."""

    model_config = example(operator_id=2)

    operator_id: Id
    force: Annotated[bool, Field(description="Assign even if the operator is full, offline or switched off.")] = False


class Declining(Body):
    """Why an offered contact is declined."""

    model_config = example(reason="busy")

    reason: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9_]{1,16}$",
            description="The code of a reason: `busy` or `not_mine`, or the number of one that admins have worded.",
        ),
    ]


class Returning(Body):
    """A contact goes back to the queue."""

    model_config = example(note="They want to speak German.")

    note: Annotated[Description | None, Field(description="For whoever gets it next.")] = None


class Transferring(Body):
    """Where a contact goes: to an operator, or to a source."""

    model_config = example(
        {
            "oneOf": [
                {"required": [one], "properties": {one: {"type": "integer"}, other: {"type": "null"}}}
                for one, other in (("operator_id", "source_id"), ("source_id", "operator_id"))
            ]
        },
        operator_id=2,
        note="They ask for a refund.",
    )

    operator_id: Annotated[Id | None, Field(description="Who gets it; or else `source_id`.")] = None
    source_id: Annotated[Id | None, Field(description="In whose queue it waits; or else `operator_id`.")] = None
    note: Annotated[Description | None, Field(description="For whoever gets it next.")] = None
    confirmed: Annotated[bool, Field(description="Even if the operator is full, offline or switched off.")] = False

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.operator_id is None) == (self.source_id is None):
            raise ValueError("give either operator_id or source_id")
        return self


class Snoozing(Body):
    """Until when a contact sleeps."""

    model_config = example(until="2026-11-30T10:00:00Z")

    until: Annotated[Given, Field(description="A moment to come, within a year.")]


class Reply(Body):
    """A message to the client in the name of the operator who holds the contact."""

    model_config = example(text="Добрый день! Ваш заказ уже в пути.")

    text: Said
    operator_id: Annotated[
        Id | None, Field(description="Refused unless this operator holds the contact. Default: whoever holds it.")
    ] = None
