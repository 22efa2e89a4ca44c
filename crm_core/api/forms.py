"""The route for forms on public pages. Their key can be read by everybody, so it can only add, and reveals nothing."""

from fastapi import APIRouter, Response
from pydantic import model_validator

from crm_core.api.call import Submitting
from crm_core.api.fields import Body, Email, FullName, Message, Phone, Shown, example
from crm_core.api.idempotent import run_idempotent
from crm_core.api.schema import refusals
from crm_core.contacts import form_requests
from crm_core.contacts.leads import LeadFacts
from crm_core.messaging.messages import MessageContent
from crm_core.names import phone_key

router = APIRouter(tags=["contacts"])


class FormSent(Body):
    """What a visitor entered. They are identified by e-mail, or by phone without an e-mail address."""

    model_config = example(
        {
            "anyOf": [
                {"required": ["email"], "properties": {"email": {"type": "string"}}},
                {"required": ["phone"], "properties": {"phone": {"type": "string", "pattern": "[0-9]"}}},
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
        if self.email is None and phone_key(self.phone) is None:
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
    external_id = f"phone:{phone_key(body.phone)}" if body.email is None else None
    return await run_idempotent(
        call,
        form_requests.submit,
        lambda _: Received.answer({"message": "Received"}, 201),
        source_id=call.source_id,
        now=call.now,
        rng=call.rng,
        lead=LeadFacts(external_id, body.email, body.phone, body.full_name),
        content=MessageContent("text", text=body.message) if body.message and body.message.strip() else None,
    )
