"""The route for forms on public pages. Their key can be read by everybody, so it can only add, and reveals nothing."""

from fastapi import APIRouter, Response
from pydantic import model_validator

from crm_core.api.call import Submitting
from crm_core.api.fields import Email, FilledIn, FullName, Message, Phone, Shown, example
from crm_core.api.idempotent import run_idempotent
from crm_core.api.schema import refusals
from crm_core.contacts import form_requests
from crm_core.contacts.leads import LeadFacts
from crm_core.messaging.messages import MessageContent

router = APIRouter(tags=["contacts"])


class FormSent(FilledIn):
    """What a visitor entered. They are identified by e-mail, or by phone without an e-mail address."""

    model_config = example(
        {
            "anyOf": [
                {"required": ["email"], "properties": {"email": {"type": "string", "minLength": 1}}},
                {"required": ["phone"], "properties": {"phone": {"type": "string", "minLength": 1}}},
            ]
        },
        email="client@example.com",
        full_name="Алексей Иванов",
        message="Перезвоните мне",
    )

    email: Email | None = None
    phone: Phone | None = None
    full_name: FullName | None = None
    message: Message | None = None

    @model_validator(mode="after")
    def _can_be_answered(self) -> "FormSent":
        if self.email is None and self.phone is None:
            raise ValueError("an e-mail address or a phone number is required")
        return self


class Received(Shown):
    """The form was received. Nothing else is revealed: a visitor must not learn what is known of an address."""

    model_config = example(message="Received")

    message: str


@router.post("/forms/", status_code=201, response_model=Received, summary="Send a form", responses=refusals(409))
async def send_form(body: FormSent, call: Submitting) -> Response:
    """Creates a contact at the source of the form's key, or adds to the one that the visitor has open there.

    The response only confirms that it was received.
    """
    assert call.source_id is not None  # every form key has one
    phone = call.phone(body.phone)
    external_id = phone.identity if phone is not None and body.email is None else None
    return await run_idempotent(
        call,
        form_requests.submit,
        lambda _: Received.answer({"message": "Received"}, 201),
        source_id=call.source_id,
        now=call.now,
        rng=call.rng,
        lead=LeadFacts(external_id, body.email, phone, body.full_name),
        content=MessageContent("text", text=body.message) if body.message and body.message.strip() else None,
    )
