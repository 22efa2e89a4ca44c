"""What a change of a source, an operator or a weight would have meant yesterday, over HTTP. Nothing is changed."""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter

from crm_core.api import operators, sources
from crm_core.api.call import Administering, RequestContext
from crm_core.api.fields import Id, example
from crm_core.api.operators import OperatorChange
from crm_core.api.replays import EXAMPLE, ReplayShown, shown
from crm_core.api.schema import refusals
from crm_core.api.source_bodies import SourceChange, WeightChange
from crm_core.api.working_hours import FIELDS
from crm_core.replay.playable import Of, is_playable
from crm_core.replay.trying import try_change
from crm_core.routing import weight_settings

router = APIRouter()


class PreviewShown(ReplayShown):
    """Yesterday as it was, and as it would have been with the change from its beginning to its end.

    `left_out` are fields of the call that make no difference in it, as with `handover`: nobody knows what people would
    have done. `day` is the one that was played.
    """

    model_config = example(**EXAMPLE, day="2026-11-28", left_out=["handover"])

    day: date
    left_out: list[str]


@router.post(
    "/sources/{source_id}/preview",
    tags=["sources"],
    response_model=PreviewShown,
    summary="Preview a change of a source",
    responses=refusals(404, 409),
)
async def preview_source(source_id: Id, body: SourceChange, call: Administering) -> Any:
    """What the same PATCH would have meant yesterday. It is checked as that is; nothing is changed."""
    values = body.model_dump(exclude_unset=True)
    inputs = {"values": values, "zone": call.context.timezone}
    return await _preview(call, sources.change_settings, {"source_id": source_id}, Of.SOURCE, values, **inputs)


@router.post(
    "/operators/{operator_id}/preview",
    tags=["operators"],
    response_model=PreviewShown,
    summary="Preview a change of an operator",
    responses=refusals(404, 409),
)
async def preview_operator(operator_id: Id, body: OperatorChange, call: Administering) -> Any:
    """What the same PATCH would have meant yesterday. It is checked as that is; nothing is changed."""
    values = body.model_dump(exclude_unset=True)
    inputs = {**values, "zone": call.context.timezone}
    return await _preview(call, operators.change_settings, {"operator_id": operator_id}, Of.OPERATOR, values, **inputs)


@router.post(
    "/sources/{source_id}/operators/{operator_id}/preview",
    tags=["sources"],
    response_model=PreviewShown,
    summary="Preview a weight",
    responses=refusals(404),
)
async def preview_weight(source_id: Id, operator_id: Id, body: WeightChange, call: Administering) -> Any:
    """What the same PUT would have meant yesterday. It is checked as that is; nothing is changed."""
    values = body.model_dump(exclude_unset=True)
    of = {"source_id": source_id, "operator_id": operator_id}
    return await _preview(call, weight_settings.set_weight, of, Of.BOTH, values, **values)


async def _preview(
    call: RequestContext,
    action: Callable[..., object],
    of: dict[str, int],
    whose: Of,
    given: Iterable[str],
    /,
    **inputs: Any,
) -> dict[str, Any]:
    """Plays yesterday with what an action sets, which gets `inputs`."""
    zone = call.context.timezone
    names = ["hours" if name in FIELDS else name for name in given]
    who: dict[str, Any] = {"actor": call.actor, "now": call.now}
    found = await try_change(call.db, action, {**inputs, "rng": call.rng}, of=of, zone=zone, given=names, **who)
    day = datetime.fromtimestamp(found.since / 1000, ZoneInfo(zone)).date()
    return {**shown(found), "day": day, "left_out": [name for name in given if not _makes_a_difference(name, whose)]}


def _makes_a_difference(name: str, whose: Of) -> bool:
    return is_playable("hours" if name in FIELDS else name, whose)
