"""Operators over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import AliasChoices, ConfigDict, Field
from sqlalchemy.orm import Session

from crm_core import operators, pages
from crm_core.access import Actor
from crm_core.api.call import Reading, Steering
from crm_core.api.fields import Body, Name, Shown
from crm_core.api.paging import Page, show_place

router = APIRouter(tags=["operators"])

Limit = Annotated[int, Field(ge=0, le=operators.LIMIT_LARGEST)]


class NewOperator(Body):
    """An operator to be."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"name": "Иван Петров", "is_active": True, "max_leads": 15}}
    )

    name: Name
    is_active: bool = True
    max_leads: Annotated[Limit, Field(validation_alias=AliasChoices("max_leads", "max_load_limit"))] = 10


class OperatorShown(Shown):
    """An operator with his load."""

    id: int
    name: str
    is_active: bool
    max_leads: int
    current_leads: int


@router.post("/operators/", status_code=201, response_model=OperatorShown)
async def add_operator(body: NewOperator, call: Steering) -> Any:
    """Adds an operator."""
    return await call.db.write(_add, body=body, actor=call.actor, call=call)


def _add(s: Session, *, body: NewOperator, actor: Actor, call: Steering) -> Any:
    operator_id = operators.add(s, name=body.name, max_leads=body.max_leads, actor=actor, now=call.now)
    return operators.one(s, operator_id=operator_id)


@router.get("/operators/", response_model=list[OperatorShown])
async def list_operators(page: Annotated[Page, Query()], request: Request, response: Response, call: Reading) -> Any:
    """Lists operators in the order of making."""
    found = await call.db.read(pages.operators, skip=page.skip, limit=page.limit)
    show_place(request, response, page, found.total)
    return found.rows
