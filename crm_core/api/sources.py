"""Sources and weights over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from crm_core.api.call import Administering, Reading, RequestContext
from crm_core.api.etags import Matching, Tagged, guarded, tag
from crm_core.api.fields import Id
from crm_core.api.idempotent import run_idempotent
from crm_core.api.paging import Page, show_place
from crm_core.api.schema import TAGGED, TOTAL, refusals
from crm_core.api.service import targets_of
from crm_core.api.source_bodies import (
    Assignment,
    Done,
    NewSource,
    SourceChange,
    SourceDetailsShown,
    SourceShown,
    StandingShown,
    WeightChange,
)
from crm_core.api.working_hours import FIELDS, wanted_hours
from crm_core.errors import ForumBoundElsewhere
from crm_core.routing import (
    keywords,
    new_sources,
    offer_settings,
    opening_hours,
    skills,
    source_changes,
    source_details,
    sources,
    standing,
    weight_settings,
)
from crm_core.routing.source_details import SourceDetails
from crm_core.routing.sources import SourceListed
from crm_core.service import setting
from crm_core.storage.locks import lock_sources

router = APIRouter(tags=["sources"])


@router.post("/sources/", status_code=201, response_model=SourceShown, summary="Add a source", responses=refusals(409))
async def add_source(body: NewSource, call: Administering) -> Response:
    """A source without its own bot: a site or another system. Its operators get messages from the first bot."""
    return await run_idempotent(
        call,
        _add,
        lambda made: SourceShown.answer(made, 201, SOURCE.headers(made)),
        body=body,
        call=call,
    )


def _add(s: Session, *, body: NewSource, call: RequestContext) -> SourceListed:
    source_id = new_sources.add(s, name=body.name, description=body.description, actor=call.actor, now=call.now)
    return sources.one(s, source_id=source_id)


@router.get("/sources/", response_model=list[SourceShown], summary="List sources", responses=TOTAL)
async def list_sources(page: Annotated[Page, Query()], request: Request, response: Response, call: Reading) -> Any:
    """In order of creation: bots, links to bots, and other systems."""
    found = await call.db.read(sources.page, skip=page.skip, limit=page.limit)
    show_place(request, response, page, found.total)
    return found.rows


@router.get(
    "/sources/{source_id}",
    response_model=SourceDetailsShown,
    summary="Show a source",
    responses={**refusals(404), **TAGGED},
)
async def show_source(source_id: Id, call: Reading) -> Response:
    """With the weights and resulting shares of its operators."""
    return _respond(await call.db.read(source_details.details, source_id=source_id))


@router.patch(
    "/sources/{source_id}",
    response_model=SourceDetailsShown,
    summary="Change a source",
    responses={**refusals(404, 409, 412), **TAGGED},
)
async def change_source(source_id: Id, body: SourceChange, if_match: Matching, call: Administering) -> Response:
    """A source that is switched off takes no new contacts; open ones continue."""
    who = {"actor": call.actor, "now": call.now, "rng": call.rng}
    inputs = {"values": body.model_dump(exclude_unset=True), "zone": call.context.timezone, **who}
    return _respond(await call.db.write(guarded, SOURCE, source_id, if_match, change_settings, **inputs))


def change_settings(s: Session, /, *, source_id: int, zone: str, values: dict[str, Any], **who: Any) -> SourceDetails:
    """Changes a source and, if they are given, its hours and targets."""
    values = dict(values)  # a deadlocked transaction is run again with the same inputs
    if "waiting_load" in values:
        values["waiting_load"] = round(values["waiting_load"] * 100)
    if values.get("forum") not in (None, sources.one(s, source_id=source_id).forum):
        raise ForumBoundElsewhere()
    wanted = {name: values.pop(name) for name in FIELDS if name in values}
    if wanted:  # first, so that what switches it on gives out nothing outside of these hours
        before = sources.one(s, source_id=source_id).hours
        hours = wanted_hours(before, wanted, zone=zone, now=who["now"])
        opening_hours.set_hours(s, source_id=source_id, hours=hours, **who)
    if "sla" in values:
        targets = targets_of(values.pop("sla"))
        setting.set_targets(s, source_id=source_id, targets=targets, actor=who["actor"], now=who["now"])
    return source_changes.change(s, source_id=source_id, values=values, **who)


@router.delete("/sources/{source_id}", status_code=204, summary="Remove a source", responses=refusals(404, 409, 412))
async def remove_source(source_id: Id, if_match: Matching, call: Administering) -> None:
    """Only a source without contacts, bot or form key; any other can be switched off instead."""
    await call.db.write(guarded, SOURCE, source_id, if_match, sources.remove, actor=call.actor, now=call.now)


def _lock(s: Session, *, source_id: int) -> None:
    lock_sources(s, [source_id])


SOURCE = Tagged(
    "source_id",
    _lock,
    sources.one,
    lambda source: tag(
        source.name,
        source.description,
        source.is_active,
        source.strategy,
        source.late_hours,
        source.sticky_days,
        source.sticky_mode,
        *(getattr(source, name) for name in offer_settings.NAMES),
        source.hours,
        source.sla,
        source.skills,
        source.priority_minutes,
        source.waiting_load,
        source.keywords,
        source.ramp,
        source.catch_up,
        source.handover,
        source.away_minutes,
        source.protect_content,
        source.forum,
    ),
)


@router.post(
    "/sources/{source_id}/assign_operator", response_model=Done, summary="Set a weight", responses=refusals(404)
)
async def assign_operator(source_id: Id, body: Assignment, call: Administering) -> Response:
    """A second call changes the weight; 0 removes it. Waiting contacts of the source are assigned if possible."""
    done = {"message": "Operator assigned to source successfully"}
    inputs = _weight(call, source_id, body.operator_id, body.weight)
    return await run_idempotent(call, weight_settings.set_weight, lambda _: Done.answer(done), **inputs)


@router.get(
    "/sources/{source_id}/operators",
    response_model=list[StandingShown],
    summary="List the operators of a source",
    responses=refusals(404),
)
async def list_standings(source_id: Id, call: Reading) -> Any:
    """With their shares and credits, and who could get the next contact; the largest weight first."""
    return await call.db.read(standing.of_source, source_id=source_id)


@router.put(
    "/sources/{source_id}/operators/{operator_id}",
    response_model=list[StandingShown],
    summary="Set a weight, and list the operators",
    responses=refusals(404),
)
async def change_weight(source_id: Id, operator_id: Id, body: WeightChange, call: Administering) -> Any:
    """The same as `assign_operator`, with the source's operators as they stand afterwards."""
    changed = _weight(call, source_id, operator_id, body.weight)
    if "limit" in body.model_fields_set:
        changed["limit"] = body.limit
    return await call.db.write(_change_weight, **changed)


