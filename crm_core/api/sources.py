"""Sources and weights over HTTP."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor
from crm_core.api.call import Reading, Steering
from crm_core.api.etags import IfMatch, Matching, tag
from crm_core.api.fields import WHOLE, Body, Description, Id, Name, Shown, example
from crm_core.api.idempotent import run_idempotent
from crm_core.api.operators import ShareShown
from crm_core.api.paging import Page, show_place
from crm_core.api.schema import TAGGED, TOTAL, refusals
from crm_core.routing import sources
from crm_core.routing.sources import SourceDetails, SourceListed
from crm_core.storage import paging
from crm_core.storage.locks import lock_sources

T = TypeVar("T")

router = APIRouter(tags=["sources"])


class NewSource(Body):
    """A source to be."""

    model_config = example(name="Telegram Бот", description="Основной бот в Telegram")

    name: Name
    description: Description | None = None


class SourceChange(Body):
    """What is to be different; what is left out stays."""

    model_config = example(description="Форма на сайте", is_active=True)

    name: Name = Field(default_factory=str)
    description: Description | None = None
    is_active: bool = Field(default_factory=bool, description="Whether it takes new contacts.")
    strategy: Literal["random", "exact"] = Field(
        default_factory=lambda: "random",
        description="How operators are chosen: by chance, or whoever is furthest below his share.",
    )


class SourceShown(Shown):
    """A source: a channel that contacts come from."""

    model_config = example(id=1, name="Telegram Бот", description="Основной бот в Telegram")

    id: int
    name: str
    description: str | None


class SourceDetailsShown(SourceShown):
    """A source with all that is set for it: its bot and link if any, who works there, how many contacts wait."""

    is_active: bool
    strategy: str
    bot: str | None
    slug: str | None
    waiting: int
    operators: list[ShareShown]


class Assignment(Body):
    """How much of a source an operator should get: weight / sum of the weights of those who are available."""

    model_config = example(operator_id=1, weight=30)

    operator_id: Id
    weight: Annotated[int, Field(ge=0, le=sources.WEIGHT_LARGEST, description="0 takes him off the source."), WHOLE] = 1


class Done(Shown):
    """What was done."""

    model_config = example(message="Operator assigned to source successfully")

    message: str


@router.post("/sources/", status_code=201, response_model=SourceShown, summary="Add a source", responses=refusals(409))
async def add_source(body: NewSource, call: Steering) -> Response:
    """A source without a bot of its own: a site or another system. Its operators are written to by the first bot."""
    return await run_idempotent(
        call,
        _add,
        lambda made: SourceShown.answer(made, 201, {"ETag": _tag(made)}),
        body=body,
        actor=call.actor,
        call=call,
    )


def _add(s: Session, *, body: NewSource, actor: Actor, call: Steering) -> SourceListed:
    source_id = sources.add(s, name=body.name, description=body.description, actor=actor, now=call.now)
    return sources.one(s, source_id=source_id)


@router.get("/sources/", response_model=list[SourceShown], summary="List sources", responses=TOTAL)
async def list_sources(page: Annotated[Page, Query()], request: Request, response: Response, call: Reading) -> Any:
    """In the order of making: bots, links into bots, and other systems."""
    found = await call.db.read(paging.sources, skip=page.skip, limit=page.limit)
    show_place(request, response, page, found.total)
    return found.rows


@router.get(
    "/sources/{source_id}",
    response_model=SourceDetailsShown,
    summary="Show a source",
    responses={**refusals(404), **TAGGED},
)
async def show_source(source_id: Id, call: Reading) -> Response:
    """With its weights, each with the share that it makes."""
    return _answer(await call.db.read(sources.details, source_id=source_id))


@router.patch(
    "/sources/{source_id}",
    response_model=SourceDetailsShown,
    summary="Change a source",
    responses={**refusals(404, 409, 412), **TAGGED},
)
async def change_source(source_id: Id, body: SourceChange, if_match: Matching, call: Steering) -> Response:
    """Switched off, it takes nothing new; what is open goes on."""
    values = body.model_dump(exclude_unset=True)
    changed = await call.db.write(
        _if_known,
        action=sources.change,
        source_id=source_id,
        if_match=if_match,
        inputs={"values": values, "actor": call.actor, "now": call.now, "rng": call.rng},
    )
    return _answer(changed)


@router.delete("/sources/{source_id}", status_code=204, summary="Remove a source", responses=refusals(404, 409, 412))
async def remove_source(source_id: Id, if_match: Matching, call: Steering) -> None:
    """Only one that nothing has come from, and no bot's own; any other can be switched off."""
    await call.db.write(
        _if_known,
        action=sources.remove,
        source_id=source_id,
        if_match=if_match,
        inputs={"actor": call.actor, "now": call.now},
    )


def _if_known(
    s: Session, *, action: Callable[..., T], source_id: int, if_match: IfMatch | None, inputs: dict[str, Any]
) -> T:
    """An action upon a source, unless the caller knows it as it is no longer. Raises Outdated."""
    if if_match is not None:
        lock_sources(s, [source_id])
        if_match.check(_tag(sources.one(s, source_id=source_id)))
    return action(s, source_id=source_id, **inputs)


@router.post(
    "/sources/{source_id}/assign_operator", response_model=Done, summary="Set a weight", responses=refusals(404)
)
async def assign_operator(source_id: Id, body: Assignment, call: Steering) -> Response:
    """A second call changes the weight, 0 removes it. What waits at the source is given out as far as possible."""
    done = {"message": "Operator assigned to source successfully"}
    weighed = _weighed(call, source_id, body.operator_id, body.weight)
    return await run_idempotent(call, sources.set_weight, lambda _: Done.answer(done), **weighed)


@router.delete(
    "/sources/{source_id}/operators/{operator_id}", status_code=204, summary="Remove a weight", responses=refusals(404)
)
async def unassign_operator(source_id: Id, operator_id: Id, call: Steering) -> None:
    """The operator gets nothing new from the source; what he holds stays his."""
    await call.db.write(sources.set_weight, **_weighed(call, source_id, operator_id, 0))


def _weighed(call: Steering, source_id: int, operator_id: int, weight: int) -> dict[str, Any]:
    return {
        "source_id": source_id,
        "operator_id": operator_id,
        "weight": weight,
        "actor": call.actor,
        "now": call.now,
        "rng": call.rng,
    }


def _tag(source: SourceListed) -> str:
    return tag(source.name, source.description, source.is_active, source.strategy)


def _answer(found: SourceDetails) -> Response:
    listed = {name: getattr(found.source, name) for name in SourceListed.__dataclass_fields__}
    shown = {**listed, "waiting": found.waiting, "operators": found.shares}
    return SourceDetailsShown.answer(shown, headers={"ETag": _tag(found.source)})
