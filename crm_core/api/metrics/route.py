"""/metrics: all figures for Prometheus, in its text format. docs/operations.md explains each."""

import asyncio
import logging

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from crm_core.api.call import Reading
from crm_core.api.guard import METRICS
from crm_core.api.metrics.exposition import Exposition
from crm_core.monitoring import metrics as core
from crm_core.storage.database import DATABASE_UNAVAILABLE

READ_WITHIN = 5.0  # seconds; Prometheus waits ten, and must still learn that the database is unavailable

router = APIRouter(tags=["health"])
log = logging.getLogger("api")


@router.get(METRICS, response_class=PlainTextResponse, summary="Show figures for Prometheus", operation_id="metrics")
async def metrics(request: Request, call: Reading) -> PlainTextResponse:
    """Gauges, counters and histograms as text. While the database is unavailable, only those of the process."""
    exposition: Exposition = request.app.state.exposition
    figures = None
    try:
        async with asyncio.timeout(READ_WITHIN):
            figures = await call.db.read(core.figures)
    except (*DATABASE_UNAVAILABLE, TimeoutError) as error:
        log.error("database away: %s", type(error).__name__)
    return PlainTextResponse(exposition.text(figures, now=call.now), media_type=CONTENT_TYPE_PLAIN_0_0_4)
