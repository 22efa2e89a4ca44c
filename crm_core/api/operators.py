"""Operators over HTTP."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request, Response
from pydantic import AliasChoices, Field
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor
from crm_core.api.call import Reading, Steering
from crm_core.api.etags import IfMatch, Matching, tag
from crm_core.api.fields import WHOLE, Body, Id, Name, Shown, example
from crm_core.api.idempotent import run_idempotent
from crm_core.api.paging import Page, show_place
from crm_core.api.schema import TAGGED, TOTAL, refusals
from crm_core.storage import paging
from crm_core.team import departure, operators
from crm_core.team.operators import OperatorFacts

T = TypeVar("T")

router = APIRouter(tags=["operators"])

# The second founding document calls it `max_load_limit`.
Limit = Annotated[
    int,
    Field(
        ge=0,
        le=operators.LIMIT_LARGEST,
        validation_alias=AliasChoices("max_leads", "max_load_limit"),
        description="How many open contacts he may hold at once. `max_load_limit` is accepted too.",
    ),
    WHOLE,
]


class NewOperator(Body):
    """An operator to be."""

    model_config = example(name="Иван Петров", is_active=True, max_leads=15)

    name: Name
    is_active: bool = True
    max_leads: Limit = operators.DEFAULT_LIMIT


class OperatorChange(Body):
    """What is to be different; what is left out stays."""

    model_config = example(name="Иван Петров (старший)", is_active=False, max_leads=20)

    name: Name = Field(default_factory=str)
    is_active: bool = Field(default_factory=bool)
    max_leads: Limit = Field(default_factory=int, validation_alias=AliasChoices("max_leads", "max_load_limit"))


class OperatorShown(Shown):
    """An operator with his load: the number of his contacts that are not closed."""

    model_config = example(id=1, name="Иван Петров", is_active=True, max_leads=15, current_leads=3)

    id: int
    name: str
    is_active: bool
    max_leads: int
    current_leads: int


class ShareShown(Shown):
    """What an operator should get of a source: his weight, and that of the sum of all there."""

    source_id: int
    source: str
    operator_id: int
    operator: str
    weight: int
    part: float


class OperatorDetails(OperatorShown):
    """An operator with all that is set for him.

    `is_online` is his own switch (/online, /offline in Telegram), `telegram_id` his account once he has joined,
    `missing_bots` those that he should serve but has not started.
    """

    is_online: bool
    telegram_id: int | None
    missing_bots: list[str]
    sources: list[ShareShown]


@router.post(
    "/operators/", status_code=201, response_model=OperatorShown, summary="Add an operator", responses=refusals(409)
)
async def add_operator(body: NewOperator, call: Steering) -> Response:
    """He gets contacts of a source once he has a weight there; of a bot's, once he has joined it in Telegram."""
    return await run_idempotent(call, _add, lambda made: _answer(made, 201), body=body, actor=call.actor, call=call)


def _add(s: Session, *, body: NewOperator, actor: Actor, call: Steering) -> OperatorFacts:
    operator_id = operators.add(s, **body.model_dump(), actor=actor, now=call.now)
    return operators.one(s, operator_id=operator_id)


@router.get("/operators/", response_model=list[OperatorShown], summary="List operators", responses=TOTAL)
async def list_operators(page: Annotated[Page, Query()], request: Request, response: Response, call: Reading) -> Any:
    """In the order of making, those who are switched off too; removed ones are not shown."""
    found = await call.db.read(paging.operators, skip=page.skip, limit=page.limit)
    show_place(request, response, page, found.total)
    return found.rows


@router.get(
    "/operators/{operator_id}",
    response_model=OperatorDetails,
    summary="Show an operator",
    responses={**refusals(404), **TAGGED},
)
async def show_operator(operator_id: Id, response: Response, call: Reading) -> Any:
    """With his weights and how he can be reached."""
    found = await call.db.read(operators.details, operator_id=operator_id)
    response.headers["ETag"] = _tag(found.facts)
    return {**_fields(found.facts), "sources": found.shares}


@router.patch(
    "/operators/{operator_id}",
    response_model=OperatorShown,
    summary="Change an operator",
    responses={**refusals(404, 409, 412), **TAGGED},
)
async def change_operator(operator_id: Id, body: OperatorChange, if_match: Matching, call: Steering) -> Response:
    """A raised limit, and switching him on, give him at once what waits for him. What he holds stays his."""
    values = body.model_dump(exclude_unset=True)
    changed = await call.db.write(
        _if_known,
        action=operators.change,
        operator_id=operator_id,
        if_match=if_match,
        inputs={**values, "actor": call.actor, "now": call.now, "rng": call.rng},
    )
    return _answer(changed)


@router.delete("/operators/{operator_id}", status_code=204, summary="Remove an operator", responses=refusals(404, 412))
async def remove_operator(operator_id: Id, if_match: Matching, call: Steering) -> None:
    """For good: his open contacts go to others or wait. To give him a rest, change `is_active` instead."""
    await call.db.write(
        _if_known,
        action=departure.remove,
        operator_id=operator_id,
        if_match=if_match,
        inputs={"actor": call.actor, "now": call.now, "rng": call.rng},
    )


def _if_known(
    s: Session, *, action: Callable[..., T], operator_id: int, if_match: IfMatch | None, inputs: dict[str, Any]
) -> T:
    """An action upon an operator, unless the caller knows him as he is no longer. Raises Outdated."""
    if if_match is not None:
        operators.lock(s, operator_id=operator_id)
        if_match.check(_tag(operators.one(s, operator_id=operator_id)))
    return action(s, operator_id=operator_id, **inputs)


def _tag(facts: OperatorFacts) -> str:
    return tag(facts.name, facts.is_active, facts.max_leads)


def _answer(facts: OperatorFacts, status: int = 200) -> Response:
    return OperatorShown.answer(facts, status, {"ETag": _tag(facts)})


def _fields(facts: OperatorFacts) -> dict[str, Any]:
    return {name: getattr(facts, name) for name in OperatorFacts.__dataclass_fields__}