def _change_weight(s: Session, /, *, source_id: int, **inputs: Any) -> list[standing.Standing]:
    weight_settings.set_weight(s, source_id=source_id, **inputs)
    return standing.of_source(s, source_id=source_id)


@router.delete(
    "/sources/{source_id}/operators/{operator_id}", status_code=204, summary="Remove a weight", responses=refusals(404)
)
async def unassign_operator(source_id: Id, operator_id: Id, call: Administering) -> None:
    """The operator gets no new contacts from the source; open ones stay with them."""
    await call.db.write(weight_settings.set_weight, **_weight(call, source_id, operator_id, 0))


def _weight(call: RequestContext, source_id: int, operator_id: int, weight: int) -> dict[str, Any]:
    return {
        "source_id": source_id,
        "operator_id": operator_id,
        "weight": weight,
        "actor": call.actor,
        "now": call.now,
        "rng": call.rng,
    }


def _respond(found: SourceDetails) -> Response:
    names = [name for name in SourceListed.__dataclass_fields__ if not name.startswith("forum_")]
    listed = {name: getattr(found.source, name) for name in names}
    listed["skills"] = dict(skills.read(found.source.skills))
    listed["waiting_load"] = found.source.waiting_load / 100
    listed["forum"] = found.source.forum
    listed["keywords"] = keywords.shown(found.source.keywords)
    shown = {**listed, "waiting": found.waiting, "operators": found.shares}
    return SourceDetailsShown.answer(shown, headers=SOURCE.headers(found.source))
