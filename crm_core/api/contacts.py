"""Contacts over HTTP."""

from fastapi import APIRouter, Response

from crm_core.api.call import Writing
from crm_core.api.fields import Body, Email, ExternalId, FullName, Id, Message, Phone, example
from crm_core.api.leads import RegisteredContact, bring
from crm_core.api.schema import refusals
from crm_core.leads import LeadFacts

router = APIRouter(tags=["contacts"])


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


@router.post(
    "/contacts/", status_code=201, response_model=RegisteredContact, summary="Register a contact by an external id",
    responses=refusals(404, 409),
)  # fmt: skip
async def add_contact(body: NewContact, call: Writing) -> Response:
    """Finds the lead by the external id, else by the e-mail, or makes him; then as `POST /leads/register_contact/`."""
    facts = LeadFacts(body.lead_external_id, body.email, body.phone, body.full_name)
    return await bring(call, source_id=body.source_id, facts=facts, message=body.message)
