"""A route with the models of `register_contact` that does nothing: the upper bound that FastAPI and uvicorn set."""

from datetime import UTC, datetime

from fastapi import FastAPI

from crm_core.api.contact_models import RegisteredContact
from crm_core.api.leads import NewRequest

app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False})


@app.post("/leads/register_contact/", status_code=201)
async def register_contact(body: NewRequest) -> RegisteredContact:
    """Returns what it received."""
    return RegisteredContact(
        id=1,
        lead_id=1,
        source_id=body.source_id,
        operator_id=1,
        message=body.message,
        status="new",
        created_at=datetime.now(UTC),
        email=body.email,
        phone=body.phone,
        full_name=body.full_name,
    )
