"""Who set what of a source or an operator, and when, over HTTP."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from crm_core.api.call import Administering, RequestContext
from crm_core.api.fields import Id, Moment, Shown, example
from crm_core.api.paging import Page, show_place
from crm_core.api.schema import TOTAL, refusals
from crm_core.team import setting_changes

router = APIRouter()


class SettingChangeShown(Shown):
    """A change of a setting: an event, see `docs/api.md`.

    `actor` is `tg:<account>`, `api:<key>`, `shell:<user>` or `system`, and `actor_name` the name of that member of
    staff. `data` has the new values by their names, and of some settings what was `before`.
    """

    model_config = example(
        id=12,
        at="2026-01-15T10:30:00.000Z",
        kind="weight_changed",
        actor="tg:123456789",
        actor_name="Ольга",
        source_id=1,
        operator_id=2,
        reason=None,
        data={"weight": 30},
    )

    id: int
    at: Moment
    kind: str
    actor: str
    actor_name: str | None
    source_id: int | None
    operator_id: int | None
    reason: str | None
    data: dict[str, Any] | None


@router.get(
    "/sources/{source_id}/changes",
    tags=["sources"],
    response_model=list[SettingChangeShown],
    summary="List the changes of a source",
    responses={**refusals(404), **TOTAL},
)
async def list_source_changes(
    source_id: Id, page: Annotated[Page, Query()], request: Request, response: Response, call: Administering
) -> Any:
    """Of its settings and of the weights there, newest first."""
    return await _page(setting_changes.of_source, page, request, response, call, source_id=source_id)


@router.get(
    "/operators/{operator_id}/changes",
    tags=["operators"],
    response_model=list[SettingChangeShown],
    summary="List the changes of an operator",
    responses={**refusals(404), **TOTAL},
)
async def list_operator_changes(
    operator_id: Id, page: Annotated[Page, Query()], request: Request, response: Response, call: Administering
) -> Any:
    """Of their settings, newest first; their weights are among the changes of sources."""
    return await _page(setting_changes.of_operator, page, request, response, call, operator_id=operator_id)


async def _page(
    query: Callable[..., Any], page: Page, request: Request, response: Response, call: RequestContext, **of: int
) -> Any:
    """A page of what a query finds; the headers say where it lies."""
    found = await call.db.read(query, actor=call.actor, skip=page.skip, limit=page.limit, **of)
    show_place(request, response, page, found.total)
    return found.rows
