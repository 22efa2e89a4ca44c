"""Operators over HTTP."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import AliasChoices, Field
from sqlalchemy.orm import Session

from crm_core.api.call import Administering, Reading, RequestContext
from crm_core.api.etags import Matching, Tagged, guarded, tag
from crm_core.api.fields import WHOLE, Body, Id, Name, Shown, Tag, example
from crm_core.api.idempotent import run_idempotent
from crm_core.api.paging import Page, show_place
from crm_core.api.schema import TAGGED, TOTAL, refusals
from crm_core.api.working_hours import AS_WRITTEN, FIELDS, ZONE_MEANING, HoursText, ZoneName, wanted_hours
from crm_core.routing import skills
from crm_core.routing.skills import TAGS_AT_MOST
from crm_core.team import ceilings, departure, operators, rates, shifts
from crm_core.team.operators import OperatorFacts

router = APIRouter(tags=["operators"])

# The second founding document calls it `max_load_limit`.
Limit = Annotated[
    int,
    Field(
        ge=0,
        le=operators.LIMIT_LARGEST,
        validation_alias=AliasChoices("max_leads", "max_load_limit"),
        description="How many open contacts the operator may hold at once; also accepted as `max_load_limit`.",
    ),
    WHOLE,
]


class NewOperator(Body):
    """A new operator."""

    model_config = example(name="Иван Петров", is_active=True, max_leads=15)

    name: Name
    is_active: bool = True
    max_leads: Limit = operators.DEFAULT_LIMIT


class OperatorChange(Body):
    """What to change. A field that is left out stays as it is."""

    model_config = example(name="Иван Петров (старший)", is_active=False, max_leads=20)

    name: Name = Field(default_factory=str)
    is_active: bool = Field(default_factory=bool)
    max_leads: Limit = Field(default_factory=int, validation_alias=AliasChoices("max_leads", "max_load_limit"))
    hours: HoursText | None = Field(default=None, description=f"When new contacts come, {AS_WRITTEN}")
    timezone: ZoneName = Field(default_factory=str, description=ZONE_MEANING)
    rate: Annotated[int, Field(ge=1, le=rates.RATE_LARGEST), WHOLE] | None = Field(
        default=None, description="How many contacts they are given in any 60 minutes at most; null: any number."
    )
    max_held: Annotated[int, Field(ge=1, le=ceilings.CEILING_LARGEST), WHOLE] | None = Field(
        default=None,
        description="How many contacts may be theirs, those included that sleep or wait for their clients, also when "
        "they are assigned manually; null: three times `max_leads`.",
    )
    skills: Annotated[
        list[Tag],
        Field(max_length=TAGS_AT_MOST, description="What they can do, as tags that contacts may require."),
    ] = Field(default_factory=list)


class OperatorShown(Shown):
    """An operator with their load: `current_leads` is the number of contacts that they hold and that are not closed."""

    model_config = example(id=1, name="Иван Петров", is_active=True, max_leads=15, current_leads=3)

    id: int
    name: str
    is_active: bool
    max_leads: int
    current_leads: int


class ShareShown(Shown):
    """An operator's weight at a source, and `part`, its part of the sum of all weights there, from 0 to 1.

    `limit` is the most open contacts from there that they hold, null for no limit but their own.
    """

    source_id: int
    source: str
    operator_id: int
    operator: str
    weight: int
    part: float
    limit: int | None


class OperatorDetails(OperatorShown):
    """An operator with all settings.

    `is_online` is switched by the operator (/online, /offline in Telegram), `telegram_id` is their account once they
    have joined, `missing_bots` are bots that they should work with but have not started or have blocked. `hours` are
    their working hours, null for always: seven days from Monday, dates with hours of their own, holidays, leave.
    `on_shift` says whether these let new contacts come now. `rate` is how many contacts they are given in an hour at
    most, null for any number; `given_lately`, how many they were given in the last one, is counted only with a rate.
    `skills` are tags that contacts may require. `max_held` is how many contacts may be theirs at all, null for three
    times `max_leads`; `snoozed`, how many of them sleep, and are no part of `current_leads`. `load` is what counts
    against `max_leads`: `current_leads`, less what waits for its client (`waiting_load` of a source).
    """

    is_online: bool
    hours: dict[str, Any] | None
    on_shift: bool
    rate: int | None
    given_lately: int
    skills: list[str]
    max_held: int | None
    snoozed: int
    load: float
    telegram_id: int | None
    missing_bots: list[str]
    sources: list[ShareShown]


@router.post(
    "/operators/", status_code=201, response_model=OperatorShown, summary="Add an operator", responses=refusals(409)
)
async def add_operator(body: NewOperator, call: Administering) -> Response:
    """The operator gets contacts of a source once they have a weight there and, if it is a bot, have joined it."""
    return await run_idempotent(call, _add, lambda made: _respond(made, 201), body=body, call=call)


def _add(s: Session, *, body: NewOperator, call: RequestContext) -> OperatorFacts:
    operator_id = operators.add(s, **body.model_dump(), actor=call.actor, now=call.now)
    return operators.one(s, operator_id=operator_id)


@router.get("/operators/", response_model=list[OperatorShown], summary="List operators", responses=TOTAL)
async def list_operators(page: Annotated[Page, Query()], request: Request, response: Response, call: Reading) -> Any:
    """In order of creation, including those who are switched off; removed operators are not listed."""
    found = await call.db.read(operators.page, skip=page.skip, limit=page.limit)
    show_place(request, response, page, found.total)
    return found.rows


@router.get(
    "/operators/{operator_id}",
    response_model=OperatorDetails,
    summary="Show an operator",
    responses={**refusals(404), **TAGGED},
)
async def show_operator(operator_id: Id, response: Response, call: Reading) -> Any:
    """With their weights, and the bots in which they cannot be reached."""
    found = await call.db.read(operators.details, operator_id=operator_id)
    response.headers.update(OPERATOR.headers(found.facts))
    return {
        **_fields(found.facts),
        "load": found.facts.load,
        "skills": sorted(skills.tags(found.facts.skills)),
        "sources": found.shares,
    }


@router.patch(
    "/operators/{operator_id}",
    response_model=OperatorShown,
    summary="Change an operator",
    responses={**refusals(404, 409, 412), **TAGGED},
)
async def change_operator(operator_id: Id, body: OperatorChange, if_match: Matching, call: Administering) -> Response:
    """With a higher limit, or switched on, the operator is assigned waiting contacts. Open contacts stay with them."""
    inputs = {**body.model_dump(exclude_unset=True), "zone": call.context.timezone, **_acting(call)}
    return _respond(await call.db.write(guarded, OPERATOR, operator_id, if_match, change_settings, **inputs))


def change_settings(s: Session, /, *, operator_id: int, zone: str, **inputs: Any) -> OperatorFacts:
    """Changes an operator and, if they are given, their hours, skills and rate."""
    who = {name: inputs[name] for name in ("actor", "now", "rng")}
    if "skills" in inputs:
        operators.set_skills(s, operator_id=operator_id, tags=inputs.pop("skills"), **who)
    wanted: dict[str, Any] = {name: inputs.pop(name) for name in FIELDS if name in inputs}
    if wanted:  # first, so that what makes them eligible gives them nothing outside of these hours
        stored = operators.one(s, operator_id=operator_id).hours
        hours = wanted_hours(stored, wanted, zone=zone, now=who["now"])
        shifts.set_hours(s, operator_id=operator_id, hours=hours, **who)
    before = operators.one(s, operator_id=operator_id)
    setters: dict[str, Callable[..., Any]] = {"rate": rates.set_rate, "max_held": ceilings.set_ceiling}
    now_at = {"rate": before.rate, "max_held": before.ceiling}
    narrower = {name: inputs.pop(name) for name in setters if name in inputs}
    wider = {name: value for name, value in narrower.items() if _is_wider(value, now_at[name])}
    for name in narrower.keys() - wider.keys():
        setters[name](s, operator_id=operator_id, **{name: narrower[name]}, **who)
    operators.change(s, operator_id=operator_id, **inputs)
    for name, value in wider.items():  # last, so that it gives them nothing beyond the rest
        setters[name](s, operator_id=operator_id, **{name: value}, **who)
    return operators.one(s, operator_id=operator_id)


def _is_wider(value: int | None, before: int | None) -> bool:
    """Whether a limit that may be missing lets more through than before."""
    return value is None or (before is not None and value > before)


@router.delete("/operators/{operator_id}", status_code=204, summary="Remove an operator", responses=refusals(404, 412))
async def remove_operator(operator_id: Id, if_match: Matching, call: Administering) -> None:
    """Permanently: open contacts go to other operators or wait. For a temporary break, change `is_active` instead."""
    await call.db.write(guarded, OPERATOR, operator_id, if_match, departure.remove, **_acting(call))


def _acting(call: RequestContext) -> dict[str, Any]:
    return {"actor": call.actor, "now": call.now, "rng": call.rng}


OPERATOR = Tagged(
    "operator_id",
    operators.lock,
    operators.one,
    lambda facts: tag(
        facts.name, facts.is_active, facts.max_leads, facts.hours, facts.rate, facts.skills, facts.max_held
    ),
)


def _respond(facts: OperatorFacts, status: int = 200) -> Response:
    return OperatorShown.answer(facts, status, OPERATOR.headers(facts))


def _fields(facts: OperatorFacts) -> dict[str, Any]:
    return {name: getattr(facts, name) for name in OperatorFacts.__dataclass_fields__}
