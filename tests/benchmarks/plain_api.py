"""A direct implementation of the first founding document, to compare with: FastAPI, a synchronous SQLAlchemy session
and one commit for each request, loads read and then written, SQLite with default settings. Nothing in it is slowed down
on purpose.

    PLAIN_API_DATABASE=/tmp/plain.db python -m uvicorn tests.benchmarks.plain_api:app
"""

import os
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy import ForeignKey, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, sessionmaker

from crm_core.api.contact_models import RegisteredContact
from crm_core.api.leads import NewRequest

engine = create_engine(f"sqlite:///{os.environ['PLAIN_API_DATABASE']}", connect_args={"check_same_thread": False})
open_session = sessionmaker(engine)
app = FastAPI(title="Plain API")


class Base(DeclarativeBase):
    """The tables of the document."""


class Lead(Base):
    """A client, identified by e-mail."""

    __tablename__ = "leads"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True, index=True)
    phone: Mapped[str | None]
    full_name: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))


class Operator(Base):
    """Somebody who works on contacts."""

    __tablename__ = "operators"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    is_active: Mapped[bool] = mapped_column(default=True)
    max_leads: Mapped[int] = mapped_column(default=10)
    current_leads: Mapped[int] = mapped_column(default=0)


class Source(Base):
    """A channel that contacts come from."""

    __tablename__ = "sources"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str | None]


class SourceOperator(Base):
    """The weight of an operator at a source."""

    __tablename__ = "source_operators"

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"), index=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("operators.id"))
    weight: Mapped[int] = mapped_column(default=1)
    operator: Mapped[Operator] = relationship()


class Contact(Base):
    """One request of a lead at a source."""

    __tablename__ = "contacts"

    id: Mapped[int] = mapped_column(primary_key=True)
    lead_id: Mapped[int] = mapped_column(ForeignKey("leads.id"), index=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"), index=True)
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("operators.id"), index=True)
    message: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="new")
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))


Base.metadata.create_all(engine)


class NewOperator(BaseModel):
    """The body of a request that creates an operator."""

    name: str
    is_active: bool = True
    max_leads: int = 10


class OperatorResponse(NewOperator):
    """An operator in a response."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    current_leads: int


class NewSource(BaseModel):
    """The body of a request that creates a source."""

    name: str
    description: str | None = None


class SourceResponse(NewSource):
    """A source in a response."""

    model_config = ConfigDict(from_attributes=True)

    id: int


class NewWeight(BaseModel):
    """The body of a request that sets a weight."""

    operator_id: int
    weight: int = 1


def _session() -> Iterator[Session]:
    with open_session() as db:
        yield db


Db = Annotated[Session, Depends(_session)]


@app.post("/operators/", status_code=201, response_model=OperatorResponse)
def create_operator(body: NewOperator, db: Db) -> Operator:
    """Adds an operator."""
    operator = Operator(**body.model_dump())
    db.add(operator)
    db.commit()
    return operator


@app.post("/sources/", status_code=201, response_model=SourceResponse)
def create_source(body: NewSource, db: Db) -> Source:
    """Adds a source."""
    source = Source(**body.model_dump())
    db.add(source)
    db.commit()
    return source


@app.post("/sources/{source_id}/assign_operator")
def assign_operator(source_id: int, body: NewWeight, db: Db) -> dict[str, str]:
    """Sets the weight of an operator at a source."""
    if db.get(Source, source_id) is None:
        raise HTTPException(404, "Source not found")
    if db.get(Operator, body.operator_id) is None:
        raise HTTPException(404, "Operator not found")
    db.add(SourceOperator(source_id=source_id, operator_id=body.operator_id, weight=body.weight))
    db.commit()
    return {"message": "Operator assigned to source successfully"}


@app.post("/leads/register_contact/", status_code=201, response_model=RegisteredContact)
def register_contact(body: NewRequest, db: Db) -> RegisteredContact:
    """Finds or creates the lead, chooses an operator, adds one to their load, creates the contact; in one commit."""
    if db.get(Source, body.source_id) is None:
        raise HTTPException(404, "Source not found")
    lead = db.scalars(select(Lead).where(Lead.email == body.email)).first()
    if lead is None:
        lead = Lead(email=body.email, phone=body.phone, full_name=body.full_name)
        db.add(lead)
        db.flush()
    operator = _choose(db, body.source_id)
    if operator is not None:
        operator.current_leads += 1
    contact = Contact(
        lead_id=lead.id, source_id=body.source_id, operator_id=operator and operator.id, message=body.message
    )
    db.add(contact)
    db.commit()
    return RegisteredContact(
        id=contact.id,
        lead_id=contact.lead_id,
        source_id=contact.source_id,
        operator_id=contact.operator_id,
        message=contact.message,
        status=contact.status,
        created_at=contact.created_at.replace(tzinfo=UTC),
        email=lead.email,
        phone=lead.phone,
        full_name=lead.full_name,
    )


def _choose(db: Session, source_id: int) -> Operator | None:
    """Chooses by weight among the operators who are active and below their limit."""
    links = db.scalars(select(SourceOperator).where(SourceOperator.source_id == source_id)).all()
    free: Sequence[SourceOperator] = [
        one for one in links if one.operator.is_active and one.operator.current_leads < one.operator.max_leads
    ]
    if not free:
        return None
    (link,) = random.choices(free, weights=[one.weight for one in free])
    return link.operator
