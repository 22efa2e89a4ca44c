"""Whether all is well, for whoever watches over the process. Neither needs a key, nor Telegram."""

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session

from crm_core.api.call import ApiContext
from crm_core.api.fields import Shown, example
from crm_core.api.problems import problem
from crm_core.api.schema import refusals
from crm_core.monitoring import liveness
from crm_core.monitoring.liveness import Progress

router = APIRouter(tags=["health"])


class Alive(Shown):
    """The process answers."""

    model_config = example(status="alive")

    status: str


class Ready(Shown):
    """Work goes on. Ages in seconds of what has been due for longest, 0 where nothing is."""

    model_config = example(status="ready", oldest_update_seconds=0.4, oldest_unsent_seconds=0.0)

    status: str
    oldest_update_seconds: float
    oldest_unsent_seconds: float


@router.get("/healthz", response_model=Alive, summary="Is the process alive?", operation_id="healthz")
async def healthz() -> Any:
    """Looks at nothing: a process that does not answer this is to be started anew."""
    return {"status": "alive"}


@router.get("/readyz", response_model=Ready, summary="Does work go on?", operation_id="readyz", responses=refusals(503))
async def readyz(request: Request) -> Any:
    """503 while the database is away or takes nothing, or while something has been due and nothing done for minutes."""
    desk: ApiContext = request.app.state.desk
    found = await desk.db.read(_look, desk=desk)
    wrong = found.troubles()
    wrong += [f"Writing to the database fails ({why})." for why in dict.fromkeys(desk.db.troubles.values())]
    if wrong:
        return problem(503, " ".join(wrong), path=request.scope["asked"], kind="stalled", headers={"Retry-After": "30"})
    return {
        "status": "ready",
        "oldest_update_seconds": found.oldest_update,
        "oldest_unsent_seconds": found.oldest_unsent,
    }


def _look(s: Session, *, desk: ApiContext) -> Progress:
    connection = s.connection()
    is_postgres = connection.dialect.name == "postgresql"

    def ask(question: str, *values: Any) -> list[tuple[Any, ...]]:
        said = connection.exec_driver_sql(question.replace("?", "%s") if is_postgres else question, values)
        return [tuple(row) for row in said]

    return liveness.look(ask, now=desk.clock(), bot_ids=desk.bot_ids)
