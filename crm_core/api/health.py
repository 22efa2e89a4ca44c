"""Health checks for supervisors of the process. They need neither a key nor Telegram."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session

from crm_core.api.access import public
from crm_core.api.call import ApiContext
from crm_core.api.fields import Shown, example
from crm_core.api.problems import problem
from crm_core.api.schema import refusals
from crm_core.monitoring import liveness
from crm_core.monitoring.liveness import Progress

FRESH = timedelta(seconds=1)  # how long what was read is repeated

router = APIRouter(tags=["health"])


class Alive(Shown):
    """The process answers requests."""

    model_config = example(status="alive")

    status: str


class Ready(Shown):
    """Work is progressing. Ages in seconds of the oldest unfinished update and unsent message, 0 if there is none."""

    model_config = example(status="ready", oldest_update_seconds=0.4, oldest_unsent_seconds=0.0)

    status: str
    oldest_update_seconds: float
    oldest_unsent_seconds: float


@router.get("/healthz", response_model=Alive, summary="Is the process alive?", operation_id="healthz")
@public
async def healthz() -> Any:
    """Checks nothing else: a process that does not answer this should be restarted."""
    return {"status": "alive"}


@router.get(
    "/readyz", response_model=Ready, summary="Is the process working?", operation_id="readyz", responses=refusals(503)
)
@public
async def readyz(request: Request) -> Any:
    """503 while the database cannot be read or written, or while work is due and nothing has finished for minutes."""
    readiness: Readiness = request.app.state.readiness
    found, why = await readiness.look()
    troubles = found.troubles()
    if why:  # what exactly is for the owner of the process alone, and in the log
        said = f" ({'; '.join(why)})" if request.scope["is_owner"] else ""
        troubles.append(f"Writing to the database fails{said}.")
    if troubles:
        detail, path = " ".join(troubles), request.scope["requested_path"]
        return problem(503, detail, path=path, kind="stalled", headers={"Retry-After": "30"})
    return {
        "status": "ready",
        "oldest_update_seconds": found.oldest_update,
        "oldest_unsent_seconds": found.oldest_unsent,
    }


class Readiness:
    """The state of work, read from the database at most once a second, however many ask."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context
        self._looked_at: datetime | None = None
        self._looking: asyncio.Task[Progress] | None = None

    async def look(self) -> tuple[Progress, Sequence[str]]:
        """The progress, and why writing to the database fails, if it does. Raises what reading the database raises."""
        now = self._context.clock()
        is_old = self._looked_at is None or abs(now - self._looked_at) > FRESH
        # A read that is under way serves all who ask in the meantime.
        if self._looking is None or (is_old and self._looking.done()):
            self._looked_at = now
            self._looking = asyncio.create_task(self._context.db.read(_look, context=self._context), name="ready")
        found = await asyncio.shield(self._looking)
        return found, tuple(dict.fromkeys(self._context.db.troubles.values()))


def _look(s: Session, *, context: ApiContext) -> Progress:
    connection = s.connection()
    is_postgres = connection.dialect.name == "postgresql"

    def ask(question: str, *values: Any) -> list[tuple[Any, ...]]:
        rows = connection.exec_driver_sql(question.replace("?", "%s") if is_postgres else question, values)
        return [tuple(row) for row in rows]

    return liveness.look(ask, now=context.clock(), bot_ids=context.bot_ids)
