"""What the service did so far."""

import time

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import stats
from api.answers import Json
from api.deps import needs
from api.edge import Call
from api.errors import Unavailable
from api.store import StoreDown

router = APIRouter(tags=["monitoring"], dependencies=[needs("monitor")])


@router.get("/monitoring/stats")
async def monitoring_stats(request: Request) -> Response:
    """Counts, latency (milliseconds, of all workers since they started), predictions an hour, uptime, per key."""
    service = Call.of(request).service
    registry = service.metrics.collected()
    try:
        stored = await service.store.counts()
    except StoreDown:
        raise Unavailable("the store is down: try again later", retry_after=5) from None
    told = {
        "uptime_seconds": round(time.time() - service.started, 3),
        "model": service.models.current.digest,
        "requests": stats.requests(registry),
        "latency_ms": stats.latency(registry),
        "stored": stored,
    }
    return Json(told)
