"""Whether the rows that come still are those that the model was made for."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import judging
from api.answers import Json
from api.deps import needs
from api.edge import Call
from api.errors import Unavailable
from api.store import StoreDown

router = APIRouter(tags=["monitoring"], dependencies=[needs("monitor")])


@router.get("/drift")
async def drift(request: Request) -> Response:
    """The verdict on the newest window of rows: each feature and the predictions against the reference of the bundle.

    A window is judged once, when as many rows have come since the last one as a window has; until then that one's verdict is
    told, and how many rows are pending. So asking often raises no alarm.
    """
    service = Call.of(request).service
    bundle = service.models.current.predictor.bundle
    try:
        found = await judging.judged(service.store, bundle, service.pool)
    except StoreDown:
        raise Unavailable("the store is down: try again later", retry_after=5) from None
    if found.judged is not None:
        service.metrics.watched(bundle.digest, len(judging.drifted(found.judged)), found.judged.until)
    return Json(judging.told(found, bundle))
